#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the stacks of the CPUs that crashed with what the kernel itself printed, on the lab's dumps.

    stacks.py PROGRAM [KERNEL[/SCENARIO]]

The kernel's trace (the lines of the last 'Call Trace:' without '?') and `bt` of the panicking task must be the same
functions with the same offsets, but for what the kernel adds on top to print it. Where the registers are those of
the fault, what `bt` shows above them must begin in the function that left the kernel and end in an entry. In the
scenarios with the lab's own module, lines and arguments must be those in its source; where a filesystem is frozen,
the hung task's arguments must be the mount and its superblock. And the lines of all modules'
code are those that addr2line reads from their files, at the addresses that the guest had them at.

Prints TAP, with figures in lines that begin with '# '.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import lab_dumps, lossy
from program import ask, is_fault
from report import Report, called_with

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = os.path.join(TOP, "tests/lab/module")
# what the kernel runs to print its trace, or to leave, and the trace's reader has not
PRINTING = re.compile(r"^(dump_stack_lvl|dump_stack|show_stack|__dump_stack)$")
LEAVING = re.compile(r"^(__crash_kexec|crash_kexec|crash_setup_regs|machine_kexec)$")
# what stands among the lines of a trace
BETWEEN = re.compile(r"\?|</?(TASK|IRQ|SOFTIRQ|NMI|#|ENTRY)|RIP: |Code: |[ER][A-Z0-9]+: |CR2: |[DF]S: |CS: |$")
# the scenario's own: function -> arguments that it must show
ORDER, VAN = ("lab_order", "address"), ("lab_van", "address")
# scenario -> what must have come in, on any CPU
SCENARIOS = {"sysrq-key": [], "nmi": ["nmi"], "nullderef": ["exception"], "lockup": ["interrupt"], "overflow": ["exception"],
             "softirq": ["exception", "interrupt", "interrupt", "nmi"]}
ARGUMENTS = {
    "nullderef": [
        ("lab_weigh", {"item": 0, "count": 42}),
        ("lab_pack", {"order": ORDER, "count": 42, "limit": 4096}),
        ("lab_ship", {"order": ORDER, "count": 37})],
    "lockup": [
        ("lab_spin", {"order": ORDER}),
        ("lab_wait", {"order": ORDER, "count": 37})],
    "softirq": [
        ("lab_lift", {"parcel": 0, "times": 4}),
        ("lab_honk", {"van": VAN, "times": 3}),
        ("lab_stow", {"van": VAN, "boxes": 12}),
        ("lab_deliver", {"van": VAN, "stops": 37}),
        ("lab_idle", {"van": VAN, "gear": 5}),
        ("lab_drive", {"van": VAN, "speed": 130})],
}
# A variable of the module: a member of it, and its value.
KNOWN = {"lab_order": ("id", 4711), "lab_van": ("plate", 1138)}
# On which stack each of these runs; between them all stacks are crossed.
STACKS = {"softirq": {"lab_lift": "IRQ", "lab_horn": "IRQ", "lab_load": "IRQ", "lab_deliver": "task", "ksys_write": "task",
                      "crash_nmi_callback": "NMI", "lab_idle": "IRQ", "lab_drive": "task", "kthread": "task"}}


def trace(lines):
    """The last Call Trace of a log: [(function, offset)], with the interrupted functions of its RIP lines. The
    offset of a function that printed the trace itself is None: it went on to crash from another place."""
    starts = [i for i, text in enumerate(lines) if text.strip() == "Call Trace:"]
    if not starts:
        return []
    found = []
    # an oops tells its own RIP before the trace
    for text in lines[max(0, starts[-1] - 25):starts[-1]]:
        m = re.match(r" ?RIP: 0010:(\S+)\+0x([0-9a-f]+)/", text)
        if m:
            found = [(m.group(1), int(m.group(2), 16))]
        elif re.match(r"(Kernel panic|sysrq: |CPU: )", text):
            found = []
    for text in lines[starts[-1] + 1:]:
        text = text.strip()
        m = re.match(r"(?:RIP: 0010:)?([A-Za-z_]\S*)\+0x([0-9a-f]+)/0x[0-9a-f]+(?: \[\S+\])?$", text)
        if m:
            found.append((m.group(1), int(m.group(2), 16)))
        elif not BETWEEN.match(text):
            break
    if found and PRINTING.match(found[0][0]):
        while found and PRINTING.match(found[0][0]):
            found.pop(0)
        found[:1] = [(f[0], None) for f in found[:1]]
    return found


