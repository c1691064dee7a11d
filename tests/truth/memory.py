#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches, memory in all and open files against what the guest said of itself before it panicked.

    memory.py PROGRAM [KERNEL]

Memory goes on changing until the panic: sizes must be equal, counters nearly, and most caches' exactly.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import files, whole
from guest import Guest
from program import ask, is_fault
from report import Report, called_with
from truth import context_switches, unchanged

MOST = 0.9  # of the caches didn't change between the truth and the panic
NEAR, LOOSE = 4 << 20, 40 << 20  # bytes by which a figure may have changed; by whoever collected the truth, too


def check_slabs(report, name, rows, guest):
    ours = {r["name"]: r for r in rows}
    problems, same, n = [], 0, 0
    for line in guest.text("slabinfo").splitlines()[2:]:
        w = line.split()
        active, total, size, per, pages, slabs = (int(w[i]) for i in (1, 2, 3, 4, 5, 14))
        r, n = ours.get(w[0]), n + 1
        if not r:
            problems.append("there is no cache %s" % w[0])
            continue
        if (r["size"], r["objects_per_slab"], r["slab_size"]) != (size, per, pages * 4096):
            problems.append("%s: %r, the guest said %r" % (w[0], r, line))
        if not r["allocated"] <= r["active"] <= r["total"]:
            problems.append("%s: %d allocated, %d active of %d" % (w[0], r["allocated"], r["active"], r["total"]))
        same += (r["active"], r["total"], r["slabs"]) == (active, total, slabs)
    if same < MOST * n:
        problems.append("the numbers of only %d of %d caches are the guest's" % (same, n))
    if len(ours) != n:
        problems.append("%d caches, the guest had %d" % (len(ours), n))
    report.test(name + " slab caches", problems, "%d of %d exactly" % (same, n))


def check_memory(report, name, rows, guest):
    names = {"total": "MemTotal", "free": "MemFree", "shared": "Shmem", "slab": "Slab", "commit_limit": "CommitLimit",
             "slab_reclaimable": "SReclaimable", "slab_unreclaimable": "SUnreclaim", "anon": "AnonPages",
             "mapped": "Mapped", "dirty": "Dirty", "writeback": "Writeback", "page_tables": "PageTables",
             "kernel_stack": "KernelStack", "swap_total": "SwapTotal", "committed": "Committed_AS", "cached": "Cached"}
    allowed = {"total": 0, "commit_limit": 0, "swap_total": 0, "free": LOOSE, "dirty": LOOSE, "committed": LOOSE,
               "anon": LOOSE}
    told = {m.group(1): int(m.group(2)) * 1024 for m in re.finditer(r"^(\w+): +(\d+) kB$", guest.text("meminfo"), re.M)}
    problems = []
    for r in rows:
        want = told.get(names.get(r["name"]))
        if r["bytes"] is None:
            problems.append("%s isn't known" % r["name"])
        elif want is not None and abs(r["bytes"] - want) > allowed.get(r["name"], NEAR):
            problems.append("%s is %d, the guest said %d" % (r["name"], r["bytes"], want))
    report.test(name + " memory", problems, "%d figures" % len(rows))


def check_zones(report, name, rows, guest):
    """Sizes and watermarks are the guest's, free pages near them."""
    problems, n = [], 0
    for m in re.finditer(r"^Node (\d+), zone +(\w+)\n((?: +.*\n)*)", guest.text("zoneinfo"), re.M):
        told = dict(re.findall(r"^ +(?:pages )?(free|min|low|high|spanned|present|managed) +(\d+)$", m.group(3), re.M))
        mine = [r for r in rows if (r["node"], r["name"]) == (int(m.group(1)), m.group(2))]
        n += 1
        if len(mine) != 1:
            problems.append("zone %s: %r" % (m.group(2), mine))
            continue
        for k, v in told.items():
            if abs(mine[0][k] - int(v)) > (LOOSE // 4096 if k == "free" else 0):
                problems.append("%s of %s is %r, the guest said %s" % (k, m.group(2), mine[0][k], v))
    if n != len(rows) or not n:
        problems.append("%d zones, the guest had %d" % (len(rows), n))
    report.test(name + " zones", problems, "%d" % n)


def check_counters(report, name, rows, guest):
    """What only grows is no less than the guest said, and not much more; names are its own."""
    told = {k: int(v) for k, v in (line.split() for line in guest.text("vmstat").splitlines())}
    ours = {r["name"].lower(): r for r in rows}
    both = sorted(set(told) & set(ours))
    problems = []
    for k in both:
        have = ours[k]["value"]
        if ours[k]["group"] == "event" and not told[k] <= have <= (told[k] * 3 + 5000 if k != "pgpgout" else have):  # the truth itself is written
            problems.append("%s is %d, the guest said %d" % (k, have, told[k]))
    if len(both) < len(told) * 2 // 3 or abs(ours["nr_free_pages"]["value"] - told["nr_free_pages"]) > LOOSE // 4096:
        problems.append("%d of %d counters have the guest's names" % (len(both), len(told)))
    report.test(name + " counters", problems, "%d of %d by the same name" % (len(both), len(told)))


def check_files(report, name, program, dump, guest):
    tasks = {t["pid"]: t for t in ask(program, files(dump), ["ps"]).rows(0) if not is_fault(t["pid"])}
    switches = context_switches(program, dump, list(tasks.values()))
    threads = {k: v for k, v in guest.threads().items()
               if k in tasks and unchanged(v, switches.get(k)) and guest.text("proc/%d/task/%d/fd" % (v.tgid, k)) is not None}
    pids = sorted(threads)[:300]
    answers = ask(program, files(dump), ["files %d" % p for p in pids] + ["fuser /dev/null"])
    problems, n = [], 0
    users = {(r["pid"], str(r["fd"])) for r in answers.rows(len(pids)) if r["usage"] == "fd" and r["pid"] in threads}
    truth = set()
    for i, pid in enumerate(pids):
        text = guest.text("proc/%d/task/%d/fd" % (threads[pid].tgid, pid))
        want = dict(line.split(" -> ", 1) for line in text.splitlines() if " -> " in line)
        have = {str(r["fd"]): r["path"] for r in answers.rows(i) if r["what"] == "fd"}
        n += len(want)
        if pid == threads[pid].tgid:
            truth |= {(pid, fd) for fd, path in want.items() if path == "/dev/null"}
        if have != want:
            problems.append("pid %d %s: %r, the guest said %r" % (pid, threads[pid].comm, have, want))
    if {u for u in users if u[0] in pids} != truth:
        problems.append("fuser /dev/null differs in %r" % sorted(users ^ truth))
    report.test(name + " open files", problems, "%d files of %d tasks" % (n, len(pids)))


def main():
    program, only = called_with()
    report, dumps = Report(), whole(only, "fsfreeze", "many")
    for dump in dumps:
        name, guest = "%s %s %s" % (dump.kernel, dump.scenario, dump.format), Guest(os.path.join(dump.folder, "truth"))
        answers = ask(program, files(dump), ["kmem -s", "kmem -i", "kmem -z", "kmem -V"])
        check_slabs(report, name, answers.rows(0), guest)
        check_memory(report, name, answers.rows(1), guest)
        check_zones(report, name, answers.rows(2), guest)
        check_counters(report, name, answers.rows(3), guest)
        check_files(report, name, program, dump, guest)
    if not dumps:
        report.test("the lab has dumps of fsfreeze", ["there are none: run `make lab`"])
    report.end()


if __name__ == "__main__":
    main()
