#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of stacks beyond the walk, on the required kernel's hung-task dump: the words of frames, text addresses
and exception frames by search, groups, source text, declarations. Where two commands tell the same thing they must
agree.

    stacks.py PROGRAM
"""
import os
import re
import shutil
import subprocess
import sys

from batch import TMP, VMCORE, VMLINUX, objects, rows, run, the_dd
from tap import Tap

SRC = os.path.join(os.environ.get("VMBROWSE_LAB", ""), "kernels/6.1/src")


def number(text):
    return int(text, 16)


def physical(frames):
    return [f for f in frames if not f["inline"] and not f.get("entry")]


def columns_and_folding(tap):
    pid = the_dd()["pid"]
    frames, plain = rows("bt %d" % pid), rows("bt -I %d" % pid)
    lined = [f for f in frames if f["line"]]
    c_files = [f for f in lined if f["file"].endswith(".c")]
    tap.check("frames have the column of the call", c_files and all(f["column"] for f in c_files), c_files)
    tap.check("bt -I has no inlined calls", not any(f["inline"] for f in plain))
    want = [(f["function"], f["pc"], f["line"]) for f in frames if not f["inline"]]
    tap.check("bt -I has all other frames, with their lines", [(f["function"], f["pc"], f["line"]) for f in plain] == want)
    tap.check("bt -I counts what it shows", [f["index"] for f in plain] == list(range(len(plain))))


def words(tap):
    dd = the_dd()
    frames = physical(rows("bt -f %d" % dd["pid"]))
    kernel = [f for f in frames if f["function"]]
    problems = []
    for f, caller in zip(kernel, kernel[1:]):
        at = [number(w["address"]) for w in f["words"]]
        if at != list(range(number(f["sp"]), number(caller["sp"]), 8)):
            problems.append("%s: words from %s to %s" % (f["function"], f["words"][:1], f["words"][-1:]))
        elif f["words"][-1]["value"] != caller["pc"] or not f["words"][-1]["meaning"].startswith(caller["function"] + "+"):
            problems.append("%s: the last word is %s, the caller %s" % (f["function"], f["words"][-1], caller["pc"]))
    tap.check("a frame's words reach to its caller, and end with the return address", len(kernel) > 8 and not problems,
              "\n".join(problems))
    flat = [w for f in kernel for w in f["words"]]
    read = rows("rd %s %d" % (flat[0]["address"], len(flat)))
    tap.check("words are what rd reads there", [number(w["value"]) for w in flat] == [number(r["value"]) for r in read])
    user = frames[-1]["words"]
    tap.check("the user's registers are words too", len(user) == 21 and user[-1]["value"] == "0x2b", user)
    tap.check("bt -f looks for symbols only", {w["kind"] for w in flat} == {None, "symbol"})

    full = physical(rows("bt -F %d" % dd["pid"]))
    known = [w for f in full for w in f["words"]]
    tasks = [w for w in known if w["kind"] == "task" and w["value"] == dd["task"]]
    tap.check("bt -F knows the task", tasks and all(w["meaning"] == "[task_struct] task %d dd" % dd["pid"] for w in tasks), known)
    tap.check("bt -F knows the task's stack", any(w["kind"] == "stack" and w["meaning"] == "stack of task %d dd" % dd["pid"]
                                                  for w in known), known)
    dentries = [w for w in known if w["kind"] == "slab" and w["meaning"] == "[dentry]"]
    tap.check("bt -F knows slab objects", dentries, known)
    sbs = {rows("struct dentry.d_sb %s" % w["value"])[0]["value"] for w in dentries}
    supers = {m["superblock"] for m in rows("mount")}
    tap.check("what it calls a dentry is one", sbs <= supers, "%s %s" % (sbs, supers))


def together(tap):
    """Options that ask for different things are an error, not a choice that nobody made."""
    for line, told in (("bt -f -V", "-V and -f"), ("bt -Vt", "-V and -t"), ("bt -VP", "-V and -P"), ("bt -ef", "-f and -e"),
                       ("bt -Te", "-T and -e"), ("bt -R -F", "-R and -F"), ("bt -a 1", "-a chooses"),
                       ("foreach UN bt -a", "foreach chooses"), ("foreach UN bt 1", "foreach chooses")):
        p = run([line])
        tap.check(line, p.returncode == 1 and told in p.stderr and "usage: bt" in p.stderr and not p.stdout, p.stderr)
    for line in ("bt -VR -I", "bt -PR", "bt -fF", "bt -tTI", "bt -al", "bt -ae"):
        p = run([line])
        tap.check(line, p.returncode == 0, p.stderr)


def searched(tap):
    dd = the_dd()
    walk, text, whole = [rows("bt %s %d" % (o, dd["pid"])) for o in ("-I", "-t", "-T")]
    pcs = [f["pc"] for f in walk if f["function"]]
    tap.check("bt -t has every return address of the walk", pcs and set(pcs) <= {r["pc"] for r in text}, text)
    at = [number(r["sp"]) for r in text]
    tap.check("bt -t goes up the stack", at == sorted(set(at)), at)
    tap.check("its rows say that they were searched for", {r["source"] for r in text + whole} == {"scan"})
    tap.check("bt -T has all of that and more", whole[-len(text):] == [dict(r, index=r["index"] + len(whole) - len(text))
                                                                       for r in text] and len(whole) > len(text))
    shown = run(["bt -t %d" % dd["pid"]]).stdout
    mnt = next(f for f in rows("bt %d" % dd["pid"]) if f["function"] == "mnt_want_write")
    tap.check("the text form says which frame of the walk it is",
              re.search(r"#%d +mnt_want_write\+0x" % mnt["index"], shown), shown)

    user = walk[-1]
    found = rows("bt -e %d" % dd["pid"])
    tap.check("bt -e finds the registers of the system call", len(found) == 1 and found[0]["pc"] == user["pc"] and
              found[0]["source"] == "regs", found)
    tap.check("with their values", found[0]["vars"] == user["vars"], found[0])
    active = rows("bt -ae")
    tap.check("bt -ae has registers of the CPUs", active and all(
        {v["name"]: v["value"] for v in r["vars"]}["rip"] == r["pc"] for r in active), active)


def grouped(tap):
    frames, groups, tasks = rows("foreach bt -I"), rows("stacks"), rows("ps")
    stacks = {}
    for f in frames:
        if f["function"]:
            stacks.setdefault(f["pid"], []).append(f["pc"])
    want = {}
    for t in tasks:
        if t["pid"]:  # idle tasks share a pid
            want.setdefault(tuple(stacks.get(t["pid"], ())), set()).add(t["pid"])
    have = [frozenset(t["pid"] for t in g["tasks"] if t["pid"]) for g in groups]
    tap.check("groups are the tasks with the same return addresses",
              sorted(map(sorted, filter(None, have))) == sorted(map(sorted, want.values())), groups)
    tap.check("the largest first", [g["count"] for g in groups] == sorted((g["count"] for g in groups), reverse=True))
    tap.check("the longest wait is told", all(g["since_ns"] == max(t["since_ns"] for t in g["tasks"]) for g in groups))

    dd = the_dd()
    mine = rows("stacks -f percpu_down_read UN")  # an inlined call
    tap.check("stacks -f finds an inlined function", [t["pid"] for g in mine for t in g["tasks"]] == [dd["pid"]] and
              mine[0]["states"] == "UN", mine)
    tap.check("its function is no scheduler's", mine[0]["function"] in ("percpu_rwsem_wait", "__percpu_down_read",
                                                                        "mnt_want_write"), mine)
    tap.check("the stack is in the row", re.search(r"^mnt_want_write\+0x[0-9a-f]+$", mine[0]["stack"], re.M), mine)
    tap.check("stacks -s", [g["tasks"] for g in rows(r"stacks -s ^fs/namespace\.c$")] == [mine[0]["tasks"]])
    tap.check("stacks -m", rows("stacks -m nosuch") == [] and len(rows("stacks -m vmlinux")) >= len(groups) - 2)
    p = run(["stacks -f ["])
    tap.check("a pattern that isn't one", p.returncode == 1 and "pattern '['" in p.stderr, p.stderr)
    text = run(["stacks -q"]).stdout.splitlines()
    tap.check("stacks -q has a line a group", len(text) == len(groups) + 1, "\n".join(text))
    text = run(["stacks -f worker_thread"]).stdout
    tap.check("the text form shows frames, and of many tasks a few", "#0" in text and "more (stacks -t lists all)" in text,
              text)
    tap.check("stacks -t shows them all", "more (" not in run(["stacks -t"]).stdout)


def source(tap):
    if not os.path.exists(SRC + "/fs/namespace.c"):
        tap.skip("source text", "the lab has no source files")
        return
    pid = the_dd()["pid"]
    p = run(["set %d" % pid, "src mnt_want_write", "src fs/namespace.c:402"], options=["--src", SRC])
    shown = [line for line in p.stdout.splitlines() if line.startswith(">")]
    tap.check("src shows the frame's line", p.returncode == 0 and len(shown) == 2 and shown[0] == shown[1] and
              re.search(r"> +402 +sb_start_write\(m->mnt_sb\);", shown[0]), p.stdout + p.stderr)
    index = next(f["index"] for f in rows("bt %d" % pid) if f["function"] == "mnt_want_write")
    p = run(["set %d" % pid, "src -n 2 %d" % index], options=["--src", SRC])
    tap.check("src N is frame N of bt, -n the lines around", re.search(r"^> +402 +sb_start", p.stdout, re.M) and
              len(re.findall(r"^[> ] +40[0-4]\b", p.stdout, re.M)) == 5, p.stdout)
    p = run(["src /build/linux-9.9/fs/namespace.c:402"], options=["--src", SRC])
    tap.check("folders of the machine that built it are dropped", shown[0] in p.stdout, p.stdout + p.stderr)
    p = run(["src fs/namespace.c:99999"], options=["--src", SRC])
    tap.check("a line that isn't there", p.returncode == 1 and "has" in p.stderr and "99999" in p.stderr, p.stderr)


def strange_sources(tap):
    """A tree can be anything: nothing outside it is opened, and what is in it can't steer the terminal or fill memory."""
    tree = TMP + "/tree"
    os.makedirs(tree + "/fs")
    with open(tree + "/Makefile", "w") as f:
        f.write("VERSION = 3\nPATCHLEVEL = 2\nSUBLEVEL = 1\n")
    with open(TMP + "/secret.c", "w") as f:
        f.write("secret\n")
    os.symlink(TMP + "/secret.c", tree + "/fs/link.c")
    os.symlink("plain.c", tree + "/fs/inside.c")
    os.mkfifo(tree + "/fs/pipe.c")
    os.mkdir(tree + "/fs/folder.c")
    with open(tree + "/fs/plain.c", "wb") as f:
        f.write(b"int a;\r\n\tx \x1b[31m\xff\0z\n" + b"y" * 5000 + b"\nno end")
    with open(tree + "/fs/huge.c", "wb") as f:
        f.truncate(1 << 40)
    for name in ("../secret.c", "fs/../../secret.c", TMP + "/secret.c", "fs/link.c", "fs/pipe.c", "fs/folder.c",
                 "fs/huge.c", "fs/nosuch.c"):
        p = run(["src %s:1" % name], options=["--src", tree])
        tap.check("not opened: " + name.replace(TMP, ""), p.returncode == 1 and "secret\n" not in p.stdout, p.stdout)
    p = run(["src fs/plain.c:2"], options=["--src", tree])
    tap.check("what a file holds is printed safely", r"> " in p.stdout and r"        x \x1b[31m\xff\x00z" in p.stdout and
              "\x1b" not in p.stdout and "no end" in p.stdout and len(max(p.stdout.splitlines(), key=len)) < 1200, p.stdout)
    tap.check("a tree of another release is told", "3.2.1" in p.stderr, p.stderr)
    tap.check("links inside the tree are fine", "int a;" in run(["src fs/inside.c:1"], options=["--src", tree]).stdout)
    if not any(os.path.exists("/usr/src/" + n) for n in ("linux-source-6.1", "linux")):
        p = run(["src fs/namespace.c:402"])
        tap.check("no tree: how to get one", p.returncode == 1 and "linux-source-6.1" in p.stderr and "--src" in p.stderr, p.stderr)


