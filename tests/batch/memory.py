#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an address is, in a dump whose free lists, page tables, lists and trees of memory are damaged; and what
files a task has whose table of descriptors can only partly be read.

    memory.py PROGRAM [NAME...]      NAME: only the cases whose name contains it

A free list that is damaged must not make an object "allocated" that may be free; whatever is damaged, every answer
comes, and the sanitizers have nothing to say.
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

from dumpfile import PAGE, Kdump
from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
WANTED = sys.argv[2:]
LAB = os.environ.get("VMBROWSE_LAB", os.path.expanduser("~/.cache/vmbrowse-lab"))
VMLINUX, VMCORE = LAB + "/kernels/6.1/vmlinux", LAB + "/dumps/6.1/fsfreeze/vmcore.zlib"
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|Segmentation|core dumped|Assertion")
WILD, USER = 0x8877665544332211, 0x7ffd12345678


def ask(path, commands):
    p = subprocess.run([PROGRAM, "-o", "json", "--no-cache", "-x", "-", VMLINUX, path], input="\n".join(commands) + "\n",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, errors="replace")
    if TROUBLE.search(p.stderr) or p.returncode not in (0, 1):
        raise RuntimeError("exit status %d\n%s" % (p.returncode, p.stderr[-4000:]))
    return [json.loads(line) for line in p.stdout.splitlines()]


def states(path, slab):
    """{object: (state, text)} of all objects of the slab."""
    start, size, n = slab["start"], slab["size"], slab["objects"]
    rows = [r for i in range(0, n, 60) for r in
            ask(path, ["what " + " ".join("0x%x" % (start + k * size) for k in range(i, min(n, i + 60)))])[0]["rows"]]
    return {int(r["address"], 16): (r["state"], r["text"]) for r in rows if r["kind"] == "slab"}


