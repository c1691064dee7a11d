# fsfreeze: a file system that someone froze and forgot. dd waits for it for ever, and the kernel's watch over
# hung tasks brings the machine down.
last_words="hung_task: blocked tasks"
formats() {
    case $1 in
        6.1) echo lzo zlib snappy zstd zlib.d1 lzo.d1 zstd.d1 flat split incomplete elf elf.incomplete raw ;;
        *)   echo lzo zlib snappy zstd zstd.d1 oldmdf.d31 ;;
    esac
}
scene() {
    gunzip -c /lab/boot.img.gz > /tmp/boot.img
    must losetup /dev/loop0 /tmp/boot.img
    must mount -t ext4 /dev/loop0 /boot
    must fsfreeze --freeze /boot
    dd if=/dev/zero of=/boot/test &
    wait_for 20 grep -q '^State:.D' /proc/$!/status
}
trigger() {
    cd /proc/sys/kernel
    echo 1 > hung_task_panic
    echo 1 > hung_task_check_interval_secs
    echo 5 > hung_task_timeout_secs
}
