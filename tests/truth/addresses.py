#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what `what` says of addresses with what the guest wrote down.

    addresses.py PROGRAM [KERNEL]

A lab module (tests/lab/module/labslab.c) kept books of its objects: the address and size of each, what kind of memory it
is and whether it is in use. Asked for are its first byte, one in its middle and its last. And every mapping of every
process is in its /proc/PID/maps: the first byte and the last of each. Prints TAP.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import files, lab_dumps, lossy, whole
from guest import Guest, read
from program import ask
from report import Report, called_with
from truth import context_switches, unchanged

# enum lab_what and enum lab_state
PLAIN, DEBUG, CTOR, RCU, KMALLOC, PERCPU0, PERCPU1, STATIC1, VMALLOC, PAGES = range(10)
FREE, USED, GONE = range(3)
CACHES = {PLAIN: "labslab_plain", DEBUG: "labslab_debug", CTOR: "labslab_ctor", RCU: "labslab_rcu"}
KMALLOC_CACHES = {24: "kmalloc-32", 64: "kmalloc-64", 200: "kmalloc-256", 1000: "kmalloc-1k", 1024: "kmalloc-1k",
                  3000: "kmalloc-4k", 8192: "kmalloc-8k"}
BATCH = 60


def books(program, dump, options):
    """[(address, size, state, what)]"""
    def words(command):
        # `mod` first: symbols of modules are known from then on
        return [int(r["value"], 16) for r in ask(program, files(dump), ["mod", command], options=options).rows(1)]
    count = words("rd lab_count")[0]
    flat = words("rd lab_objects %d" % (3 * count))
    return [(flat[i], flat[i + 1], flat[i + 2] & 0xffffffff, flat[i + 2] >> 32) for i in range(0, len(flat), 3)]


def identities(program, dump, addresses, options):
    """{address: [row]}"""
    batches = [addresses[i:i + BATCH] for i in range(0, len(addresses), BATCH)]
    answers = ask(program, files(dump), ["what " + " ".join("0x%x" % a for a in b) for b in batches], options=options)
    found = {}
    for i in range(len(batches)):
        for r in answers.rows(i):
            found.setdefault(int(r["address"], 16), []).append(r)
    return found


def of_kind(rows, kind):
    return next((r for r in rows if r["kind"] == kind), None)


def slab_problem(rows, at, size, offset, state, name):
    r = of_kind(rows, "slab")
    if not r:
        return None if state == GONE else "is in no slab object: %s" % [x["text"] for x in rows]
    if state == GONE:
        return "in use" if r["state"] == "allocated" and r["name"] == name else None
    want = {"name": name, "start": "0x%x" % at, "offset": offset, "state": "allocated" if state == USED else "free"}
    if size:
        want["size"] = size
    wrong = {k: r[k] for k in want if r[k] != want[k]}
    return "%s, which should be %s: %s" % (wrong, {k: want[k] for k in wrong}, r["text"]) if wrong else None


def kmalloc_problem(rows, at, size, offset):
    r = of_kind(rows, "slab")
    # a kernel may have several caches of one size (kmalloc-rnd-03-64), and kfence tells the size asked for
    name = r["name"] if r else ""
    if name.startswith("kmalloc-rnd-"):
        name = "kmalloc-" + name.split("-", 3)[3]
    if name != KMALLOC_CACHES[size]:
        return "is no %s: %s" % (KMALLOC_CACHES[size], [x["text"] for x in rows])
    return slab_problem(rows, at, size if "kfence" in r["text"] else 0, offset, USED, r["name"])


def other_problem(rows, at, size, offset, what):
    if what in (PERCPU0, PERCPU1, STATIC1):
        r = of_kind(rows, "per-cpu")
        if not r or r["cpu"] != (what != PERCPU0):
            return "is no per-CPU memory of its CPU: %s" % [x["text"] for x in rows]
        if what == STATIC1 and r["name"] != "labslab":
            return "is not the module's: %s" % r["text"]
    elif what == VMALLOC:
        r = of_kind(rows, "vmalloc")
        if not r or r["start"] != "0x%x" % at or r["size"] not in (size, size + 4096):  # with its guard
            return "is not our vmalloc area: %s" % [x["text"] for x in rows]
    else:
        r = of_kind(rows, "page")
        if not r or of_kind(rows, "slab") or "4 pages" not in r["text"]:
            return "is no compound page: %s" % [x["text"] for x in rows]
    return None


