# qemu-noinfo: as qemu, from a guest without the vmcoreinfo device: the dump does not say where the kernel is.
by=qemu
mem=256M
formats() { echo qemu.elf qemu.zlib; }
[ ! -e /lab/scenarios/fsfreeze.sh ] || . /lab/scenarios/fsfreeze.sh
trigger() { :; }
