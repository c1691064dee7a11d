#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged copies of real dumps: the file's headers, and the kernel's own structures.

    damage.py PROGRAM [--all] [NAME...]      NAME: only the cases whose name contains it

Each copy is opened by the (sanitized) program, which must answer every command in time, with the contract's exit
status, in lines that hold no control bytes and in JSON that parses. Every task whose task_struct wasn't touched must
be listed, with its pid and name, and where the case says so a note must tell what is wrong.

All is drawn from a fixed seed: a failure comes again. One working copy per thread is damaged, and mended afterwards.
The cases are dealt out to the kernels, so that each runs on one of them; --all runs all on all, which takes minutes.
"""
import concurrent.futures
import json
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib

from damagecase import CASES, MORE, TEXT_COMMANDS
from dumpfile import Elf, Kdump
from tap import Tap
import damage_file  # noqa: F401  they register their cases
import damage_kernel

LAB = os.environ.get("VMBROWSE_LAB", os.path.expanduser("~/.cache/vmbrowse-lab"))
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|Segmentation|core dumped|Assertion")
LIMIT = 60  # seconds for all commands on one copy


class Facts:
    """Addresses and offsets, from the program's own answers on the undamaged copy."""

    SYMBOLS = "init_task prb modules init_pid_ns nr_cpu_ids page_offset_base __per_cpu_offset runqueues panic_cpu " \
              "init_uts_ns log_buf btf_modules init_nsproxy linux_banner kallsyms_num_syms kallsyms_names " \
              "kallsyms_markers kallsyms_token_table kallsyms_token_index kallsyms_offsets __start_BTF __stop_BTF"
    MEMBERS = """task_struct.tasks task_struct.comm task_struct.stack task_struct.thread.sp task_struct.children
        task_struct.sibling task_struct.thread_node task_struct.real_parent task_struct.pid task_struct.nsproxy
        task_struct.thread_info.cpu task_struct.cpu task_struct.mm task_struct.group_leader
        pid_namespace.idr.idr_rt.xa_head xa_node.shift xa_node.slots rq.curr rq.idle rq.cfs_tasks rq.clock
        printk_ringbuffer.desc_ring printk_ringbuffer.text_data_ring prb_desc_ring.count_bits prb_desc_ring.descs
        prb_desc_ring.infos prb_desc_ring.head_id prb_desc_ring.tail_id prb_data_ring.size_bits prb_data_ring.data
        prb_desc.text_blk_lpos printk_info.text_len module.list module.name module.kallsyms module.arch.num_orcs
        module.arch.orc_unwind mod_kallsyms.num_symtab mod_kallsyms.symtab mod_kallsyms.strtab btf_module.btf
        btf_module.list btf.data_size mount.mnt_parent mount.mnt_mountpoint mount.mnt_list mount.mnt_node
        mount.mnt_devname mount.mnt.mnt_root mount.mnt.mnt_sb dentry.d_parent dentry.d_name.len dentry.d_name.name
        nsproxy.mnt_ns nsproxy.uts_ns mnt_namespace.list mnt_namespace.mounts super_block.s_type
        uts_namespace.name pid.numbers"""

    def __init__(self, vmlinux, dump):
        symbols, members = self.SYMBOLS.split(), self.MEMBERS.split()
        lines = ["sym " + s for s in symbols] + ["struct %s init_task" % m for m in members]
        p = run(vmlinux, dump, ["ps", "mod", "mount"] + lines, ["-o", "json"])
        objs = [json.loads(line) for line in p.stdout.splitlines()]
        self.tasks = {int(t["task"], 16): t for t in objs[0]["rows"]}
        self.modules = [int(m["module"], 16) for m in objs[1]["rows"]]
        self.mounts = [int(m["mount"], 16) for m in objs[2]["rows"]]
        firsts = [o["rows"][0] if o["rows"] else None for o in objs[3:]]
        self.sym = {s: int(r["address"], 16) for s, r in zip(symbols, firsts) if r}
        self.off = {m: r["offset"] for m, r in zip(members, firsts[len(symbols):]) if r}

    def runqueue(self, d, cpu):
        return self.sym["runqueues"] + d.u64(self.sym["__per_cpu_offset"] + 8 * cpu) & 2**64 - 1


def run(vmlinux, path, commands, options=()):
    files = [vmlinux, path] if vmlinux else [path]
    p = subprocess.Popen([PROGRAM, "-x", "-", *options, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=dict(os.environ, XDG_CACHE_HOME=CACHE))
    try:
        out, err = p.communicate("\n".join(commands).encode(), LIMIT)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        err += b"\nno end within %d s: runtime error" % LIMIT
    p.stdout, p.stderr = out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape")
    return p


class Kernel:
    """A dump of the lab, what is known of it undamaged, and a working copy for each thread."""

    def __init__(self, name, dump, cls):
        self.name, self.cls, self.kind = name, cls, "elf" if cls is Elf else "kdump"
        self.vmlinux = "%s/kernels/%s/vmlinux" % (LAB, name)
        self.source = "%s/dumps/%s/%s" % (LAB, name, dump)
        self.free = queue.Queue()

    def there(self):
        return os.path.exists(self.vmlinux) and os.path.exists(self.source)

    def prepare(self, threads):
        for i in range(threads):
            self.free.put(self.cls(self.source, os.path.join(TMP, "%s.%d" % (self.name, i))))
        d = self.free.get()
        self.facts = f = Facts(self.vmlinux, self.source)
        f.places = {a: [pa for pa in (d.walk(a + o)[1] for o in range(0, 10240, 2048)) if pa] for a in f.tasks}
        self.free.put(d)

    def close(self):
        while not self.free.empty():
            self.free.get().close()


def missing_tasks(f, e, rows, stats):
    """The tasks that should be listed and aren't, or are with another pid or name."""
    listed = {int(r["task"], 16): r for r in rows}
    wrong = []
    for a, t in f.tasks.items():
        if a in e.lost:
            continue
        r = listed.get(a)
        if not r or (e.tasks is True and (r["pid"], r["comm"]) != (t["pid"], t["comm"])):
            wrong.append("%s %s%s" % (t["pid"], t["comm"], "" if not r else " is shown as %s" % r))
    want = len(f.tasks) - len(e.lost)
    stats.append((want - len(wrong), want, len(listed)))
    if e.tasks == "most" and len(wrong) * 20 <= want:
        return []
    return wrong


def control_bytes(text):
    return re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\udc80-\udcff]", text)


