#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares vmbrowse's answers with crash's and drgn's on the lab's dumps and prints every difference.

    compare.py [--crash COMMAND] [--drgn COMMAND] [--program PROGRAM] [--all] [--identify | --expressions] [KERNEL[/SCENARIO[/FORMAT]]...]

It judges nothing: who is right is for a person to find out from the kernel's source; what was found out so far stands
in DIFFERENCES.md beside this file. Exit status 0 when it ran.
"""
import argparse
import collections
import fnmatch
import os
import random
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "truth"))
from containers import containers_with_crash
from differences import Differences
from dumps import TOP, lab_dumps
from program import ask, is_fault
from with_crash import with_crash
from with_crash_expr import expressions_with_crash
from with_drgn import identify_with_drgn, with_drgn

STRUCTS_OF_TASKS = 12      # tasks whose task_struct is compared whole
GLOBALS = 400              # variables
TEXTS = 300                # code addresses
WORDS = 300                # words of memory


class Ours:
    """What vmbrowse says of a dump."""

    def __init__(self, program, dump):
        self.program, self.dump = program, dump
        debug = os.path.join(os.path.dirname(dump.vmlinux), "debug")
        self.options = ["--debug-dir", debug] if os.path.isdir(debug) else []
        self.debug_files = [os.path.join(d, f) for d, _, files in os.walk(debug, followlinks=True) for f in files]
        self.random = random.Random("%s/%s" % (dump.kernel, dump.scenario))
        a = self.ask(["ps", "foreach bt -V", "mount", "mod", "log", "sym -l", "sys"])
        self.tasks = {r["task"]: r for r in a.rows(0)}
        self.stacks = collections.defaultdict(list)
        for r in a.rows(1):
            self.stacks[r["task"]].append(r)
        self.mounts, self.modules, self.log, self.symbols = a.rows(2), a.rows(3), a.rows(4), a.rows(5)
        self.sys = {r["key"]: r["value"] for r in a.rows(6)}

    def ask(self, commands):
        return ask(self.program, [self.dump.vmlinux] + self.dump.files, commands, 900, self.options)

    def sample(self, population, n):
        return self.random.sample(population, min(n, len(population)))

    def structs(self):
        """[(type, address, rows)] of objects that every kernel has."""
        tasks = self.sample(sorted(self.tasks), STRUCTS_OF_TASKS) + [t for t, r in self.tasks.items() if r["active"]]
        wanted = [("struct task_struct", t) for t in tasks]
        wanted += [("struct super_block", m["superblock"]) for m in self.mounts]
        wanted += [("struct mount", m["mount"]) for m in self.mounts]
        wanted += [("struct module", m["module"]) for m in self.modules]
        wanted = [(t, a) for t, a in dict.fromkeys(wanted) if isinstance(a, str)]
        answers = self.ask(["%s %s" % w for w in wanted])
        return [(t, int(a, 16), answers.rows(i)) for i, (t, a) in enumerate(wanted)]

    def globals(self):
        """[(name, address, cpu, rows)] of variables with a name that only one has."""
        names = collections.Counter(s["name"] for s in self.symbols)
        data = [s for s in self.symbols if s["type"] in "dDbBrR" and names[s["name"]] == 1 and s["size"]
                and s["module"] == "vmlinux" and re.match(r"(?!__BTF_ID)[a-z_]\w*$", s["name"])]
        at = {s["name"]: int(s["address"], 16) for s in self.symbols if s["name"].startswith("__per_cpu_")}
        bounds = at.get("__per_cpu_start", 1), at.get("__per_cpu_end", 0)
        percpu = {s["name"] for s in data if bounds[0] <= int(s["address"], 16) < bounds[1]}
        wanted = [(s["name"], int(s["address"], 16), 1 if s["name"] in percpu else None)
                  for s in self.sample(data, GLOBALS)]
        answers = self.ask(["p %s%s" % (n, "" if cpu is None else ":%d" % cpu) for n, _, cpu in wanted])
        return [(*w, answers.rows(i), answers.errors(i)) for i, w in enumerate(wanted)]

    def texts(self):
        """[(address, row)] of addresses in functions."""
        text = [s for s in self.symbols if s["type"] in "tT" and (s["size"] or 0) > 1]
        wanted = [int(s["address"], 16) + self.random.randrange(s["size"]) for s in self.sample(text, TEXTS)]
        answers = self.ask(["sym %x" % a for a in wanted])
        return [(a, answers.rows(i)[0]) for i, a in enumerate(wanted)]

    def memory(self):
        """[(address, physical, value)] of stacks, objects and physical pages."""
        near = [int(t, 16) for t in self.tasks] + [int(f["sp"], 16) for s in self.stacks.values() for f in s[:3]]
        near += [int(s["address"], 16) for s in self.sample(self.symbols, WORDS) if len(s["address"]) == 18]
        wanted = [((a + 8 * self.random.randrange(512)) & ~7, False) for a in self.sample(near, WORDS // 2)]
        wanted += [(self.random.randrange(1 << 29) & ~7, True) for _ in range(WORDS // 2)]
        answers = self.ask(["rd %s%x" % ("-p " if physical else "", a) for a, physical in wanted])
        return [(*w, answers.rows(i)[0]["value"]) for i, w in enumerate(wanted)]


def matches(name, pattern):
    """Folder by folder: 6.1 is not 6.12."""
    return all(fnmatch.fnmatch(a, b) for a, b in zip(name.split("/"), pattern.strip("/").split("/")))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--crash", default="")
    p.add_argument("--drgn", default="")
    p.add_argument("--program", default=os.environ.get("VMBROWSE") or os.path.join(TOP, "build/release/vmbrowse"))
    p.add_argument("--all", action="store_true", help="each difference, however often it occurs")
    p.add_argument("--identify", action="store_true", help="only what addresses are, against drgn")
    p.add_argument("--expressions", action="store_true", help="only the corpus of expressions, against crash")
    p.add_argument("--containers", action="store_true", help="only lists, trees, areas and timers, against crash")
    p.add_argument("only", nargs="*", default=["*"])
    a = p.parse_args()
    if not a.crash and not a.drgn:
        sys.exit("name at least one to compare with: make compare CRASH=crash DRGN=drgn")
    sums = collections.OrderedDict()
    for dump in lab_dumps():
        name = "%s/%s/%s" % dump[:3]
        if len(dump.files) > 1 or not any(matches(name, o) for o in a.only):
            continue
        print("== %s" % name, flush=True)
        d, ours = Differences(a.all), Ours(a.program, dump)
        if a.crash and not a.identify and not a.expressions:
            containers_with_crash(d, a.crash, ours)
        if a.crash and not a.identify and not a.containers:
            expressions_with_crash(d, a.crash, ours)
        if a.drgn and not a.expressions and not a.containers:
            (identify_with_drgn if a.identify else with_drgn)(d, a.drgn, ours)
        if a.crash and not a.identify and not a.expressions and not a.containers:
            with_crash(d, a.crash, ours)
        d.print()
        sums.setdefault(dump.kernel, Differences()).add(d)
    for kernel, d in sums.items():
        print("== %s, all dumps" % kernel)
        d.print()


if __name__ == "__main__":
    main()
