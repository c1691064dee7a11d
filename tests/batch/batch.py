#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Batch mode's contract, on the required kernel's hung-task dump: formats, keys, exit status, the walk to the frozen
filesystem in four commands, and vmlinux in all the shapes it comes in.

    batch.py PROGRAM
"""
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
VMLINUX, VMCORE = os.environ.get("VMLINUX_fsfreeze_6_1"), os.environ.get("VMCORE_fsfreeze_6_1")
KEYS = {
    "ps": "pid tgid ppid cpu task state comm since_ns",
    "bt": "pid task index function offset pc sp file line inline source",
    "log": "seq time_ns level caller text",
    "sys": "key value",
    "mount": "superblock type device directory",
    "struct list_head modules": "path type value offset",
    "sym linux_banner": "address name",
    "rd linux_banner 2": "address value ascii",
    "mod": "name base size",
    "diff task_struct init_task init_task.tasks.next": "path left right differs",
    "set": "pid task cpu comm",
    "kmem -s": "name object_size size allocated active total slabs slab_size objects_per_slab memory",
    "kmem -i": "name pages bytes",
    "files 1": "fd what file dentry inode type path",
    "fuser /dev/null": "pid task comm usage fd file path",
    "waiters -a init_task": "does pid task state since_ns comm path function address",
}
TMP = tempfile.mkdtemp(prefix="vmbrowse-batch.")


def run(commands, files=None, options=(), stdin=None):
    args = [PROGRAM, *options]
    for c in commands:
        args += ["-x", c]
    env = dict(os.environ, XDG_CACHE_HOME=TMP, XDG_STATE_HOME=os.path.join(TMP, "state"))
    return subprocess.run(args + (files or [VMLINUX, VMCORE]), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=300, input=stdin, env=env)


def objects(commands, files=None):
    p = run(commands, files, ["-o", "json"])
    return [json.loads(line) for line in p.stdout.splitlines()], p


def rows(command, files=None):
    return objects([command], files)[0][0]["rows"]


def the_dd(files=None):
    return next(r for r in rows("ps UN", files) if r["comm"] == "dd")


def formats(tap):
    objs, p = objects(list(KEYS))
    tap.check("one JSON object a line for each -x, in order", [o["command"] for o in objs] == list(KEYS) and
              p.returncode == 0, p.stderr)
    for o in objs:
        missing = [k for k in KEYS[o["command"]].split() if not o["rows"] or k not in o["rows"][0]]
        tap.check("%s has its keys" % o["command"], not missing and o["errors"] == [], "missing %s, errors %s" %
                  (missing, o["errors"]))
    p = run(["ps"], options=["-o", "tsv"])
    lines = p.stdout.splitlines()
    tap.check("TSV has a line of keys and the same number of fields in each row",
              lines[0].startswith("pid\t") and len({l.count("\t") for l in lines}) == 1, "\n".join(lines[:5]))
    text = run(["ps UN"]).stdout
    tap.check("the text table shows dd", re.search(r"\bUN\b.*\bdd\b", text), text)
    p = run(["-"], stdin="# prose\n\nps UN\nsys\n", options=["-o", "json"])
    tap.check("commands from standard input", len(p.stdout.splitlines()) == 2 and p.returncode == 0, p.stderr)


def statuses(tap):
    p = run(["sys", "nonsense", "sys"], options=["-o", "json"])
    objs = [json.loads(l) for l in p.stdout.splitlines()]
    tap.check("a command that fails: status 1, the reason on stderr and in its object, the others answered",
              p.returncode == 1 and "nonsense" in p.stderr and len(objs) == 3 and objs[1]["errors"] and
              objs[0]["rows"] and objs[2]["rows"], p.stderr)
    tap.check("files in the other order", run(["ps UN"], [VMCORE, VMLINUX]).returncode == 0)
    p = run(["struct task_struct.no_such_member init_task"])
    for line, why in (("rd 1000", "1000 is taken as hexadecimal"), ("rd -f 1000", "no option -f here"),
                      ("struct task_struct ffff888000000000", "nothing can be read at"),
                      ("struct task_struct 0x%x" % (int(rows("files 1")[0]["dentry"], 16)), "lies in a slab object of dentry"),
                      ("ps nosuch", "no task matches 'nosuch'"), ("runq", "ps RU")):
        p = run([line])
        tap.check("%s says: %s" % (line, why), why in p.stderr, p.stderr)
    p = run(["struct task_struct.no_such_member init_task"])
    tap.check("an unknown member is named", p.returncode == 1 and "no_such_member" in p.stderr, p.stderr)


def walk(tap, files=None, what=""):
    """What a person does, in commands: the task, the frame's variable, and along its pointers."""
    dd = the_dd(files)
    frames = rows("bt -V %d" % dd["pid"], files)
    m = next((v for f in frames if f["function"] == "mnt_want_write" for v in f["vars"] if v["name"] == "m"), None)
    tap.check(what + "m of mnt_want_write has a value", m and re.match("0x[0-9a-f]{16}$", str(m["value"])), m)
    sb = next((v for f in frames if f["function"] == "__sb_start_write" for v in f["vars"] if v["name"] == "sb"), None)
    mnt_sb = rows("struct vfsmount.mnt_sb %s" % m["value"], files)[0]["value"]
    tap.check(what + "sb of __sb_start_write is m's mnt_sb", sb and sb["value"] == mnt_sb, "%s %s" % (sb, mnt_sb))
    frozen = rows("struct super_block.s_writers.frozen %s" % mnt_sb, files)
    tap.check(what + "s_writers.frozen = 4", frozen[0]["value"] == 4, frozen)
    mounts = rows("mount %s" % mnt_sb, files)
    info = rows("struct super_block.s_fs_info %s" % mnt_sb, files)[0]
    tap.check(what + "s_fs_info, a void pointer, is ext4's", info["meaning"] == "struct ext4_sb_info", info)
    tap.check(what + "the super_block is /boot", [x["directory"] for x in mounts] == ["/boot"], mounts)
    user = frames[-1]
    tap.check(what + "the stack ends with the user's registers",
              {"rip", "rsp", "rdi"} <= {v["name"] for v in user["vars"]}, user)


