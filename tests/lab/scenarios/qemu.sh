# qemu: the frozen file system again, but nothing panics: the hypervisor is asked for the dump of the hung guest.
by=qemu
mem=256M
device=vmcoreinfo
formats() { echo qemu.elf qemu.paging.elf qemu.zlib; }
[ ! -e /lab/scenarios/fsfreeze.sh ] || . /lab/scenarios/fsfreeze.sh
trigger() { :; }