def missing_files(tap):
    """What isn't there is told: a folder that was named, a module's debug file, with what to look for."""
    p = run(["sys"], options=["--src", TMP + "/nosuch", "--debug-dir", TMP + "/nowhere", "--debug-dir", __file__])
    told = [line.split("warning: ")[1] for line in p.stderr.splitlines() if "warning: " in line]
    tap.check("folders that aren't", p.returncode == 0 and len(told) == 3 and told[0].startswith("--src " + TMP + "/nosuch: ")
              and told[1].startswith("--debug-dir " + TMP + "/nowhere: ") and __file__ in told[2], p.stderr)
    lab = os.environ.get("VMBROWSE_LAB", "")
    dump, modules = lab + "/dumps/6.1/nullderef/vmcore.lzo", lab + "/kernels/6.1/module/"
    if not os.path.exists(dump):
        tap.skip("a module without debug file", "the lab has no such dump")
        return
    notes = subprocess.run(["readelf", "-n", modules + "labbug.ko"], stdout=subprocess.PIPE, text=True, check=True).stdout
    build_id = re.search("Build ID: ([0-9a-f]+)", notes).group(1)
    for case, file, words in (("none", None, "there is no labbug.ko"), ("stripped", "labbug.ko", "but has no debug info"),
                              ("other", "lablocks.ko", "is of another build"), ("right", "debug/labbug.ko", None)):
        folder = "%s/modules-%s" % (TMP, case)
        os.mkdir(folder)
        if file:
            shutil.copy(modules + file, folder + "/labbug.ko")
        p = run(["bt -a", "foreach bt"], [VMLINUX, dump], ["--debug-dir", folder])
        lines = [line for line in p.stderr.splitlines() if "module labbug" in line]
        good = len(lines) == 2 and all(words in line and build_id in line and "--debug-dir" in line for line in lines) \
            if words else not lines
        tap.check("a module's debug file: " + case, p.returncode == 0 and good, p.stderr)


