# The tarball: installed for all and for one user, used, and removed.
# shellcheck shell=sh source=/dev/null
. /check/common.sh
. /check/build.sh

contents >/tmp/before
cd /tmp || exit
tar xf /check/ringmq-*-x86_64-linux-gnu.tar.gz
cd /tmp/ringmq-*-x86_64-linux-gnu || exit

say "for all users"
./install.sh
ringmq --version
build /usr/local/lib/ringmq
cc -I/usr/local/lib/ringmq/include /check/which.c -o /tmp/which /usr/local/lib/ringmq/lib/libzmq.so.5
ldconfig
if try /tmp/which >/dev/null 2>&1; then
    fail "the loader finds the library, although install.sh does not tell it where"
fi
same "ringmq run" /usr/local/lib/ringmq/lib/libzmq.so.5 "$(try ringmq run -- /tmp/which)"
say "again, over itself"
./install.sh >/dev/null
ringmq --version
/usr/local/share/ringmq/install.sh --uninstall
unchanged "the tarball in /usr/local"

say "for one user"
useradd --create-home --uid 4711 guest
contents >/tmp/before
as_guest() {
    su guest -c "$*"
}
as_guest ./install.sh
as_guest "PATH=/home/guest/.local/bin:\$PATH; ringmq run -- /tmp/which"
if as_guest "./install.sh --prefix /usr/local" >/tmp/log 2>&1; then
    fail "a user installs for all"
fi
cat /tmp/log
as_guest /home/guest/.local/share/ringmq/install.sh --uninstall
rmdir /home/guest/.local 2>/dev/null || true
unchanged "the tarball of a user"

say "files of others stay"
mkdir -p /opt/r/bin
echo precious >/opt/r/bin/ringmq
if ./install.sh --prefix /opt/r >/tmp/log 2>&1; then
    fail "another program is replaced"
fi
cat /tmp/log
same "bin/ringmq" precious "$(cat /opt/r/bin/ringmq)"
same "files" /opt/r/bin/ringmq "$(find /opt/r -type f)"
./install.sh --prefix /opt/r --force >/dev/null
touch /opt/r/share/other
./install.sh --prefix /opt/r --uninstall
same "files" /opt/r/share/other "$(find /opt/r -type f)"
if ./install.sh --prefix /opt/r --uninstall 2>/dev/null; then
    fail "removed twice"
fi
rm -r /opt/r

say "for a package"
DESTDIR=/tmp/package ./install.sh --prefix /usr >/dev/null
[ -x /tmp/package/usr/bin/ringmq ] || fail "DESTDIR is not used"
rm -r /tmp/package
unchanged "the tarball in other folders"
