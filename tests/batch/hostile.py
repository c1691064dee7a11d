#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A damaged vmlinux: headers, symbols, BTF, ORC, DWARF, compressed files and what is kept in the cache folder.

    hostile.py PROGRAM [NAME...]      NAME: only the cases whose name contains it

Whatever it is, the dump opens: the log is there, what doesn't work says so, and the sanitizers have nothing to say.
"""
import gzip
import lzma
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from dumpfile import WorkingCopy
from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
VMLINUX, VMCORE = os.environ.get("VMLINUX_fsfreeze_6_1"), os.environ.get("VMCORE_fsfreeze_6_1")
TMP = tempfile.mkdtemp(prefix="vmbrowse-hostile.")
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|Segmentation|core dumped|Assertion")
COMMANDS = ["log -l emerg", "sys", "ps", "struct task_struct init_task", "struct -o super_block", "p runqueues:1",
            "p panic_timeout", "whatis schedule", "sym schedule", "dis schedule 20", "mod", "mount",
            "bt -V", "foreach bt -P", "bt -R"]
FEW = ["log -l emerg", "ps", "struct task_struct init_task", "bt", "sym schedule", "p panic_timeout"]
VALUES = (0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff)


def run(vmlinux, commands=COMMANDS, options=("--no-cache",), env=None):
    args = [PROGRAM, *options]
    for c in commands:
        args += ["-x", c]
    return subprocess.run(args + [vmlinux, VMCORE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          text=True, errors="surrogateescape", env=dict(os.environ, TMPDIR=TMP, **(env or {})))


def opens(tap, name, p, told=None):
    control = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udcff]", p.stdout + p.stderr)
    good = p.returncode in (0, 1) and "Kernel panic" in p.stdout and not control and not TROUBLE.search(p.stderr)
    good = good and (not told or re.search(told, p.stderr))
    tap.check(name, good, "exit status %d, control bytes %s\n%s" % (p.returncode, control, p.stderr[-4000:]))


class Vmlinux(WorkingCopy):
    """Its sections by name."""

    def __init__(self, source, path):
        super().__init__(source, path)
        head = self.get(0, 64)
        self.shoff, = struct.unpack_from("<Q", head, 40)
        self.shnum, shstrndx = struct.unpack_from("<HH", head, 60)
        headers = [struct.unpack("<IIQQQQIIQQ", self.get(self.shoff + i * 64, 64)) for i in range(self.shnum)]
        names = self.get(headers[shstrndx][4], headers[shstrndx][5])
        self.index = {names[h[0]:names.find(b"\0", h[0])].decode(): i for i, h in enumerate(headers)}
        self.place = {name: headers[i][4:6] for name, i in self.index.items()}

    def scatter(self, section, rng, step):
        """A wrong byte or word in every so many bytes."""
        off, size = self.place[section]
        old = self.get(off, size)
        data = bytearray(old)
        for at in range(0, size - 8, step):
            at += rng.randrange(min(step, size - 8 - at) or 1)
            if rng.random() < 0.5:
                data[at] = rng.getrandbits(8)
            else:
                data[at & ~3:(at & ~3) + 4] = struct.pack("<I", rng.choice(VALUES))
        self.put(off, bytes(data))


def each(tap, v, cases, commands=COMMANDS):
    for name, damage in cases:
        if WANTED and not any(w in name for w in WANTED):
            continue
        damage(random.Random(name))
        opens(tap, name, run(v.path, commands))
        v.restore()


def bare():
    """A copy without DWARF: a seventh of the size."""
    path = os.path.join(TMP, "vmlinux.bare")
    if not os.path.exists(path):
        subprocess.run(["objcopy", "--strip-debug", VMLINUX, path], check=True)
    return path


def headers(tap):
    v = Vmlinux(bare(), TMP + "/headers")
    field = lambda at, fmt, value: lambda rng: v.put(at, struct.pack(fmt, value))
    cases = [("ELF header: %d bytes at %d are %#x" % (struct.calcsize(f), at, x), field(at, f, x))
             for at, f in ((4, "<B"), (16, "<H"), (18, "<H"), (40, "<Q"), (58, "<H"), (60, "<H"), (62, "<H"))
             for x in (0, 0xff if f == "<B" else 0xffff)]
    for name in (".symtab", ".strtab", ".BTF", ".orc_unwind", ".orc_unwind_ip", ".notes", ".text"):
        at = v.shoff + 64 * v.index[name]
        cases += [("section %s: %s %#x" % (name, what, x), field(at + o, "<Q" if o > 8 else "<I", x))
                  for what, o, x in (("size", 32, 0), ("size", 32, 2**64 - 1), ("size", 32, 7), ("offset", 24, 2**63),
                                     ("type", 4, 8), ("flags: compressed", 8, 0x800), ("name", 0, 0xffffffff))]
    each(tap, v, cases, FEW)
    v.close()


def sections(tap):
    v = Vmlinux(bare(), TMP + "/sections")
    cases = [("%s: something wrong in every %d bytes" % (name, step), lambda rng, n=name, s=step: v.scatter(n, rng, s))
             for name in (".symtab", ".strtab", ".BTF", ".orc_unwind", ".orc_unwind_ip", ".notes")
             for step in (16, 1024)]
    for n in (0, 63, 64, 4096, 1000000, v.size - 1):
        cases.append(("cut to %d bytes" % n, lambda rng, n=n: v.truncate(n)))
    each(tap, v, cases)
    v.close()


class Btf:
    """Where BTF says what a struct is: {"struct.member": place of its offset, "struct.member[]": of its array's length}."""
    MORE = {1: 4, 3: 12, 14: 4, 17: 4}           # bytes behind a type, by its kind
    EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # and for each of its parts

    def __init__(self, v):
        off, size = v.place[".BTF"]
        data = v.get(off, size)
        head, types, types_size, strings = struct.unpack_from("<4xIIII", data, 0)
        name = lambda at: data[head + strings + at:data.index(b"\0", head + strings + at)].decode()
        self.place, arrays, at, n, members = {}, {}, head + types, 1, []
        while at < head + types + types_size:
            name_at, info = struct.unpack_from("<II", data, at)
            kind, parts = info >> 24 & 31, info & 0xffff
            if kind == 3:
                arrays[n] = off + at + 20
            for i in range(parts if kind in (4, 5) else 0):
                part = at + 12 + 12 * i
                path = "%s.%s" % (name(name_at), name(struct.unpack_from("<I", data, part)[0]))
                self.place[path] = off + part + 8
                members.append((path, struct.unpack_from("<I", data, part + 4)[0]))
            at += 12 + self.MORE.get(kind, 0) + self.EACH.get(kind, 0) * parts
            n += 1
        self.place.update({path + "[]": arrays[t] for path, t in members if t in arrays})


def types(tap):
    """Types that say of members that they lie behind their struct, or that arrays have odd lengths."""
    v = Vmlinux(bare(), TMP + "/types")
    btf = Btf(v)
    far = {"inactive_task_frame.ret_addr": 0xfffffe00, "inactive_task_frame.bx": 8 * 8000, "maple_range_64.pivot": 8 * 3000,
           "maple_arange_64.pivot": 8 * 3000, "task_struct.comm": 0x1fffff8, "pid.tasks": 8 * 1020, "pid.numbers": 8 * 1020,
           "xa_node.slots[]": 1, "maple_range_64.pivot[]": 0x7fffffff}
    each(tap, v, [("types: %s %#x" % p, lambda rng, p=p: v.put(btf.place[p[0]], struct.pack("<I", p[1]))) for p in far.items()],
         FEW + ["vm 1", "tree -t xarray init_pid_ns.idr.idr_rt"])
    v.close()


def dwarf(tap):
    v = Vmlinux(VMLINUX, TMP + "/dwarf")
    names = [n for n in v.place if n.startswith(".debug_")]
    each(tap, v, [("%s: something wrong in every %d bytes" % (n, step), lambda rng, n=n, s=step: v.scatter(n, rng, s))
                  for n in names for step in (512,)])
    v.close()


def compressed(tap):
    with open(bare(), "rb") as f:
        head = f.read(1 << 20)
    bomb = head[:4096] + bytes(300 << 20)
    zstd = lambda b: subprocess.run(["zstd", "-qc"], input=b, stdout=subprocess.PIPE, check=True).stdout
    tools = (("gz", lambda b: gzip.compress(b, 1)), ("xz", lambda b: lzma.compress(b, preset=0)), ("zst", zstd))
    for suffix, pack in tools:
        path = TMP + "/vmlinux." + suffix
        whole, most, nothing = pack(head), pack(bomb), pack(b"hello" * 10000)
        for name, data, told in (("300 MB of zeroes", most, "100 times its size"), ("20 bytes", whole[:20], suffix),
                                 ("half", whole[:len(whole) // 2], suffix), ("no ELF file", nothing, "not an ELF"),
                                 ("a kernel's first MB", whole, "section|cut")):
            with open(path, "wb") as f:
                f.write(data)
            opens(tap, "vmlinux.%s: %s" % (suffix, name), run(path, ["log -l emerg"]), "warning.*(%s)" % told)


def cache(tap):
    """What is kept from the last time may have been damaged since, or be nothing that can be used at all."""
    folder = TMP + "/cache"
    env = {"XDG_CACHE_HOME": folder}
    # a variable whose type only debug info tells, so that the index of its names is made
    commands = ["log -l emerg", "p rcu_cpu_stall_timeout", "p init_task.pid", "bt -V"]
    want = run(VMLINUX, commands, (), env).stdout
    kept = [os.path.join(d, f) for d, _, files in os.walk(folder) for f in files]
    tap.check("something is kept", kept)
    flip = bytes(range(1, 256)) + b"\0"
    for name, damage in (("other bytes", lambda b: b[:4096] + b[4096:].translate(flip)), ("empty", lambda b: b""),
                         ("cut", lambda b: b[:len(b) // 2]), ("noise", lambda b: random.Random(1).randbytes(len(b)))):
        for path in kept:
            with open(path, "rb") as f:
                data = f.read()
            with open(path, "wb") as f:
                f.write(damage(data))
        p = run(VMLINUX, commands, (), env)
        opens(tap, "cache files: " + name, p)
        tap.check("cache files: %s: the same answers" % name, p.stdout == want)
    for name, value in (("a device", "/dev/null"), ("nowhere", "/proc/x"), ("relative", "some/where"), ("empty", "")):
        p = run(VMLINUX, commands, (), {"XDG_CACHE_HOME": value, "HOME": ""})
        tap.check("cache folder: " + name, p.stdout == want and not os.path.exists("some"), p.stderr)


def main():
    if not VMCORE:
        Tap().run([lambda tap: tap.skip("damaged vmlinuxes", "the lab has no 6.1 dump")])
    try:
        Tap().run([compressed, cache, headers, sections, types, dwarf] if not WANTED else [headers, sections, types, dwarf])
    finally:
        shutil.rmtree(TMP)


if __name__ == "__main__":
    WANTED = sys.argv[2:]
    main()
