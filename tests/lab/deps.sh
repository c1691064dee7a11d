#!/bin/bash
# deps.sh: install the host packages that the lab needs, and only those that are missing.
# kexec-tools, busybox and makedumpfile are not among them: they are the guests' affair, and installing
# kexec-tools would change how this machine reboots. tools.sh unpacks them into the cache.
. "$(dirname "$(readlink -f "$0")")/common.sh"

PACKAGES="
    qemu-system-x86 python3
    kmod cpio e2fsprogs xz-utils zstd gzip
    gcc binutils libc6-dev zlib1g-dev libsnappy-dev"

missing=()
for p in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

say "installing ${missing[*]}"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
mkdir -p "$CACHE"
{
    as_root apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
} > "$CACHE/deps.log" 2>&1 || fail "cannot install them, see $CACHE/deps.log"
