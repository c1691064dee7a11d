# many: two thousand threads asleep in a dozen kinds of system call.
mem=768M
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() { must sleepers 20 100; }
trigger() { echo c > /proc/sysrq-trigger; }
