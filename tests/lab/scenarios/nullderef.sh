# nullderef: the lab's own module follows a NULL pointer, three calls deep.
labbug=yes
last_words="RIP: 0010:lab_weigh"
formats() { echo lzo zstd.d1; }
scene() {
    must insmod /lab/labbug.ko
    echo 1 > /proc/sys/kernel/panic_on_oops
}
trigger() { echo nullderef > /sys/module/labbug/parameters/bug; }