def walk_plain(tap):
    walk(tap)


def stack(tap):
    frames = rows("bt %d" % the_dd()["pid"])
    names = [f["function"] for f in frames]
    tap.check("inlined calls are frames", any(f["inline"] for f in frames), names)
    lined = [f for f in frames if f["file"] and f["line"]]
    tap.check("frames have file and line", len(lined) >= len(frames) - 3, frames)
    tap.check("files are relative to the kernel's top",
              any(f["file"] == "fs/namespace.c" for f in frames), [f["file"] for f in frames])
    active = objects(["bt -a"])[0][0]["rows"]
    tap.check("bt -a has the task that panicked", any(f["function"] in ("panic", "watchdog") for f in active) and
              len({f["pid"] for f in active}) >= 2, [f["function"] for f in active])


def values(tap):
    panicked = next(r["pid"] for r in rows("bt -a") if r["function"] == "panic")
    strings = [v["value"] for f in rows("bt -V %d" % panicked) for v in f["vars"] if v["name"] == "buf"]
    tap.check("a char array among a frame's variables is text", any(str(s).startswith("hung_task") for s in strings),
              strings)
    banner = rows("p linux_banner")
    tap.check("an array that its header leaves open ends with its symbol",
              str(banner[0]["value"]).startswith("Linux version") and len(rows("p __per_cpu_offset[1]")) == 1, banner)
    aligned, odd = rows("rd linux_banner 3"), rows("rd linux_banner+1 2")
    both = ["".join(r["ascii"] for r in some) for some in (aligned, odd)]
    tap.check("words at odd addresses, to the last one", both[1] == both[0][1:17], both)


def filters(tap):
    all_tasks = rows("ps")
    tap.check("states", {r["state"] for r in rows("ps UN")} == {"UN"})
    tap.check("ps UN >1s <1h", [r["comm"] for r in rows("ps UN >1s <1h")] == ["dd"])
    tap.check("comm:", {r["comm"].startswith("kworker") for r in rows("ps comm:kworker")} == {True})
    tap.check("cpu:", {r["cpu"] for r in rows("ps cpu:1")} == {1})
    kernel, user = rows("ps kernel"), rows("ps !kernel")
    tap.check("! turns round", len(kernel) + len(user) == len(all_tasks) and "kthreadd" in {r["comm"] for r in kernel})
    p = run(["ps cpu:bogus"])
    tap.check("a word it can't understand", p.returncode == 1 and "bogus" in p.stderr, p.stderr)
    for command in ("log (.|..|...)+[^ -~]", "log | grep -E '(.|..|...)+[^ -~]'"):
        p = run([command])
        tap.check("a pattern that would never end says so: %s" % command, "would take too long" in p.stdout + p.stderr,
                  p.stdout[-500:] + p.stderr)
    times = [r["since_ns"] for r in rows("ps -m")]
    tap.check("ps -m is sorted by time", times == sorted(times))


