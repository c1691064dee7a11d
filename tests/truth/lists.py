#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers against what the lab's lists module built, and against the guest's own /proc.

    lists.py PROGRAM [KERNEL]

Of each sound or damaged container: the elements that are still to be had, in order, and what is said of the damage.
An element's number lies 8 bytes before its link, so that `rd` tells which elements they are. Of each process: its
VMAs, by address, as /proc/PID/maps has them. Of each CPU: its high-resolution timers as /proc/timer_list has them.
Prints TAP.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import files, lab_dumps, lossy
from guest import Guest, read
from program import ask
from report import Report, called_with

ALL = list(range(100, 110))
FROM_BACK = [100, 101, 102, 103, 104, 105, 109, 108, 107, 106]
CYCLE_BACK = [100, 101, 102, 103, 104, 105, 106, 107, 109, 108]
# command, the elements' numbers, the damage's words (None: there is none)
LISTS = [
    ("list -H -o 8 lab_list_good", ALL, None),
    ("list -H -o 8 -r lab_list_good", ALL[::-1], None),
    ("list -H -o 8 -B lab_list_good", ALL, None),
    ("list -H -o 8 lab_list_empty", [], None),
    ("list -H -o 8 lab_list_cycle", CYCLE_BACK, "cycle: element 7's next leads back to element 3"),
    ("list -H -o 8 lab_list_null", FROM_BACK, "element 5's next is NULL"),
    ("list -H -o 8 lab_list_poison", FROM_BACK, "LIST_POISON1"),
    ("list -H -o 8 lab_list_unmapped", FROM_BACK, "unmapped"),
    ("list -H -o 8 lab_list_excluded", FROM_BACK, "excluded"),
    ("list -H -o 8 lab_list_unaligned", FROM_BACK, "not aligned"),
    ("list -H -o 8 lab_list_prev", ALL, "but the prev there is"),
    ("list -t hlist -o 8 lab_hlist_good", ALL, None),
    ("list -t hlist -o 8 lab_hlist_cycle", ALL[:8], "cycle: element 7's next leads back to element 3"),
    ("list -t hlist -o 8 lab_hlist_poison", ALL[:6], "LIST_POISON1"),
    ("list -t hlist -o 8 lab_hlist_unmapped", ALL[:6], "unmapped"),
    ("list -t hlist -o 8 lab_hlist_pprev", ALL, "element 5's pprev is"),
    ("list -o 8 *(unsigned long *)&lab_chain_good", ALL, None),
    ("list -o 8 *(unsigned long *)&lab_chain_cycle", ALL[:8], "cycle: element 7's next leads back to element 3"),
    ("tree -l -o 8 lab_rb_good", ALL, None),
    ("tree -l -o 8 lab_rb_cycle", ALL, "which is in the tree already"),
    ("tree -l -o 8 lab_rb_poison", ALL, "LIST_POISON1"),
    ("tree -l -o 8 lab_rb_parent", ALL, "parent pointer is"),
]
ENTRIES = 200
XA = [i * 3 for i in range(ENTRIES)]
MAPLE = [i * 100 for i in range(ENTRIES)]
# command, indexes, damage
TREES = [
    ("tree -t xarray lab_xa_good", XA, None),
    ("tree -t xarray lab_xa_cycle", [i for i in XA if not 192 <= i < 256], "which is in the tree already"),
    ("tree -t xarray lab_xa_bad", [i for i in XA if not 192 <= i < 256], "unmapped"),
]


def check_lists(report, name, dump, rows):
    for (command, want, damage), answer in zip(LISTS + TREES, rows):
        report.test("%s %s" % (name, command), problems(command, answer, want, damage, dump))


def problems(command, rows, want, damage, dump):
    told = [r["problem"] for r in rows if r["problem"]]
    if damage == "excluded" and dump.format.endswith("d1"):  # here the page is in the dump, and holds no list
        return [] if told else ["no damage is told"]
    found = []
    have = [r["number"] for r in rows if not r["problem"]]
    if have != want:
        found.append("the elements are %s, not %s" % (have, want))
    if not damage and told:
        found.append("damage is told: %s" % told)
    if damage and not any(damage in t for t in told):
        found.append("'%s' is not told, but %s" % (damage, told))
    return found


