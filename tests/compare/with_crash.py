# SPDX-License-Identifier: GPL-2.0-or-later
"""vmbrowse's answers against crash's."""
import os
import re
import subprocess
import tempfile

MARK = 0xabcd0000
COMMANDS = ["ps", "ps -m", "foreach bt", "log", "sym -l", "mount", "mod", "sys", "set"]


def answers(command, ours, commands):
    """{command: the text of its answer}, or None."""
    lines = ["set scroll off", "set offline hide"]
    for i, c in enumerate(commands):
        lines += ["eval -l 0x%x" % (MARK + i), c]
    lines += ["eval -l 0x%x" % (MARK + len(commands)), "exit"]
    with tempfile.TemporaryDirectory(prefix="vmbrowse-crash.") as d:  # it may write files
        p = subprocess.run(command.split() + ["-s", ours.dump.vmlinux, ours.dump.files[0]], cwd=d,
                           input="\n".join(lines) + "\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace")
    parts = re.split(r"^ *hexadecimal: abcd[0-9a-f]{4} .*\n(?:^ *(?:decimal|octal|binary):.*\n)*", p.stdout, flags=re.M)
    if len(parts) < len(commands) + 1:
        print("crash can't read %s: %s" % (ours.dump.files[0], p.stdout.strip()[-300:]))
        return None
    return dict(zip(commands, parts[1:]))


def with_crash(d, command, ours):
    texts = ours.texts()
    theirs = answers(command, ours, COMMANDS + ["sym %x" % a for a, _ in texts])
    if theirs is None:
        return
    compare_tasks(d, ours, theirs["ps"])
    compare_since(d, ours, theirs["ps -m"])
    compare_stacks(d, ours, theirs["foreach bt"])
    compare_log(d, ours, theirs["log"])
    compare_symbols(d, ours, theirs["sym -l"])
    compare_mounts(d, ours, theirs["mount"])
    compare_modules(d, ours, theirs["mod"])
    compare_system(d, ours, theirs["sys"], theirs["set"])
    for a, row in texts:
        m = re.search(r"^[0-9a-f]+ \(\w\) (\S+?)(?:\+\d+)?(?: \[(\w+)\])?(?: +(\S+): (\d+))? *$", theirs["sym %x" % a], re.M)
        d.see("crash function of code", "0x%x" % a, stripped(row["name"].split("+")[0]), m and stripped(m.group(1)))
        if m and m.group(3):
            d.see("crash line of code", "0x%x" % a, [row["file"], row["line"]], [source(m.group(3)), int(m.group(4))])


def source(path):
    """A path without the build's folder."""
    return re.sub(r"^.*?/(?=(arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|scripts|"
                  r"security|sound|virt|debian)/)", "", os.path.normpath(path))


def compare_tasks(d, ours, text):
    found = re.findall(r"^(>?) +(\d+) +(\d+) +(\d+) +([0-9a-f]{16}) +(\w\w) +\S+ +\d+ +\d+ +(.*)$", text, re.M)
    d.see_lists("crash tasks", "ps", [int(t, 16) for t in ours.tasks], [int(f[4], 16) for f in found])
    for active, pid, ppid, cpu, task, state, comm in found:
        r = ours.tasks.get("0x" + task)
        if not r:
            continue
        where = "pid %s %s" % (pid, comm)
        for key, want in (("pid", int(pid)), ("ppid", int(ppid)), ("cpu", int(cpu)), ("state", state),
                          ("comm", comm.strip("[]")), ("active", bool(active))):
            d.see("crash " + key, where, r[key], want)


