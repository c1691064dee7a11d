# overflow: the lab's own module calls itself until the stack is full: a double fault, which has a stack of its own.
# What the kernel says there may not reach the console any more: the dump's log has it.
labbug=yes
formats() { echo lzo zstd.d1; }
scene() {
    must insmod /lab/labbug.ko
    echo 1 > /proc/sys/kernel/panic_on_oops
}
trigger() { echo overflow > /sys/module/labbug/parameters/bug; }
