#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: each gives one clear line, the contract's exit status, and nothing from the sanitizers.

    bad.py PROGRAM
"""
import os
import pwd
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
VMLINUX, VMCORE = os.environ.get("VMLINUX_fsfreeze_6_1"), os.environ.get("VMCORE_fsfreeze_6_1")
OTHER = os.environ.get("VMLINUX_fsfreeze_6_12")
TMP = tempfile.mkdtemp(prefix="vmbrowse-bad.")
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|Segmentation|core dumped|Assertion")


def run(files, commands=("sys",), user=None, options=()):
    args = [PROGRAM, *options]
    for c in commands:
        args += ["-x", c]
    return subprocess.run(args + list(files), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", timeout=300, user=user, stdin=subprocess.DEVNULL)


def one_line(tap, name, p, status, *words):
    """It ended with this status, in one line of reason that says these words."""
    lines = [l for l in p.stderr.splitlines() if l]
    good = p.returncode == status and len(lines) == 1 and lines[0].startswith("vmbrowse: ")
    good = good and all(re.search(w, lines[0], re.I) for w in words) and not TROUBLE.search(p.stderr)
    tap.check(name, good, "exit status %d, wanted %d\n%s" % (p.returncode, status, p.stderr))


def file_of(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def elf_header(bits, machine, kind):
    if bits == 32:
        return (b"\x7fELF\x01\x01\x01" + bytes(9) +
                struct.pack("<HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0) +
                struct.pack("<8I", 1, 84, 0, 0, 4096, 4096, 0, 0) + bytes(4096))
    return (b"\x7fELF\x02\x01\x01" + bytes(9) +
            struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0) +
            struct.pack("<IIQQQQQQ", 1, 0, 120, 0, 0, 4096, 4096, 0) + bytes(4096))


def not_dumps(tap):
    one_line(tap, "no such file", run([TMP + "/none"]), 3, "none", "No such file")
    one_line(tap, "a directory", run([TMP]), 3, "directory")
    one_line(tap, "an empty file", run([file_of("empty", b"")]), 3, "empty")
    one_line(tap, "a text file", run([file_of("text", b"hello world\n" * 500)]), 3, "text", "dump")
    one_line(tap, "random bytes", run([file_of("zeros", bytes(100000))]), 3, "dump")
    one_line(tap, "half a header", run([file_of("half", b"KDUMP   ")]), 3, "half")
    one_line(tap, "no file at all", run([]), 2, "VMCORE|usage")


def foreign(tap):
    one_line(tap, "a 32-bit dump", run([file_of("i386", elf_header(32, 3, 4))]), 3, "32.bit")
    one_line(tap, "an aarch64 dump", run([file_of("arm64", elf_header(64, 183, 4))]), 3, "aarch64|arm64")
    one_line(tap, "an s390x dump", run([file_of("s390", b"\x7fELF\x02\x02\x01" + bytes(9) +
                                               struct.pack(">HHI", 4, 22, 1) + bytes(4096))]), 3, "s390|big.endian")


def unreadable(tap):
    path = file_of("secret", b"KDUMP   " + bytes(10000))
    os.chmod(path, 0)
    os.chmod(TMP, 0o755)
    if os.geteuid() == 0:
        p = run([path], user=pwd.getpwnam("nobody").pw_uid)
    else:
        p = run([path])
    one_line(tap, "an unreadable file", p, 3, "Permission denied")


def usage(tap):
    one_line(tap, "an unknown option", run([], options=["--nonsense"]), 2, "nonsense")
    one_line(tap, "an unknown format", run([VMCORE or "x"], options=["-o", "yaml"]), 2, "yaml", "json")


def lonely_vmlinux(tap):
    one_line(tap, "a vmlinux and no dump", run([VMLINUX]), 2, "dump")
    one_line(tap, "two vmlinuxes", run([VMLINUX, VMLINUX, VMCORE]), 2, "vmlinux")


def truncated(tap):
    """Opens as long as its headers are there, and says what it lacks; else it says that."""
    size = os.path.getsize(VMCORE)
    for n in (100, 464, 4096, 5000, 100000, size // 10, size // 2, size - 1):
        path = os.path.join(TMP, "cut")
        with open(VMCORE, "rb") as f, open(path, "wb") as g:
            g.write(f.read(n))
        p = run([VMLINUX, path], ["sys", "ps", "log", "mount"])
        told = re.search(r"truncated|cut|ends|too short|header|incomplete|lost", p.stderr, re.I)
        tap.check("cut to %d bytes" % n, p.returncode in (0, 1, 3) and told and not TROUBLE.search(p.stderr),
                  "exit status %d\n%s" % (p.returncode, p.stderr))
    tap.check("cut by one byte still lists tasks", "khungtaskd" in run([VMLINUX, path], ["ps"]).stdout)


def foreign_vmlinux(tap):
    if not OTHER:
        tap.skip("a vmlinux of another build", "the lab has one kernel only")
        return
    p = run([OTHER, VMCORE], ["log", "sys"])
    tap.check("a vmlinux of another build: a warning with both, and the log works",
              p.returncode == 0 and "6.1." in p.stderr and "6.12." in p.stderr and "hung_task" in p.stdout and
              not TROUBLE.search(p.stderr), "exit status %d\n%s" % (p.returncode, p.stderr))


def no_vmlinux(tap):
    p = run([VMCORE], ["log", "sys"])
    tap.check("no vmlinux: the log works", p.returncode == 0 and "hung_task" in p.stdout,
              "exit status %d\n%s" % (p.returncode, p.stderr))


def no_debug_info(tap):
    """Symbols only: a warning says what doesn't work; the log does."""
    path = os.path.join(TMP, "vmlinux.bare")
    # renamed, because a symbol of 6.1 keeps it from being removed
    subprocess.run(["objcopy", "--strip-debug", "--rename-section", ".BTF=.none", VMLINUX, path], check=True)
    p = run([path, VMCORE], ["log", "sym linux_banner"])
    tap.check("a vmlinux without debug info", p.returncode == 0 and "hung_task" in p.stdout and
              "linux_banner" in p.stdout and re.search(r"warning.*debug info", p.stderr) and
              not TROUBLE.search(p.stderr), "exit status %d\n%s" % (p.returncode, p.stderr))
    os.remove(path)


def flipped(tap):
    """Bytes flipped all over the headers and the data: never a crash, never a hang."""
    with open(VMCORE, "rb") as f:
        good = f.read()
    seed, bad = 12345, []
    for i in range(12):
        data = bytearray(good)
        for _ in range(1 + i * 3):
            seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
            limit = 20000 if i % 2 else len(data)
            data[(seed >> 33) % limit] ^= 1 << (seed >> 60) % 8
        p = run([VMLINUX, file_of("flipped", data)], ["sys", "ps", "log -l err", "mount", "mod", "foreach bt"])
        if p.returncode not in (0, 1, 3) or TROUBLE.search(p.stderr):
            bad.append("variant %d: exit status %d\n%s" % (i, p.returncode, p.stderr[-3000:]))
    tap.check("12 dumps with flipped bytes", not bad, "\n".join(bad))


def main():
    tests = [not_dumps, foreign, unreadable, usage]
    if VMCORE:
        tests += [lonely_vmlinux, truncated, foreign_vmlinux, no_vmlinux, no_debug_info, flipped]
    try:
        Tap().run(tests)
    finally:
        shutil.rmtree(TMP)


if __name__ == "__main__":
    main()
