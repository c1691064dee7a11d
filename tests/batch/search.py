#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Search finds exactly what comparing every byte of the same pages finds, on a real dump whose pages are read here by
other code (dumpfile.py): physical memory, what the kernel's page tables map, stacks; also across pages that are
neighbours by their addresses only, in a filtered dump, and with damaged pages.

    search.py PROGRAM
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

from dumpfile import Kdump, PAGE
from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
VMLINUX = os.environ.get("VMLINUX_fsfreeze_6_1")
VMCORE = os.path.join(os.path.dirname(os.environ.get("VMCORE_fsfreeze_6_1", "/")), "vmcore.zlib")
TMP = tempfile.mkdtemp(prefix="vmbrowse-search.")
PLANTED = b"planted: vmbrowse \x7f\x01\x02 across"
TOP = 1 << 64


class Reference:
    """Pieces of memory whose bytes follow each other, by their addresses."""

    def __init__(self, pages):
        """pages: (address, bytes or None), by address."""
        self.pieces = []
        parts, start, end = [], 0, None
        for va, data in pages:
            if data is None or va != end:
                if parts:
                    self.pieces.append((start, b"".join(parts)))
                parts, start, end = [], va, None
            if data is not None:
                if end is None:
                    start = va
                parts.append(data)
                end = va + PAGE
        if parts:
            self.pieces.append((start, b"".join(parts)))

    def find(self, regex, width=1, overlap=True):
        """Addresses where the bytes match; of numbers only at multiples of their width."""
        pattern = re.compile(b"(?=%s)" % regex if overlap else regex, re.S)
        return [va + m.start() for va, data in self.pieces for m in pattern.finditer(data)
                if (va + m.start()) % width == 0]


