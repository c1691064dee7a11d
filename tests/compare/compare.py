#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares vmbrowse's answers with crash's and drgn's on the lab's dumps and prints every difference.

    compare.py [--crash COMMAND] [--drgn COMMAND] [KERNEL[/SCENARIO[/FORMAT]]]

It judges nothing: who is right is for a person to find out from the kernel's source. Exit status 0 when it ran.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "truth"))
from program import ask
from truth import STATES, TOP, lab_dumps

PROGRAM = os.path.join(TOP, "build/release/vmbrowse")


class Differences:
    def __init__(self):
        self.count, self.agree = collections.Counter(), collections.Counter()

    def see(self, what, where, ours, theirs):
        if ours == theirs:
            self.agree[what] += 1
            return
        self.count[what] += 1
        print("%s, %s: vmbrowse %r, %s" % (what, where, ours, theirs))


def ours(dump):
    a = ask(PROGRAM, [dump.vmlinux] + dump.files, ["ps", "foreach bt -V", "mount", "mod", "log"], 600)
    stacks = collections.defaultdict(list)
    for r in a.rows(1):
        if r["function"] is not None:
            stacks[r["pid"]].append(r)
    return {"tasks": {r["pid"]: r for r in a.rows(0) if r["pid"]}, "stacks": stacks, "mounts": a.rows(2),
            "modules": sorted(r["name"] for r in a.rows(3)), "log": a.rows(4)}


def number(value):
    if isinstance(value, str) and value.startswith("0x"):
        return int(value, 16)
    return int(value) if isinstance(value, (bool, int)) else None


def with_drgn(d, command, dump, mine):
    p = subprocess.run(command.split() + ["-q", "-c", dump.files[0], "-s", dump.vmlinux,
                                          os.path.join(HERE, "drgn_answers.py")],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        print("drgn can't read %s: %s" % (dump.files[0], p.stderr.strip()[-300:]))
        return
    theirs = json.loads(p.stdout.splitlines()[-1])
    d.see("drgn pids", dump.format, sorted(mine["tasks"]), sorted(int(k) for k in theirs["tasks"]))
    for pid, t in theirs["tasks"].items():
        r = mine["tasks"].get(int(pid))
        if not r:
            continue
        where = "pid %s %s" % (pid, t["comm"])
        d.see("drgn comm", where, r["comm"], t["comm"])
        d.see("drgn state", where, r["state"], STATES.get(t["state"], t["state"]))
        d.see("drgn cpu", where, r["cpu"], t["cpu"])
        if isinstance(t["frames"], dict):
            continue
        stack = mine["stacks"][int(pid)]
        d.see("drgn frames", where, [f["function"].split(".")[0] for f in stack],
              [(f["function"] or "?").split(".")[0] for f in t["frames"]])
        for f, g in zip(stack, t["frames"]):
            values = {v["name"]: number(v["value"]) for v in f["vars"]}
            for name, v in g["vars"].items():
                if f["function"].split(".")[0] == (g["function"] or "").split(".")[0]:
                    have = values.get(name)
                    same = have is not None and have % 2**64 == v % 2**64
                    d.see("drgn variable", "%s %s %s" % (where, f["function"], name), v if same else have, v)
    d.see("drgn mounts", dump.format, sorted([m["device"], m["directory"], m["type"]] for m in mine["mounts"]),
          sorted(theirs["mounts"]))
    d.see("drgn modules", dump.format, mine["modules"], theirs["modules"])


def crash(command, dump, commands):
    p = subprocess.run(command.split() + ["-s", dump.vmlinux, dump.files[0]], input="\n".join(commands) + "\nexit\n",
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return p.stdout


def with_crash(d, command, dump, mine):
    out = crash(command, dump, ["set scroll off", "ps"])
    theirs = {int(m.group(1)): m for m in
              re.finditer(r"^>?\s+(\d+)\s+\d+\s+(\d+)\s+([0-9a-f]{16})\s+(\w\w)\s+\S+\s+\d+\s+\d+\s+(.*)$", out, re.M)}
    theirs.pop(0, None)
    if not theirs:
        print("crash can't read %s: %s" % (dump.files[0], out.strip()[-300:]))
        return
    d.see("crash pids", dump.format, sorted(mine["tasks"]), sorted(theirs))
    for pid, m in theirs.items():
        r = mine["tasks"].get(pid)
        if r:
            d.see("crash state", "pid %d" % pid, r["state"], m.group(4))
            d.see("crash cpu", "pid %d" % pid, r["cpu"], int(m.group(2)))
    out = crash(command, dump, ["set scroll off", "foreach bt"])
    for block in re.split(r"^PID: ", out, flags=re.M)[1:]:
        pid = int(block.split()[0])
        names = re.findall(r"^ ?#\d+ \[[0-9a-f]+\] (\S+) at", block, re.M)
        if pid in mine["stacks"]:
            d.see("crash frames", "pid %d" % pid, [f["function"] for f in mine["stacks"][pid] if not f["inline"]],
                  names)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--crash", default="")
    p.add_argument("--drgn", default="")
    p.add_argument("only", nargs="?", default="")
    a = p.parse_args()
    if not a.crash and not a.drgn:
        sys.exit("name at least one to compare with: make compare CRASH=crash DRGN=drgn")
    for dump in lab_dumps():
        if not ("%s/%s/%s" % dump[:3]).startswith(a.only) or len(dump.files) > 1:
            continue
        print("== %s %s %s" % dump[:3], flush=True)
        d, mine = Differences(), ours(dump)
        if a.drgn:
            with_drgn(d, a.drgn, dump, mine)
        if a.crash:
            with_crash(d, a.crash, dump, mine)
        for what in sorted(set(d.count) | set(d.agree)):
            print("# %s: %d agree, %d differ" % (what, d.agree[what], d.count[what]), flush=True)


if __name__ == "__main__":
    main()
