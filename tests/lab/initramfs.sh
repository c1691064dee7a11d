# initramfs.sh: the initramfs of a kernel: busybox, tools, modules, the scripts of guest/ and scenarios/.
# The crashing guest and the capture kernel use the same one; the former also carries /kdump, with the
# kernel and the initramfs of the latter. Sourced.

# initramfs K : make sure kernels/<K>/initramfs/initrd is there and up to date
initramfs() {
    local kernel=$CACHE/kernels/$1 dir=$CACHE/kernels/$1/initramfs stamp tmp root a
    stamp=$(hash_of "$LAB/initramfs.sh" "$LAB"/guest/* "$LAB"/scenarios/*.sh "$LAB/modules" \
                    "$CACHE"/tools/*/.stamp "$kernel/.stamp")
    ! fresh "$dir" "$stamp" || return 0
    tmp=$(begin "$dir"); root=$tmp/root
    mkdir -p "$root"/{bin,boot,dev,lab,lib,lib64,mnt,opt,proc,sys,tmp}
    cp -a "$kernel/root/." "$root/"
    cp -a "$CACHE/tools/stable" "$CACHE/tools/newest" "$root/opt/"
    mv "$root/opt/stable/busybox" "$root/bin/"
    for a in $("$root/bin/busybox" --list); do [ "$a" = busybox ] || ln -s busybox "$root/bin/$a"; done
    wrap "$root" stable kexec /bin/kexec
    wrap "$root" stable makedumpfile /opt/stable/makedumpfile
    wrap "$root" newest makedumpfile /opt/newest/makedumpfile
    cp -r "$LAB/guest/init" "$LAB/guest/capture" "$LAB/scenarios" "$root/lab/"
    wanted_modules > "$root/lab/modules"
    ln -s lab/init "$root/init"
    for a in truth sleepers; do gcc -O2 -static -pthread -o "$root/bin/$a" "$LAB/guest/$a.c"; done
    truncate -s 16M "$tmp/boot.img"
    mke2fs -q -t ext4 -L boot "$tmp/boot.img"
    gzip -c "$tmp/boot.img" > "$root/lab/boot.img.gz"

    pack "$root" | gzip -1 > "$tmp/initrd"
    mkdir -p "$tmp/extra/kdump"
    cp "$kernel/vmlinuz" "$tmp/extra/kdump/"
    mv "$tmp/initrd" "$tmp/extra/kdump/initrd"
    # the kernel wants a plain archive to start at a multiple of 4: so it goes before the compressed one
    { pack "$tmp/extra"; cat "$tmp/extra/kdump/initrd"; } > "$tmp/initrd"
    rm -rf "$root" "$tmp/extra" "$tmp/boot.img"
    commit "$dir" "$stamp"
}

pack() { (cd "$1" && find . | cpio -o -H newc --quiet -R 0:0); }

# wrap ROOT TOOLS PROGRAM PATH : a script at PATH that runs the program through its own loader
wrap() {
    local dir=/opt/$2
    mv "$1$dir/$3" "$1$dir/$3.bin"
    printf '#!/bin/sh\nexec %s/ld-linux-x86-64.so.2 --library-path %s %s/%s.bin "$@"\n' $dir $dir $dir "$3" > "$1$4"
    chmod +x "$1$4"
}