def physical(rows):
    return [r for r in rows if not r["inline"] and r["function"] is not None]


def split(rows):
    """The handlers above the registers that were saved, and the stack from those on."""
    rows = physical(rows)
    n = 0
    while n < len(rows) and rows[n]["source"] == "scan":
        n += 1
    return rows[:n], rows[n:]


def same(ours, theirs, names):
    """Is it the same place? The kernel may know a function by another name of the same address."""
    return all(offset in (r["offset"], None) and (r["function"] == function or names(r, function))
               for r, (function, offset) in zip(ours, theirs)) and len(ours) == len(theirs)


def spelled(frames):
    return " ".join(f[0] if f[1] is None else "%s+0x%x" % f for f in frames)


def check_trace(report, name, rows, lines, aliases):
    above, ours = split(rows)
    theirs = trace(lines)
    while ours and LEAVING.match(ours[0]["function"]):
        ours.pop(0)

    def alias(row, function):
        return int(row["pc"], 16) - row["offset"] in aliases.get(function, ())
    problems = []
    if not theirs:
        problems.append("the log has no Call Trace")
    elif not same(ours, theirs, alias):
        problems.append("ours:   " + spelled((r["function"], r["offset"] or 0) for r in ours))
        problems.append("kernel: " + spelled(theirs))
    report.test(name + " trace of the panicking CPU", problems, "%d frames, %d above" % (len(ours), len(above)))
    return above, ours


def check_above(report, name, rows, above):
    """Registers of a fault: what handled it, and a row for the exception."""
    problems = []
    if not above or above[0]["function"] != "machine_kexec":
        problems.append("it doesn't begin in machine_kexec: %s" % " ".join(r["function"] for r in above))
    elif not above[-1]["function"].startswith("asm_exc_"):
        problems.append("it doesn't end in an exception's entry: %s" % above[-1]["function"])
    if sum(r["entry"] == "exception" for r in rows) != 1:
        problems.append("no row says that an exception came in")
    sp = [int(r["sp"], 16) for r in above]
    if sp != sorted(sp):
        problems.append("stack pointers go down: %s" % sp)
    report.test(name + " handlers above the fault", problems, " ".join(r["function"] for r in above))


def check_entries(report, name, scenario, answers):
    """Who came in where, on all CPUs."""
    kinds = [r["entry"] for r in answers if r["entry"]]
    problems = ["%s came in, not only %s" % (SCENARIOS[scenario], kinds)
                for k in set(SCENARIOS[scenario]) if SCENARIOS[scenario].count(k) > kinds.count(k)]
    for r in answers:
        if r["entry"] and {v["name"] for v in r["vars"]} < {"rip", "rsp", "rax", "rdi", "rflags"}:
            problems.append("registers are missing under %s" % r["entry"])
    report.test(name + " entries", problems, " ".join(kinds))


def check_guesses(report, name, rows):
    """What was found above a crash's registers is a guess; what the rules found from these is none."""
    problems = [r["function"] for r in rows if r["guess"] != (r["source"] == "scan")]
    report.test(name + " what is a guess", problems, "%d of %d" % (sum(r["guess"] for r in rows), len(rows)))


def check_stacks(report, name, scenario, rows):
    """Which of the CPU's stacks a function runs on; the text form tells where that changes."""
    have = {r["function"]: r["stack"] for r in rows if r["function"]}
    problems = ["%s is on the %s stack, not %s" % (f, have.get(f), s) for f, s in STACKS[scenario].items()
                if have.get(f) != s]
    report.test(name + " the stacks that were crossed", problems, "%d" % len({r["stack"] for r in rows}))


def source_lines(source):
    """function -> its lines in the module's source"""
    found, function = {}, None
    with open(os.path.join(SOURCES, source)) as f:
        for n, line in enumerate(f, 1):
            m = re.match(r"static .*?(\w+)\(", line)
            if m:
                function = m.group(1)
            if function:
                found.setdefault(function, set()).add(n)
            if line.startswith("}"):
                function = None
    return found


