#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What values mean, and what waits, against what the guest said of itself before it panicked.

    meaning.py PROGRAM [KERNEL]

Flags of every task (kernel threads have PF_KTHREAD), the type and the permissions of open files, times that a task
began at, mount points of super_blocks, names behind pointers; who waits for the frozen filesystem; a user's table.
"""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumps import files, whole
from guest import Guest
from program import ask
from report import Report, called_with


def value_of(rows, path):
    for r in rows:
        if r["path"] == path:
            return r
    return {"value": None, "meaning": None}


def check_tasks(report, name, dump, program, guest):
    tasks = [t for t in ask(program, files(dump), ["ps"]).rows(0) if t["pid"]]
    members = "flags,real_parent,mm,start_time,cred"
    answers = ask(program, files(dump), ["struct task_struct.%s %s" % (members, t["task"]) for t in tasks])
    threads, problems, told = guest.threads(), [], 0
    for i, t in enumerate(tasks):
        rows = answers.rows(i)
        flags = (value_of(rows, "flags")["meaning"] or "").split("|")
        kthread = value_of(rows, "mm")["value"] == "0x0" and t["state"] not in ("ZO", "DE")
        if kthread != ("PF_KTHREAD" in flags) and t["state"] not in ("ZO", "DE"):
            problems.append("pid %d %s: flags are %r" % (t["pid"], t["comm"], flags))
        if not (value_of(rows, "cred")["meaning"] or "").endswith("uid 0 gid 0"):
            problems.append("pid %d %s: cred is %r" % (t["pid"], t["comm"], value_of(rows, "cred")["meaning"]))
        parent = value_of(rows, "real_parent")["meaning"]
        if t["ppid"] and not (parent or "").startswith("pid "):
            problems.append("pid %d: real_parent is %r" % (t["pid"], parent))
        if t["pid"] not in threads:
            continue
        stat = guest.text("proc/%d/task/%d/stat" % (threads[t["pid"]].tgid, t["pid"]))
        bits = int(stat.rsplit(")", 1)[1].split()[6])  # task.flags, as /proc/PID/stat has it
        own = value_of(rows, "flags")["value"]
        same = ("PF_WQ_WORKER", "PF_KTHREAD", "PF_RANDOMIZE", "PF_NO_SETAFFINITY")
        for flag, bit in zip(same, (0x20, 0x200000, 0x400000, 0x4000000)):
            if bool(bits & bit) != (flag in flags):
                problems.append("pid %d: %s is %s, the guest's flags 0x%x, ours 0x%x" %
                                (t["pid"], flag, flag in flags, bits, own))
        told += 1
    report.test(name + " flags and relatives of tasks", problems, "%d tasks, %d of them the guest's" % (len(tasks), told))


def check_mounts(report, name, dump, program, guest):
    rows = ask(program, files(dump), ["mount"]).rows(0)
    answers = ask(program, files(dump), ["struct super_block.s_root,s_flags,s_magic,s_dev %s" % r["superblock"] for r in rows] +
                  ["struct mount.mnt_parent,mnt.mnt_sb %s" % r["mount"] for r in rows])
    devices = {(m.group(2), m.group(3)): m.group(1) for m in re.finditer(
        r"^\d+ \d+ (\d+:\d+) \S+ (\S+) .* - (\S+) ", guest.text("mountinfo"), re.M)}
    problems = []
    for i, r in enumerate(rows):
        root = value_of(answers.rows(i), "s_root")["meaning"]
        places = [x["directory"] for x in rows if x["superblock"] == r["superblock"]]
        if root not in places:
            problems.append("s_root of %s is %r" % (r["directory"], root))
        dev = value_of(answers.rows(i), "s_dev")["meaning"]
        number, _, device = (dev or "").partition(" ")
        want = devices.get((r["directory"], r["type"]), number)
        if number != want or (r["device"] or "").startswith("/dev/") and r["device"] != "/dev/" + device:
            problems.append("s_dev of %s is %r, the guest said %r" % (r["directory"], dev, want))
        sb = value_of(answers.rows(len(rows) + i), "mnt.mnt_sb")["meaning"] or ""
        if not re.match(r'%s ".*" on /' % re.escape(r["type"]), sb):
            problems.append("mnt_sb of %s is %r" % (r["directory"], sb))
    report.test(name + " super_blocks and mounts", problems, "%d mounts" % len(rows))


def check_devices(report, name, dump, program):
    """The frozen filesystem's device by its number, itself and its file; what is no device has none."""
    ask_for = ["p jiffies", "log", "p ((struct ethhdr *)linux_banner)->h_dest", "p ((struct inode *)&empty_zero_page)->i_mode",
               "list slab_caches", "list super_blocks"]
    first = ask(program, files(dump), ask_for)
    sb = [r["address"] for r in first.rows(5) if r["s_id"] == "loop0"][0]
    caches = [r["address"] for r in first.rows(4) if r["address"]]
    supers = [r["address"] for r in first.rows(5) if r["address"]]
    more = ask(program, files(dump), ["struct super_block %s" % sb] +
               ["struct kmem_cache.flags %s" % c for c in caches] + ["struct super_block.s_flags %s" % s for s in supers])
    got = {m: value_of(more.rows(0), m)["meaning"] for m in ("s_dev", "s_bdev", "s_bdev_file")}
    problems = []
    if got["s_dev"] != "7:0 loop0" or got["s_bdev"] != "loop0 7:0" or got["s_bdev_file"] not in (None, "loop0 (block device)"):
        problems.append("the device is %r" % got)
    for i in range(len(caches) + len(supers)):
        flags = more.rows(1 + i)[0]["meaning"] or ""
        if "0x" in flags:
            problems.append("%s: %s" % (more.objects[1 + i]["command"], flags))
    boot = first.rows(0)[0]["meaning"] or ""
    last = [r["time_ns"] for r in first.rows(1) if r["time_ns"]][-1] / 1e9
    if not re.match(r"\d+\.\d+ s after boot$", boot) or abs(float(boot.split()[0]) - last) > 2:
        problems.append("jiffies: %r, the log ends at %.2f s" % (boot, last))
    if first.rows(2)[0]["meaning"] != ":".join("%02x" % b for b in b"Linux "):
        problems.append("the banner as a MAC is %r" % first.rows(2)[0]["meaning"])
    if first.rows(3)[0]["meaning"] is not None:
        problems.append("a mode of 0 means %r" % first.rows(3)[0]["meaning"])
    report.test(name + " devices, flags of ints, jiffies, MACs", problems, "%d caches, %d super_blocks" % (len(caches), len(supers)))


