#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The corpus of expressions (expressions.txt) on a dump of each kernel, checked against the C compiler, the guest's
own words and the kernel's invariants; and constant expressions made up at random, against the compiler.

    expressions.py PROGRAM
"""
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../batch"))
from guest import Guest
from program import ask, is_fault
from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
LAB = os.environ["VMBROWSE_LAB"]
KERNELS = ("6.1", "6.12", "7.2")
TYPES = {"char": "i1", "signed char": "i1", "unsigned char": "u1", "short": "i2", "unsigned short": "u2", "int": "i4",
         "unsigned int": "u4", "long": "i8", "unsigned long": "u8", "long long": "i8", "unsigned long long": "u8",
         "_Bool": "u1", "bool": "u1"}


def corpus():
    """[(kind, text, check)] in order; kind: p, ! or @."""
    found = []
    with open(os.path.join(HERE, "expressions.txt")) as f:
        for line in f:
            line = line.rstrip("\n")
            if not line or line.startswith("# ") or line == "#":
                continue
            if line.startswith("@ "):
                found.append(("@", line[2:], ""))
                continue
            text, _, check = line.rpartition(" => ")
            found.append(("!", text[2:], check) if text.startswith("! ") else ("p", text, check))
    return found


def compiled(expressions, *options):
    """Value and type of constant expressions as the C compiler has them: {expression: (value, "u4")}."""
    names = ("_Bool:u1", "char:i1", "signed char:i1", "unsigned char:u1", "short:i2", "unsigned short:u2", "int:i4",
             "unsigned:u4", "long:i8", "unsigned long:u8", "long long:i8", "unsigned long long:u8")
    kinds = ", ".join('%s: "%s"' % tuple(n.split(":")) for n in names)
    lines = ['printf("%%s %%lld\\n", _Generic((%s), %s), (long long)(%s));' % (e, kinds, e) for e in expressions]
    with tempfile.TemporaryDirectory(prefix="vmbrowse-expr.") as d:
        with open(d + "/x.c", "w") as f:
            f.write("#include <stdio.h>\nint main(void) {\n%s\nreturn 0; }\n" % "\n".join(lines))
        subprocess.run(["gcc", "-w", "-O0", "-fwrapv", *options, "-o", d + "/x", d + "/x.c"], check=True)
        out = subprocess.run([d + "/x"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {e: (int(o.split()[1]), o.split()[0]) for e, o in zip(expressions, out)}


class Maker:
    """Constant expressions at random, always the same ones, none with what C leaves undefined."""
    LEAVES = ("0", "1", "7", "-1", "0x7f", "255", "0x7fffffff", "0x80000000", "3000000000", "1u", "5l", "9ul",
              "0xffffffffu", "0xffffffffffffffff", "'a'", "'\\xff'", "sizeof(int)", "2147483648")
    CASTS = ("char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "long", "unsigned long", "_Bool")
    BINARY = ("+", "-", "*", "&", "|", "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||")

    def __init__(self):
        self.random = random.Random(20260)

    def make(self, depth):
        r = self.random
        kind = r.randrange(10) if depth else 0
        if kind < 2:
            return r.choice(self.LEAVES)
        if kind == 2:
            return "%s(%s)" % (r.choice("-~!+"), self.make(depth - 1))
        if kind == 3:
            return "(%s)(%s)" % (r.choice(self.CASTS), self.make(depth - 1))
        if kind == 4:
            return "(%s) ? (%s) : (%s)" % tuple(self.make(depth - 1) for _ in range(3))
        if kind == 5:
            return "(%s) %s %d" % (self.make(depth - 1), r.choice(("<<", ">>")), r.randrange(31))
        if kind == 6:
            return "(%s) %s %s" % (self.make(depth - 1), r.choice("/%"), r.choice(("3", "7u", "10l", "1000ul")))
        return "(%s) %s (%s)" % (self.make(depth - 1), r.choice(self.BINARY), self.make(depth - 1))


class Truth:
    """What the guest said, by the words that the corpus uses."""

    def __init__(self, folder):
        self.guest = Guest(folder)
        self.threads = self.guest.threads()
        self.symbols = {}
        for addr, _, name, module in self.guest.kallsyms():
            self.symbols.setdefault(name, addr)

    def lines(self, name):
        return (self.guest.text(name) or "").splitlines()

    def blocked(self):
        return min(t.tid for t in self.threads.values() if t.comm == "dd" and t.state == "D")

    def range(self, name, i):
        """(start, end, what) of the i-th top-level line of iomem or ioports."""
        top = [l for l in self.lines(name) if not l.startswith(" ")]
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) : (.*)", top[i])
        return int(m.group(1), 16), int(m.group(2), 16), m.group(3)

    def zone(self, name, key):
        text = re.split(r"(?=Node \d+, zone)", self.guest.text("zoneinfo"))
        section = [t for t in text if re.match(r"Node 0, zone +%s$" % name, t.splitlines()[0] if t else "")][0]
        return name if key == "name" else int(re.search(r"^\s+%s:? +(\d+)" % key, section, re.M).group(1))

    def cpuinfo(self, key):
        value = re.search(r"^%s\s*: (.*)$" % key, self.guest.text("cpuinfo"), re.M).group(1)
        value = value.split()[0] if key == "cache size" else value
        return int(value) if value.isdigit() else value

    def frozen(self):
        """(device, type) of what the guest had frozen: the mount on /boot."""
        line = [l.split() for l in self.lines("mounts") if l.split()[1] == "/boot"][0]
        return line[0].split("/")[-1], line[2]

    def get(self, what):
        w = what.split()
        g, key = self.guest, w[0]
        if key == "version":
            return g.text(key).strip()
        if key == "release":
            return g.text("version").split()[2]
        if key == "uts-version":
            return re.search(r"#\d+ .*", g.text("version")).group(0).strip()
        if key == "first-of":
            return ord(g.text(w[1])[0])
        if key == "cpus":
            return g.text("cpuinfo").count("processor\t")
        if key == "meminfo-pages":
            return int(re.search(r"^%s: +(\d+)" % w[1], g.text("meminfo"), re.M).group(1)) // 4
        if key in ("first-word", "second-word"):
            return self.lines(w[1])[key == "second-word"].split()[0]
        if key == "root-fs":
            return self.lines("mounts")[0].split()[2]
        if key == "crypto":
            return re.findall(r"^name +: (.*)$", g.text("crypto"), re.M)[int(w[1])]
        if key.startswith(("iomem-", "ioports-")):
            name, part = key.split("-")
            return self.range(name, int(w[1]))[("start", "end", "name").index(part)]
        if key == "device":
            return re.search(r"^ *%s (.*)$" % w[1], g.text("devices"), re.M).group(1)
        if key == "zone":
            return self.zone(w[1], w[2])
        if key == "cpuinfo":
            return self.cpuinfo(" ".join(w[1:]))
        if key == "comm":
            return self.threads[int(w[1])].comm[:15]  # a worker's is longer in /proc than in its task_struct
        if key == "nvcsw":
            return self.threads[int(w[1])].nvcsw
        if key == "stat":
            return int(re.search(r"^%s (\d+)" % w[1], g.text("stat"), re.M).group(1))
        if key == "uptime-jiffies":
            return int(float(g.text("uptime").split()[0]) * 250)
        if key == "kallsyms":
            return self.symbols[w[1]]
        if key in ("frozen-device", "frozen-fs"):
            return self.frozen()[key == "frozen-fs"]
        raise KeyError(what)


def number(value):
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]+", value):
        return int(value, 16)
    return int(value) if isinstance(value, bool) else value


def answer(rows):
    """The value of an expression: a number, or the text of a string or of what a pointer points to."""
    if len(rows) != 1:
        return None
    meaning = rows[0].get("meaning")
    if meaning and meaning.startswith('"') and "char *" in rows[0]["type"]:
        return meaning[1:-1]
    return number(rows[0]["value"])


def equal(a, b):
    if isinstance(a, str) and isinstance(b, str):
        return a.strip() == b.strip().strip('"')
    return a == (int(b) if isinstance(b, str) and re.fullmatch(r"-?\d+", b) else b)


class Checker:
    def __init__(self, truth, constants):
        self.truth, self.constants = truth, constants

    def expression(self, text, check, rows, errors, other):
        """What is wrong with the answer; "" when nothing is."""
        kind, _, rest = check.partition(" ")
        if kind == "error":
            return self.failure(rest, rows, errors)
        if errors:
            return errors[0]
        if kind == "type":
            whole = rows[0]["type"] if len(rows) == 1 else other
            return "" if whole == rest else "type %s" % whole
        value = answer(rows)
        if value is None:
            return "%d rows" % len(rows)
        if kind == "gcc":
            c, ctype = self.constants[text]
            if TYPES.get(rows[0]["type"], "i4")[0] == "u" and c < 0:
                c += 1 << 64
            got = TYPES.get(rows[0]["type"])
            return "" if (value, got) == (c, ctype) else "%s %s, the compiler says %s %s" % (got, value, ctype, c)
        if kind == "atleast":
            wanted = self.truth.get(rest)
            return "" if value >= wanted else "%s < %s" % (value, wanted)
        wanted = {"true": 1, "=": rest, "same": other}.get(kind)
        wanted = self.truth.get(rest) if kind == "truth" else wanted
        return "" if equal(value, wanted) else "%r, wanted %r" % (value, wanted)

    @staticmethod
    def failure(pattern, rows, errors):
        said = errors[0] if errors else ""
        if not said and len(rows) == 1 and is_fault(rows[0].get("value")):
            said = "fault"
        return "" if said and re.search(pattern, said) else said or "no error"

    @staticmethod
    def command(check, rows, errors):
        kind, _, rest = check.partition(" ")
        if kind == "error":
            return Checker.failure(rest, rows, errors)
        if errors:
            return errors[0]
        if kind in ("count", "atleast"):
            n = int(rest)
            return "" if len(rows) == n or (kind == "atleast" and len(rows) > n) else "%d rows" % len(rows)
        key = "path" if rows and "path" in rows[0] else "key" if rows and "key" in rows[0] else None
        got = [("%s=%s" % (r[key] if key else "text", r["value" if key else "text"])).replace(" ", "_") for r in rows]
        wanted = check.split(" ") if key else [check.replace(" ", "_")]
        if wanted[-1] == "...":
            wanted.pop()
            got = got[:len(wanted)]
        good = len(got) == len(wanted) and all(
            g.startswith(w[:-1]) if w.endswith("=*") else g == w for g, w in zip(got, wanted))
        return "" if good else " ".join(got)


def pick(kernel):
    """The dump to ask: one without pages lost, of 7.2 only the unfiltered one is."""
    for name in ("vmcore.zstd.d1", "vmcore.zstd", "vmcore.lzo"):
        core = "%s/dumps/%s/fsfreeze/%s" % (LAB, kernel, name)
        if os.path.exists(core) and (kernel == "7.2" or name != "vmcore.zstd.d1"):
            return ["%s/kernels/%s/vmlinux" % (LAB, kernel), core]
    return None


def has_unsigned_chars(files):
    """From 6.2 on the kernel is compiled so."""
    return ask(PROGRAM, files, ["p (char)-1 > 0"]).rows(0)[0]["value"] == 1


def ask_all(files, entries, blocked):
    """The rows and errors for each entry, and of what it is compared with."""
    commands, where = [], []
    for kind, text, check in entries:
        text, check = (s.replace("{blocked}", str(blocked)) for s in (text, check))
        where.append((kind, text, check, len(commands)))
        commands.append(text if kind != "p" else "p " + text)
        if check.startswith("same "):
            commands.append("p " + check[5:])
        elif check.startswith("type "):
            commands.append("whatis (%s)" % text)
    return where, ask(PROGRAM, files, commands)


def run_corpus(kernel, entries, constants):
    def test(tap):
        files = pick(kernel)
        if not files:
            tap.skip("expressions of %s" % kernel, "no dump: tests/lab/lab build --required")
            return
        truth = Truth("%s/dumps/%s/fsfreeze/truth" % (LAB, kernel))
        where, got = ask_all(files, entries, truth.blocked())
        checker, wrong, n = Checker(truth, constants[has_unsigned_chars(files)]), [], 0
        for kind, text, check, i in where:
            rows, errors = got.rows(i), got.errors(i)
            if kind == "@":
                bad = "; ".join(errors)
            elif kind == "!":
                bad = checker.command(check, rows, errors)
            else:
                other = answer(got.rows(i + 1)) if check.startswith("same ") else None
                if check.startswith("type ") and not got.errors(i + 1):
                    other = got.rows(i + 1)[0]["text"]
                bad = checker.expression(text, check, rows, errors, other)
            n += kind != "@"
            if bad:
                wrong.append("%s => %s: %s" % (text, check, bad))
        print("# %s: %d expressions and commands" % (kernel, n))
        tap.check("the corpus of expressions on %s" % kernel, n >= 200 and not wrong, "\n".join(wrong))
    return test


def run_threads(kernel):
    """Every thread that the guest told of, by its task_struct: name, ids, switches."""
    def test(tap):
        files = pick(kernel)
        if not files:
            tap.skip("threads by expression, %s" % kernel, "no dump")
            return
        truth = Truth("%s/dumps/%s/fsfreeze/truth" % (LAB, kernel))
        rows = ask(PROGRAM, files, ["foreach set"]).objects[0]["rows"]
        tasks = {r["pid"]: r["task"] for r in rows if r["pid"] in truth.threads}
        commands = []
        for pid, addr in tasks.items():
            t = truth.threads[pid]
            here = "((struct task_struct *)%s)" % addr
            commands.append("p %s->pid == %d && %s->tgid == %d && %s->real_parent->tgid == %d && %s->nvcsw >= %d" %
                            (here, t.tid, here, t.tgid, here, t.ppid, here, t.nvcsw))
        got = ask(PROGRAM, files, commands)
        wrong = [c for i, c in enumerate(commands) if got.errors(i) or got.rows(i)[0]["value"] != 1]
        tap.check("%s: pid, tgid, parent and switches of %d threads by expression" % (kernel, len(commands)),
                  len(commands) >= 20 and len(wrong) <= len(commands) // 20, "\n".join(wrong))
    return test


def run_random(made, constants):
    def test(tap):
        files = pick("6.1")
        if not files:
            tap.skip("expressions at random", "no dump")
            return
        got = ask(PROGRAM, files, ["p " + e for e in made])
        checker = Checker(None, constants[has_unsigned_chars(files)])
        wrong = ["%s: %s" % (e, bad) for i, e in enumerate(made)
                 for bad in [checker.expression(e, "gcc", got.rows(i), got.errors(i), None)] if bad]
        tap.check("%d constant expressions made up at random are what the compiler says" % len(made),
                  not wrong, "\n".join(wrong))
    return test


def main():
    entries = corpus()
    maker = Maker()
    made = sorted({maker.make(4) for _ in range(600)})
    fixed = [text for kind, text, check in entries if check == "gcc"]
    constants = [compiled(fixed + made, "-fsigned-char"), compiled(fixed + made, "-funsigned-char")]
    tests = [run_corpus(k, entries, constants) for k in KERNELS]
    tests += [run_threads("6.12"), run_random(made, constants)]
    for i, t in enumerate(tests):
        t.__name__ = "expressions %d" % i
    Tap().run(tests)


main()
