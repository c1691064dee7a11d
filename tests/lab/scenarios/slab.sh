# slab: the lab's own module has taken memory of many kinds, has given some of it back, and keeps books of it.
# When module/labslab.c changes, so must this file, for the dumps to be made anew: version 1.
labbug=yes
append="slab_nomerge kfence.sample_interval=20"
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() { must insmod /lab/labslab.ko; }
trigger() { echo c > /proc/sysrq-trigger; }