def chosen_frame(tap):
    pid = the_dd()["pid"]
    frames = rows("bt -V %d" % pid)
    i = next(i for i, f in enumerate(frames) if f["function"] == "mnt_want_write")
    objs, _ = objects(["set %d" % pid, "frame %d" % i, "p m", "frame up", "frame down", "dis", "frame __sb_start_write", "p sb"])
    answers = [o["rows"] for o in objs[1:]]
    tap.check("frame N is bt's", answers[0] == [frames[i]], answers[0])
    m = {v["name"]: v["value"] for v in frames[i]["vars"]}["m"]
    tap.check("its variables are names in expressions", [r["value"] for r in answers[1]] == [m], answers[1])
    tap.check("frame up is the caller", answers[2] == [frames[i + 1]], answers[2])
    tap.check("frame down is back", answers[3] == [frames[i]], answers[3])
    marked = [r for r in answers[4] if r["mark"]]
    tap.check("dis marks the call that the frame is in", len(marked) == 1 and marked[0]["function"] == "mnt_want_write"
              and "__percpu_down_read" in marked[0]["text"], marked)
    tap.check("frame FUNCTION", answers[5][0]["function"] == "__sb_start_write" and answers[5][0]["inline"], answers[5])
    tap.check("an inlined call's variable", [r["value"] for r in answers[6]] ==
              [v["value"] for v in answers[5][0]["vars"] if v["name"] == "sb"], answers[6])
    for command, words in (("frame 999", "no frame '999'"), ("frame down", "innermost")):
        p = run(["set %d" % pid, command])
        tap.check(command, p.returncode == 1 and words in p.stderr, p.stderr)


