# SPDX-License-Identifier: GPL-2.0-or-later
"""vmbrowse's answers against drgn's."""
import json
import os
import re
import subprocess
import tempfile

from identify import compare_identified, draw
from program import is_fault
from truth import STATES

HERE = os.path.dirname(os.path.abspath(__file__))
MODULE_STATES = ["live", "coming", "going", "unformed"]
LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"]


def number(value):
    if isinstance(value, str) and re.fullmatch("0x[0-9a-f]+", value):
        return int(value, 16)
    return int(value) if isinstance(value, (bool, int)) else None


def word(value):
    """A value to compare: numbers as 64 bits, so that signs don't matter."""
    n = number(value)
    return n % 2**64 if n is not None else value


def theirs_of(command, ours, request):
    """drgn's answers, or None."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(request, f)
        f.flush()
        symbols = [x for path in [ours.dump.vmlinux] + ours.debug_files for x in ("-s", path)]
        p = subprocess.run(command.split() + ["-q", "-c", ours.dump.files[0], *symbols,
                                              os.path.join(HERE, "drgn_answers.py"), f.name],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        print("drgn can't read %s: %s" % (ours.dump.files[0], p.stderr.strip()[-300:]))
        return None
    return json.loads(p.stdout.splitlines()[-1])


def failed(answer):
    return isinstance(answer, dict) and "error" in answer


def identify_with_drgn(d, command, ours):
    """Only the question of what addresses are."""
    addresses = draw(ours)
    theirs = theirs_of(command, ours, {"only": "identify", "identify": addresses})
    if theirs is not None:
        compare_identified(d, ours, addresses, theirs["identify"])


def with_drgn(d, command, ours):
    structs, variables, texts, memory = ours.structs(), ours.globals(), ours.texts(), ours.memory()
    addresses = draw(ours)
    theirs = theirs_of(command, ours, {
        "structs": [[t, a, [r["path"] for r in rows]] for t, a, rows in structs],
        "globals": [[n, a, cpu, [path_in(n, cpu, r["path"]) for r in rows]] for n, a, cpu, rows, _ in variables],
        "lines": [a for a, _ in texts], "memory": [m[:2] for m in memory], "identify": addresses})
    if theirs is None:
        return
    compare_tasks(d, ours, theirs["tasks"])
    compare_mounts(d, ours, theirs["mounts"])
    compare_modules(d, ours, theirs["modules"])
    compare_log(d, ours, theirs["log"])
    d.see("drgn load average", "sys", ours.sys.get("load average"), theirs["load"])
    for (t, a, rows), answer in zip(structs, theirs["structs"]):
        compare_values(d, "drgn struct member", "%s 0x%x" % (t, a), rows, answer)
    for (name, a, _, rows, errors), answer in zip(variables, theirs["globals"]):
        compare_global(d, name, rows, errors, answer)
    for (a, row), answer in zip(texts, theirs["lines"]):
        if not failed(answer):
            compare_line(d, a, row, answer)
    compare_identified(d, ours, addresses, theirs["identify"])
    if "tasks' end" in theirs:
        print("drgn finds no more tasks: %s" % theirs["tasks' end"])
    for (a, physical, value), answer in zip(memory, theirs["memory"]):
        d.see("drgn word", "%s0x%x" % ("physical " if physical else "", a), word(value) if not is_fault(value) else "fault",
              "fault" if failed(answer) else answer)


def path_in(name, cpu, path):
    """`p NAME` names a scalar in full and a member of a struct without the variable."""
    full = name if cpu is None else "%s:%d" % (name, cpu)
    return "" if path == full else path


# ---- tasks and stacks ----

def compare_tasks(d, ours, theirs):
    d.see_lists("drgn tasks", "ps", [int(t, 16) for t in ours.tasks], [int(t) for t in theirs])
    for address, t in theirs.items():
        r = ours.tasks.get("0x%x" % int(address))
        if not r or failed(t):
            d.see("drgn task", address, bool(r), t)
            continue
        where = "pid %s %s" % (t["pid"], t["comm"])
        for key in ("pid", "tgid", "ppid", "comm", "cpu"):
            d.see("drgn " + key, where, r[key], t[key])
        d.see("drgn flags", where, number(r["flags"]), t["flags"])
        d.see("drgn state", where, r["state"], STATES.get(t["state"], t["state"]))
        d.see("drgn since", where, r["since_ns"], t["since_ns"])
        stack = without_handlers(ours.stacks[r["task"]])
        if failed(t["frames"]):
            d.see("drgn stack", where, [f["function"] for f in stack], t["frames"])
        else:
            compare_stack(d, where, stack, t["frames"])


def without_handlers(stack):
    """drgn begins at the registers that a CPU saved, and has no rows for what came in."""
    first = 0
    if stack and stack[0]["source"] == "scan":
        first = next((i for i, f in enumerate(stack) if f["source"] != "scan"), len(stack))
    return [f for f in stack[first:] if not f.get("entry")]


def shape(frames, pc):
    return [(pc(f["pc"]), f["inline"]) for f in frames]


def compare_stack(d, where, stack, frames):
    # what drgn finds beyond the registers of user space is no part of the kernel's stack
    frames = frames[:[f["user"] for f in frames].index(True) + 1] if any(f["user"] for f in frames) else frames
    a = [(f["function"], "user" if f["function"] is None and number(f["pc"]) < 2**63 else number(f["pc"]), f["inline"])
         for f in stack]
    b = [(f["function"] or f["symbol"], "user" if f["user"] else f["pc"], f["inline"]) for f in frames]
    if [x[1:] for x in a] == [x[1:] for x in b]:
        d.see("drgn stack", where, 1, 1)
    else:
        d.see("drgn stack", where, [name_of(x) for x in a], [name_of(x) for x in b])
    # the rest compares what both have, from the outermost frame on: the tops may differ
    for f, g in pairs(stack, frames):
        compare_frame(d, where, f, g)


def base(function):
    """A function's name without what the compiler adds to its parts and copies."""
    return re.sub(r"^__pfx_", "", (function or "").split(".")[0])