def judge(k, e, p, text, stats):
    """What is wrong with these answers; nothing if all is well."""
    for one in (p, text):
        if TROUBLE.search(one.stderr):
            return one.stderr[-6000:]
        if one.returncode not in (0, 1, 3):
            return "exit status %d\n%s" % (one.returncode, one.stderr[-2000:])
    if p.returncode == 3:
        return "it doesn't open: " + p.stderr if e.opens or len(p.stderr.splitlines()) != 1 else None
    for out in (text.stdout, p.stdout, p.stderr, text.stderr):
        m = control_bytes(out)
        if m:
            return "control bytes in the output: %r" % out[max(0, m.start() - 60):m.end() + 60]
    objs = [json.loads(line) for line in p.stdout.splitlines()]
    if len(objs) != len(e.commands):
        return "%d answers to %d commands" % (len(objs), len(e.commands))
    said = p.stderr + "\n".join(text for o in objs for text in o["errors"])
    if e.told and not re.search(e.told, said):
        return "nothing tells of it (%s):\n%s" % (e.told, said)
    if e.tasks:
        wrong = missing_tasks(k.facts, e, objs[1]["rows"], stats)
        if wrong:
            return "%d of %d tasks: %s\n%s" % (len(wrong), len(k.facts.tasks), "; ".join(wrong[:5]), said)
    return None


def run_case(k, label, fn, param):
    d = k.free.get()
    stats, t = [], time.time()
    try:
        try:
            e = fn(d, k.facts, random.Random("%s %s" % (k.name, label)), param)
        except KeyError as missing:
            return label, None, str(missing), stats, 0
        crc = zlib.crc32(label.encode())
        e.commands += sum(MORE, []) if EVERYTHING else MORE[crc % len(MORE)]
        vmlinux = k.vmlinux if e.vmlinux else None
        p = run(vmlinux, d.path, e.commands, ["-o", "json"])
        text = run(vmlinux, d.path, TEXT_COMMANDS, ["-o", "tsv" if crc & 1 else "text"])\
            if EVERYTHING or crc % 3 == 0 else p
        return label, True, judge(k, e, p, text, stats), stats, time.time() - t
    finally:
        d.restore()
        k.free.put(d)


def cases_of(k, kernels, wanted):
    for i, (label, fn, param, only) in enumerate(CASES):
        name = "%s %s: %s" % (k.name, k.kind, label)
        able = [x for x in kernels if not only or only == x.kind]
        if fn == damage_kernel.pages:
            dealt = k == kernels[0]  # 36 copies of one dump
        else:
            dealt = able and k == able[i % len(able)]
        if k in able and (dealt or EVERYTHING) and (not wanted or any(w in name for w in wanted)):
            yield name, fn, param


def damaged(tap, k, kernels, wanted):
    k.prepare(THREADS)
    opened = total = 0
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for label, ran, bad, stats, _ in pool.map(lambda c: run_case(k, *c), cases_of(k, kernels, wanted)):
            if not ran:
                tap.skip(label, "this kernel has none: " + bad)
                continue
            tap.check(label, not bad, bad)
            if "pages at random" in label and ": alone:" not in label:
                total += 1
                opened += bool(stats) and stats[0][0] >= 0.95 * stats[0][1]
    if total:
        print("# %s %s: %d of %d copies with pages damaged at random list 95 %% of the tasks whose pages survive" %
              (k.name, k.kind, opened, total))
    k.close()


def main():
    kernels = [Kernel("6.1", "fsfreeze/vmcore.zlib", Kdump), Kernel("6.12", "fsfreeze/vmcore.zlib", Kdump),
               Kernel("7.2", "qemu/vmcore.qemu.elf", Elf)]
    there = [k for k in kernels if k.there()]
    tests = [lambda tap, k=k: tap.skip("damaged copies of %s" % k.source, "the lab has no such dump")
             for k in kernels if k not in there]
    try:
        Tap().run(tests + [lambda tap, k=k: damaged(tap, k, there, WANTED) for k in there])
    finally:
        shutil.rmtree(TMP)


if __name__ == "__main__":
    PROGRAM, THREADS = os.path.abspath(sys.argv[1]), 2
    EVERYTHING, WANTED = "--all" in sys.argv, [a for a in sys.argv[2:] if a != "--all"]
    TMP = tempfile.mkdtemp(prefix="vmbrowse-damage.")
    CACHE = os.path.join(TMP, "cache")
    main()
