#!/bin/sh
# Runs a script as root in a copy of a Debian root: enter.sh BASE WORK SHARE SCRIPT
#
# BASE stays as it is: WORK gets what the script writes. SHARE is /check in the root. Called in a mount namespace of its
# own, so that the mounts end with it.
set -eu

base=$1 work=$2 share=$3 script=$4
rm -rf "$work"
mkdir -p "$work/upper" "$work/layer" "$work/root"
if ! mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/layer" "$work/root" 2>/dev/null; then
    cp -a "$base/." "$work/root"
fi
mkdir -p "$work/root/check"
mount --bind "$share" "$work/root/check"
mount -t proc proc "$work/root/proc"
exec chroot "$work/root" /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 \
    /bin/sh "/check/$script"
