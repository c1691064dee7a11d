#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the packages that a fresh Debian 12 lacks. deps.sh GROUP...: build, test. Does nothing, quickly,
# when all are there. As root, or through sudo.
set -eu
build='gcc libc6-dev make pkg-config libncurses-dev libdw-dev libelf-dev libzstd-dev liblzo2-dev
       libpcre2-dev zlib1g-dev libsnappy-dev liblzma-dev libcapstone-dev'
test='libcmocka-dev libdebuginfod1 libvterm-dev python3 binutils xz-utils zstd gzip ncurses-bin ncurses-term'

want=
for group in "$@"; do
    case $group in
    build) want="$want $build" ;;
    test) want="$want $test" ;;
    *) echo "deps.sh: no group '$group': build, test" >&2; exit 2 ;;
    esac
done
missing=
for p in $want; do
    dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
root=
[ "$(id -u)" = 0 ] || root=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$root apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 ||
    { $root apt-get update >/dev/null && $root apt-get install -y --no-install-recommends $missing >/dev/null; }
