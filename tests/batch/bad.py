#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: each gives one clear line, the contract's exit status, and nothing from the sanitizers.

    bad.py PROGRAM
"""
import json
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


def not_files(tap):
    """What has no end, or would make us wait, is refused at once; a name is shown without its control bytes."""
    fifo = os.path.join(TMP, "fifo")
    os.mkfifo(fifo)
    for path in (fifo, "/dev/zero", "/dev/null"):
        one_line(tap, path, run([path]), 3, "neither a file nor a disk")
    one_line(tap, "a name with control bytes", run([TMP + "/x\x1b[31m\x07\n\x9b"]), 3, r"x\\x1b\[31m\\x07\\x0a")
    if not VMCORE:
        return
    for path in (fifo, "/dev/zero"):
        p = run([path, VMCORE], ["log"])
        tap.check("%s as vmlinux: a warning, the log works" % path, p.returncode == 0 and "hung_task" in p.stdout and
                  "neither a file nor a disk" in p.stderr, p.stderr)
    for path, what in ((VMLINUX.replace("vmlinux", "vmlinuz"), "bootable kernel"), ("/bin/true", "not the kernel")):
        p = run([path, VMCORE], ["log"])
        tap.check("%s as vmlinux: a warning, the log works" % path, p.returncode == 0 and "hung_task" in p.stdout and
                  re.search("warning.*" + what, p.stderr), p.stderr)
    link = TMP + "/v\x1b[31m\n"
    os.symlink(VMLINUX, link)
    p = run([link, VMCORE], ["sys"])
    tap.check("vmlinux with control bytes in its name", p.returncode == 0 and "\x1b" not in p.stdout + p.stderr and
              r"v\x1b[31m\x0a" in p.stdout, p.stdout + p.stderr)


def raw(script, stdin=None):
    """A shell's redirections around the program, as $P."""
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                          input=stdin, env=dict(os.environ, P=PROGRAM, V=VMLINUX, C=VMCORE))


def streams(tap):
    p = raw('"$P" -x - "$V" "$C" <&-')
    tap.check("standard input is closed: no commands, and surely none out of the dump",
              p.returncode == 0 and not p.stdout and not p.stderr, p.stderr[:300])
    p = raw('"$P" -x sys "$V" "$C" >&-')
    tap.check("standard output is closed", p.returncode == 1 and b"can't write" in p.stderr, p.stderr)
    p = raw('"$P" -o json -x sys -x ps "$V" "$C" >/dev/full')
    tap.check("a full disk: one line, and the rest isn't tried", p.returncode == 1 and p.stderr.count(b"\n") == 1 and
              b"No space left" in p.stderr, p.stderr)
    p = raw('{ "$P" -x "sym -l" -x ps "$V" "$C"; echo $? >&2; } | head -1')
    tap.check("| head: no complaint", p.stderr == b"1\n" and p.stdout.count(b"\n") == 1, p.stderr)
    p = raw('"$P" -x - "$V" "$C"', b"log -l emerg\nps UN\0x\n\0\n" + b"struct " + b"a" * 5000000 + b"\nlog -l emerg")
    tap.check("NULs and a line of 5 MB in standard input: told shortly, the others answered", p.returncode == 1 and
              p.stdout.count(b"Kernel panic") == 2 and p.stderr.count(b"NUL byte") == 2 and len(p.stderr) < 5000,
              p.stderr[:3000])


ODD = ["", " ", "#", "\x01\x02", "ps \x1b[31m", "sym \x1b]0;x\x07", "ps '", "struct task_struct.comm[99999999999]",
       "struct task_struct.comm[99999999999] init_task", "struct task_struct.comm[-1] init_task", "struct x y z",
       "struct task_struct.comm[3 init_task", "struct task_struct.. init_task", "struct .a init_task", "struct \"\"",
       "struct task_struct 0xffffffffffffffff", "struct task_struct 1", "struct no_such", "struct int", "struct @",
       "struct task_struct@init_task", "rd 0xffffffffffffffff 65536", "rd 0xfffffffffffffff1 65536", "rd 0 99999",
       "rd -p 0xffffffffffffffff", "rd 0xffffffffffffffffff", "rd init_task 99999999999999999999", "rd init_task -1",
       "foreach", "foreach foreach bt", "foreach foreach foreach", "foreach bt bt", "foreach bt -Z", "foreach /( bt",
       "ps comm:/(/", "ps comm:/(a+)+$/", "ps pid:99999999999999999999", "ps pid:5-1", "ps >", "ps <0s", "ps !",
       "ps >99999999999999999999s", "ps cpu:4294967296", "log (", "log (a+)+b", "log -l 99", "log -l", "sym", "sym 0",
       "sym 0xffffffffffffffff", "sym init_task+0xffffffffffffffff", "sym +", "p", "p .", "p [", "p init_task[0]",
       "p runqueues:99", "p runqueues:-1", "p init_task:1", "p x@", "p @", "p int [99999999999]@0x1000",
       "p int%s@0x1000" % ("[3]" * 5000), "p int%s%s@0x1000" % ("(*" * 5000, ")" * 5000), "p %sx" % ("(" * 5000),
       "p struct task_struct@zz", "p char [64]@0xffffffffffffffff", "struct task_struct%s init_task" % (".parent" * 9999),
       "bt 99999999999999999999", "bt -1", "bt 0xffffffffffffffff", "bt task:0x0", "bt frame:0:0.0", "bt" + " 1" * 9999,
       "set -1", "help nonsense", "mount 0xffffffffffffffff", "mod xx", "task:0x1", "phys:zz", "mem:0xffffffffffffffff",
       "struct a b@0x1", "-x", "ps -mBkuGAS UN RU >0s", "ps " + "!" * 9999 + "kernel", "nonsense \xff\xfe"]


def odd_commands(tap):
    """What a hand or a script can get wrong: an answer or a reason, in time, and nothing raw on the terminal."""
    for form in ("text", "json", "tsv"):
        p = run([VMLINUX, VMCORE], ODD, options=["-o", form])
        bad = re.search("[\x00-\x08\x0b-\x1f\x7f]", p.stdout + p.stderr)
        tap.check("odd commands, as " + form, p.returncode == 1 and not bad and not TROUBLE.search(p.stderr),
                  "exit status %d, %s\n%s" % (p.returncode, bad, p.stderr[-2000:]))
        if form == "json":
            objs = [json.loads(line) for line in p.stdout.splitlines()]
            tap.check("each odd command has its object", [o["command"] for o in objs] == ODD, len(objs))
    for line, reason in (("struct task_struct.comm[99] init_task", "outside of the array's 16"),
                         ("struct task_struct.nonsense", "no member 'nonsense'"),
                         ("rd 0xffffffffffffffff", "end of all addresses"), ("p init_task:1", "no per-CPU")):
        one_line(tap, line, run([VMLINUX, VMCORE], [line]), 1, reason)


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
    tests = [not_dumps, foreign, not_files, unreadable, usage]
    if VMCORE:
        tests += [streams, odd_commands, lonely_vmlinux, truncated, foreign_vmlinux, no_vmlinux, no_debug_info, flipped]
    try:
        Tap().run(tests)
    finally:
        shutil.rmtree(TMP)


if __name__ == "__main__":
    main()
