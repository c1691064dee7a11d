# lists: a module of the lab's own has lists and trees of every kind, sound and damaged; a tmpfs has as many inodes as
# the scenario says. When module/lablists.c changes, so must this file, for the dumps to be made anew: version 1.
labbug=yes
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() {
    # the shell that loads the module stays: its stack is the page that the filter leaves out
    must insmod /lab/lablists.ko
    mkdir -p /tmp/counted
    must mount -t tmpfs counted /tmp/counted
    i=0; while [ $i -lt 137 ]; do echo $i > /tmp/counted/file$i; i=$((i + 1)); done
    sync
}
trigger() { echo c > /proc/sysrq-trigger; }
