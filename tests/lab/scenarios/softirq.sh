# softirq: a NULL pointer in a hard interrupt that came upon a soft one, while the other processor is in a timer's
# soft interrupt: both on their interrupt stacks.
# When module/labirq.c changes, so must this file, for the dumps to be made anew: version 1.
labbug=yes
last_words="RIP: 0010:lab_lift"
formats() { echo zstd.d1; }
scene() {
    must insmod /lab/labirq.ko
    echo 1 > /proc/sys/kernel/panic_on_oops
}
trigger() { taskset 1 sh -c 'echo softirq > /sys/module/labirq/parameters/bug'; }
