# What the checks have in common. Each runs in a root of its own; a failed command ends it.
# shellcheck shell=sh
set -eu

say() {
    printf -- '-- %s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# same WHAT WANTED FOUND
same() {
    [ "$2" = "$3" ] || fail "$1: wanted '$2', found '$3'"
    printf '   %s: %s\n' "$1" "$3"
}

# Programs that answer within a minute, or not at all.
try() {
    timeout 60 "$@"
}

# The paths of the root, and what is in the files of /etc. Logs, caches, and dpkg's own lists are not counted.
contents() {
    find / -xdev \( -path /proc -o -path /check -o -path /tmp -o -path /var/log -o -path /var/cache \
        -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /etc/ld.so.cache -o -name __pycache__ \) \
        -prune -o -print | LC_ALL=C sort
    find /etc -xdev -type f ! -name ld.so.cache -exec sha256sum {} + | LC_ALL=C sort -k 2
    find /var/lib/dpkg/alternatives /var/lib/dpkg/info -type f | LC_ALL=C sort
}

# unchanged WHAT: the root is as `contents >/tmp/before` has found it.
unchanged() {
    contents >/tmp/after
    diff /tmp/before /tmp/after >/tmp/difference || fail "$1 left a trace: $(cat /tmp/difference)"
    say "nothing is left of $1"
}