def numbered(program, dump, commands):
    """The rows of each command, with the number of each element."""
    answers = ask(program, files(dump), commands)
    flat = [r for i in range(len(commands)) for r in answers.rows(i) if not r["problem"]]
    elements = [r for i in range(len(LISTS)) for r in answers.rows(i) if not r["problem"]]
    words = ask(program, files(dump), ["rd %s" % r["address"] for r in elements])
    for r in flat:
        r["number"] = r["index"]
    for i, r in enumerate(elements):
        value = words.rows(i)[0]["value"]
        r["number"] = int(value, 16) if isinstance(value, str) else value
    return [answers.rows(i) for i in range(len(commands))]


def check_maple(report, name, program, dump):
    """A node of the top is spoilt: what lies before it is whole, what lies in it is missing."""
    names = ["good", "cycle", "pivot"]
    answers = ask(program, files(dump), ["tree -t maple lab_maple_" + n for n in names])
    for i, (kind, words) in enumerate(zip(names, (None, "which is in the tree already", "below where its slot begins"))):
        rows = answers.rows(i)
        have = [(r["index"], r["last"]) for r in rows if not r["problem"]]
        told = [r["problem"] for r in rows if r["problem"]]
        want = [(n, n + 49) for n in MAPLE]
        found = []
        if (have != want) if not words else (have != want[:len(have)] or not 0 < len(have) < len(want)):
            found.append("the ranges are %s" % have)
        if (words and not any(words in t for t in told)) or (not words and told):
            found.append("'%s' is not told, but %s" % (words, told))
        report.test("%s maple %s" % (name, kind), found, "%d ranges" % len(have))


def parse_maps(text):
    found = []
    for line in text.splitlines():
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+ *(.*)$", line)
        # the gate page is nobody's area; the offset says something of files only
        if m and m.group(5) != "[vsyscall]":
            found.append((int(m.group(1), 16), int(m.group(2), 16), m.group(3),
                          int(m.group(4), 16) if m.group(5).startswith("/") else None, m.group(5)))
    return found


def check_areas(report, name, program, dump, guest):
    want = {}
    for pid in os.listdir(os.path.join(guest.folder, "proc")):
        maps = parse_maps(read(os.path.join(guest.folder, "proc", pid, "task", pid, "maps")) or "")
        if maps:
            want[int(pid)] = maps
    alive = {r["pid"] for r in ask(program, files(dump), ["ps"]).rows(0)}
    pids = sorted(set(want) & alive)
    answers = ask(program, files(dump), ["vm %d" % pid for pid in pids])
    found, areas = [], 0
    for i, pid in enumerate(pids):
        have = [(int(r["start"], 16), int(r["end"], 16), r["perm"], r["offset"], r["file"] or "") for r in answers.rows(i)]
        areas += len(have)
        for r in answers.rows(i):
            flags = set((r["flag_names"] or "").split("|"))
            want_flags = {"VM_GROWSDOWN"} if r["file"] == "[stack]" else {"VM_DONTEXPAND"} if r["file"] == "[vdso]" else set()
            if not want_flags <= flags or any("0x" in f for f in flags):
                found.append("pid %d: %s %s: %s" % (pid, r["file"], r["perm"], sorted(flags)))
        if have != want[pid]:
            found.append("pid %d: %s" % (pid, sorted(set(have) ^ set(want[pid]))[:4]))
    if not pids:
        found.append("the truth has no maps")
    report.test(name + " areas", found, "%d of %d processes" % (areas, len(pids)))


# What the first rows say of a place inside of something.
PARTS = {
    "struct list_head super_blocks.prev": ["part of: struct super_block.s_list  %s", "is: link in a list of struct super_block"],
    "struct list_head &((struct super_block *)super_blocks.prev)->s_inodes":
        ["part of: struct super_block.s_inodes  %s", "is: list of struct inode"],
    "struct list_head init_task.children.next": ["part of: struct task_struct.sibling  pid 1 init", None],
}

FAR = 600 * 10**9  # what expires later than this is still there when the dump is made


def check_timers(report, name, program, dump, guest):
    text = guest.text("timer_list") or ""
    want = sorted(int(m.group(2)) for m in re.finditer(
        r", (\w+), S:\w+\n # expires at \d+-(\d+) nsecs \[in \d+ to (\d+) nsecs", text) if int(m.group(3)) > FAR)
    rows = ask(program, files(dump), ["timer -r"]).rows(0)
    have = sorted(r["expires"] for r in rows if r["in_ns"] and r["in_ns"] > FAR)
    found = ["%s; the guest said %s" % (have, want)] if have != want or not want else []
    found += ["%s calls %s" % (r["timer"], r["function"]) for r in rows if not isinstance(r["function"], str)]
    report.test(name + " hrtimers", found, "%d far, %d in all" % (len(have), len(rows)))


