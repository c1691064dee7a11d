# scenario.sh: one scenario on one kernel: run the guest, take its dumps and its truth out of the disks. Sourced.
. "$LAB/kernel.sh"
. "$LAB/initramfs.sh"

scenarios() { (cd "$LAB/scenarios" && ls *.sh | sed 's/\.sh$//'); }

# scenario K NAME : make sure dumps/<K>/<NAME> is there
scenario() {
    local k=$1 name=$2 kernel=$CACHE/kernels/$1 dir=$CACHE/dumps/$1/$2 stamp tmp
    local by=kdump mem=512M cpus=2 cpu=qemu64 disk=2G device= timeout=300 reserve=160M append="" bench= formats
    . "$LAB/scenarios/$name.sh"
    formats=$(formats "$k" | tr ' ' ,)
    stamp=$(hash_of "$LAB"/guest/* "$LAB/scenarios/$name.sh" "$LAB/modules" "$LAB/qemu.py" \
                    "$kernel/release" "$CACHE"/tools/*/.stamp)
    ! fresh "$dir" "$stamp" || return 0

    tmp=$(begin "$dir")
    run_guest || { say "$k $name: trying once more"; run_guest; } || {
        say "$k $name: failed; see $tmp/console and $tmp/guest.log"; return 1; }
    mkdir "$tmp/truth"
    tar -x -C "$tmp/truth" -f "$tmp/truth.img"
    if [ $by = kdump ]; then
        debugfs -R "rdump / $tmp" "$tmp/disk.img" 2>/dev/null
        rmdir "$tmp/lost+found"
        # a plain copy is mostly zeros: give the space back
        [ ! -e "$tmp/vmcore.raw" ] || fallocate -d "$tmp/vmcore.raw"
    else
        for f in ${formats//,/ }; do printf 'vmcore.%s\t%s\t0\t%s\n' "$f" "$f" "${device:-no vmcoreinfo device}"; done \
            > "$tmp/manifest"
    fi
    rm -f "$tmp"/*.img
    commit "$dir" "$stamp"
}

run_guest() {
    local more=()
    truncate -s 0 "$tmp/disk.img" "$tmp/truth.img"
    truncate -s 1G "$tmp/truth.img"; truncate -s "$disk" "$tmp/disk.img"
    mke2fs -q -F -t ext4 -E lazy_itable_init=1 -O ^has_journal "$tmp/disk.img"
    append="$append console=ttyS0 loglevel=8 ignore_loglevel printk.time=1 lab.scenario=$name lab.formats=$formats"
    if [ $by = qemu ]; then more+=(--dump "$formats"); else append+=" crashkernel=$reserve"; fi
    [ -z "$device" ] || more+=(--device "$device")
    python3 "$LAB/qemu.py" --kernel "$kernel/vmlinuz" --initrd "$kernel/initramfs/initrd" --append "$append" \
        --dir "$tmp" --mem "$mem" --cpus "$cpus" --cpu "$cpu" --disk "$tmp/disk.img" --disk "$tmp/truth.img" \
        --timeout "$timeout" "${more[@]}"
}
