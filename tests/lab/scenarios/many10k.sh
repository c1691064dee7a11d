# many10k: ten thousand threads in 4 GiB, for the benchmark; built on request only.
bench=yes
mem=4G
disk=6G
timeout=1200
last_words="sysrq triggered crash"
formats() { echo lzo zstd zstd.d1; }
scene() {
    echo 100000 > /proc/sys/kernel/threads-max
    echo 100000 > /proc/sys/kernel/pid_max
    must sleepers 100 100
}
trigger() { echo c > /proc/sysrq-trigger; }
