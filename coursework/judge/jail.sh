#!/bin/sh
# Builds a file system that holds Python, the book's package and an empty /tmp, enters
# it, gives up every privilege, and runs a command there. Called by `unshare`, which has
# made new mount, network, process, IPC and host-name spaces for it; see jail.py.
#
# usage: jail.sh ROOT USER MEGABYTES MEMORY PROCESSES SECONDS BIND... -- COMMAND...
#   ROOT   an empty folder; USER   a number, or "-" to keep the one we have
#   BIND   HOST=INSIDE: shown read-only; nothing else of the host is visible
set -eu
root=$1 user=$2 megabytes=$3 memory=$4 processes=$5 seconds=$6
shift 6

mount -t tmpfs -o size=4m,mode=755 tmpfs "$root"
mkdir -p "$root/dev" "$root/proc" "$root/tmp" "$root/etc" "$root/.host"
mount -t tmpfs -o "size=${megabytes}m,nr_inodes=4000,mode=1777" tmpfs "$root/tmp"

show() { # HOST INSIDE
    mkdir -p "$root$2"
    mount --rbind "$1" "$root$2"
    mount -o remount,bind,ro,nosuid,nodev "$root$2" 2>/dev/null ||
        mount -o remount,bind,ro "$root$2"
    if [ "$user" = - ] && touch "$root$2/.writable" 2>/dev/null; then
        rm -f "$root$2/.writable"
        echo "jail: $2 could not be made read-only" >&2
        exit 97
    fi
}

show /usr /usr
for path in /bin /sbin /lib /lib32 /lib64; do
    if [ -L "$path" ]; then
        cp -P "$path" "$root$path"
    elif [ -d "$path" ]; then
        show "$path" "$path"
    fi
done
while [ "$1" != -- ]; do
    show "${1%%=*}" "${1#*=}"
    shift
done
shift
for device in null zero urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
[ -e /etc/ld.so.cache ] && cat /etc/ld.so.cache >"$root/etc/ld.so.cache"
mount -t proc proc "$root/proc" 2>/dev/null || true

cd "$root"
pivot_root . .host
cd /
umount -l /.host
rmdir /.host
mount -t tmpfs -o remount,ro tmpfs /
cd /tmp

identity="--reuid=$user --regid=$user --clear-groups"
[ "$user" = - ] && identity=""
# Not exec: this shell stays as process 1 of its space. When it ends, or is killed from
# outside, every process of the space ends with it.
# shellcheck disable=SC2086
env -i HOME=/tmp PATH=/usr/bin:/bin LANG=C.UTF-8 OMP_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 MPLBACKEND=Agg MPLCONFIGDIR=/tmp \
    setpriv $identity --bounding-set=-all --inh-caps=-all --no-new-privs \
    prlimit --as="$memory" --nproc="$processes" --cpu="$seconds" \
    --fsize=33554432 --nofile=128 --core=0 "$@" || true
exit 0
