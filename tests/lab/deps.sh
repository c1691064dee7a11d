#!/bin/bash
# deps.sh: install the host packages that the lab needs, and only those that are missing.
# kexec-tools, busybox and makedumpfile are not among them: the guests use them, the host does not need to
# have them installed (tools.sh unpacks them into the cache).
. "$(dirname "$0")/common.sh"

PACKAGES="qemu-system-x86 qemu-utils seabios kmod cpio e2fsprogs xz-utils zstd gcc libc6-dev python3-minimal binutils"

missing=()
for p in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

say "installing ${missing[*]}"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
as_root apt-get -q update >&2
as_root apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
