#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the program with the guest's own truth, on every dump and format that the lab has made.

    truth.py PROGRAM [--no-vmlinux] [KERNEL[/SCENARIO[/FORMAT]]]

A task is compared in full when it hasn't run since the truth was taken (its context-switch counts are the same in
the dump); one that has run is compared by name and kin only. Of a dump that lost pages on purpose (cut short, or
written by a makedumpfile that is too old) everything that it does say must be right, and what it says is counted.

With --no-vmlinux the program gets the dump alone: what it says must be as right. Besides, all sizes of structs must
be those that it tells with vmlinux, and each stack must name the same functions, less the inlined ones.

Prints TAP, with figures in lines that begin with '# '.
"""
import collections
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, console_lines
from dumps import files, lab_dumps, lossy
from program import ask, is_fault
from report import Report

STATES = {"R": "RU", "S": "IN", "D": "UN", "I": "ID", "T": "ST", "t": "TR", "Z": "ZO", "X": "DE", "P": "PA"}
# classes that a kernel's kallsyms keeps but .symtab doesn't, or places elsewhere
NOT_IN_SYMTAB = re.compile(r"^(__kstrtab|__ksymtab|__crc_|\.L|bpf_prog_|bpf_trampoline_|ftrace_trampoline)")


def agree(problems, what, have, want):
    """A value of the dump against the truth's; a fault says nothing wrong. True if it says something."""
    if is_fault(have):
        return False
    if have != want:
        problems.append("%s is %r, the guest said %r" % (what, have, want))
    return True


def check_tasks(report, name, dump, guest, answers, switches):
    threads, rows = guest.threads(), answers.rows(0)
    by_pid = {r["pid"]: r for r in rows if not is_fault(r["pid"])}
    problems, told, same = [], 0, 0
    for tid, t in threads.items():
        r = by_pid.get(tid)
        if r is None:
            if not lossy(dump) and t.comm not in ("truth", "cat", "sleep", "sh", "tar"):
                problems.append("task %d %s is missing" % (tid, t.comm))
            continue
        told += 1
        agree(problems, "tgid of %d" % tid, r["tgid"], t.tgid)
        agree(problems, "comm of %d" % tid, kworker(r["comm"]), task_comm(t.comm))
        if unchanged(t, switches.get(tid)):
            same += 1
            agree(problems, "ppid of %d" % tid, r["ppid"], t.ppid)
            # woken, and still waiting for the processor that the scenario holds
            if not (dump.scenario == "lockup" and r["state"] == "RU"):
                agree(problems, "state of %d %s" % (tid, t.comm), r["state"], STATES[t.state])
    report.test(name + " tasks", problems, "%d of %d threads, %d in full" % (told, len(threads), same))
    return threads, by_pid


def kworker(comm):
    """/proc adds what a worker does to its name; the task_struct has the name alone."""
    return re.split(r"[-+]", comm)[0] if isinstance(comm, str) and comm.startswith("kworker/") else comm


def task_comm(comm):
    """/proc tells a kernel thread's full name; the task_struct has the first 15 bytes."""
    return kworker(comm)[:15]


def unchanged(thread, switches):
    return switches is not None and switches == (thread.nvcsw, thread.nivcsw)


def sched_text(guest):
    names = guest.addresses()
    start, end = names.get("__sched_text_start"), names.get("__sched_text_end")
    return (min(start), max(end)) if start and end else (0, 0)


def check_stacks(report, name, dump, guest, rows, threads, switches):
    names, (low, high) = guest.addresses(), sched_text(guest)
    stacks = collections.defaultdict(list)
    for r in rows:
        if not r["inline"] and r["function"] is not None:
            stacks[r["pid"]].append(r)
    problems, equal, compared = [], 0, 0
    for tid, t in threads.items():
        if not unchanged(t, switches.get(tid)):
            continue
        if t.state == "Z" and stacks.get(tid):
            problems.append("%d %s is a zombie without a stack: %s" % (tid, t.comm, stacks[tid][0]["function"]))
        if not t.stack:
            continue
        # /proc leaves out what lies in the scheduler's text, above the first frame that doesn't
        ours = [r for r in stacks.get(tid, [])]
        while ours and low <= int(ours[0]["pc"], 16) < high:
            ours.pop(0)
        ours = [r for r in ours if not low <= int(r["pc"], 16) < high]
        compared += 1
        want = t.stack
        ok = len(ours) == len(want) and all(
            any(a + off == int(r["pc"], 16) for a in names.get(fn, ())) for r, (fn, off) in zip(ours, want))
        equal += ok
        if not ok and not lossy(dump):
            problems.append("stack of %d %s: %s; the guest said %s" %
                            (tid, t.comm, " ".join("%s+0x%x" % (r["function"], r["offset"] or 0) for r in ours),
                             " ".join("%s+0x%x" % f for f in want)))
    report.test(name + " stacks", problems, "%d of %d equal" % (equal, compared))