def check_inodes(report, name, program, dump):
    mounts = ask(program, files(dump), ["mount"]).rows(0)
    sb = [m["superblock"] for m in mounts if m["device"] == "counted"]
    if not sb:
        report.test(name + " inodes", ["the tmpfs 'counted' is not mounted"])
        return
    rows = ask(program, files(dump), ["list super_block.s_inodes@" + sb[0]]).rows(0)
    n = len([r for r in rows if not r["problem"]])
    report.test(name + " inodes", [] if n == 138 else ["%d inodes, not 137 files and their folder" % n], "%d" % n)


def check_hashes(report, name, program, paths):
    """Hash tables are one table over all buckets, allocated ones as long as the kernel says."""
    answers = ask(program, paths, ["mount", "list mount_hashtable", "list dentry_hashtable", "list inode_hashtable",
                                   "list init_net.dev_name_head", "list net.dev_index_head@init_net", "list unbound_pool_hash",
                                   "tree runqueues:0.cfs.tasks_timeline", "list tcp_hashinfo.ehash"])
    problems = []
    mounts = {r["mount"] for r in answers.rows(0)}
    hashed = {r["address"] for r in answers.rows(1)}
    if len(mounts - hashed) > 2 or not hashed:  # the root of the namespace hangs nowhere
        problems.append("mounts that aren't hashed: %s" % sorted(mounts - hashed))
    for i in range(1, 7):
        rows = answers.rows(i)
        bad = [r["problem"] for r in rows if r["problem"]]
        addresses = [r["address"] for r in rows]
        buckets = [r["index"] for r in rows]
        if (bad or len(set(addresses)) != len(addresses) or buckets != sorted(buckets) or not rows) and (i < 6 or bad):
            problems.append("%s: %d rows, %s" % (answers.objects[i]["command"], len(rows), bad[:2]))
    if len(answers.rows(2)) < 100 or answers.rows(2)[-1]["index"] < 1000:
        problems.append("few dentries: %d" % len(answers.rows(2)))
    for i in (7, 8):  # members of variables: known, whether something is in them or not
        if answers.errors(i) or any("on_rq" not in r and "sk_type" not in r for r in answers.rows(i)):
            problems.append("%s: %r %r" % (answers.objects[i]["command"], answers.errors(i), answers.rows(i)[:1]))
    if {r["ifindex"] for r in answers.rows(5)} != {1}:
        problems.append("lo: %r" % answers.rows(5))
    report.test(name + " hash tables", problems, "%d dentries, %d inodes" % (len(answers.rows(2)), len(answers.rows(3))))


def check_parts(report, name, program, paths):
    """A struct inside of another one says which, and what list it is a head or link of."""
    last = [r for r in ask(program, paths, ["list super_blocks"]).rows(0) if r["address"]][-1]["meaning"]
    problems = []
    for command, want in PARTS.items():
        got = subprocess.run([program, "-x", command] + paths, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             universal_newlines=True).stdout.splitlines()
        lines = [" ".join(line.split()) for line in got[:2]]
        for line, text in zip(lines, want):
            if text and line != " ".join((text % last if "%s" in text else text).split()):
                problems.append("%s: %r" % (command, lines))
    report.test(name + " parts of objects", problems)


def wanted(dump, only):
    if not dump.kernel.startswith(only) or dump.format not in ("lzo", "zstd.d1"):
        return False
    if lossy(dump):
        return False
    return dump.scenario == "lists" or (dump.kernel == "5.10" and dump.format == "zstd.d1")


def main():
    program, only = called_with()
    report = Report()
    dumps = [d for d in lab_dumps() if wanted(d, only)]
    for dump in dumps:
        name = "%s %s %s" % dump[:3]
        guest = Guest(os.path.join(dump.folder, "truth"))
        check_areas(report, name, program, dump, guest)
        check_timers(report, name, program, dump, guest)
        if dump.scenario != "lists":
            continue
        check_lists(report, name, dump, numbered(program, dump, [c for c, _, _ in LISTS + TREES]))
        check_inodes(report, name, program, dump)
        check_hashes(report, name, program, files(dump))
        check_parts(report, name, program, files(dump))
        check_parts(report, name + " alone", program, files(dump)[-1:])
        if dump.kernel != "5.10":
            check_maple(report, name, program, dump)
    if not dumps:
        report.skip("lists")
    report.end()


if __name__ == "__main__":
    main()
