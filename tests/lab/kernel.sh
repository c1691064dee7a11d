#!/bin/bash
# kernel.sh NAME: one kernel of the lab, out of Debian packages; prints the name that it really has.
#
#   kernels/<K>/release  vmlinux             uname -r, and the kernel with its debug information
#   kernels/<K>/vmlinuz  root/lib/modules/   what boots: the image, and the modules of the list 'modules'
#   kernels/<K>/debug/   src/                those modules' debug files; source files of the list 'sources'
#
# A kernel is named by its version's first two numbers. The suites of the stable ones are known; any other name
# is the development suite's, and "newest" is whatever that has by now. What is in the cache stays as it is.
. "$(dirname "$(readlink -f "$0")")/common.sh"
. "$LAB/apt.sh"

depends() { apt-cache "${APT[@]}" depends "$1" | awk '/Depends:/ { print $2 }' | tr -d '<>'; }

# What boots. Newer suites split the image package and compress modules: root/ has plain .ko files, only those
# wanted and what they depend on.
image() {
    local part file to
    fetch "$tmp/deb" "$package" $(depends "$package" | grep -E '^linux-(binary|modules|base)-[0-9]' || true)
    for part in "$tmp"/deb/*.deb; do dpkg-deb -x "$part" "$tmp/img"; done
    cp "$(find "$tmp/img" -type f -name 'vmlinuz*' -size +1M | grep -m1 .)" "$tmp/vmlinuz"
    [ -d "$tmp/img/lib" ] || ln -s usr/lib "$tmp/img/lib"
    depmod -b "$tmp/img" "$release"
    mkdir -p "$tmp/root/lib/modules/$release"
    for module in $(lines modules); do
        modprobe -d "$tmp/img" -S "$release" --show-depends "$module" 2>/dev/null || true
    done | sed -n 's/^insmod //p' | sort -u | while read -r file _; do
        to=$tmp/root/lib/modules/${file#*/lib/modules/}
        mkdir -p "$(dirname "$to")"
        case $file in
            *.xz)  xz -dc "$file" > "${to%.xz}" ;;
            *.zst) zstd -qdc "$file" > "${to%.zst}" ;;
            *)     cp "$file" "$to" ;;
        esac
    done
    cp "$tmp/img/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$tmp/root/lib/modules/$release/"
    depmod -b "$tmp/root" "$release"
    rm -rf "$tmp/img" "$tmp/deb"
}

# vmlinux and the modules' debug files, streamed out of the -dbg package, which unpacked whole is gigabytes
debug() {
    local module wanted=() vmlinux
    fetch "$tmp/dbg" "$package-dbg"
    for module in $(cd "$tmp/root/lib/modules" && find . -name '*.ko'); do
        wanted+=("*/${module#./}" "*/${module#./}.debug")
    done
    mkdir "$tmp/dbg/out"
    dpkg-deb --fsys-tarfile "$tmp"/dbg/*.deb |
        tar -x -C "$tmp/dbg/out" --wildcards '*/vmlinux*' "${wanted[@]}" 2>/dev/null || true
    vmlinux=$(find "$tmp/dbg/out" -type f -name 'vmlinux*' | grep -m1 .)      # its other names are links
    mv "$vmlinux" "$tmp/vmlinux"
    mkdir -p "$tmp/debug/lib/modules"
    mv "$tmp/dbg/out/usr/lib/debug/lib/modules/$release" "$tmp/debug/lib/modules/"
    find "$tmp/debug" -name 'vmlinux*' -delete
    rm -rf "$tmp/dbg"
}

sources() {
    local wanted
    fetch "$tmp/srcdeb" "linux-source-$label"
    mapfile -t wanted < <(lines sources | sed 's|^|linux-source-*/|')
    mkdir "$tmp/src"
    dpkg-deb --fsys-tarfile "$tmp"/srcdeb/*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc |
        tar -x -C "$tmp/src" --strip-components=1 --wildcards --no-wildcards-match-slash "${wanted[@]}" 2>/dev/null || true
    rm -rf "$tmp/srcdeb"
}

name=${1:?}
case $name in 5.10) suite=bullseye ;; 6.1) suite=bookworm ;; 6.12) suite=trixie ;; *) suite=sid ;; esac
stamp=$(hash_of "$LAB/kernel.sh" "$LAB/modules" "$LAB/sources")
if [ "$name" = newest ] && [ -e "$CACHE/kernels/newest" ]; then name=$(cat "$CACHE/kernels/newest"); fi
if fresh "$CACHE/kernels/$name" "$stamp"; then echo "$name"; exit 0; fi

suite $suite
package=$(depends linux-image-cloud-amd64 | grep -m1 '^linux-image-[0-9]') || fail "$suite has no cloud kernel"
release=${package#linux-image-}
label=$(grep -oE '^[0-9]+\.[0-9]+' <<< "$release")
case $name in newest|"$label") ;; *) fail "$suite has $label by now" ;; esac
[ $suite != sid ] || { mkdir -p "$CACHE/kernels"; echo "$label" > "$CACHE/kernels/newest"; }

say "kernel $label: $release from $suite"
tmp=$(begin "$CACHE/kernels/$label")
echo "$release" > "$tmp/release"
image
sources &                               # the two big packages, a core each for unpacking
debug
wait $! || say "kernel $label: no source files"
commit "$CACHE/kernels/$label" "$stamp"
echo "$label"