def check_user(report, name, rows, threads, switches):
    """The registers that user space came with, as far as /proc/PID/syscall has them."""
    problems, compared = [], 0
    for r in rows:
        t = threads.get(r["pid"])
        if r["function"] is not None or r["entry"] or not r.get("vars"):
            continue
        if not t or not unchanged(t, switches.get(r["pid"])):
            continue
        have = {v["name"]: int(v["value"], 16) for v in r["vars"] if isinstance(v["value"], str)}
        for register, value in t.syscall.items():
            compared += 1
            agree(problems, "%s of %d %s" % (register, r["pid"], t.comm), have.get(register), value)
    report.test(name + " user registers", problems, "%d" % compared)


def check_mounts(report, name, guest, rows):
    # 7.x has a nullfs above everybody's root; /proc/mounts shows nothing above the reader's own
    have = [(r["device"], r["directory"], r["type"]) for r in rows if r["type"] != "nullfs"]
    want = guest.mounts()
    problems = ["%s" % (m,) for m in sorted(set(want) ^ set(have), key=str)]
    report.test(name + " mounts", problems, "%d" % len(have))


def check_modules(report, name, guest, rows):
    want, have = guest.modules(), {r["name"]: r for r in rows}
    problems = ["only one side has %s" % n for n in sorted(set(want) ^ set(have))]
    for n in set(want) & set(have):
        size, refs, base = want[n]
        agree(problems, "size of " + n, have[n]["size"], size)
        agree(problems, "base of " + n, int(have[n]["base"], 16), base)
        if n != "virtio_blk":  # whose disk is open while the truth is written to it
            agree(problems, "refs of " + n, have[n]["refs"], refs)
    report.test(name + " modules", problems, "%d" % len(have))


def check_symbols(report, name, guest, rows):
    have = collections.defaultdict(set)
    for r in rows:
        have[r["name"]].add(int(r["address"], 16))
    found = left_out = 0
    problems = ["%s is the compiler's own label" % n for n in have if n.startswith(".L")]
    for address, kind, sym, module in guest.kallsyms():
        if sym in have and address in have[sym]:
            found += 1
        elif NOT_IN_SYMTAB.match(sym) or kind in "aA" or module in ("bpf", "__builtin__ftrace", "__builtin__kprobes"):
            left_out += 1
        else:
            problems.append("%s at 0x%x: %s" % (sym, address, ["0x%x" % a for a in have.get(sym, [])] or "missing"))
    if name.endswith(" alone"):
        print("# %s: %d of the guest's %d symbols, %d of classes left out" % (
            name, found, found + left_out + len(problems), left_out))
    report.test(name + " symbols", problems, "%d agree, %d of classes left out" % (found, left_out))