def problems(entries, found):
    for at, size, state, what in entries:
        for offset in sorted({0, size // 2, size - 1}):
            rows = found.get(at + offset, [])
            if what in CACHES:
                p = slab_problem(rows, at, size, offset, state, CACHES[what])
            elif what == KMALLOC:
                p = kmalloc_problem(rows, at, size, offset)
            else:
                p = other_problem(rows, at, size, offset, what)
            if p:
                yield "0x%x+%d %s" % (at, offset, p)


def red_zones(entries, found):
    """What lies around an object with red zones is its cache's, but no one's object."""
    for at, size, _, what in entries:
        for a in (at - 1, at + size):
            r = of_kind(found.get(a, []), "slab")
            if what == DEBUG and r and r["name"] == CACHES[DEBUG] and "red zone" not in r["text"]:
                yield "0x%x: %s" % (a, r["text"])


def check(report, program, dump):
    name = "%s/%s/%s" % dump[:3]
    debug = os.path.join(os.path.dirname(dump.vmlinux), "debug")
    options = ["--debug-dir", debug] if os.path.isdir(debug) else []
    entries = books(program, dump, options)
    asked = sorted({a + o for a, n, _, what in entries for o in (-1, 0, n // 2, n - 1, n)})
    found = identities(program, dump, asked, options)
    kfence = sum("kfence" in r["text"] for rows in found.values() for r in rows if r["kind"] == "slab")
    figures = "%d objects, %d in use, %d free, %d places in kfence objects" % (
        len(entries), sum(e[2] == USED for e in entries), sum(e[2] == FREE for e in entries), kfence)
    report.test("%s: memory is what the guest's own module says" % name, problems(entries, found), figures)
    report.test("%s: red zones are told" % name, red_zones(entries, found))


def maps(dump):
    """{pid: [(start, end, rights, path)]}"""
    found, top = {}, os.path.join(dump.folder, "truth", "proc")
    for pid in os.listdir(top):
        lines = (read("%s/%s/task/%s/maps" % (top, pid, pid)) or "").splitlines()
        fields = [line.split(None, 5) for line in lines]
        found[int(pid)] = [(*(int(x, 16) for x in f[0].split("-")), f[1], f[5] if len(f) > 5 else "") for f in fields]
    return found


def mapping_problem(rows, start, end, rights, path):
    r = of_kind(rows, "user")
    if not r or r["start"] != "0x%x" % start or r["size"] != end - start:
        return "is not told: %s" % [x["text"] for x in rows]
    if " %s " % rights not in r["text"]:
        return "has rights %s: %s" % (rights, r["text"])
    return "is of %s: %s" % (path, r["text"]) if r["name"] != (path or "anonymous memory") else None


def mappings(program, dump, quiet):
    """The problems; how many mappings were looked at."""
    wanted = [(pid, m) for pid, ms in maps(dump).items() if pid in quiet for m in ms if m[0] < 1 << 47]
    answers = ask(program, files(dump), ["what -c %d %x %x" % (pid, m[0], m[1] - 1) for pid, m in wanted])
    problems = []
    for i, (pid, m) in enumerate(wanted):
        for place in (m[0], m[1] - 1):
            rows = [r for r in answers.rows(i) if int(r["address"], 16) == place]
            problem = mapping_problem(rows, *m)
            problems += ["pid %d, 0x%x %s" % (pid, place, problem)] if problem else []
    return problems, len(wanted)


def check_mappings(report, program, dump):
    # who has run since may have mapped something else
    switches = context_switches(program, dump, ask(program, files(dump), ["ps"]).rows(0))
    threads = Guest(os.path.join(dump.folder, "truth")).threads().values()
    quiet = {t.tid for t in threads if unchanged(t, switches.get(t.tid))}
    problems, n = mappings(program, dump, quiet)
    report.test("%s/%s/%s: mappings of processes are those of their maps" % dump[:3],
                problems if n else ["no process has any"], "%d mappings" % n)


def main():
    program, only = called_with()
    report = Report()
    dumps = [d for d in lab_dumps() if d.scenario == "slab" and not lossy(d) and d.kernel.startswith(only)]
    for dump in dumps:
        check(report, program, dump)
    if not dumps:
        report.skip("addresses")
    for dump in whole(only, "fsfreeze"):
        check_mappings(report, program, dump)
    report.end()


if __name__ == "__main__":
    main()
