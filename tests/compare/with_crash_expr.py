# SPDX-License-Identifier: GPL-2.0-or-later
"""The corpus of expressions (tests/truth/expressions.txt) as crash answers it: p, struct, eval, whatis."""
import os
import re

from with_crash import answers

CORPUS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "truth/expressions.txt")


def corpus():
    """(expressions, commands) that need no frame and are no errors."""
    expressions, commands, frame = [], [], False
    with open(CORPUS) as f:
        for line in f:
            text, arrow, check = line.rstrip("\n").rpartition(" => ")
            if line.startswith(("@", "# ---- what")):
                frame = line.startswith("@")
            if not arrow or frame or check.startswith("error") or line.startswith("# "):
                continue
            if text.startswith("! "):
                commands.append(text[2:])
            elif not re.search(r"[<>|]", text.replace("->", "")):  # redirections, to crash
                expressions.append(text)
    return expressions, commands


def call(text, name):
    """(before, [arguments], behind) of the first call of name; None."""
    m = re.search(r"\b%s\(" % name, text)
    if not m:
        return None
    depth, args, start = 1, [], m.end()
    for i in range(m.end(), len(text)):
        depth += (text[i] in "([") - (text[i] in ")]")
        if (depth == 1 and text[i] == ",") or not depth:
            args.append(text[start:i].strip())
            start = i + 1
        if not depth:
            return text[:m.start()], args, text[i + 1:]
    return None


def for_gdb(text):
    """The kernel's macros written out: gdb doesn't know them."""
    for name, pattern in (("container_of", "(({1} *)((char *)({0}) - (unsigned long)&(({1} *)0)->{2}))"),
                          ("list_entry", "(({1} *)((char *)({0}) - (unsigned long)&(({1} *)0)->{2}))"),
                          ("offsetof", "((unsigned long)&(({0} *)0)->{1})")):
        found = call(text, name)
        while found:
            text = found[0] + pattern.format(*found[1]) + found[2]
            found = call(text, name)
    return text


def gdb_value(text):
    """What gdb printed: a number, a string, or None where it has no single value."""
    m = re.search(r"\$\d+ =\s+(.*)", text)
    if not m:
        return None
    value = re.sub(r"^\((?:[^()]|\([^()]*\))*\) ", "", m.group(1)).strip()
    if value.startswith('"'):
        return re.split(r'(?<!\\)(?:\\000|")', value[1:])[0].encode().decode("unicode_escape").strip()
    pointed = re.match(r'0x[0-9a-f]+ (?:<.*?> )?"(.*)"(?:\.\.\.)?$', value)
    if pointed:
        return pointed.group(1).replace("\\n", "").strip()
    number = re.match(r"(-?(?:0x[0-9a-f]+|\d+))\b", value)
    if number:
        return int(number.group(1), 0) % 2**64
    number = re.match(r"\{.*\} (0x[0-9a-f]+) <", value)  # a function
    return int(number.group(1), 16) if number else {"true": 1, "false": 0}.get(value, value if "{" not in value else None)


def our_value(rows, theirs=None):
    if len(rows) != 1:
        return None
    value, meaning = rows[0]["value"], rows[0].get("meaning")
    if isinstance(value, str) and value.startswith("0x"):
        return meaning[1:-1] if isinstance(theirs, str) and meaning else int(value, 16)
    if isinstance(value, (bool, int)):
        return int(value) % 2**64
    return value.strip() if isinstance(value, str) else value


def members(text):
    """["pid=0", "comm=swapper/0"] of a struct as crash prints it, scalars and strings only."""
    found = []
    for name, value in re.findall(r"^ *(\w[\w.\[\]]*) = (.*?),? *$", text, re.M):
        parsed = gdb_value("$1 = " + value)
        if parsed is not None:
            found.append((name, parsed))
    return found


def compare_struct(d, where, rows, text):
    theirs = members(text)
    mine = [(re.sub(r"^(\[-?\d+\]|runqueues:\d)\.", "", r["path"]), our_value([r])) for r in rows]
    last = [(re.split(r"\.|->", path)[-1], v) for path, v in mine if v is not None]
    mine = [(p, v) for p, v in mine if v is not None]
    names = {n for n, _ in theirs}
    d.see("crash struct", where, [x for x in (mine if all("." in n for n in names) else last) if x[0] in names], theirs)


def compare_command(d, command, rows, errors, text):
    word = command.split()[0]
    if errors or not text.strip():
        return
    if word == "eval":
        m = re.search(r"^ *decimal: (\d+)", text, re.M)
        ours = {r["key"]: r["value"] for r in rows}
        d.see("crash eval", command, ours["decimal"].split()[0], m and m.group(1))
        bits = re.search(r"bits set: ([\d ]*)", text)
        if bits:
            d.see("crash eval", command + " (bits)", ours.get("bits set"), bits.group(1).strip())
    elif command.startswith("whatis -r"):
        kinds = {r["type"].split()[-1] for r in rows}
        d.see_lists("crash whatis -r", command, kinds, set(re.findall(r"^ *\d+  (\S+)$", text, re.M)))
    elif word in ("struct", "list_head", "*list_head", "task_struct.pid") and rows and "path" in rows[0]:
        if not re.search(r"^(struct|union): (invalid|-)|^symbol not found", text, re.M) and members(text):
            compare_struct(d, command, rows, text)


def expressions_with_crash(d, command, ours):
    expressions, commands = corpus()
    theirs = answers(command, ours, ["p " + for_gdb(e) for e in expressions] + commands)
    if theirs is None:
        return
    mine = ours.ask(["p " + e for e in expressions] + commands)
    for i, e in enumerate(expressions):
        want = gdb_value(theirs["p " + for_gdb(e)])
        value = our_value(mine.rows(i), want)
        if want is None or value is None:
            d.agree["crash p: no single value, or crash can't"] += 1
            continue
        d.see("crash p", e, value, want)
    for i, c in enumerate(commands, len(expressions)):
        compare_command(d, c, mine.rows(i), mine.errors(i), theirs[c])
