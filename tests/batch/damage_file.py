# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to the dump file's own headers and notes."""
import re
import struct

from damagecase import Expect, case
from dumpfile import Kdump

# -- the file's headers

@case("kdump header: a field of 4 bytes", *[(at, v) for at in (8, 424, 428, 432, 436, 440)
                                            for v in (0, 1, 0x7fffffff, 0x80000000, 0xffffffff)], only="kdump")
def head_field(d, f, rng, p):
    d.put(p[0], struct.pack("<I", p[1]))
    return Expect(opens=False, tasks=False)


@case("kdump sub-header: a field of 8 bytes", *[(at, v) for at in range(0, 112, 8)
                                                for v in (0, 2**31, 2**63 - 1, 2**64 - 1)], only="kdump")
def sub_field(d, f, rng, p):
    d.put(d.sub + p[0], struct.pack("<Q", p[1]))
    return Expect(opens=False, tasks=False)


@case("kdump: all descriptors", "noise", "one place", "zeros", only="kdump")
def descs(d, f, rng, how):
    n = min(d.npages, 20000) * 24
    d.put(d.descs, {"noise": rng.randbytes(n), "zeros": bytes(n),
                    "one place": d.get(d.descs, 24) * (n // 24)}[how])
    return Expect(opens=False, tasks=False)


@case("kdump: bitmap", "noise", "zeros", "ones", only="kdump")
def bitmaps(d, f, rng, how):
    n = len(d.bitmap)
    data = {"noise": rng.randbytes(n), "zeros": bytes(n), "ones": b"\xff" * n}[how]
    d.put(d.bitmap_at + n, data)
    return Expect(opens=False, tasks=False)


@case("vmcoreinfo: numbers", "0", "ffffffffffffffff", "-1", "zz", "99999999999999999999999", "7fffffffffffffff")
def info_numbers(d, f, rng, value):
    for key in ("KERNELOFFSET", "NUMBER(phys_base)", "SYMBOL(swapper_pg_dir)", "PAGESIZE", "SIZE(printk_info)",
                "OFFSET(prb_desc.text_blk_lpos)", "OFFSET(printk_info.text_len)"):
        set_info(d, key, value)
    return Expect(opens=False, tasks=False)


@case("vmcoreinfo: one number", "KERNELOFFSET", "NUMBER(phys_base)", "SYMBOL(swapper_pg_dir)",
      "NUMBER(pgtable_l5_enabled)", "NUMBER(sme_mask)")
def info_one(d, f, rng, key):
    set_info(d, key, "7f3210fe")
    return Expect(opens=False, tasks=False)


def set_info(d, key, value):
    m = re.search(rb"\n%s=([^\n]*)" % re.escape(key.encode()), d.info)
    if m:
        text = value.encode().ljust(len(m.group(1)))[:len(m.group(1))]
        d.put(info_place(d) + m.start(1), text)


def info_place(d):
    if isinstance(d, Kdump):
        return struct.unpack("<q", d.get(d.sub + 32, 8))[0]
    off, size = d.notes[0]
    return off + d.get(off, size).find(d.info)


@case("vmcoreinfo: noise")
def info_noise(d, f, rng, _):
    d.put(info_place(d), rng.randbytes(len(d.info)))
    return Expect(opens=False, tasks=False)


@case("ELF header: a field", *[(at, v) for at in (32, 40, 52, 54, 56, 58) for v in (0, 1, 0xffff)], only="elf")
def elf_field(d, f, rng, p):
    d.put(p[0], struct.pack("<H", p[1]))
    return Expect(opens=False, tasks=False)


@case("ELF program headers: a field", *[(at, v) for at in (0, 8, 16, 24, 32, 40, 48)
                                        for v in (0, 2**31, 2**63, 2**64 - 1)], only="elf")
def phdr_field(d, f, rng, p):
    for i in range(len(d.phdrs)):
        d.put(d.phoff + i * 56 + p[0], struct.pack("<Q", p[1]))
    return Expect(opens=False, tasks=False)


@case("ELF notes: sizes", (0, 0), (2**32 - 1, 0), (0, 2**32 - 1), (2**32 - 1, 2**32 - 1), (5, 2**31), only="elf")
def note_sizes(d, f, rng, p):
    for off, size in d.notes:
        d.put(off, struct.pack("<II", *p))
    return Expect(opens=False, tasks=False)


@case("bytes flipped in the first 32 KB", *range(12))
def flips(d, f, rng, i):
    for _ in range(1 + 4 * i):
        at = rng.randrange(32768)
        d.put(at, bytes([d.get(at, 1)[0] ^ 1 << rng.randrange(8)]))
    return Expect(opens=False, tasks=False)
