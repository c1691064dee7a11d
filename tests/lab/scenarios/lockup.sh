# lockup: the lab's own module doesn't give the processor back; the kernel's watch over soft lockups, in an
# interrupt of the timer there, brings the machine down.
labbug=yes
last_words="softlockup: hung tasks"
formats() { echo lzo zstd.d1; }
scene() {
    must insmod /lab/labbug.ko
    echo 1 > /proc/sys/kernel/softlockup_panic
    echo 2 > /proc/sys/kernel/watchdog_thresh
}
trigger() { echo lockup > /sys/module/labbug/parameters/bug; }
