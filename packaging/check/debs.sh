# The Debian packages: installed, used, switched on and off, and purged, with Debian's libzmq5 coming and going.
# shellcheck shell=sh source=/dev/null
. /check/common.sh
. /check/build.sh

folder=/usr/lib/x86_64-linux-gnu
ours=$folder/ringmq/lib/libzmq.so.5
archives=/var/cache/apt/archives

dpkg_() {
    dpkg "$@" >/tmp/log 2>&1 || fail "dpkg $*: $(cat /tmp/log)"
}

# Debian's packages, as root.rs has downloaded them.
debian() {
    apt-get install -y --no-install-recommends --no-download "$@" >/tmp/log 2>&1 || fail "$*: $(cat /tmp/log)"
}

# Which library a program gets that was linked with libzmq.so.5 and says nothing more.
system() {
    try /tmp/which
}

contents >/tmp/before

say "the command"
dpkg_ -i /check/ringmq_*_amd64.deb
ringmq --version
for page in /usr/share/man/man1/ringmq*.1.gz; do
    gzip -t "$page"
done
bash -n /usr/share/bash-completion/completions/ringmq
[ -s /usr/share/zsh/vendor-completions/_ringmq ]
[ -s /usr/share/fish/vendor_completions.d/ringmq.fish ]

say "the library without Debian's"
dpkg_ -i /check/libringmq-zmq5_*_amd64.deb
cc -I$folder/ringmq/include /check/which.c -o /tmp/which $ours
same "the system's" "$ours" "$(system)"
same "linked by name" libzmq.so.5 "$(objdump -p /tmp/which | sed -n 's/.*NEEDED *\(libzmq.*\)/\1/p')"
build $folder/ringmq
same "ringmq run" "$ours" "$(try ringmq run -- /tmp/which)"
if ringmq-libzmq off >/dev/null 2>&1; then
    fail "off, although there is no other library"
fi

say "Debian's libzmq5 comes"
debian python3-zmq
stock=$(readlink -f $folder/libzmq.so.5)
same "the system's" "$stock" "$(system)"
same "ringmq run" "$ours" "$(try ringmq run -- /tmp/which)"
python() {
    try /usr/bin/python3 -c '
import os, zmq
with zmq.Context() as context, context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
    server.bind("ipc://@python-check"); client.connect("ipc://@python-check")
    client.send(b"hello"); server.send(server.recv()); assert client.recv() == b"hello"
maps = {line.split()[-1] for line in open("/proc/self/maps") if "libzmq" in line}
print(*(os.path.realpath(path) for path in sorted(maps)))'
}
same "python3-zmq" "$stock" "$(python)"

say "on"
ringmq-libzmq on
same "the system's" "$ours" "$(system)"
same "python3-zmq" "$ours" "$(python)"
ldconfig
same "after ldconfig" "$ours" "$(system)"

say "libzmq5 is installed anew, upgraded, removed, and comes back"
dpkg_ -i $archives/libzmq5_*_amd64.deb
same "the system's" "$ours" "$(system)"
dpkg-deb -R $archives/libzmq5_*_amd64.deb /tmp/newer
sed -i 's/^Version: .*/Version: 9.0.0-1/' /tmp/newer/DEBIAN/control
mv "/tmp/newer$stock" /tmp/newer$folder/libzmq.so.5.9.9
ln -sf libzmq.so.5.9.9 /tmp/newer$folder/libzmq.so.5
dpkg-deb --root-owner-group -b /tmp/newer /tmp/newer.deb >/dev/null
dpkg_ -i /tmp/newer.deb
same "the system's" "$ours" "$(system)"
ringmq-libzmq off >/dev/null
same "off" "$folder/libzmq.so.5.9.9" "$(system)"
dpkg_ -i $archives/libzmq5_*_amd64.deb
same "off, after a downgrade" "$stock" "$(system)"
ringmq-libzmq on >/dev/null
dpkg_ -P --force-depends libzmq5
same "without libzmq5" "$ours" "$(system)"
same "python3-zmq" "$ours" "$(python)"
dpkg_ -i $archives/libzmq5_*_amd64.deb
same "libzmq5 is back" "$ours" "$(system)"

say "off"
ringmq-libzmq off
same "the system's" "$stock" "$(system)"
same "python3-zmq" "$stock" "$(python)"
ldconfig
same "after ldconfig" "$stock" "$(system)"
dpkg_ -P --force-depends libzmq5
same "removed while off" "$ours" "$(system)"
dpkg_ -i $archives/libzmq5_*_amd64.deb
same "libzmq5 is back" "$stock" "$(system)"
update-alternatives --set libzmq.so.5-x86_64-linux-gnu $folder/ringmq/libzmq.so.5 >/dev/null
same "update-alternatives" "$ours" "$(system)"

say "the library is installed anew, removed and purged while it is on"
dpkg_ -i /check/libringmq-zmq5_*_amd64.deb
same "the system's" "$ours" "$(system)"
dpkg_ -r libringmq-zmq5
same "removed" "$stock" "$(system)"
same "python3-zmq" "$stock" "$(python)"
dpkg_ -i /check/libringmq-zmq5_*_amd64.deb
same "installed again" "$stock" "$(system)"
dpkg_ -P libringmq-zmq5 ringmq
same "purged" "$stock" "$(system)"
apt-get purge -y --autoremove python3-zmq libzmq5 >/tmp/log 2>&1 || fail "$(cat /tmp/log)"
unchanged "the packages"