def check_kmalloc(report, name, program, paths):
    """Objects of kmalloc's caches are known by the lists and typed pointers that lead to them."""
    supers = [r for r in ask(program, paths, ["list super_blocks"]).rows(0) if r["address"]]
    frozen = [r["address"] for r in supers if r["s_id"] == "loop0"][0]
    answers = ask(program, paths, ["what %s" % r["address"] for r in supers] +
                  ["what &((struct super_block *)%s)->s_op" % frozen, "what ((struct super_block *)%s)->s_bdi" % frozen,
                   "what init_net.loopback_dev", "what init_task", "refs -e %s" % frozen])
    problems = []
    for i, r in enumerate(supers):
        it = answers.rows(i)[0]
        want = "super_block (%s)" % r["meaning"]
        if it["kind"] != "slab" or not it["name"].startswith("kmalloc") or it["type"] != "struct super_block" or \
                it["member"] is not None and it["offset"] or not it["text"].startswith(want):
            problems.append("%s: %r" % (r["s_id"], it))
    member = answers.rows(len(supers))[0]
    if member["member"] != "s_op" or "known by super_blocks" not in member["text"]:
        problems.append("&s_op: %r" % member)
    if answers.rows(len(supers) + 1)[0]["type"] != "struct backing_dev_info":
        problems.append("s_bdi: %r" % answers.rows(len(supers) + 1)[0])
    if not answers.rows(len(supers) + 1)[0]["text"].startswith('backing_dev_info ("7:0") in kmalloc'):
        problems.append("s_bdi: %r" % answers.rows(len(supers) + 1)[0]["text"])
    lo = answers.rows(len(supers) + 2)[0]
    if lo["type"] != "struct net_device" and not lo["text"].startswith("net_device (\"lo\") in kmalloc"):
        problems.append("lo: %r" % lo)
    held = {r["type"] + "." + (r["member"] or "") for r in answers.rows(len(supers) + 4) if r["type"]}
    if not {"struct mount.mnt.mnt_sb", "struct dentry.d_sb"} <= held or not [h for h in held if h.startswith("struct super_block.")]:
        problems.append("who points to it: %r" % sorted(held))
    if re.search(r", in \.", answers.rows(len(supers) + 3)[0]["text"]):
        problems.append("what begins here: %r" % answers.rows(len(supers) + 3)[0])
    report.test(name + " objects of kmalloc's caches", problems, "%d super_blocks" % len(supers))