def compare_since(d, ours, text):
    for days, h, m, s, ms, pid, task in re.findall(
            r"^\[ *(\d+) (\d+):(\d+):(\d+)\.(\d+)\] +\[\w\w\] +PID: (\d+) +TASK: ([0-9a-f]+)", text, re.M):
        r = ours.tasks.get("0x" + task)
        if r:
            theirs = (((int(days) * 24 + int(h)) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms)
            d.see("crash since (ms)", "pid " + pid, None if r["since_ns"] is None else r["since_ns"] // 10**6, theirs)


def blocks(text):
    """task -> text of its stack"""
    found = {}
    for block in re.split(r"^(?=PID: )", text, flags=re.M)[1:]:
        found["0x" + re.search(r"TASK: ([0-9a-f]+)", block).group(1)] = block
    return found


def frames_of(block):
    """[(function, address)]. What was interrupted stands in a line of its own, and again as a frame of the stack below
    only where the stacks were changed."""
    frames, interrupted = [], None
    lines = r"^ ?#\d+ \[[0-9a-f]+\] (\S+) at ([0-9a-f]+)|\[exception RIP: (\S+?)(?:\+\d+)?\]"
    for m in re.finditer(lines, block, re.M):
        if m.group(3):
            interrupted = m.group(3)
            frames.append((interrupted, None))
        else:
            if m.group(1) != interrupted:
                frames.append((m.group(1), m.group(2)))
            interrupted = None
    return frames


def compare_stacks(d, ours, text):
    for task, block in blocks(text).items():
        if task not in ours.tasks:
            continue
        frames = frames_of(block)
        mine = [f for f in ours.stacks[task] if not f["inline"] and f["function"] is not None]
        where = "pid %s %s" % (ours.tasks[task]["pid"], ours.tasks[task]["comm"])
        d.see("crash stack", where, [stripped(f["function"]) for f in mine], [n for n, _ in frames])
        compare_user(d, where, ours.stacks[task], block)


def compare_user(d, where, stack, block):
    user = stack[-1] if stack and stack[-1]["function"] is None and int(stack[-1]["pc"], 16) < 1 << 63 else None
    theirs = {k.lower(): int(v, 16) for k, v in re.findall(r"\b([A-Z0-9_]{2,8}): ([0-9a-f]{16})", block)}
    theirs.update({k.lower(): int(v, 16) for k, v in re.findall(r"\b(CS|SS): ([0-9a-f]{4})\b", block)})
    d.see("crash user frame", where, bool(user), "rip" in theirs and theirs["rip"] < 1 << 63)
    for v in user["vars"] if user else []:
        if v["name"] in theirs:
            d.see("crash user register", "%s %s" % (where, v["name"]), int(v["value"], 16), theirs[v["name"]])


def compare_log(d, ours, text):
    def line(r):
        return "[%5d.%06d] %s" % (r["time_ns"] // 10**9, r["time_ns"] // 1000 % 10**6, r["text"])
    mine = [l.rstrip() for r in ours.log for l in line(r).split("\n")]
    theirs = [l.rstrip() for l in text.rstrip("\n").split("\n")]
    d.see_lists("crash log line", "log", mine, theirs)


def compare_symbols(d, ours, text):
    """Without what is a section's name or the compiler's own label, which we leave out as the kernel does."""
    d.see_lists("crash symbol", "sym -l", {(int(s["address"], 16), stripped(s["name"])) for s in ours.symbols
                                          if s["name"][0] != "."},
                {(int(address, 16), stripped(name)) for address, name in
                 re.findall(r"^([0-9a-f]+) \(.\) ([^.]\S*)", text, re.M)})


def stripped(name):
    """crash cuts these suffixes off when it reads the symbols."""
    return re.sub(r"\.(part|isra)\..*", "", name)


def compare_mounts(d, ours, text):
    theirs = re.findall(r"^([0-9a-f]{16}) ([0-9a-f]{16}) (\S+) +(\S+) +(.*?) *$", text, re.M)
    d.see_lists("crash mount", "mount", [(m["mount"][2:], m["superblock"][2:], m["type"], m["device"], m["directory"])
                                         for m in ours.mounts], theirs)


def compare_modules(d, ours, text):
    theirs = re.findall(r"^([0-9a-f]{16}) +(\S+) +([0-9a-f]{16}) +(\d+) ", text, re.M)
    d.see_lists("crash module", "mod", [(m["module"][2:], m["name"], m["base"][2:], str(m["size"]))
                                        for m in ours.modules], theirs)


def compare_system(d, ours, text, context):
    theirs = {k.strip().lower(): v.strip().strip('"') for k, v in re.findall(r"^ *([A-Z ]+): (.*)$", text + context, re.M)}
    for key in ("cpus", "date", "uptime", "load average", "tasks", "nodename", "release", "version", "memory", "panic",
                "pid", "command", "task", "cpu"):
        want = theirs.get(key)
        if key == "task" and want:
            want = "0x" + want.split()[0]
        d.see("crash sys", key, ours.sys.get(key), want)
