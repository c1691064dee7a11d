#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the groups of `stacks` with the guest's own /proc/PID/task/TID/stack, on the dumps of thousands of tasks.

    stacks_groups.py PROGRAM [KERNEL]

Only tasks that haven't run since the truth was taken are compared. The guest leaves out the scheduler's frames, so
groups that differ in nothing else count as one here. Every group must have as many of those tasks as the guest has
tasks with its stack, and they must be the same ones. That holds for a dump whose filter lost the saved stack pointers of
many tasks, too: where those sleep is found by their stacks.
"""
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import lab_dumps
from guest import Guest
from program import ask
from report import Report, called_with
from truth import context_switches, sched_text, unchanged

FEW_DOZEN = 80  # groups at most
THOUSANDS = 2000  # tasks at least


def parse(text):
    """[(function, offset)] of a row's stack."""
    return [(m.group(1), int(m.group(2), 16)) for m in re.finditer(r"^(\S+?)\+0x([0-9a-f]+)( \[\w+\])?$", text, re.M)]


class Places:
    """Frames as sets of addresses: a name can be several functions', and a function have several names."""

    def __init__(self, guest):
        self.names, (self.low, self.high) = guest.addresses(), sched_text(guest)

    def of(self, frames):
        v = [frozenset(a + off for a in self.names.get(fn, ())) for fn, off in frames]
        return tuple(p for p in v if not any(self.low <= a < self.high for a in p))


def same(a, b):
    return len(a) == len(b) and all(x & y for x, y in zip(a, b))


def merged(rows, places):
    """[(places, {tid})], stacks that differ only in the scheduler's frames together."""
    groups = collections.defaultdict(set)
    for r in rows:
        groups[places.of(parse(r["stack"]))].update(t["pid"] for t in r["tasks"])
    return list(groups.items())


def check(report, program, dump):
    name = "%s %s %s" % (dump.kernel, dump.scenario, dump.format)
    guest = Guest(os.path.join(dump.folder, "truth"))
    answers = ask(program, [dump.vmlinux] + dump.files, ["ps", "stacks"])
    tasks, rows = answers.rows(0), answers.rows(1)
    switches = context_switches(program, dump, tasks)
    problems = ["%d rows say %d tasks, ps %d" % (len(rows), sum(r["count"] for r in rows), len(tasks))] \
        if sum(r["count"] for r in rows) != len(tasks) else []
    problems += ["count %d, but %d tasks" % (r["count"], len(r["tasks"])) for r in rows if r["count"] != len(r["tasks"])]
    if len(tasks) < THOUSANDS or len(rows) > FEW_DOZEN:
        problems.append("%d tasks in %d groups" % (len(tasks), len(rows)))

    places = Places(guest)
    told = {tid: places.of(t.stack) for tid, t in guest.threads().items()
            if t.stack and unchanged(t, switches.get(tid))}
    equal = compared = 0
    for stack, tids in merged(rows, places):
        want = {tid for tid, s in told.items() if same(s, stack)}
        have = tids & told.keys()
        compared += bool(have or want)
        equal += bool(have) and have == want
        if have != want:
            problems.append("%d tasks here, %d in the guest; only here %s, only there %s" %
                            (len(have), len(want), sorted(have - want)[:5], sorted(want - have)[:5]))
    if len(told) < THOUSANDS * 9 // 10:
        problems.append("only %d tasks could be compared" % len(told))
    report.test(name + " groups of stacks", problems, "%d tasks in %d groups; %d of %d groups with %d tasks equal" %
                (len(tasks), len(rows), equal, compared, len(told)))


def main():
    program, only = called_with()
    report = Report()
    dumps = [d for d in lab_dumps() if d.scenario == "many" and d.kernel.startswith(only) and
             d.format in ("lzo", "zstd.d1")]
    for dump in dumps:
        check(report, program, dump)
    if not dumps:
        report.skip("groups of stacks")
    report.end()


if __name__ == "__main__":
    main()