def check_module(report, name, scenario, rows, addresses):
    source = "labirq.c" if scenario == "softirq" else "labbug.c"
    lines, problems, values = source_lines(source), [], 0
    by_function = {r["function"]: r for r in rows if r["function"]}
    for function, arguments in ARGUMENTS[scenario]:
        r = by_function.get(function)
        if not r:
            problems.append("%s is missing" % function)
            continue
        if not r["file"] or not r["file"].endswith(source) or r["line"] not in lines[function]:
            problems.append("%s is in %s:%s, not in %s" % (function, r["file"], r["line"], sorted(lines[function])))
        have = {v["name"]: v["value"] for v in r["vars"]}
        for argument, value in arguments.items():
            mine = have.get(argument)
            if isinstance(mine, str) and mine.startswith("0x"):
                mine = int(mine, 16)
            if isinstance(value, tuple):
                value = addresses[value[0]]
            values += 1
            if mine != value:
                problems.append("%s: %s is %r, not %r" % (function, argument, mine, value))
    report.test(name + " lines and arguments in the module", problems, "%d values" % values)


def check_type(report, program, dump, name, options):
    """A type that only the module has is known to the very first command. (Its variable has its name.)"""
    files, (member, value) = [dump.vmlinux] + dump.files, KNOWN[name]
    rows = ask(program, files, ["struct %s %s" % (name, name)], options=options).rows(0)
    problems = [] if {r["path"]: r["value"] for r in rows}.get(member) == value else ["struct: %s" % rows]
    rows = ask(program, files, ["p ((struct %s *)&%s)->%s" % (name, name, member)], options=options).rows(0)
    problems += [] if [r["value"] for r in rows] == [value] else ["p: %s" % rows]
    report.test("%s %s %s a type of the module" % dump[:3], problems)


def text_sections(dump):
    """module -> [(section, address)], of code that is still there"""
    found = {}
    with open(os.path.join(dump.folder, "truth/module-sections")) as f:
        for line in f:
            module, section, address = line.split()
            if re.match(r"\.(text|exit\.text)", section):
                found.setdefault(module, []).append((section, int(address, 16)))
    return found


def module_files(debug):
    return {re.sub("-", "_", f.split(".ko")[0]): os.path.join(folder, f)
            for folder, _, files in os.walk(debug, followlinks=True) for f in files if ".ko" in f}