def mappings(dump, first, last):
    """(virtual, physical) of all pages that the tables map in [first, last], by address."""
    def table(pa):
        page = dump.page(pa // PAGE)
        return struct.unpack("<512Q", page) if page else ()

    def walk(pa, level, base):
        shift = 12 + 9 * level
        for i, entry in enumerate(table(pa)):
            va = base + (i << shift)
            if level == dump.levels - 1 and i >= 256:
                va |= TOP - (1 << shift + 9)
            if not entry & 1 or va + (1 << shift) <= first or va > last:
                continue
            to = entry & 0x000ffffffffff000
            if level and not entry & 0x80:
                yield from walk(to, level - 1, va)
                continue
            to &= ~((1 << shift) - 1)
            for k in range(0, 1 << shift, PAGE):
                if first <= va + k <= last:
                    yield va + k, to + k
    return walk(dump.pgd, dump.levels - 1, 0)


def search(dump, line):
    p = subprocess.run([PROGRAM, "--no-cache", "-o", "json", "-x", "search " + line, VMLINUX, dump.path],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    answer = json.loads(p.stdout)
    return [int(r["address"], 16) for r in answer["rows"]], answer, p


def quoted(data):
    return "'%s'" % "".join("\\x%02x" % b for b in data)


class Searches:
    def __init__(self, tap):
        self.tap = tap
        self.dump = Kdump(VMCORE, os.path.join(TMP, "vmcore"))
        self.plant()

    def pages(self, mapped):
        present = set(self.pfns)
        return [(va, self.dump.page(pa // PAGE) if pa // PAGE in present else None) for va, pa in mapped]

    def plant(self):
        """Where two pages follow each other: in physical memory, and by their vmalloc addresses alone."""
        d = self.dump
        self.pfns = d.pfns()
        present = set(self.pfns)
        rows = json.loads(subprocess.run([PROGRAM, "-o", "json", "-x", "p vmalloc_base", VMLINUX, d.path],
                                         stdout=subprocess.PIPE, text=True).stdout)["rows"]
        self.vmalloc = int(rows[0]["value"]) if str(rows[0]["value"]).isdigit() else int(rows[0]["value"], 16)
        self.mapped = list(mappings(d, self.vmalloc, self.vmalloc + (32 << 40) - 1))
        # at the border of the pieces in which pages are read, too
        self.low = next(p for p in self.pfns if p % 64 == 63 and p + 1 in present and p > 0x2000)
        d.write_pa(self.low * PAGE + PAGE - 7, PLANTED)
        a, b = next((a, b) for a, b in zip(self.mapped[40:], self.mapped[41:])
                    if b[0] == a[0] + PAGE and b[1] != a[1] + PAGE and {a[1] // PAGE, b[1] // PAGE} <= present)
        d.write_pa(a[1] + PAGE - 9, PLANTED[:9])
        d.write_pa(b[1], PLANTED[9:])
        self.scattered = a[0] + PAGE - 9

    def same(self, what, line, want, reference_is_empty=False):
        got, answer, p = search(self.dump, line)
        ok = got == want and (bool(want) or reference_is_empty) and p.returncode == 0
        self.tap.check("%s: %d places" % (what, len(want)), ok,
                       "search %s: %d found, %d expected; too many %s, missing %s %s" %
                       (line, len(got), len(want), ["%x" % x for x in sorted(set(got) - set(want))[:5]],
                        ["%x" % x for x in sorted(set(want) - set(got))[:5]], p.stderr[:300]))
        return answer

    def physical(self):
        ref = Reference([(pfn * PAGE, self.dump.page(pfn)) for pfn in self.pfns])
        number = self.vmalloc
        self.same("numbers", "-p 0x%x" % number, ref.find(re.escape(struct.pack("<Q", number)), 8))
        answer = self.same("numbers of 4 bytes, masked", "-p -w -m 0xff00ff 0x41005a00",
                           ref.find(b".\x5a.\x41", 4))
        self.tap.check("what the filter left out is told",
                       re.search(r"searched [0-9,]+ pages; [0-9,]+ excluded", " ".join(answer["errors"])), answer["errors"])
        self.same("numbers of 2 bytes, two of them", "-p -h 0xd00d 0xfeed",
                  sorted(ref.find(b"\x0d\xd0", 2) + ref.find(b"\xed\xfe", 2)))
        self.same("a range: pointers into a page", "-p 0x%x..0x%x" % (number, number + 0xfff),
                  ref.find(b".[\\x00-\\x0f]" + re.escape(struct.pack("<Q", number)[2:]), 8), True)
        self.same("strings", "-p -c vfs_ \"Kernel panic\"", sorted(ref.find(b"vfs_") + ref.find(b"Kernel panic")))
        self.same("a pattern", "-p -P 'kworker/[0-9]+:[0-9]'", ref.find(b"kworker/[0-9]+:[0-9]", overlap=False))
        self.same("a pattern across pages", "-p -P %s" % quoted(PLANTED), ref.find(re.escape(PLANTED)))
        self.same("a string across pages", "-p -c '%s'" % PLANTED[:18].decode().strip(), ref.find(re.escape(PLANTED[:17])))

    def virtual(self):
        ref = Reference(self.pages(self.mapped))
        part = "-V -s 0x%x -l %d " % (self.vmalloc, 32 << 40)
        self.same("vmalloc: numbers", part + "0x57ac6e9d", ref.find(re.escape(struct.pack("<Q", 0x57ac6e9d)), 8))
        want = ref.find(re.escape(PLANTED))
        self.tap.check("the planted bytes lie across two scattered pages", self.scattered in want, want)
        self.same("a pattern across scattered pages", part + "-P %s" % quoted(PLANTED), want)
        self.same("a string across scattered pages", part + "-c '%s'" % PLANTED[:17].decode(),
                  ref.find(re.escape(PLANTED[:17])))

    def damaged(self):
        lost = self.pfns[300:6000:97]
        for pfn in lost:
            self.dump.lose_page(pfn)
        ref = Reference([(pfn * PAGE, self.dump.page(pfn)) for pfn in self.pfns if pfn not in set(lost)])
        answer = self.same("with damaged pages", "-p -c vfs_", ref.find(b"vfs_"))
        self.tap.check("they are counted", re.search(r"\b%d lost or damaged" % len(lost), " ".join(answer["errors"])),
                       answer["errors"])

    def run(self):
        self.physical()
        self.virtual()
        self.damaged()


def all_searches(tap):
    if not VMLINUX or not os.path.exists(VMCORE):
        tap.skip("search", "the lab has no dump of 6.1 with zlib pages")
        return
    Searches(tap).run()


def refs(tap):
    """Who points to the frozen filesystem: its mount, the list of all superblocks, the stack of the task that waits."""
    if not VMLINUX:
        tap.skip("refs", "no dump")
        return

    def rows(*lines):
        p = subprocess.run([PROGRAM, "--no-cache", "-o", "json"] + [a for l in lines for a in ("-x", l)] +
                           [VMLINUX, os.environ["VMCORE_fsfreeze_6_1"]], stdout=subprocess.PIPE, text=True, timeout=300)
        return [json.loads(l)["rows"] for l in p.stdout.splitlines()]
    sb = next(r for r in rows("mount")[0] if r["directory"] == "/boot")["superblock"]
    got = rows("refs " + sb)[0]
    what = rows("what " + sb)[0][0]
    first, size = int(what["start"], 16), what["size"]
    tap.check("the mount's mnt_sb points to it",
              any((r["type"], r["member"]) == ("struct mount", "mnt.mnt_sb") and r["to"] == 0 for r in got), got[:5])
    tap.check("the list of superblocks does", any("super_blocks" in r["what"] for r in got), got[-3:])
    tap.check("a stack does, with its task", any(r["kind"] in ("frame", "variable", "stack") and r["pid"] for r in got), got)
    found = {r["address"] for r in rows("search 0x%x..0x%x" % (first, first + size - 1))[0]}
    told = {r["address"] for r in got}
    slab = rows("search -S mnt_cache 0x%x..0x%x" % (first, first + size - 1), "search -S no_such 5")
    tap.check("of the mounts' slabs it finds those in mounts, and nothing else",
              {r["address"] for r in slab[0]} == {r["address"] for r in got if r["type"] == "struct mount"} and slab[0],
              slab[0])
    tap.check("search finds all of them, and what it has more is mapped twice", told <= found and
              len(told) >= len(found) / 2, "%d told, %d found" % (len(told), len(found)))


def words(tap):
    """What can't be understood is told, with status 1."""
    dump = type("", (), {"path": os.environ.get("VMCORE_fsfreeze_6_1")})
    if not VMLINUX:
        tap.skip("words", "no dump")
        return
    for line, what in (("-c ''", "empty"), ("-P 'a('", "parenthesis"), ("-h 12345", "16 bits"), ("-m 5 1..3", "mask"),
                       ("-u 1", "kernel thread"), ("-s 10 -e 8 5", "not behind"), ("", "VALUE"), ("-t -p 5", "exclude"),
                       ("-n 0 5", "-n"), ("5..3", "before")):
        p = search(dump, line)[2]
        tap.check("search %s" % line, p.returncode == 1 and what in p.stderr, p.stderr)


Tap().run([all_searches, refs, words])
