# la57: sysrq on a processor with 5-level page tables.
cpu=max
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() { must grep -q -w la57 /proc/cpuinfo; }
trigger() { echo c > /proc/sysrq-trigger; }
