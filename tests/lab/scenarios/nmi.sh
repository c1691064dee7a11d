# nmi: a non-maskable interrupt that nobody knows, as from the button on a hung machine, and a kernel that was told
# to crash then. What it says in that state may not reach the console any more: the dump's log has it.
send=nmi
formats() { echo lzo zstd.d1; }
scene() { echo 1 > /proc/sys/kernel/unknown_nmi_panic; }
trigger() { :; }