def name_of(x):
    return "%s%s" % (x[0] if x[0] else x[1] if isinstance(x[1], str) else "0x%x" % x[1], "*" if x[2] else "")


def pairs(stack, frames):
    """Frames of the same physical frame and inlining depth."""
    def keyed(fs):
        found, level, last = {}, 0, None
        for f in fs:
            here = (number(f["pc"]), number(f["sp"]))
            level = level + 1 if here == last else 0
            last = here
            found[(*here, level)] = f
        return found
    a, b = keyed(stack), keyed(frames)
    return [(a[k], b[k]) for k in a if k in b]


def compare_frame(d, where, f, g):
    place = "%s %s" % (where, f["function"] or "(user)")
    d.see("drgn inline", place, f["inline"], g["inline"])
    if f["function"] is None:
        if g["regs"]:
            compare_user(d, place, f, g)
        return
    d.see("drgn function", place, base(f["function"]), base(
        g["symbol"] if f["function"] == g["symbol"] else g["function"] or g["symbol"]))
    d.see("drgn source line", place, [f["file"], f["line"]] if f["file"] else None, g["source"])
    have = {v["name"]: v for v in f["vars"]}
    d.see_lists("drgn variable name", place, have, g["vars"])
    for name, v in g["vars"].items():
        if name in have:
            compare_variable(d, "%s %s" % (place, name), have[name], v, g["types"].get(name))


def compare_variable(d, place, mine, v, t):
    while isinstance(v, dict) and "only" in v:
        v = v["only"]
    if v is None or isinstance(v, dict) and "at" in v:  # a struct, put together of pieces or in memory
        return
    if isinstance(v, dict) and ("absent" in v or "error" in v or "fault" in v):
        # drgn has none: ours may have found more, and then says where
        d.see("drgn variable without value", place, "none" if mine["value"] is None else source_of(mine["location"]),
              "none")
        return
    value = mine["value"]
    if isinstance(v, dict):
        v = v.get("text")
    d.see("drgn variable", place, "none: " + mine["location"] if value is None else word(value), word(v))
    d.see("drgn variable type", place, spelled(mine["type"]), spelled(t))


