# build PREFIX: programs that are built with what is installed in PREFIX are linked with it.
# shellcheck shell=sh
build() {
    library=$1/lib/libzmq.so.5
    mkdir -p /tmp/built

    say "pkg-config"
    PKG_CONFIG_PATH=$1/lib/pkgconfig
    export PKG_CONFIG_PATH
    same version 4.3.5 "$(pkg-config --modversion libzmq)"
    # shellcheck disable=SC2046
    cc /check/which.c -o /tmp/built/pkg-config $(pkg-config --cflags --libs libzmq)
    same "built with it" "$library" "$(try /tmp/built/pkg-config)"
    # shellcheck disable=SC2046
    cc -DZMQ_STATIC /check/which.c -o /tmp/built/static $(pkg-config --cflags libzmq) -Wl,-Bstatic \
        $(pkg-config --static --libs-only-L --libs-only-l libzmq | sed 's/-lzmq/-lzmq -Wl,-Bdynamic/')
    same "built with the static library" /tmp/built/static "$(try /tmp/built/static)"
    unset PKG_CONFIG_PATH

    say "CMake"
    cmake -S /check -B /tmp/built/cmake -DCMAKE_PREFIX_PATH="$1" >/tmp/built/log || fail "$(cat /tmp/built/log)"
    cmake --build /tmp/built/cmake >/tmp/built/log 2>&1 || fail "$(cat /tmp/built/log)"
    same "target libzmq" "$library" "$(try /tmp/built/cmake/shared)"
    same "ZeroMQ_LIBRARY" "$library" "$(try /tmp/built/cmake/by-variable)"
    same "target libzmq-static" /tmp/built/cmake/static "$(try /tmp/built/cmake/static)"
    rm -rf /tmp/built
}