def check_page_flags(report, name, dump, program):
    """Node, zone and who touched a page last are fields of its flags; bits without a name are the reclaim's alone."""
    answers = ask(program, files(dump), ["p ((struct page *)vmemmap_base)[%d].flags" % n for n in range(300, 100000, 997)])
    problems, told = [], 0
    for i in range(len(answers.objects)):
        r = answers.rows(i)[-1]  # of the word itself, where it is a struct's member
        if isinstance(r["value"], dict):
            continue
        told += 1
        if not re.fullmatch(r"(PG_\w+(\|PG_\w+)* )?node 0 ZONE_DMA(32)?( last touched on CPU \d)?", r["meaning"] or "") and \
                not re.match(r"[A-Za-z_|]*PG_lru.*\|0x[0-9a-f]{8} node 0 ", r["meaning"] or ""):
            problems.append("%s: %r" % (r["path"], r["meaning"]))
    report.test(name + " flags of pages", problems if told else ["no page's flags are there"], "%d pages" % told)


def check_frozen(report, name, dump, program):
    rows = ask(program, files(dump), ["mount"]).rows(0)
    sb = [r["superblock"] for r in rows if r["directory"] == "/boot"][0]
    mount = [r["mount"] for r in rows if r["directory"] == "/boot"][0]
    answers = ask(program, files(dump), [
        "struct super_block.s_writers.frozen %s" % sb, "waiters super_block %s" % sb, "waiters mount %s" % mount,
        "waiters %s" % sb, "waiters namespace_sem"])
    problems = []
    frozen = answers.rows(0)[0]
    if frozen["meaning"] != "SB_FREEZE_COMPLETE" or frozen["value"] != 4:
        problems.append("frozen is %r" % frozen)
    for i in (1, 2, 3):
        waits = [(r["does"], r["comm"]) for r in answers.rows(i)]
        if waits != [("waits", "dd")]:
            problems.append("%s: %r" % (answers.objects[i]["command"], answers.rows(i)))
    for i in (1, 3):  # with its type, and with what is known of the address
        if [r["path"] for r in answers.rows(i)] != ["s_writers.rw_sem[0].waiters"]:
            problems.append("dd waits for %r" % answers.rows(i))
    if answers.rows(4):
        problems.append("namespace_sem has waiters: %r" % answers.rows(4))
    report.test(name + " who waits for the frozen filesystem", problems)


def check_own_table(report, name, dump, program):
    """A user's table adds names, wins over ours, and its mistakes are told with their line."""
    table = "\n".join(("member task_struct.prio values MINE", "values MINE", "\tUSUAL 120", "nonsense here",
                       "bits PF", "\tMY_KTHREAD 0x200000", "type cred number uid.val", ""))
    before = os.environ.get("XDG_CONFIG_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.makedirs(os.path.join(home, "vmbrowse"))
        with open(os.path.join(home, "vmbrowse", "meanings"), "w") as f:
            f.write(table)
        os.environ["XDG_CONFIG_HOME"] = home
        try:
            answers = ask(program, files(dump), ["struct task_struct.prio,flags,cred init_task"])
        finally:
            if before is None:
                del os.environ["XDG_CONFIG_HOME"]
            else:
                os.environ["XDG_CONFIG_HOME"] = before
    rows, problems = answers.rows(0), []
    if value_of(rows, "prio")["meaning"] != "USUAL":
        problems.append("prio is %r" % value_of(rows, "prio"))
    flags = value_of(rows, "flags")["meaning"] or ""
    if "MY_KTHREAD" not in flags.split("|") or "PF_KTHREAD" in flags.split("|") or "PF_IDLE" not in flags.split("|"):
        problems.append("flags are %r" % flags)
    if not (value_of(rows, "cred")["meaning"] or "").endswith("  0"):
        problems.append("cred is %r" % value_of(rows, "cred"))
    if not re.search(r"meanings:4: 'nonsense' is none of", answers.stderr):
        problems.append("the mistake wasn't told: %r" % answers.stderr[-300:])
    report.test(name + " a user's table", problems)


def main():
    program, only = called_with()
    report, dumps = Report(), whole(only, "fsfreeze")
    for dump in dumps:
        name = "%s %s %s" % (dump.kernel, dump.scenario, dump.format)
        guest = Guest(os.path.join(dump.folder, "truth"))
        check_tasks(report, name, dump, program, guest)
        check_mounts(report, name, dump, program, guest)
        check_devices(report, name, dump, program)
        check_kmalloc(report, name, program, files(dump))
        check_kmalloc(report, name + " alone", program, files(dump)[-1:])
        check_page_flags(report, name, dump, program)
        check_frozen(report, name, dump, program)
        check_own_table(report, name, dump, program)
    if not dumps:
        report.test("the lab has dumps of fsfreeze", ["there are none: run `make lab`"])
    report.end()


if __name__ == "__main__":
    main()
