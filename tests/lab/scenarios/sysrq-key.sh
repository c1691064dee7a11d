# sysrq-key: the same crash, but asked for at the keyboard: the kernel goes down in an interrupt.
send=alt-sysrq-c
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() { echo 1 > /proc/sys/kernel/sysrq; }
trigger() { :; }