def section_sizes(path):
    out = subprocess.run(["readelf", "-SW", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {m.group(1): int(m.group(2), 16) for m in
            re.finditer(r"\] (\S+) +\S+ +[0-9a-f]{16} [0-9a-f]{6} ([0-9a-f]{6})", out)}


def addr2line(path, section, offsets):
    out = subprocess.run(["addr2line", "-e", path, "-j", section], input="\n".join("0x%x" % o for o in offsets),
                         stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [re.sub(r" \(discriminator \d+\)", "", line) for line in out]


def check_lines(report, program, dump):
    debug = os.path.join(os.path.dirname(dump.vmlinux), "debug")
    files, wanted = module_files(debug), []
    for module, sections in sorted(text_sections(dump).items()):
        if module not in files:
            continue
        sizes = section_sizes(files[module])
        for section, address in sections:
            offsets = range(0, sizes.get(section, 0), 7)
            wanted += [(module, section, address + o, o, line)
                       for o, line in zip(offsets, addr2line(files[module], section, offsets))]
    answers = ask(program, [dump.vmlinux] + dump.files, ["sym 0x%x" % w[2] for w in wanted],
                  options=["--debug-dir", debug])
    problems, compared, places = [], 0, set()
    for i, (module, section, address, offset, line) in enumerate(wanted):
        rows = answers.rows(i)
        theirs = re.match(r"(.*?)([^/]+):(\d+)$", line)
        if not rows or not theirs or theirs.group(2) == "??":
            continue
        compared += 1
        places.add((module, section))
        mine = "%s:%s" % (os.path.basename(rows[0]["file"] or ""), rows[0]["line"])
        if mine != "%s:%s" % theirs.groups()[1:]:
            problems.append("%s %s+0x%x: %s, addr2line says %s" % (module, section, offset, mine, line))
    if compared < 1000:
        problems.append("only %d of %d could be compared" % (compared, len(wanted)))
    report.test("%s %s %s lines of modules" % dump[:3], problems,
                "%d addresses in %d sections" % (compared, len(places)))


def check_cpus(report, name, answers, ncpus):
    """All CPUs but the one that panicked were stopped by its NMI: each shows where."""
    tasks = {r["pid"] for r in answers}
    stopped = {r["pid"] for r in answers if r["source"] == "scan" and r["function"] == "crash_nmi_callback"}
    problems = [] if len(stopped) >= ncpus - 1 else ["%d of %d other CPUs were stopped by an NMI: %s" %
                                                     (len(stopped), ncpus - 1, sorted(tasks))]
    report.test(name + " the CPUs that were stopped", problems, "%d" % len(stopped))


def kallsyms(dump):
    names = {}
    with open(os.path.join(dump.folder, "truth/kallsyms")) as f:
        for line in f:
            w = line.split()
            names.setdefault(w[2], set()).add(int(w[0], 16))
    return names


def check_dump(report, program, dump):
    name = "%s %s %s" % dump[:3]
    debug = os.path.join(os.path.dirname(dump.vmlinux), "debug")
    options = ["--debug-dir", debug]
    first = ask(program, [dump.vmlinux] + dump.files, ["ps", "log", "bt -a", "bt -aV"], options=options)
    panicking = [r for r in first.rows(0) if r.get("panicking")] or panicking_by_stack(first.rows(0), first.rows(2))
    if not panicking:
        report.test(name + " the panicking task", ["none is known"])
        return
    lines = [r["text"] for r in first.rows(1) if not is_fault(r["text"])]
    rows = ask(program, [dump.vmlinux] + dump.files, ["bt -V %s" % panicking[0]["task"]], options=options).rows(0)
    names = kallsyms(dump)
    above, _ = check_trace(report, name, rows, lines, names)
    if dump.scenario in ("nullderef", "overflow", "softirq"):
        check_above(report, name, rows, above)
    if dump.scenario == "fsfreeze":
        check_freeze(report, program, dump, options)
    if dump.scenario in SCENARIOS:
        check_entries(report, name, dump.scenario, first.rows(2))
        check_cpus(report, name, first.rows(2), 2)
    if dump.scenario == "sysrq" and dump.format == "zstd.d1":
        check_lines(report, program, dump)
    if dump.scenario in SCENARIOS:
        check_guesses(report, name, first.rows(2))
    if dump.scenario in STACKS:
        check_stacks(report, name, dump.scenario, first.rows(2))
    if dump.scenario in ARGUMENTS:
        known = {n: min(names[n]) for n in KNOWN if n in names}
        for n in known:
            check_type(report, program, dump, n, options)
        check_module(report, name, dump.scenario, first.rows(3), known)


def check_freeze(report, program, dump, options):
    """The hung task's arguments: by DWARF, by the code alone, and as the frozen mount has them."""
    name = "%s %s %s the frozen mount in the arguments" % dump[:3]
    files = [dump.vmlinux] + dump.files
    found = ask(program, files, ["foreach UN bt -V", "foreach UN bt -R"], options=options)
    values = [{(r["function"], v["name"]): v["value"] for r in found.rows(i) for v in r["vars"] or []}
              for i in (0, 1)]
    m, sb = values[0].get(("mnt_want_write", "m")), values[0].get(("__sb_start_write", "sb"))
    if not m or not sb:
        report.test(name, ["m is %s, sb is %s" % (m, sb)])
        return
    mnt_sb = ask(program, files, ["struct vfsmount %s" % m], options=options).rows(0)
    problems = [] if values[1].get(("mnt_want_write", "m")) == m else ["rdi is not %s: %s" % (m, values[1])]
    if [r["value"] for r in mnt_sb if r["path"] == "mnt_sb"] != [sb]:
        problems.append("mnt_sb of %s is not sb %s" % (m, sb))
    report.test(name, problems, "%s %s" % (m, sb))


def panicking_by_stack(tasks, rows):
    """The active task that went the way of a crash."""
    pids = [r["task"] for r in rows if r["function"] in ("__crash_kexec", "crash_kexec")]
    return [t for t in tasks if t["task"] in pids]


def main():
    program, only = called_with()
    report = Report()
    dumps = [d for d in lab_dumps() if ("%s/%s" % d[:2]).startswith(only) and not lossy(d) and
             d.format in ("lzo", "zstd.d1") and d.scenario not in ("many", "many10k")]
    for dump in dumps:
        try:
            check_dump(report, program, dump)
        except (RuntimeError, subprocess.TimeoutExpired, ValueError, KeyError, OSError) as e:
            report.test("%s %s %s" % dump[:3], ["%s: %s" % (type(e).__name__, e)])
    if not dumps:
        report.test("the lab has dumps", ["there are none: run `make lab`"])
    for kernel in ("6.1", "6.12", "7.2"):
        for scenario in SCENARIOS:
            if not only and not any(d[:2] == (kernel, scenario) for d in dumps):
                report.skip("%s %s" % (kernel, scenario))
    report.end()


if __name__ == "__main__":
    main()
