#!/bin/bash
# module.sh K: make sure that kernels/<K>/module is there: the lab's own modules, built for that kernel.
#
#   *.ko                               what the guest loads: without debug information, as distributions ship theirs
#   debug/*.ko                         the same with it; kernels/<K>/debug/lib/modules/<release>/extra leads here
#
# Headers, compiler and make are those of the kernel's own suite, unpacked aside and run with that as their root:
# this machine's compiler may be older than the kernel. It takes root, or a kernel that lets users have name spaces.
. "$(dirname "$(readlink -f "$0")")/common.sh"
. "$LAB/apt.sh"

k=$1
kernel=$CACHE/kernels/$k
dir=$kernel/module
release=$(cat "$kernel/release")
stamp=$(hash_of "$LAB/module.sh" "$LAB"/module/* "$kernel/.stamp")
! fresh "$dir" "$stamp" || exit 0
case $k in 5.10) suite=bullseye ;; 6.1) suite=bookworm ;; 6.12) suite=trixie ;; *) suite=sid ;; esac

# build_root : $tmp/root, where make and the compiler live; unpacked, not installed
build_root() {
    local deb d
    fetch_closure "$tmp/deb" "linux-headers-$release" make dash coreutils sed grep mawk findutils
    for d in bin sbin lib lib64; do mkdir -p "$tmp/root/usr/$d"; ln -s usr/$d "$tmp/root/$d"; done
    for deb in "$tmp"/deb/*.deb; do
        case ${deb##*/} in linux-image-*|linux-binary-*|linux-modules-*|perl*|systemd*|udev*|*-doc_*) continue ;; esac
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tmp/root" --keep-directory-symlink \
            --exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' \
            --exclude './usr/lib/debug/*' --no-same-owner
    done
    mkdir -p "$tmp"/root/{dev,proc,tmp,lab}
    ln -sf mawk "$tmp/root/usr/bin/awk"
    ln -sf dash "$tmp/root/usr/bin/sh"
}

# inside COMMAND... : run it with the build root as its root
inside() {
    local how=(--mount)
    [ "$(id -u)" = 0 ] || how+=(--map-root-user)
    unshare "${how[@]}" sh -c 'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"' \
        "$tmp/root" "$@"
}

suite $suite
tmp=$(begin "$dir")
build_root
cp "$LAB"/module/* "$tmp/root/lab/"
if ! inside /usr/bin/env -i PATH=/usr/bin:/usr/sbin LC_ALL=C \
        make -C "/usr/src/linux-headers-$release" M=/lab modules > "$tmp/log" 2>&1; then
    tail -5 "$tmp/log" >&2
    fail "cannot build the module for $k, see $tmp/log"
fi
mkdir "$tmp/debug"
for ko in "$tmp"/root/lab/*.ko; do
    cp "$ko" "$tmp/debug/"
    objcopy --strip-debug "$ko" "$tmp/${ko##*/}"
done
rm -rf "$tmp/root" "$tmp/deb"
commit "$dir" "$stamp"
ln -sfn ../../../../module/debug "$kernel/debug/lib/modules/$release/extra"