def find_slab(path):
    """A slab of a cache without red zones that has objects in use and, on its own list, at least three free ones."""
    tasks = [r["task"] for r in ask(path, ["ps"])[0]["rows"]]
    words = ask(path, ["rd %s 512" % t for t in tasks[:40]])
    pointers = sorted({r["value"] for a in words for r in a["rows"] if isinstance(r["value"], str)
                       and r["value"].startswith("0xffff8")})
    rows = [r for i in range(0, len(pointers), 60) for r in ask(path, ["what " + " ".join(pointers[i:i + 60])])[0]["rows"]]
    seen = set()
    for r in rows:
        m = re.search(r"object (\d+) of (\d+) in the slab at (0x[0-9a-f]+)", r["text"]) if r["kind"] == "slab" else None
        if not m or m[3] in seen or int(m[1]) == 0 or r["name"] == "task_struct":
            continue
        seen.add(m[3])
        start, index = int(m[3], 16), int(m[1])
        slab = {"start": start, "size": (int(r["start"], 16) - start) // index, "objects": int(m[2]), "name": r["name"]}
        found = states(path, slab)
        free = [a for a, (s, text) in found.items() if "the slab's free list" in text]
        if len(free) >= 3 and any(s == "allocated" for s, _ in found.values()):
            return dict(slab, free=sorted(free), used=[a for a, (s, _) in found.items() if s == "allocated"])
    raise RuntimeError("no slab fits")


def facts(path, d, slab):
    """Where the slab's list begins, and how it is written."""
    names = ["slab.slab_cache", "slab.freelist", "kmem_cache.size", "kmem_cache.offset", "kmem_cache.random", "page.flags",
             "mm_struct.mm_mt.ma_root", "vmap_area.list", "vm_area_struct.vm_end"]
    answers = ask(path, ["struct %s init_task" % n for n in names] + ["rd vmemmap_base 1", "rd page_offset_base 1"])
    off = {n: a["rows"][0]["offset"] for n, a in zip(names, answers) if a["rows"]}
    vmemmap, direct = (int(a["rows"][0]["value"], 16) for a in answers[len(names):])
    page = vmemmap + (slab["start"] - direct) // PAGE * 64
    cache = d.u64(page + off["slab.slab_cache"])
    f = dict(off, page=page, cache=cache, first=page + off["slab.freelist"],
             random=d.u64(cache + off["kmem_cache.random"]), offset=d.u32(cache + off["kmem_cache.offset"]))
    return f


def swab(v):
    return struct.unpack(">Q", struct.pack("<Q", v))[0]


def link(d, f, at, to):
    place = at + f["offset"]
    d.set64(place, to ^ f["random"] ^ swab(place))


def follow(d, f):
    """The slab's free list as it stands."""
    p, found = d.u64(f["first"]), []
    while p and len(found) < 10000:
        found.append(p)
        place = p + f["offset"]
        p = d.u64(place) ^ f["random"] ^ swab(place)
    return found


def free_lists(tap, d, slab, f):
    chain = follow(d, f)
    tap.check("the list is what the program says", sorted(chain) == slab["free"], "%s\n%s" % (chain, slab))
    first, second = chain[0], chain[1]
    cases = [
        ("free list: an object leads to itself", lambda: link(d, f, second, second), 2),
        ("free list: a cycle", lambda: link(d, f, chain[2], first), 3),
        ("free list: a link to the middle of an object", lambda: link(d, f, first, second + 8), 1),
        ("free list: a link into another page", lambda: link(d, f, first, second + 64 * PAGE), 1),
        ("free list: a link is noise", lambda: d.set64(first + f["offset"], WILD), 1),
        ("free list: a link of user space", lambda: link(d, f, first, USER), 1),
        ("free list: it begins with noise", lambda: d.set64(f["first"], WILD), 0),
        ("free list: it begins in another page", lambda: d.set64(f["first"], first ^ 1 << 20), 0),
    ]
    for name, damage, known in cases:
        if WANTED and not any(w in name for w in WANTED):
            continue
        damage()
        found = states(d.path, slab)
        wrong = [(hex(a), found.get(a)) for a in chain[:known] if not found.get(a) or found[a][0] != "free"]
        wrong += [(hex(a), found.get(a)) for a in slab["used"] + chain[known:]
                  if not found.get(a) or found[a][0] != "unknown" or "damaged" not in found[a][1]]
        tap.check(name, not wrong, str(wrong[:5]))
        d.restore()


def walks(tap, d, slab, f):
    """Page tables, areas, mappings: every question is answered, and in bounded time."""
    top = ask(d.path, ["rd vmap_area_list 1", "ps 1", "sym vmap_area_list"])
    area, task = int(top[0]["rows"][0]["value"], 16), top[1]["rows"][0]["task"]
    stack = int(ask(d.path, ["struct task_struct.stack %s" % task])[0]["rows"][0]["value"], 16)
    mm = int(ask(d.path, ["struct task_struct.mm %s" % task])[0]["rows"][0]["value"], 16)
    root = d.u64(mm + f["mm_struct.mm_mt.ma_root"])
    user = d.pa(int(ask(d.path, ["p ((struct mm_struct *)0x%x)->pgd" % mm])[0]["rows"][0]["value"], 16))
    places = d.walk(stack)[0]
    pgd, pte = places[0], places[-1]
    node = root & ~0xff
    vma = int(ask(d.path, ["vm 1"])[0]["rows"][0]["vma"], 16)
    caches = [int(r["cache"], 16) for r in ask(d.path, ["kmem -s"])[0]["rows"]]
    cases = [
        ("page tables: a table is its own next", lambda: d.write_pa(places[1], struct.pack("<Q", places[1] & ~0xfff | 0x63))),
        ("page tables: an entry leads behind all memory", lambda: d.write_pa(pte, struct.pack("<Q", 0x000ffffffffff063))),
        ("page tables: an entry is noise", lambda: d.write_pa(places[1], struct.pack("<Q", WILD))),
        ("page tables: an entry is empty", lambda: d.write_pa(pte, bytes(8))),
        ("page tables: a table is lost", lambda: d.lose_page(places[-1] // PAGE)),
        ("vmalloc: the first area leads to itself", lambda: d.set64(area, area, area)),
        ("vmalloc: the list begins with noise", lambda: d.set64(int(top[2]["rows"][0]["address"], 16), WILD)),
        ("mappings: the top node of the tree leads to itself", lambda: [d.set64(node + 8 * i, root) for i in range(1, 32)]),
        ("mappings: the tree's root is noise", lambda: d.set64(mm + f["mm_struct.mm_mt.ma_root"], WILD | 2)),
        ("mappings: one ends with all user space", lambda: d.set64(vma + f["vm_area_struct.vm_end"], 0x7ffffffff000)),
        ("mappings: one ends with all user space, whose page tables lead back to themselves", lambda: [
            d.set64(vma + f["vm_area_struct.vm_end"], 0x7ffffffff000),
            d.write_pa(user, struct.pack("<Q", user | 0x67) * 256)]),
        ("struct page: a tail that leads to itself", lambda: d.set64(f["page"] + 8, f["page"] | 1)),
        ("slab: it has more objects than it can", lambda: d.set64(f["first"] + 8, 2**64 - 1)),
        ("kmem_cache: size 0 and 1", lambda: d.set64(f["cache"] + 24, 0)),
        ("kmem_cache: all of size 0", lambda: [d.write(c + f["kmem_cache.size"], bytes(4)) for c in caches]),
    ]
    for name, damage in cases:
        if WANTED and not any(w in name for w in WANTED):
            continue
        damage()
        lines = ["what 0x%x" % (stack + 100), "vtop 0x%x" % stack, "vtop 0x%x" % slab["start"], "what -c 1 400000",
                 "vtop -c 1 400000", "rd -S 0x%x 512" % slab["start"], "what 0x%x 0x%x" % (slab["start"], f["page"]),
                 "kmem -s", "vm -p 1"]
        answers = ask(d.path, lines)
        dumb = [l for l, a in zip(lines, answers) if not a["rows"] and not a["errors"]]
        long = [l for l, a in zip(lines, answers) if l.startswith("vtop") and len(a["rows"]) > 12]
        tap.check(name, len(answers) == len(lines) and not dumb and not long, "no answer to %s; too long: %s" % (dumb, long))
        d.restore()


def descriptors(tap, d):
    """The table of descriptors of the first process: its bitmap, its pointers, and both of them can't be read."""
    whole = ask(d.path, ["files 1"])[0]["rows"]
    fds = [r["fd"] for r in whole if r["what"] == "fd"]
    fdt = int(ask(d.path, ["p ((struct task_struct *)%s)->files->fdt" % next(
        r["task"] for r in ask(d.path, ["ps 1"])[0]["rows"])])[0]["rows"][0]["value"], 16)
    fd, bitmap = (ask(d.path, ["struct fdtable.%s 0x%x" % (m, fdt)])[0]["rows"][0]["offset"] for m in ("fd", "open_fds"))
    d.set64(fdt + bitmap, WILD)
    a = ask(d.path, ["files 1"])[0]
    tap.check("without the bitmap the slots tell", a["rows"] == whole and not a["errors"], a)
    d.restore()
    d.set64(fdt + fd, WILD)
    a = ask(d.path, ["files 1"])[0]
    lost = [r for r in a["rows"] if r["what"] == "fd"]
    tap.check("without the slots the bitmap tells what is open", [r["fd"] for r in lost] == fds and fds and
              all("fault" in (r["file"] or {}) for r in lost) and a["rows"][:3] == whole[:3] and
              any("%d descriptors" % len(fds) in e for e in a["errors"]), a)
    d.set64(fdt + bitmap, WILD)
    a = ask(d.path, ["files 1"])[0]
    tap.check("without both that is told", a["rows"] == whole[:len(whole) - len(fds)] and
              any("of 0 to" in e for e in a["errors"]), a)
    d.restore()


def lost_tables(tap, d):
    """Without the kernel's top page table its stacks and modules are found by those of the processes."""
    def stacks():
        found = {}
        for r in ask(d.path, ["foreach bt -I"])[0]["rows"]:
            found.setdefault(r["pid"], []).append(r["pc"])
        return found, len(ask(d.path, ["mod"])[0]["rows"])
    want, modules = stacks()
    d.lose_page(d.pgd // PAGE)
    have, left = stacks()
    same = sum(have.get(p) == w for p, w in want.items())
    tap.check("without the kernel's top page table", same > len(want) - 4 and left == modules,
              "%d of %d stacks, %d of %d modules" % (same, len(want), left, modules))
    d.restore()


def all_cases(tap):
    if not os.path.exists(VMCORE):
        tap.check("the lab has the dump", False, "run tests/lab/lab build --required")
        return
    with tempfile.TemporaryDirectory(prefix="vmbrowse-memory.") as tmp:
        d = Kdump(VMCORE, tmp + "/vmcore")
        slab = find_slab(d.path)
        f = facts(d.path, d, slab)
        free_lists(tap, d, slab, f)
        walks(tap, d, slab, f)
        descriptors(tap, d)
        lost_tables(tap, d)
        d.close()


Tap().run([all_cases])
