#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who holds and who waits, against what the lab's module lablocks.c has set up: a thread's name says what it does.

    waiters.py PROGRAM [KERNEL]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import files, whole
from program import ask
from report import Report, called_with

# member of lab_locks, its type, who holds it by its own word, who waits
LOCKS = (("mutex", "mutex", ["lab_owner"], ["lab_mutex"] * 3),
         ("write", "rw_semaphore", ["lab_owner"], ["lab_reader"] * 2),
         ("read", "rw_semaphore", [], ["lab_writer"]),
         ("sem", "semaphore", [], ["lab_sem"] * 2),
         ("done", "completion", [], ["lab_done"] * 2),
         ("percpu", "percpu_rw_semaphore", [], ["lab_percpu"]),
         ("inner[2].queue", "wait_queue_head", [], ["lab_queue"] * 3),
         ("inner[1].queue", "wait_queue_head", [], []),
         ("idle", "mutex", [], []))


def who(rows, does):
    return sorted(r["comm"] for r in rows if r["does"] == does)


def check(report, program, dump):
    name = "%s %s %s" % (dump.kernel, dump.scenario, dump.format)
    debug = ("--debug-dir", os.path.join(os.path.dirname(dump.vmlinux), "debug"))
    answers = ask(program, files(dump), ["waiters %s &lab_locks.%s" % (t, m) for m, t, _, _ in LOCKS] +
                  ["waiters struct lab_locks lab_locks", "p lab_locks.mutex", "p lab_locks.write"], options=debug)
    problems = []
    for i, (member, _, holds, waits) in enumerate(LOCKS):
        if answers.errors(i) and not any("nobody waits" in e for e in answers.errors(i)):
            problems.append("%s: %r" % (member, answers.errors(i)))
        have = who(answers.rows(i), "holds"), who(answers.rows(i), "waits")
        if have != (holds, waits):
            problems.append("%s: %r hold and wait" % (member, have))
    report.test(name + " each lock's holder and waiters", problems, "%d locks" % len(LOCKS))

    rows = answers.rows(len(LOCKS))
    want = sorted((m.split("[")[0], c) for m, _, _, waits in LOCKS for c in waits)
    have = sorted((r["path"].split("[")[0].split(".")[0], r["comm"]) for r in rows if r["does"] == "waits")
    problems = [] if have == want else ["%r" % have]
    owner = answers.rows(len(LOCKS) + 1)
    meaning = [r["meaning"] for r in owner if r["path"].endswith("owner")]
    if len(meaning) != 1 or "lab_owner" not in meaning[0] or "MUTEX_FLAG_WAITERS" not in meaning[0]:
        problems.append("mutex.owner means %r" % meaning)
    count = [r["meaning"] for r in answers.rows(len(LOCKS) + 2) if r["path"].endswith("count")]
    if len(count) != 1 or count[0] != "RWSEM_WRITER_LOCKED RWSEM_FLAG_WAITERS":
        problems.append("rw_semaphore.count means %r" % count)
    report.test(name + " all that is in one struct", problems, "%d rows" % len(rows))

    # without the module's types there are the stacks
    rows = ask(program, files(dump), ["waiters lab_locks"]).rows(0)
    missing = {c for _, _, _, waits in LOCKS for c in waits} - {r["comm"] for r in rows}
    report.test(name + " by stacks alone", ["%s isn't found" % c for c in sorted(missing)], "%d rows" % len(rows))


def main():
    program, only = called_with()
    report, dumps = Report(), whole(only, "locks")
    for dump in dumps:
        check(report, program, dump)
    if not dumps:
        report.skip("locks")
    report.end()


if __name__ == "__main__":
    main()
