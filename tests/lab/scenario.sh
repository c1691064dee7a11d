#!/bin/bash
# scenario.sh K NAME: make sure that dumps/<K>/<NAME> is there: run the guest, take its dumps and its truth.
. "$(dirname "$(readlink -f "$0")")/common.sh"

k=$1 name=$2
kernel=$CACHE/kernels/$k
dir=$CACHE/dumps/$k/$name

# what a scenario may set
by=kdump mem=512M cpus=2 cpu=qemu64 disk=2G device= append= reserve=160M timeout=300 last_words= send= labbug=
. "$LAB/scenarios/$name.sh"
formats=$(formats "$k")

stamp=$(hash_of "$LAB"/guest/* "$LAB/scenarios/$name.sh" "$LAB"/{scenario.sh,qemu.py,snappy.c,modules} \
                "$kernel/release" ${labbug:+"$kernel/module/labbug.ko"} "$CACHE"/tools/*/.stamp)
! fresh "$dir" "$stamp" || exit 0
[ -z "$labbug" ] || [ -e "$kernel/module/labbug.ko" ] || fail "$k $name: the lab's module is not built for this kernel"

# The guest has two disks: the first for its dumps, with a file system; the second for the truth, a bare tar.
# A panic that is not ours ends it at once (panic=-1): now and then the emulation trips over code that the kernel
# patches while another processor runs it. Then the console lacks the last words that the scenario expects.
run() {
    local words="console=ttyS0 loglevel=8 ignore_loglevel printk.time=1 panic=-1" how=()
    words+=" lab.scenario=$name lab.formats=${formats// /,}"
    rm -f "$tmp"/*.img
    truncate -s "$disk" "$tmp/disk.img"
    truncate -s 2G "$tmp/truth.img"
    mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 "$tmp/disk.img"
    case $by in qemu) how+=(--dump "${formats// /,}") ;; *) words+=" crashkernel=$reserve" ;; esac
    [ -z "$device" ] || how+=(--device "$device")
    [ -z "$send" ] || how+=(--send "$send")
    python3 "$LAB/qemu.py" --kernel "$kernel/vmlinuz" --initrd "$kernel/initramfs/initrd" --append "$words $append" \
        --dir "$tmp" --mem "$mem" --cpus "$cpus" --cpu "$cpu" --disk "$tmp/disk.img" --disk "$tmp/truth.img" \
        --timeout "$timeout" "${how[@]}" &
    trap "kill $!; exit 1" TERM INT                   # whoever ends us ends the guest
    wait $! && grep -q "$last_words" "$tmp/console"
}

start=$SECONDS
tmp=$(begin "$dir")
for try in 1 2 3; do
    ! run || break
    [ $try -lt 3 ] || fail "$k $name: see $tmp/console and $tmp/guest.log"
    say "$k $name: once more"
done

mkdir "$tmp/truth"
tar -x -C "$tmp/truth" -f "$tmp/truth.img"
if [ "$by" = kdump ]; then
    debugfs -R "rdump / $tmp" "$tmp/disk.img" 2>/dev/null
    rm -rf "$tmp/lost+found"
    if [[ " $formats " = *" snappy "* ]]; then
        gcc -O2 -Wall -Wextra -o "$tmp/snappy" "$LAB/snappy.c" -lsnappy -lz
        "$tmp/snappy" "$tmp/vmcore.zlib" "$tmp/vmcore.snappy"
        rm "$tmp/snappy"
        printf 'vmcore.snappy\tkdump-snappy\t31\tmade of vmcore.zlib\n' >> "$tmp/manifest"
    fi
else
    chmod 600 "$tmp"/vmcore.*
    for f in $formats; do printf 'vmcore.%s\t%s\t0\t%s\n' "$f" "$f" "${device:-no device}"; done > "$tmp/manifest"
fi
rm -f "$tmp"/*.img
while IFS=$'\t' read -r file _; do
    [ -s "$tmp/$file" ] || fail "$k $name: $file is missing or empty"
    case $file in *.raw|*.qemu*.elf) fallocate -d "$tmp/$file" ;; esac      # mostly zeros: give the space back
done < "$tmp/manifest"
commit "$dir" "$stamp"
say "$k $name: $(wc -l < "$dir/manifest") dumps in $((SECONDS - start)) s"