def source_of(location):
    """Where a value comes from that drgn hasn't."""
    return "recovered" if "recovered" in location else "entry value" if "entry(" in location else location


def spelled(t):
    """gcc's and C's ways to name an integer type."""
    for a, b in (("long long unsigned int", "unsigned long long"), ("long unsigned int", "unsigned long"),
                 ("short unsigned int", "unsigned short"), ("long long int", "long long"), ("long int", "long"),
                 ("short int", "short"), ("_Bool", "bool")):
        t = (t or "").replace(a, b)
    return re.sub(r"\b(const|volatile)\b| ", "", t)


def compare_user(d, place, f, g):
    have = {v["name"]: number(v["value"]) for v in f["vars"]}
    for name, v in g["regs"].items():
        if name in have:
            d.see("drgn user register", "%s %s" % (place, name), have[name], v)


# ---- objects ----

def compare_values(d, kind, where, rows, answer):
    if failed(answer):
        d.see(kind, where, "%d rows" % len(rows), answer["error"])
        return
    for r, v in zip(rows, answer):
        compare_value(d, kind, "%s %s" % (where, r["path"]), r, v)


def compare_value(d, kind, where, r, v):
    mine = r["value"]
    if isinstance(v, dict) and "at" in v or r["path"].endswith("...]") or mine is None and v == {"text": "", "hex": ""}:
        return
    if isinstance(v, dict) and "text" in v:
        v = v["hex" if isinstance(mine, str) and cut(v["hex"], mine) else "text"]
        if isinstance(mine, str) and cut(v, mine):  # long ones are cut
            v = mine
    elif isinstance(v, dict) and "fault" in v:
        v, mine = "fault", "fault" if is_fault(mine) else mine
    d.see(kind, where, word(mine), word(v))


def cut(whole, mine):
    return whole == mine or mine.endswith("...") and whole.startswith(mine[:-3])


def compare_global(d, name, rows, errors, answer):
    if failed(answer):
        if not answer["error"].startswith("LookupError") or not errors:
            d.see("drgn global's type", name, "%d rows" % len(rows), answer["error"])
        return
    if errors:
        d.see("drgn global's type", name, errors, "found")
        return
    d.see("drgn global's type", name, 1, 1)
    compare_values(d, "drgn global", name, rows, answer)


def compare_line(d, address, row, answer):
    inner, outer = (answer[0], answer[-1]) if answer else ([None] * 4, [None] * 4)
    where = "0x%x" % address
    d.see("drgn line of code", where, [row["file"], row["line"]], [inner[1] if inner[2] else None, inner[2] or None])
    d.see("drgn function of code", where, base(row["name"].split("+")[0]), base(outer[0]))


# ---- the rest ----

def compare_mounts(d, ours, theirs):
    d.see_lists("drgn mount", "mount", [(number(m["mount"]), number(m["superblock"]), m["device"], m["directory"],
                                         m["type"]) for m in ours.mounts], map(tuple, theirs))


def compare_modules(d, ours, theirs):
    d.see_lists("drgn module", "mod", [(number(m["module"]), m["name"]) for m in ours.modules],
                [(int(a), m["name"]) for a, m in theirs.items()])
    for m in ours.modules:
        t = theirs.get(str(number(m["module"])))
        if not t:
            continue
        d.see("drgn module base", m["name"], number(m["base"]), number(m["base"]) if [m["base"], True] in [["0x%x" % a, n > 0] for a, n in t["regions"]] else t["regions"])
        d.see("drgn module size", m["name"], m["size"], sum(n for _, n in t["regions"]))
        d.see("drgn module refs", m["name"], m["refs"], t["refs"])
        d.see("drgn module state", m["name"], m["state"], MODULE_STATES[t["state"]])


def compare_log(d, ours, theirs):
    if failed(theirs):
        d.see("drgn log record", "log", "%d records" % len(ours.log), theirs["error"])
        return
    d.see_lists("drgn log record", "log", [tuple(r[k] for k in ("seq", "time_ns", "level", "caller", "text")) for r in ours.log],
                [(r["seq"], r["time_ns"], LEVELS[r["level"]], r["caller"], r["text"]) for r in theirs])