def helps(tap):
    names = [r["name"] for r in rows("help") if " " not in r["name"]]
    tap.check("help lists the commands", {"ps", "bt", "log", "struct", "p", "rd", "sym", "set", "foreach", "mount", "sys",
                                           "help"} <= set(names), names)
    objs, _ = objects(["help %s" % n for n in names])
    for name, o in zip(names, objs):
        keys = [r["name"] for r in o["rows"]]
        tap.check("help %s has synopsis and examples" % name, "SYNOPSIS" in keys and "EXAMPLES" in keys and
                  keys.index("EXAMPLES") < len(keys) - 1, keys)


def hide_unwind_info(path):
    """Neither CFI nor ORC, nor the symbols by which ORC would be read out of the dump. They keep their places."""
    with open(path, "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
        for name in (b".debug_frame", b".orc_unwind", b".orc_unwind_ip", b"__start_orc_unwind", b"__start_orc_unwind_ip"):
            at = m.find(name + b"\0")
            while at >= 0:
                m[at:at + 1] = b"X"
                at = m.find(name + b"\0", at)


def no_unwind_info(tap, path):
    """Stacks by the code itself, and where that doesn't tell by frame pointer and guarded scan: nearly all right, and
    what is no guess is right."""
    want, same, odd, sure = {}, 0, [], 0
    for f in rows("foreach bt -I"):
        want.setdefault(f["task"], []).append(f["pc"])
    hide_unwind_info(path)
    p = run(["foreach bt -I"], [path, VMCORE])
    (answer, *_), _ = objects(["foreach bt -I"], [path, VMCORE])
    have = {}
    for f in answer["rows"]:
        have.setdefault(f["task"], []).append(f)
    for task, frames in have.items():
        same += [f["pc"] for f in frames] == want[task]
        odd += [f for f in frames if f["source"] not in ("code", "regs") and not f["guess"] and not f["entry"]]
    active = {f["task"] for f in rows("bt -a")}
    for task in have.keys() - active:
        odd += [f for f, pc in zip(have[task], want[task]) if not f["guess"] and f["pc"] != pc]
        sure += sum(f["source"] == "code" and not f["guess"] for f in have[task])
    tap.check("no unwind info: frames that are no guess are right", not odd and sure > 100, odd[:3] or sure)
    tap.check("no unwind info: nine stacks of ten are right", same >= 0.9 * len(want), "%d of %d" % (same, len(want)))
    crash = [f for f in rows("bt", [VMCORE]) if f["source"] != "scan"]
    tap.check("without vmlinux nothing below the panic's registers is a guess", len(crash) > 3 and
              not any(f["guess"] for f in crash), crash)
    dd = the_dd()["task"]
    tap.check("no unwind info: dd's is", [f["pc"] for f in have[dd]] == want[dd], have[dd])
    early = len(re.findall("the stack ends early", p.stderr))
    tap.check("no unwind info: stacks that are whole don't end early", early < 6 and "more such" not in p.stderr, p.stderr)


def shapes(tap):
    """vmlinux without BTF, without DWARF, compressed, and with its debug info in a file of its own."""
    nobtf, bare = TMP + "/vmlinux.nobtf", TMP + "/vmlinux.nodwarf"
    subprocess.run(["objcopy", "--rename-section=.BTF=.none", VMLINUX, nobtf], check=True, stderr=subprocess.DEVNULL)
    walk(tap, [nobtf, VMCORE], "no BTF: ")
    no_unwind_info(tap, nobtf)
    os.remove(nobtf)
    subprocess.run(["objcopy", "--strip-debug", VMLINUX, bare], check=True, stderr=subprocess.DEVNULL)
    want = [(r["pid"], r["comm"], r["state"]) for r in rows("ps")]
    have = [(r["pid"], r["comm"], r["state"]) for r in rows("ps", [bare, VMCORE])]
    tap.check("no DWARF: the same tasks", want == have)
    plain = [f["function"] for f in rows("bt 1") if not f["inline"]]
    tap.check("no DWARF: the same functions", plain == [f["function"] for f in rows("bt 1", [bare, VMCORE])], plain)
    p = run(["vmlinux " + VMLINUX, "bt 1"], [bare, VMCORE])
    tap.check("no DWARF: it comes later", re.search(r"kernel +%s\n" % re.escape(VMLINUX), p.stdout) and
              re.search(r"schedule +kernel/sched/core\.c:\d+", p.stdout), p.stdout + p.stderr)
    other = os.environ.get("VMLINUX_fsfreeze_6_12")
    if other:
        p = run(["ps"], [other, VMCORE])
        tap.check("another build's vmlinux: said, and not used", "is not the kernel of this dump" in p.stderr and
                  plain == [f["function"] for f in rows("bt 1", [other, VMCORE])], p.stderr)
    for suffix, tool in ((".gz", ["gzip", "-1k"]), (".xz", ["xz", "-0k"]), (".zst", ["zstd", "-q"])):
        subprocess.run(tool + [bare], check=True)
        tap.check("vmlinux%s" % suffix, the_dd([bare + suffix, VMCORE])["state"] == "UN")
    with open(bare + ".gz", "rb") as f, open(TMP + "/cut.gz", "wb") as g:
        g.write(f.read()[:-1000])
    p = run(["log"], [TMP + "/cut.gz", VMCORE])
    tap.check("a damaged vmlinux.gz is a warning, the log works", p.returncode == 0 and "cut.gz" in p.stderr and
              "hung_task" in p.stdout, p.stderr)


def differences(tap):
    """Two objects member by member: what the rows say is what `struct` says of each."""
    task = the_dd()["task"]
    same = rows("diff task_struct init_task init_task.parent")
    tap.check("an object doesn't differ from itself", same == [], same[:3])
    got = {r["path"]: r for r in rows("diff -a task_struct init_task %s" % task)}
    one, other = ({r["path"]: r["value"] for r in rows("struct task_struct %s" % a)} for a in ("init_task", task))
    wrong = [p for p, r in got.items() if p in one and p in other and (r["left"], r["right"]) != (one[p], other[p])]
    tap.check("both values of every member", len(got) > 100 and not wrong, wrong[:3])
    # lists that are empty point into their own object
    wrong = [p for p, r in got.items() if r["differs"] is False and isinstance(r["left"], int) and
             r["left"] != r["right"]]
    tap.check("numbers that differ are marked", got["comm"]["differs"] and got["pid"]["differs"] and not wrong, wrong)
    p = run(["diff task_struct init_task", "diff task_struct init_task 0", "diff nonesuch 1 2"])
    tap.check("diff says what it needs", p.returncode == 1 and "usage: diff" in p.stderr and "nonesuch" in p.stderr and
              "diff: diff" not in p.stderr, p.stderr)


def blanks(tap):
    p = run(["what init_task + 8", "struct task_struct.pid init_task - 0", "p 1 + 2", "what 'init_task + 8'"])
    told = [line for line in p.stderr.splitlines() if "in quotes" in line]
    tap.check("an expression in pieces says what to do", len(told) == 2 and "'init_task + 8'" in told[0] and
              "1 + 2 = 3" in p.stdout and "init_task" in p.stdout, p.stderr)


def marks(tap):
    """Marks are kept for the dump, whatever its file is called; a damaged file costs its damaged lines."""
    folder = os.path.join(TMP, "state/vmbrowse/marks")
    run(["marks a 'log -l err' what it said", "marks b init_task"])
    other = os.path.join(TMP, "another-name")
    os.symlink(VMCORE, other)
    got = rows("marks", [VMLINUX, other])
    tap.check("marks are found again under another name",
              [(m["mark"], m["place"], m["note"]) for m in got] ==
              [("a", "log -l err", "what it said"), ("b", "init_task", "")], got)
    path = os.path.join(folder, os.listdir(folder)[0])
    with open(path, "ab") as f:
        f.write(b"c\tbroken\nx y\n\0\xff\t\n" + b"d" * 5000 + b"\n\xc3\t\t\t\t\t\t\n")
    p = run(["marks", "marks -d b", "marks e sys"])
    kept = open(path, "rb").read()
    tap.check("damaged lines are told and left alone", p.returncode == 0 and "make no sense" in p.stderr and
              b"c\tbroken\n" in kept and b"\0\xff" in kept and [m["mark"] for m in rows("marks")] == ["a", "e"], p.stderr)
    with open(path, "wb") as f:
        f.write(os.urandom(3 << 20))
    p = run(["marks", "marks f sys"])
    tap.check("a file that is none is left as it is", "too large" in p.stderr and os.path.getsize(path) == 3 << 20 and
              p.returncode == 1, p.stderr)
    p = run(["marks ++ sys", "marks -d q", "marks a ''"])
    tap.check("wrong words are told", p.returncode == 1 and "one letter" in p.stderr and "no mark 'q'" in p.stderr,
              p.stderr)
    shutil.rmtree(folder)


def faults(tap):
    """What can't be read has the same reason in every command."""
    base = rows("p page_offset_base")[0]["value"]
    reasons = set()
    for frame in range(0, 0x10000000, 0x123000):
        word, value = objects(["rd 0x%x 1" % (base + frame), "p *(unsigned long *)0x%x" % (base + frame)])[0]
        a, b = word["rows"][0]["value"], value["rows"][0]["value"]
        if isinstance(a, dict) or isinstance(b, dict):
            reasons.add((str(a), str(b)))
        if len(reasons) > 1 or any(x != y for x, y in reasons):
            break
    tap.check("rd and p agree on why", reasons and all(x == y for x, y in reasons), reasons)


def separate(tap):
    """A stripped vmlinux finds its debug file by debuglink, beside it, and by build-id."""
    debug, link = TMP + "/vmlinux.debug", TMP + "/vmlinux.linked"
    os.symlink(VMLINUX, debug)
    subprocess.run(["objcopy", "--strip-debug", "--rename-section=.BTF=.none", "--add-gnu-debuglink=" + debug, VMLINUX, link],
                   check=True, stderr=subprocess.DEVNULL)
    walk(tap, [link, VMCORE], "debuglink: ")
    notes = subprocess.run(["readelf", "-n", VMLINUX], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)
    os.remove(debug)
    os.makedirs("%s/dbg/.build-id/%s" % (TMP, build_id[:2]))
    os.symlink(VMLINUX, "%s/dbg/.build-id/%s/%s.debug" % (TMP, build_id[:2], build_id[2:]))
    p = run(["bt -V %d" % the_dd()["pid"]], [link, VMCORE], ["--debug-dir", TMP + "/dbg"])
    tap.check("build-id: arguments are there", re.search(r"\bm = 0x[0-9a-f]{16}", p.stdout), p.stdout + p.stderr)


def own_tables(tap):
    """The tables that --docs prints can be a user's own: they are taken without a word and change nothing."""
    asked = ["p init_task.flags", "list -h init_task.tasks 0", "struct file_system_type file_systems", "list modules"]
    config, before = os.path.join(TMP, "config"), os.environ.get("XDG_CONFIG_HOME", "")
    os.makedirs(config + "/vmbrowse")
    for kind in ("meanings", "lists"):
        with open("%s/vmbrowse/%s" % (config, kind), "w") as f:
            subprocess.run([PROGRAM, "--docs", kind], stdout=f, check=True, timeout=60)
    plain = run(asked)
    os.environ["XDG_CONFIG_HOME"] = config
    own = run(asked)
    os.environ["XDG_CONFIG_HOME"] = before
    tap.check("the tables that --docs prints are taken as one's own", own.stdout == plain.stdout and own.stdout and
              own.stderr == plain.stderr and own.returncode == plain.returncode, own.stderr + plain.stderr)


def pipes(tap):
    """grep, head, tail and wc on rows: what passes are the same rows, below the ones that they lie under."""
    dd = the_dd()["pid"]
    every = rows("ps")
    tap.check("ps | grep", rows("ps -m | grep UN") == [r for r in rows("ps -m") if r["state"] == "UN"])
    tap.check("-v, -i, and one after the other", [r["lines"] for r in rows("ps | grep -vi KWORKER|wc -l")] ==
              [len([r for r in every if "kworker" not in r["comm"]])])
    tap.check("head and tail", rows("ps | head -3") == every[:3] and rows("ps | tail -n 2") == every[-2:])
    for command in ("stacks", "rd -16 init_task 8", "bt -a"):  # some of their rows are for people only, or for machines
        tap.check(command + " | head shows whom it shows without", rows(command + " | head -n 10000") == rows(command) and
                  run([command + " | head -n 10000"]).stdout == run([command]).stdout)
    words = rows("bt -f %d" % dd)
    want = [dict(f, words=[w for w in f["words"] if "rwsem" in (w["meaning"] or "")]) for f in words]
    have = rows("bt -f %d | grep rwsem" % dd)
    tap.check("a word brings its frame", have == [f for f in want if f["words"] or "rwsem" in str([f["function"], f["file"]])], have)
    after = run(["bt -f %d | grep -A5 'rwsem_wait  '" % dd]).stdout.splitlines()
    tap.check("-A", len(after) == 7, after)
    either = run([r'log | grep "blocked for\|not syncing"']).stdout.splitlines()
    tap.check("basic expressions: \\| is or", len(either) == 2, either)
    tap.check("an expression's | is no pipe", rows("p 1 | 2")[0]["value"] == 3)
    p = run(["ps | grep nosuch", "ps | grep", "ps | awk 1", "ps | grep -Z x"])
    tap.check("nothing matches; and what can't be had says why", not p.stdout.strip().count("\n") and
              all(t in p.stderr for t in ("no line of it matches 'nosuch'", "needs a pattern", "'| awk' can't be had",
                                          "no option -Z")), p.stderr)
    tap.check("a name alone shows what it is", run(["jiffies"]).stdout == run(["p jiffies"]).stdout)


def help_without_dump(tap):
    """What commands do can be read before there is a dump; everything else says that it needs one."""
    def call(*args):
        return subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    p = call("-x", "help bt", "-x", "help")
    tap.check("help without a dump", p.returncode == 0 and "SYNOPSIS" in p.stdout and "\nwaiters" in p.stdout, p.stderr)
    with_dump = run(["help bt", "help"])
    tap.check("is the same as with one", p.stdout == with_dump.stdout, with_dump.stdout)
    tap.check("--help CMD", "%s\n" % call("--help", "bt").stdout.strip() in p.stdout, p.stdout)
    tap.check("--help of no command is the program's", call("--help", "vmcore").stdout == call("--help").stdout)
    p = call("-o", "json", "-x", "help ps")
    tap.check("as JSON", json.loads(p.stdout)["rows"][0]["name"] == "NAME", p.stdout)
    for args in (["-x", "help", "-x", "ps"], ["-x", "-"], []):
        p = call(*args)
        tap.check("needs a dump: %s" % args, p.returncode == 2 and "VMCORE is needed" in p.stderr and not p.stdout, p.stderr)
    p = call("-x", "help nosuch")
    tap.check("help of no command", p.returncode == 1 and "no command 'nosuch'" in p.stderr, p.stderr)


def each_task(tap):
    """Rows say whose they are; mounts are told once for each namespace."""
    pids = {r["pid"] for r in rows("ps")}
    for command in ("files", "vm"):
        have = rows("foreach " + command)
        tap.check("foreach %s: rows have a pid" % command, have and {r["pid"] for r in have} <= pids, have[:2])
        one = rows(command + " 1")
        tap.check("foreach %s: its rows are those of each" % command, one and one == [r for r in have if r["pid"] == 1], one[:2])
    p = run(["foreach mount"])
    spaces = {}
    for r in rows("foreach mount"):
        spaces.setdefault(r.pop("pid"), []).append(r)
    first = [{k: v for k, v in r.items() if k != "pid"} for r in rows("mount")]
    tap.check("foreach mount: each namespace once", spaces.get(0) == first and len(spaces) < 5, spaces.keys())
    tap.check("foreach mount: who shares them is counted", re.search(r"\d+ more tasks share the %d mount" % len(spaces), p.stderr), p.stderr)


def main():
    if not VMCORE:
        tap = Tap()
        tap.check("the lab has the required dump", False, "run tests/lab/lab build --required")
        tap.run([])
    try:
        Tap().run([formats, statuses, walk_plain, stack, values, differences, blanks, marks, filters, helps, help_without_dump, pipes, own_tables, shapes, faults, each_task, separate])
    finally:
        shutil.rmtree(TMP)


if __name__ == "__main__":
    main()
