# locks: a module of the lab's own has a thread that holds locks of every kind, and threads that wait for them.
# When module/lablocks.c changes, so must this file, for the dumps to be made anew: version 1.
labbug=yes
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() { must insmod /lab/lablocks.ko; }
trigger() { echo c > /proc/sysrq-trigger; }