def check_log(report, name, dump, rows):
    have = collections.Counter()
    for r in rows:
        if is_fault(r["text"]):
            continue
        stamp = "%d.%06d" % (r["time_ns"] // 10**9, r["time_ns"] // 1000 % 10**6)
        for line in r["text"].split("\n"):
            have[(stamp, line.rstrip())] += 1
    want = console_lines(os.path.join(dump.folder, "console"))
    missing = ["the console has [%s] %s" % l for l in want if not have[(l[0], l[1].rstrip())]]
    report.test(name + " log", missing, "%d console lines, %d records" % (len(want), len(rows)))


def context_switches(program, dump, rows):
    """pid -> (nvcsw, nivcsw) as the dump has them."""
    tasks = [r for r in rows if not is_fault(r["pid"])]
    commands = ["struct task_struct.nvcsw,nivcsw %s" % r["task"] for r in tasks]
    answers = ask(program, files(dump), commands)
    found = {}
    for r, o in zip(tasks, answers.objects):
        v = [x["value"] for x in o["rows"]]
        if r["active"]:  # it runs: its counts say nothing
            continue
        if len(v) == 2 and all(isinstance(x, int) for x in v):
            found[r["pid"]] = tuple(v)
    return found


STRUCTS = ["struct " + name for name in (
    "task_struct", "mm_struct", "super_block", "inode", "dentry", "file", "page", "module", "rq", "kmem_cache", "net",
    "request_queue", "sock", "sk_buff", "cgroup", "zone", "vm_area_struct", "workqueue_struct", "device", "bio")]


def check_same(report, program, dump):
    """What needs no source must be the same with vmlinux and without."""
    name = "%s %s %s" % (dump.kernel, dump.scenario, dump.format)
    commands = ["foreach bt", "ps"] + STRUCTS
    both = [ask(program, given, commands) for given in ([dump.vmlinux] + dump.files, dump.files)]
    stacks, guessed = [], set()
    for answers in both:
        found = collections.defaultdict(list)
        for r in answers.rows(0):
            if not r["inline"]:
                found[r["task"]].append((r["function"], r["offset"], r["pc"]))
            if answers is both[1] and r["guess"]:
                guessed.add(r["task"])
        stacks.append(found)
    if "incomplete" in dump.format and "no types" in both[1].stderr:  # they are in what is missing
        return
    equal = sum(stacks[0][t] == stacks[1].get(t) for t in stacks[0])
    print("# %s without vmlinux: %d of %d stacks, %d of %d structs as with it" % (
        name, equal, len(stacks[0]), sum(both[0].rows(i) == both[1].rows(i) for i in range(2, len(commands))),
        len(STRUCTS)))
    problems = ["stack of %s: %s; with vmlinux %s" % (t, stacks[1].get(t), stacks[0][t])
                for t in stacks[0] if stacks[0][t] != stacks[1].get(t)
                # what unwinds may be in what is missing, and vmlinux has it; then it must be told
                and not ("incomplete" in dump.format and t in guessed)]
    report.test(name + " stacks as with vmlinux", problems,
                "%d of %d" % (len(stacks[0]) - len(problems), len(stacks[0])))
    problems = [STRUCTS[i - 2] for i in range(1, len(commands)) if both[0].rows(i) != both[1].rows(i)]
    report.test(name + " tasks and structs as with vmlinux", problems, "%d of %d" % (
        len(commands) - 1 - len(problems), len(commands) - 1))


def check_dump(report, program, dump):
    name = "%s %s %s%s" % (dump.kernel, dump.scenario, dump.format, "" if dump.vmlinux else " alone")
    guest = Guest(os.path.join(dump.folder, "truth"))
    commands = ["ps", "foreach bt", "mount", "mod", "log"]
    full = not lossy(dump) and dump.format in ("lzo", "zstd.d1", "qemu.elf")
    if full:
        commands.append("sym -l")
    answers = ask(program, files(dump), commands)
    switches = context_switches(program, dump, answers.rows(0))
    threads, _ = check_tasks(report, name, dump, guest, answers, switches)
    check_stacks(report, name, dump, guest, answers.rows(1), threads, switches)
    check_user(report, name, answers.rows(1), threads, switches)
    if not lossy(dump):
        check_mounts(report, name, guest, answers.rows(2))
        check_modules(report, name, guest, answers.rows(3))
    if not lossy(dump) or answers.rows(4):
        check_log(report, name, dump, answers.rows(4))
    if full:
        check_symbols(report, name, guest, answers.rows(5))


def main():
    program = os.path.abspath(sys.argv[1])
    args = [a for a in sys.argv[2:] if a != "--no-vmlinux"]
    alone, only = len(args) < len(sys.argv) - 2, args[0] if args else ""
    report = Report()
    dumps = [d for d in lab_dumps() if ("%s/%s/%s" % d[:3]).startswith(only)]
    if alone:  # how pages are packed makes no difference here
        dumps = [d for d in dumps if re.match(r"(lzo|zstd\.d1|incomplete|qemu\..*)$", d.format)]
    for dump in dumps:
        try:
            if alone:
                check_same(report, program, dump)
                dump = dump._replace(vmlinux=None)
            check_dump(report, program, dump)
        except (RuntimeError, subprocess.TimeoutExpired, ValueError, KeyError) as e:
            report.test("%s %s %s" % dump[:3], ["%s: %s" % (type(e).__name__, e)])
    if not dumps:
        report.test("the lab has dumps", ["there are none: run `make lab`"])
    for kernel in ("6.1", "6.12", "7.2"):
        if not any(d.kernel == kernel for d in dumps):
            report.skip("kernel " + kernel)
    report.end()


if __name__ == "__main__":
    main()
