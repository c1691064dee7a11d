# sysrq: the crash that an administrator asks for.
last_words="sysrq triggered crash"
formats() { echo lzo zstd.d1; }
scene() { :; }
trigger() { echo c > /proc/sysrq-trigger; }
