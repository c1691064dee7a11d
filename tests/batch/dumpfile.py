# SPDX-License-Identifier: GPL-2.0-or-later
"""A working copy of a dump whose bytes and pages can be damaged, and mended again.

Two formats are enough to reach any byte of memory: kdump-compressed (zlib or raw pages: a page is replaced by one at
the file's end that its descriptor is made to point to) and ELF. Written from makedumpfile's IMPLEMENTATION and the ELF
gABI, on its own, so that the program isn't tested against itself.
"""
import os
import re
import shutil
import struct
import zlib

PAGE = 4096
MAPPED = 0xffffffff80000000  # __START_KERNEL_map


class WorkingCopy:
    """Writes are remembered, so that restore() makes the file what it was."""

    def __init__(self, source, path):
        shutil.copyfile(source, path)
        self.path = path
        self.file = open(path, "r+b", buffering=0)
        self.size = os.path.getsize(path)
        self.undo = []

    def get(self, off, n):
        return os.pread(self.file.fileno(), n, off)

    def put(self, off, data):
        old = self.get(off, len(data))
        self.undo.append((off, old))
        os.pwrite(self.file.fileno(), data, off)

    def truncate(self, size):
        self.undo.append((size, self.get(size, self.size - size)))
        os.truncate(self.path, size)

    def restore(self):
        for off, old in reversed(self.undo):
            os.pwrite(self.file.fileno(), old, off)
        self.undo = []
        os.truncate(self.path, self.size)

    def close(self):
        self.file.close()
        os.remove(self.path)


