#!/bin/bash
# tools.sh: the programs that run inside the guests, in the cache with their own libraries and loader, so that
# they run the same there, on this host, and beside a libc of another age.
#
#   tools/stable   busybox, kexec, makedumpfile from Debian 12 (that makedumpfile is too old for new kernels)
#   tools/newest   makedumpfile from the development suite
. "$(dirname "$(readlink -f "$0")")/common.sh"
. "$LAB/apt.sh"

# extract DEB... : the programs and libraries of packages into $tmp/root; nothing else of them is wanted
extract() {
    local p
    mkdir -p "$tmp/root"
    for p; do
        dpkg-deb --fsys-tarfile "$p" | tar -x -C "$tmp/root" --wildcards --no-wildcards-match-slash \
            './bin/*' './usr/bin/*' './sbin/*' './usr/sbin/*' './lib64/*' './usr/lib64/*' \
            './lib/x86_64-linux-gnu/*' './usr/lib/x86_64-linux-gnu/*' 2>/dev/null || true
    done
    mkdir "$tmp/lib"
    find "$tmp/root" \( -name '*.so' -o -name '*.so.*' \) -exec cp -n {} "$tmp/lib/" \;
}

# keep PROGRAM... : of what was extracted, these programs and the libraries that they ask for
keep() {
    local program lib
    for program; do
        cp "$(find "$tmp/root" -type f -path "*bin/$program" | grep -m1 .)" "$tmp/"
        readelf -lW "$tmp/$program" | grep -q INTERP || continue      # a static one needs none
        "$tmp/lib/ld-linux-x86-64.so.2" --library-path "$tmp/lib" --list "$tmp/$program" |
            sed -n 's|.* => .*/\([^ /]*\) (0x.*|\1|p' | while read -r lib; do cp -n "$tmp/lib/$lib" "$tmp/"; done
    done
    cp "$tmp/lib/ld-linux-x86-64.so.2" "$tmp/"
    rm -rf "$tmp/root" "$tmp/lib" "$tmp/deb"
}

stable() {
    suite bookworm
    fetch_closure "$tmp/deb" busybox-static kexec-tools makedumpfile
    extract "$tmp"/deb/*.deb
    keep busybox kexec makedumpfile
}

newest() {
    suite sid
    fetch_closure "$tmp/deb" makedumpfile
    extract "$tmp"/deb/*.deb
    keep makedumpfile
}

for name in stable newest; do
    stamp=$(hash_of "$LAB/tools.sh" "$name")
    ! fresh "$CACHE/tools/$name" "$stamp" || continue
    say "tools: $name"
    tmp=$(begin "$CACHE/tools/$name")
    $name
    commit "$CACHE/tools/$name" "$stamp"
done