def not_code(tap):
    for line, words in (("dis init_task", "init_task is data, not code: `p init_task`"), ("dis jiffies", "is data"),
                        ("dis 0x1000", "no function covers 0x1000")):
        p = run([line])
        tap.check(line, p.returncode == 1 and words in p.stderr and not p.stdout, p.stderr)
    p = run(["dis -lr mnt_want_write+0x24"])
    tap.check("dis -lr", p.returncode == 0 and "mnt_want_write" in p.stdout, p.stderr)


def what_is(tap):
    names = ["mnt_want_write", "init_task", "struct list_head", "pid_t", "SB_FREEZE_COMPLETE", "task_struct.comm", "runqueues"]
    objs, _ = objects(["whatis " + n for n in names])
    text = dict(zip(names, ("\n".join(r["text"] for r in o["rows"]) for o in objs)))
    tap.check("whatis FUNCTION is its prototype", text["mnt_want_write"] == "int mnt_want_write(struct vfsmount *m);", text)
    inlined = run(["whatis __sb_start_write"]).stdout
    tap.check("whatis of a function that is inlined everywhere",
              inlined.startswith("void __sb_start_write(struct super_block *sb, int level);"), inlined)
    tap.check("whatis VARIABLE is its type", text["init_task"] == "struct task_struct init_task;", text)
    tap.check("a per-CPU variable is told", text["runqueues"].startswith("struct rq runqueues;  /* one"), text)
    tap.check("whatis struct is its definition", text["struct list_head"].split() ==
              "struct list_head { struct list_head *next; struct list_head *prev; };".split(), text)
    tap.check("whatis TYPEDEF", text["pid_t"].startswith("typedef") and text["pid_t"].endswith(" pid_t;"), text)
    tap.check("whatis of a constant", text["SB_FREEZE_COMPLETE"].startswith("SB_FREEZE_COMPLETE = 4\nenum"), text)
    tap.check("whatis TYPE.MEMBER", text["task_struct.comm"].startswith("char comm[16];"), text)
    p = run(["whatis no_such_thing"])
    tap.check("whatis of nothing", p.returncode == 1 and "no_such_thing" in p.stderr, p.stderr)


def main():
    if not VMCORE or not VMLINUX:
        tap = Tap()
        tap.check("the lab has the required dump", False, "run tests/lab/lab build --required")
        tap.run([])
    try:
        Tap().run([columns_and_folding, words, together, searched, grouped, source, strange_sources, missing_files, chosen_frame, not_code, what_is])
    finally:
        shutil.rmtree(TMP)


if __name__ == "__main__":
    main()
