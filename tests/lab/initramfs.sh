#!/bin/bash
# initramfs.sh K: make sure that kernels/<K>/initramfs/initrd is there and up to date: busybox, tools, modules,
# the lab's own one among them, the scripts of guest/ and scenarios/. The guest that crashes and the capture kernel
# boot with the same; the former also carries /kdump, the image and the initramfs of the latter.
. "$(dirname "$(readlink -f "$0")")/common.sh"

kernel=$CACHE/kernels/$1
dir=$kernel/initramfs
stamp=$(hash_of "$LAB/initramfs.sh" "$LAB"/guest/* "$LAB"/scenarios/*.sh "$LAB/modules" \
                "$CACHE"/tools/*/.stamp "$kernel/.stamp" "$kernel/module/.stamp")
! fresh "$dir" "$stamp" || exit 0

pack() { (cd "$1" && find . | cpio -o -H newc --quiet -R 0:0); }

# tool NAME/PROGRAM PATH : a script at PATH of the initramfs that runs the program through its own loader
tool() {
    local of=/opt/${1%/*} program=${1#*/}
    mv "$root$of/$program" "$root$of/$program.bin"
    printf '#!/bin/sh\nexec %s/ld-linux-x86-64.so.2 --library-path %s %s/%s.bin "$@"\n' \
        "$of" "$of" "$of" "$program" > "$root$2"
    chmod +x "$root$2"
}

tmp=$(begin "$dir")
root=$tmp/root
mkdir -p "$root"/{bin,boot,dev,lab,mnt,opt,proc,sys,tmp} "$tmp/extra/kdump"
cp -a "$kernel/root/." "$root/"
cp -a "$CACHE/tools/stable" "$CACHE/tools/newest" "$root/opt/"
mv "$root/opt/stable/busybox" "$root/bin/"
for applet in $("$root/bin/busybox" --list); do ln -s busybox "$root/bin/$applet" 2>/dev/null || true; done
tool stable/kexec        /bin/kexec
tool stable/makedumpfile /opt/stable/makedumpfile
tool newest/makedumpfile /opt/newest/makedumpfile
cp -r "$LAB/guest/init" "$LAB/guest/capture" "$LAB/scenarios" "$root/lab/"
lines modules > "$root/lab/modules"
for ko in "$kernel"/module/*.ko; do [ ! -e "$ko" ] || cp "$ko" "$root/lab/"; done
ln -s lab/init "$root/init"
for program in truth sleepers; do
    gcc -O2 -Wall -Wextra -static -pthread -o "$root/bin/$program" "$LAB/guest/$program.c"
done
truncate -s 16M "$tmp/boot.img"
mke2fs -q -t ext4 -L boot "$tmp/boot.img"
gzip -c "$tmp/boot.img" > "$root/lab/boot.img.gz"

# The kernel takes a plain archive only at a multiple of four bytes: so it goes before the compressed one.
pack "$root" | gzip -1 > "$tmp/extra/kdump/initrd"
cp "$kernel/vmlinuz" "$tmp/extra/kdump/"
{ pack "$tmp/extra"; cat "$tmp/extra/kdump/initrd"; } > "$tmp/initrd"
rm -rf "$root" "$tmp/extra" "$tmp/boot.img"
commit "$dir" "$stamp"
