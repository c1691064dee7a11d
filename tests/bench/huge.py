#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes sparse dumps of a machine with 16 TiB of RAM out of an ELF dump of a small one.

    huge.py VMCORE.elf OUT_DIR     writes OUT_DIR/huge.elf and OUT_DIR/huge.kdump

The small dump's pages lie where they lay, so kernel, tasks and log are its own. All other RAM is there too: in
the ELF as holes of the file (zero pages, 16 TiB by its size), in the kdump as page frames beyond the small ones of
which the filter left a few at the far end, so that whoever asks for the last one needs the rank of a bit at the end
of a bitmap of 512 MiB. On the disk both take little more than the small dump.
"""
import os
import struct
import sys
import zlib

PAGE = 4096
TOP = 16 << 40  # bytes of physical addresses
HOLE = (3 << 30, 4 << 30)  # below 4 GiB devices have a place
FAR_PAGES = 16  # kept at the far end
PT_LOAD, PT_NOTE = 1, 4
PD_ZLIB = 1


class Elf:
    def __init__(self, path):
        self.f = open(path, "rb")
        head = self.read(0, 64)
        if head[:6] != b"\x7fELF\x02\x01":
            sys.exit("%s: not a 64-bit little-endian ELF file" % path)
        self.head = head
        phoff, = struct.unpack_from("<Q", head, 32)
        phnum, = struct.unpack_from("<H", head, 56)
        self.phdrs = [struct.unpack("<IIQQQQQQ", self.read(phoff + 56 * i, 56)) for i in range(phnum)]
        self.notes = b"".join(self.read(p[2], p[5]) for p in self.phdrs if p[0] == PT_NOTE)
        self.loads = [p for p in self.phdrs if p[0] == PT_LOAD]

    def read(self, offset, n):
        self.f.seek(offset)
        return self.f.read(n)

    def physical(self):
        """(physical address, file offset, bytes in the file, bytes of RAM), by address, disjoint."""
        done = 0
        for _, _, offset, _, pa, filesz, memsz, _ in sorted(self.loads, key=lambda p: (p[4], -p[6])):
            skip = max(0, done - pa)
            if skip < memsz:
                yield pa + skip, offset + skip, max(0, filesz - skip), memsz - skip
                done = pa + memsz

    def end(self):
        return max(p[4] + p[6] for p in self.loads)


def write_elf(elf, path):
    """Its segments, then 16 TiB of holes in segments of at most 1 TiB, as NUMA nodes have them."""
    small = (elf.end() + PAGE - 1) // PAGE * PAGE
    base = next(p[3] - p[4] for p in elf.loads if p[3] >> 40 != 0xffffff)  # of the direct map
    more, pa = [], small
    while pa < TOP:
        end = min(TOP, (pa >> 40) + 1 << 40)
        if pa < HOLE[0]:
            end = HOLE[0]
        more.append((pa, end - pa))
        pa = HOLE[1] if end == HOLE[0] else end
    phnum = 1 + len(elf.loads) + len(more)
    at = 64 + 56 * phnum
    phdrs = [(PT_NOTE, 0, at, 0, 0, len(elf.notes), len(elf.notes), 0)]
    at = (at + len(elf.notes) + PAGE - 1) // PAGE * PAGE
    copies = []
    for _, flags, offset, va, pa, filesz, memsz, _ in elf.loads:
        phdrs.append((PT_LOAD, flags, at, va, pa, filesz, memsz, 0))
        copies.append((offset, at, filesz))
        at += (filesz + PAGE - 1) // PAGE * PAGE
    for pa, size in more:
        phdrs.append((PT_LOAD, 7, at, base + pa, pa, size, size, 0))
        at += size
    with open(path, "wb") as f:
        f.write(elf.head[:32] + struct.pack("<QQIHHHHHH", 64, 0, 0, 64, 56, phnum, 0, 0, 0))
        f.write(b"".join(struct.pack("<IIQQQQQQ", *p) for p in phdrs) + elf.notes)
        for offset, to, size in copies:
            f.seek(to)
            for piece in range(0, size, 1 << 20):
                f.write(elf.read(offset + piece, min(1 << 20, size - piece)))
        f.truncate(at)


def set_bits(f, at, first, end):
    """Sets the bits of page frames first to end in the bitmap at byte `at` of a file that is zero there."""
    while first < end and first % 8:
        f.seek(at + first // 8)
        old = f.read(1) or b"\0"
        f.seek(at + first // 8)
        f.write(bytes([old[0] | 1 << first % 8]))
        first += 1
    whole = (end - first) // 8
    if whole > 0:
        f.seek(at + first // 8)
        f.write(b"\xff" * whole)
        first += whole * 8
    if first < end:
        f.seek(at + first // 8)
        old = f.read(1) or b"\0"
        f.seek(at + first // 8)
        f.write(bytes([old[0] | (1 << end - first) - 1]))


def utsname(notes):
    """Release out of vmcoreinfo; the rest is as Linux on x86-64 has it."""
    start = notes.find(b"OSRELEASE=") + 10
    release = notes[start:notes.index(b"\n", start)]
    return b"".join(w.ljust(65, b"\0") for w in (b"Linux", b"huge", release, b"#1 SMP", b"x86_64", b"(none)"))


def phys_base(notes):
    start = notes.find(b"NUMBER(phys_base)=") + 18
    return int(notes[start:notes.index(b"\n", start)])


def vmcoreinfo_at(notes):
    """Offset and length of its text within the notes."""
    at = 0
    while at + 12 <= len(notes):
        namesz, descsz, _ = struct.unpack_from("<III", notes, at)
        desc = at + 12 + (namesz + 3) // 4 * 4
        if notes[at + 12:at + 22] == b"VMCOREINFO":
            return desc, descsz
        at = desc + (descsz + 3) // 4 * 4
    return 0, 0


def write_kdump(elf, path):
    max_pfn = TOP // PAGE
    bitmap = max_pfn // 8
    sub_blocks = (104 + len(elf.notes) + PAGE - 1) // PAGE
    maps = (1 + sub_blocks) * PAGE
    notes_at = PAGE + 104
    info, info_size = vmcoreinfo_at(elf.notes)
    with open(path, "w+b") as f:
        f.write(b"KDUMP   " + struct.pack("<i", 6) + utsname(elf.notes) + b"\0" * 6)
        f.write(struct.pack("<qqIiiIIIII", 1700000000, 0, PD_ZLIB, PAGE, sub_blocks, 2 * bitmap // PAGE,
                            0xffffffff, 0, 0, 0) + struct.pack("<i", 1))
        f.seek(PAGE)
        f.write(struct.pack("<QiiQQQQQQQQQQQ", phys_base(elf.notes) % 2**64, 31, 0, 0, 0,
                            notes_at + info, info_size, notes_at, len(elf.notes), 0, 0, 0, 0, max_pfn)[:104])
        f.seek(notes_at)
        f.write(elf.notes)
        pages = []  # (pfn, offset in the ELF; None: one of ours)
        for pa, offset, filesz, memsz in elf.physical():
            first = -(-pa // PAGE)
            set_bits(f, maps, first, (pa + memsz) // PAGE)
            last = max(first, (pa + filesz) // PAGE)
            set_bits(f, maps + bitmap, first, last)
            pages += [(pfn, offset + pfn * PAGE - pa) for pfn in range(first, last)]
        for at in (maps, maps + bitmap):
            set_bits(f, at, max_pfn - FAR_PAGES, max_pfn)
        pages += [(pfn, None) for pfn in range(max_pfn - FAR_PAGES, max_pfn)]
        descs = maps + 2 * bitmap
        at = descs + 24 * len(pages)
        table, cached = bytearray(), (None, b"")
        f.seek(at)
        zero = at
        f.write(b"\0" * PAGE)
        at += PAGE
        for pfn, offset in pages:
            if offset is None:
                page = (b"page frame %x of a huge dump\n" % pfn).ljust(PAGE, b".")
            else:
                chunk = offset >> 20
                if cached[0] != chunk:
                    cached = (chunk, elf.read(chunk << 20, (1 << 20) + PAGE))
                page = cached[1][offset & 0xfffff:][:PAGE]
            if not any(page):
                table += struct.pack("<QIIQ", zero, PAGE, 0, 0)
                continue
            packed = zlib.compress(page, 1)
            flags = PD_ZLIB
            if len(packed) >= PAGE:
                packed, flags = page, 0
            table += struct.pack("<QIIQ", at, len(packed), flags, 0)
            f.write(packed)
            at += len(packed)
        f.seek(descs)
        f.write(table)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: huge.py VMCORE.elf OUT_DIR")
    elf, out = Elf(sys.argv[1]), sys.argv[2]
    os.makedirs(out, exist_ok=True)
    for name, write in (("huge.elf", write_elf), ("huge.kdump", write_kdump)):
        path = os.path.join(out, name)
        write(elf, path + ".new")
        os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