class Memory:
    """Physical and kernel-virtual memory of a dump, by the formats' page(), set_page() and lose_page()."""

    def vmcoreinfo(self, name):
        m = re.search(rb"^%s=(.*)$" % re.escape(name.encode()), self.info, re.M)
        return m and m.group(1).decode()

    def setup(self):
        self.phys_base = int(self.vmcoreinfo("NUMBER(phys_base)"))
        self.pgd = int(self.vmcoreinfo("SYMBOL(swapper_pg_dir)"), 16) - MAPPED + self.phys_base
        self.levels = 5 if self.vmcoreinfo("NUMBER(pgtable_l5_enabled)") == "1" else 4

    def read_pa(self, pa, n):
        out = b""
        while n:
            page = self.page(pa // PAGE)
            if page is None:
                raise KeyError("no page at 0x%x" % pa)
            part = page[pa % PAGE:pa % PAGE + n]
            out, pa, n = out + part, pa + len(part), n - len(part)
        return out

    def write_pa(self, pa, data):
        while data:
            off = pa % PAGE
            page = bytearray(self.page(pa // PAGE))
            part = data[:PAGE - off]
            page[off:off + len(part)] = part
            self.set_page(pa // PAGE, bytes(page))
            pa, data = pa + len(part), data[len(part):]

    def walk(self, va):
        """The places of the page-table entries for va, from the top, and its physical address (None: not mapped)."""
        table, places = self.pgd, []
        for level in range(self.levels - 1, -1, -1):
            shift = 12 + 9 * level
            places.append(table + (va >> shift & 511) * 8)
            entry = struct.unpack("<Q", self.read_pa(places[-1], 8))[0]
            if not entry & 1:
                return places, None
            table = entry & 0x000ffffffffff000
            if not level or entry & 0x80:
                mask = (1 << shift) - 1
                return places, (table & ~mask) | (va & mask)
        return places, None

    def pa(self, va):
        pa = self.walk(va)[1]
        if pa is None:
            raise KeyError("0x%x is not mapped" % va)
        return pa

    def read(self, va, n):
        out = b""
        while n:
            part = min(n, PAGE - va % PAGE)
            out, va, n = out + self.read_pa(self.pa(va), part), va + part, n - part
        return out

    def u64(self, va):
        return struct.unpack("<Q", self.read(va, 8))[0]

    def u32(self, va):
        return struct.unpack("<I", self.read(va, 4))[0]

    def write(self, va, data):
        while data:
            part = data[:PAGE - va % PAGE]
            self.write_pa(self.pa(va), part)
            va, data = va + len(part), data[len(part):]

    def set64(self, va, *values):
        self.write(va, struct.pack("<%dQ" % len(values), *(v & 2**64 - 1 for v in values)))

    def set32(self, va, value):
        self.write(va, struct.pack("<I", value & 2**32 - 1))


class Kdump(WorkingCopy, Memory):
    """kdump-compressed, one file. Pages are zlib's or raw."""

    def __init__(self, source, path):
        super().__init__(source, path)
        head = self.get(0, PAGE)
        self.block, sub_blocks, self.bitmap_blocks = struct.unpack_from("<iiI", head, 428)
        self.sub = self.block
        at, size = struct.unpack("<qQ", self.get(self.sub + 32, 16))
        self.info = self.get(at, size)
        self.bitmap_at = self.block * (1 + sub_blocks)
        half = self.bitmap_blocks * self.block // 2
        self.bitmap = self.get(self.bitmap_at + half, half)
        self.descs = self.bitmap_at + half * 2
        self.rank, n = [], 0
        for i in range(0, half, 64):
            self.rank.append(n)
            n += int.from_bytes(self.bitmap[i:i + 64], "little").bit_count()
        self.npages, self.end, self.cached = n, self.size, {}
        self.setup()

    def desc(self, pfn):
        """Where the page's descriptor is; None: the page isn't in the dump."""
        byte = pfn >> 3
        if byte >= len(self.bitmap) or not self.bitmap[byte] >> (pfn & 7) & 1:
            return None
        start = byte & ~63
        bits = int.from_bytes(self.bitmap[start:start + 64], "little") & ((1 << (pfn - start * 8)) - 1)
        return self.descs + 24 * (self.rank[byte >> 6] + bits.bit_count())

    def page(self, pfn):
        if pfn not in self.cached:
            self.cached[pfn] = self.load(pfn)
        return self.cached[pfn]

    def load(self, pfn):
        at = self.desc(pfn)
        if at is None:
            return None
        off, size, flags = struct.unpack("<qII", self.get(at, 16))
        data = self.get(off, size)
        return zlib.decompress(data) if flags & 1 else data

    def set_page(self, pfn, data):
        self.put(self.desc(pfn), struct.pack("<qII", self.end, len(data), 0))
        os.pwrite(self.file.fileno(), data, self.end)
        self.end += len(data)
        self.cached[pfn] = data

    def lose_page(self, pfn):
        """As a disk that lost a block would have it: the descriptor points behind the file's end."""
        self.put(self.desc(pfn), struct.pack("<qII", 1 << 40, PAGE, 0))

    def pfns(self):
        return [i * 8 + bit for i, byte in enumerate(self.bitmap) for bit in range(8) if byte >> bit & 1]

    def restore(self):
        super().restore()
        self.end, self.cached = self.size, {}


class Elf(WorkingCopy, Memory):
    """An ELF core."""

    def __init__(self, source, path):
        super().__init__(source, path)
        self.phoff, = struct.unpack("<Q", self.get(32, 8))
        n, = struct.unpack("<H", self.get(56, 2))
        self.phdrs = [struct.unpack("<IIQQQQQQ", self.get(self.phoff + i * 56, 56)) for i in range(n)]
        self.loads = [(p[4], p[2], p[5]) for p in self.phdrs if p[0] == 1]  # physical, offset, size
        self.notes = [(p[2], p[5]) for p in self.phdrs if p[0] == 4]
        note = b"".join(self.get(off, size) for off, size in self.notes)
        at = note.find(b"OSRELEASE=")
        self.info = note[at:note.find(b"\0", at)]
        self.setup()

    def place(self, pfn):
        for pa, off, size in self.loads:
            if pa <= pfn * PAGE and pfn * PAGE + PAGE <= pa + size:
                return off + pfn * PAGE - pa
        return None

    def page(self, pfn):
        at = self.place(pfn)
        return None if at is None else self.get(at, PAGE)

    def set_page(self, pfn, data):
        self.put(self.place(pfn), data)

    def pfns(self):
        return [pfn for pa, _, size in self.loads for pfn in range(-(-pa // PAGE), (pa + size) // PAGE)]
