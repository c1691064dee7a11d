#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures vmbrowse on the lab's dumps, and crash and drgn beside it where they are given.

    bench.py [--crash COMMAND] [--drgn COMMAND] [--runs N] [--out FILE.json] [--only CASE]... VMBROWSE FIRSTSCREEN

The machine should have nothing else to do: its load is printed, and what of the figures is processor time.

Every case is run once unmeasured, so that the files are in the page cache, and then N times by each program in
turn: what disturbs the machine disturbs all. Printed are medians, the peers' as multiples of vmbrowse's, and the
goal. Screens are timed through a pty (firstscreen.c), all else as whole commands, from exec to exit.
"""
import argparse
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
KERNEL = "6.1"
SEARCH = "search -k deadbeefdeadbeef"
SEARCH_ONCE = "search -p deadbeefdeadbeef"  # each page once, as the yardstick has them
BITMAP = 512 << 20  # bytes of a bitmap of 16 TiB


class Missing(Exception):
    """A dump or a program that isn't there: the case is left out."""


class Bench:
    def __init__(self, args):
        self.args = args
        self.lab = subprocess.run([os.path.join(TOP, "tests/lab/lab"), "path"], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout.strip()
        self.tmp = tempfile.mkdtemp(prefix="vmbrowse-bench-")
        self.vmlinux = self.file("kernels/%s/vmlinux" % KERNEL)
        self.env = dict(os.environ, XDG_STATE_HOME=self.tmp, XDG_CONFIG_HOME=self.tmp, XDG_CACHE_HOME=self.tmp + "/cache")

    def file(self, path):
        path = os.path.join(self.lab, path)
        if not os.path.exists(path):
            raise Missing("%s isn't there (tests/lab/lab build --bench makes the large dumps)" % path)
        return path

    def dump(self, name):
        return self.file("dumps/%s/%s" % (KERNEL, name))

    def huge(self, name):
        out = os.path.join(TOP, "build/huge")
        source = self.dump("fsfreeze/vmcore.elf")
        path = os.path.join(out, name)
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
            subprocess.run([sys.executable, os.path.join(HERE, "huge.py"), source, out], check=True)
        return path

    def whole(self):
        return self.dump("many10k/vmcore.zstd.d1")

    # ---- one measured run each; milliseconds, or kilobytes ----

    def fill_cache(self):
        """What sessions of some seconds leave behind for the next: the index of DWARF names, a kernel out of a dump."""
        small = self.dump("fsfreeze/vmcore.lzo")
        self.screen(small, "first_ms", "-k", "80", no_cache=False)
        self.command([self.args.vmbrowse, "-x", "sys", small])  # is kept when a session is left, not when it is killed

    def screen(self, dump, key, *options, no_cache=True, alone=False):
        command = [self.args.firstscreen, *options, self.args.vmbrowse, *([] if alone else [self.vmlinux]), dump]
        if no_cache:
            command.append("--no-cache")
        p = subprocess.run(command, env=self.env, stdout=subprocess.PIPE, text=True)
        if p.returncode:
            raise Missing("no screen came up on %s" % dump)
        return json.loads(p.stdout)[key]

    def command(self, argv, text=None):
        with open(os.devnull, "w") as null:
            began = time.perf_counter()
            p = subprocess.run(argv, env=self.env, input=text, stdout=null, stderr=null, text=True)
            took = (time.perf_counter() - began) * 1000
        if p.returncode not in (0, 1):
            raise Missing("%s ended with status %d" % (argv[0], p.returncode))
        return took

    def ours(self, dump, *options):
        return self.command([self.args.vmbrowse, "--no-cache", *options, self.vmlinux, dump])

    def crash(self, dump, line):
        return self.command(self.args.crash.split() + ["-s", self.vmlinux, dump], line + "\nquit\n")

    def drgn_command(self, dump, case):
        return self.args.drgn.split() + ["-q", "-c", dump, "-s", self.vmlinux, os.path.join(HERE, "drgn_cases.py"), case]

    def drgn(self, dump, case):
        return self.command(self.drgn_command(dump, case))

    def crash_rss(self, dump):
        p = subprocess.Popen(self.args.crash.split() + ["-s", self.vmlinux, dump], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        p.stdin.write("p 987654321\n")
        p.stdin.flush()
        for line in p.stdout:
            if "987654321" in line and "=" in line:
                break
        with open("/proc/%d/status" % p.pid) as f:
            kb = re.search(r"RssAnon:\s+(\d+)", f.read())
        p.communicate("quit\n")
        return int(kb.group(1))

    def drgn_rss(self, dump):
        p = subprocess.run(self.drgn_command(dump, "rss"), stdout=subprocess.PIPE, text=True)
        return int(re.search(r"RssAnon:\s+(\d+)", p.stdout).group(1))

    def decompress(self, dump):
        """Nothing but the decompression of all pages, by two threads: what a search can't be faster than."""
        program = os.path.join(os.path.dirname(self.args.firstscreen), "decompress")
        p = subprocess.run([program, "2", dump], stdout=subprocess.PIPE, text=True)
        if p.returncode:
            raise Missing("%s ended with status %d" % (program, p.returncode))
        return json.loads(p.stdout)["ms"]

    def bitmap_pass(self, dump):
        """One pass over a bitmap out of the page cache."""
        buf = bytearray(1 << 20)
        with open(dump, "rb", buffering=0) as f:
            began = time.perf_counter()
            for at in range(0, BITMAP, len(buf)):
                os.preadv(f.fileno(), [buf], at)
            return (time.perf_counter() - began) * 1000

    def keys(self, dump):
        """The 99th percentile from a key to the screen that shows its effect, while all cores work."""
        times = self.screen(dump, "keys_ms", "-k", "200", "-j", ":%s\r" % SEARCH, "-j", "\0331")
        return sorted(t if t >= 0 else 2000 for t in times)[(len(times) * 99 + 99) // 100 - 1]


def cases(b):
    """name, unit, goal (a number, or a function of the medians so far by name), {program: function that runs once}"""
    def small():
        return b.dump("fsfreeze/vmcore.lzo")

    def many():
        return b.dump("many10k/vmcore.lzo")

    return [
        ("first screen", "ms", 60, {
            "vmbrowse": lambda: b.screen(small(), "first_ms"),
            "crash": lambda: b.crash(small(), ""),
            "drgn": lambda: b.drgn(small(), "first")}),
        ("first screen and frames", "ms", None, {"vmbrowse": lambda: b.screen(small(), "frames_ms")}),
        ("first screen, index cache", "ms", 20, {
            "vmbrowse": lambda: b.screen(small(), "first_ms", no_cache=False)}),
        ("first screen, dump alone", "ms", lambda m: m["first screen"], {
            "vmbrowse": lambda: b.screen(small(), "first_ms", alone=True)}),
        ("first screen, dump alone, again", "ms", lambda m: m["first screen"], {
            "vmbrowse": lambda: b.screen(small(), "first_ms", no_cache=False, alone=True)}),
        ("RssAnon, dump alone", "kB", 50000, {"vmbrowse": lambda: b.screen(many(), "rss_anon_kb", alone=True)}),
        ("first screen, 10,000 tasks", "ms", None, {"vmbrowse": lambda: b.screen(many(), "first_ms")}),
        ("ps -m, 10,000 tasks", "ms", 150, {
            "vmbrowse": lambda: b.ours(many(), "-x", "ps -m"), "crash": lambda: b.crash(many(), "ps -m")}),
        ("all stacks, 10,000 tasks", "ms", 500, {
            "vmbrowse": lambda: b.ours(many(), "-x", "foreach bt"),
            "crash": lambda: b.crash(many(), "foreach bt -l"),
            "drgn": lambda: b.drgn(many(), "stacks")}),
        ("all stacks as JSON", "ms", 500, {"vmbrowse": lambda: b.ours(many(), "-o", "json", "-x", "foreach bt")}),
        ("log", "ms", 60, {
            "vmbrowse": lambda: b.ours(small(), "-x", "log"), "crash": lambda: b.crash(small(), "log"),
            "drgn": lambda: b.drgn(small(), "log")}),
        ("RssAnon after opening", "kB", 30000, {
            "vmbrowse": lambda: b.screen(many(), "rss_anon_kb"), "crash": lambda: b.crash_rss(many()),
            "drgn": lambda: b.drgn_rss(many())}),
        ("start-up for a search", "ms", None, {"vmbrowse": lambda: b.ours(b.whole(), "-x", "set")}),
        ("decompression by 2 threads", "ms", None, {"vmbrowse": lambda: b.decompress(b.whole())}),
        ("search of a dump kept whole", "ms",
         lambda m: 1.2 * m["decompression by 2 threads"] + m["start-up for a search"], {
             "vmbrowse": lambda: b.ours(b.whole(), "-x", SEARCH_ONCE),
             "crash": lambda: b.crash(b.whole(), SEARCH_ONCE)}),
        ("search of kernel memory", "ms", None, {
            "vmbrowse": lambda: b.ours(b.whole(), "-x", SEARCH), "crash": lambda: b.crash(b.whole(), SEARCH)}),
        ("key to screen, 99 %", "ms", 16, {"vmbrowse": lambda: b.keys(many())}),
        ("small ELF", "ms", None, {"vmbrowse": lambda: b.screen(b.dump("fsfreeze/vmcore.elf"), "first_ms")}),
        ("16 TiB ELF", "ms", lambda m: 1.3 * m["small ELF"], {"vmbrowse": lambda: b.screen(b.huge("huge.elf"), "first_ms")}),
        ("small kdump", "ms", None, {"vmbrowse": lambda: b.screen(b.dump("fsfreeze/vmcore.zlib"), "first_ms")}),
        ("a pass over a bitmap", "ms", None, {"vmbrowse": lambda: b.bitmap_pass(b.huge("huge.kdump"))}),
        ("16 TiB kdump", "ms", lambda m: m["small kdump"] + m["a pass over a bitmap"], {"vmbrowse": lambda: b.screen(b.huge("huge.kdump"), "first_ms")}),
        ("16 TiB kdump, last page", "ms", None, {
            "vmbrowse": lambda: b.ours(b.huge("huge.kdump"), "-x", "rd -p 0xffffffff000 4")}),
    ]


def processor_ms():
    """Of all children so far."""
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (u.ru_utime + u.ru_stime) * 1000


def measure(b, name, programs, runs):
    """{program: [values]}, {program: [processor time of each run]}"""
    given = {p: f for p, f in programs.items() if p == "vmbrowse" or getattr(b.args, p)}
    values, cpu = {p: [] for p in given}, {p: [] for p in given}
    for i in range(runs + 1):
        for p in list(given):
            before = processor_ms()
            try:
                value = given[p]()
            except Missing as e:
                print("%s, %s: left out: %s" % (name, p, e), file=sys.stderr)
                del given[p], values[p], cpu[p]
                continue
            if i:
                values[p].append(value)
                cpu[p].append(processor_ms() - before)
    return values, cpu


def machine():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    return {"name": platform.node(), "cpu": model, "cores": os.cpu_count(),
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "kernel": platform.release(),
            "load": os.getloadavg()[0]}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--crash", default="")
    a.add_argument("--drgn", default="")
    a.add_argument("--runs", type=int, default=5)
    a.add_argument("--out")
    a.add_argument("--only", action="append")
    a.add_argument("vmbrowse")
    a.add_argument("firstscreen")
    args = a.parse_args()
    try:
        b = Bench(args)
    except Missing as e:
        sys.exit("bench: %s" % e)
    b.fill_cache()
    m, results, known = machine(), [], {}
    print("%s: %s, %d cores, %.0f GB, Linux %s, load %.1f; medians of %d runs in turn"
          % (m["name"], m["cpu"], m["cores"], m["memory"] / 1e9, m["kernel"], m["load"], args.runs))
    print("%-28s %12s %8s %9s   %-22s %-22s" % ("", "vmbrowse", "goal", "processor", "crash", "drgn"))
    for name, unit, goal, programs in cases(b):
        if args.only and not any(o in name for o in args.only):
            continue
        values, cpu = measure(b, name, programs, args.runs)
        medians = {p: statistics.median(v) for p, v in values.items() if v}
        own = medians.get("vmbrowse")
        if own is None:
            continue
        known[name] = own
        if callable(goal):
            try:
                goal = round(goal(known), 1)
            except KeyError:  # --only has left out what it is made of
                goal = None
        peers = ["%10.0f %s, %5.0f x" % (medians[p], unit, medians[p] / own) if p in medians else "" for p in ("crash", "drgn")]
        print("%-28s %9.1f %s %8s %6.0f ms   %-22s %-22s"
              % (name, own, unit, goal or "", statistics.median(cpu["vmbrowse"]), *peers), flush=True)
        results.append({"case": name, "unit": unit, "goal": goal, "median": medians, "values": values,
                        "processor_ms": cpu})
    if args.out:
        os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
        with open(args.out, "w") as f:
            json.dump({"machine": m, "runs": args.runs, "cases": results}, f, indent=1)
    shutil.rmtree(b.tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
