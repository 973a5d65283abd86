#!/bin/sh
# Installs ringmq from this folder, or removes it again.
#
#   ./install.sh [--prefix DIR] [--force]     installs; DIR is /usr/local for root, ~/.local for others
#   ./install.sh --uninstall [--prefix DIR]   removes what was installed, and nothing else
#
# DESTDIR, if it is set, is put before all paths, for those who make packages.
set -eu

usage() {
    sed -n '2,/^set/{/^#/s/^#\( \|$\)//p;}' "$0"
}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=
uninstall=
force=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix)
            [ $# -ge 2 ] || fail "--prefix needs a folder" 2
            prefix=$2
            shift
            ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --uninstall) uninstall=yes ;;
        --force) force=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail "unknown argument $1; --help says what there is" 2 ;;
    esac
    shift
done

# The copy that install.sh leaves behind lies in PREFIX/share/ringmq.
if [ -z "$prefix" ] && [ -f "$here/manifest" ]; then
    prefix=$(CDPATH='' cd -- "$here/../.." && pwd)
fi
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then
        prefix=/usr/local
    else
        prefix=$HOME/.local
    fi
fi
case $prefix in
    /*) ;;
    *) fail "--prefix must be an absolute path, not $prefix" 2 ;;
esac
prefix=${prefix%/}
root=${DESTDIR:-}$prefix
manifest=$root/share/ringmq/manifest

# Makes a folder below the prefix. Those that were not there are noted in the manifest, with a slash at the end.
folder() {
    [ ! -d "$root/$1" ] || return 0
    case $1 in
        */*) folder "${1%/*}" ;;
    esac
    mkdir -- "$root/$1"
    made="$made$1/
"
}

# Removes what the manifest lists: files, then the folders that this script has made, if nothing is left in them.
remove() {
    grep -v '/$' "$manifest" | while IFS= read -r path; do
        rm -f -- "${root:?}/$path"
    done
    folders=$(grep '/$' "$manifest" | LC_ALL=C sort -r || true)
    rm -f -- "$manifest"
    printf '%s\n' "$folders" | while IFS= read -r path; do
        [ -z "$path" ] || rmdir -- "$root/$path" 2>/dev/null || true
    done
}

if [ -n "$uninstall" ]; then
    [ -f "$manifest" ] || fail "ringmq is not installed in $root: there is no $manifest"
    remove
    echo "ringmq is removed from $root"
    exit 0
fi

[ -f "$here/files" ] || fail "run it in the folder that was unpacked: there is no $here/files"
[ "$(uname -s)" = Linux ] || fail "this is a build for Linux"
[ "$(uname -m)" = x86_64 ] || fail "this is a build for x86_64, not $(uname -m)"

if [ -f "$manifest" ]; then
    # What an older version has and this one has not must go.
    [ -w "$manifest" ] || fail "no permission to change $root; run it as root, or choose --prefix"
    remove
fi
if [ -z "$force" ]; then
    while IFS= read -r path; do
        if [ -e "$root/$path" ] || [ -L "$root/$path" ]; then
            fail "$root/$path is there, and not by this script; --force replaces such files"
        fi
    done <"$here/files"
fi
made=
if [ ! -d "$root" ]; then
    mkdir -p -- "$root" || fail "no permission to make $root; run it as root, or choose --prefix"
    made="/
"
fi
[ -w "$root" ] || fail "no permission to write to $root; run it as root, or choose --prefix"
folder share/ringmq
# First: what is installed half is removed whole.
{
    cat -- "$here/files"
    echo share/ringmq/install.sh
} >"$manifest"
while IFS= read -r path; do
    folder "$(dirname -- "$path")"
    rm -f -- "$root/$path"
    cp -P -- "$here/$path" "$root/$path"
done <"$here/files"
cp -- "$here/install.sh" "$root/share/ringmq/install.sh"
printf '%s' "$made" >>"$manifest"

echo "ringmq is installed in $root"
case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) echo "  $prefix/bin is not in PATH" ;;
esac
echo "  a program on ringmq:  ringmq run -- PROGRAM"
echo "  remove it again:      $prefix/share/ringmq/install.sh --uninstall"
