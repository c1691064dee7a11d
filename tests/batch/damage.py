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
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from dumpfile import PAGE, Elf, Kdump
from tap import Tap

LAB = os.environ.get("VMBROWSE_LAB", os.path.expanduser("~/.cache/vmbrowse-lab"))
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|Segmentation|core dumped|Assertion")
LIMIT = 60  # seconds for all commands on one copy
COMMANDS = ["sys", "ps", "ps -S", "log", "mount", "mod", "foreach bt -P", "bt -a", "struct task_struct init_task",
            "p init_task", "p runqueues:1", "sym virtio_dev_probe", "rd -p 0 1024"]
# these take longer: a copy gets one pair of them
MORE = [["foreach bt -R", "stacks"], ["foreach bt -F", "whatis schedule"], ["foreach bt -T", "dis schedule 30"],
        ["foreach bt -e", "foreach bt -t"], ["foreach bt -V", "dis do_exit"]]
TEXT_COMMANDS = ["sys", "ps", "log", "mount", "mod", "bt -V"]

POISON, USER, WILD, ODD = 0xdead000000000100, 0x7ffd12345678, 0x8877665544332211, 0xffff888000000003
BAD_POINTERS = (0, 1, POISON, USER, WILD, ODD, 2**64 - 1, 2**64 - 8)


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


# ---- the cases: each damages d and returns what is to be expected ----

CASES = []


class Expect:
    """lost: tasks that need not be listed. told: what a note must say. opens: exit status 3 is wrong."""

    def __init__(self, told=None, lost=(), opens=True, tasks=True, commands=(), vmlinux=True):
        self.told, self.lost, self.opens, self.tasks = told, set(lost), opens, tasks
        self.commands, self.vmlinux = COMMANDS + list(commands), vmlinux


def case(name, *params, only=None):
    """Registers a function as one case for each of params (None: one without). only: "kdump" or "elf"."""
    def add(fn):
        for p in params or (None,):
            label = name if p is None else "%s: %s" % (name, hex(p) if isinstance(p, int) and p > 9999 else p)
            CASES.append((label, fn, p, only))
        return fn
    return add


def some_tasks(f, rng, n):
    return rng.sample(sorted(a for a, t in f.tasks.items() if t["pid"] and t["pid"] == t["tgid"]), n)


# -- the task list, the PID tree, the run queues: one of them at a time

@case("task list: every second next pointer", *BAD_POINTERS)
def list_next(d, f, rng, value):
    for a in sorted(f.tasks)[::2]:
        if f.tasks[a]["pid"] == f.tasks[a]["tgid"]:
            d.set64(a + f.off["task_struct.tasks"], value)
    return Expect("task list|list")


@case("task list: each task is its own neighbour")
def list_self(d, f, rng, _):
    for a in f.tasks:
        at = a + f.off["task_struct.tasks"]
        d.set64(at, at, at)
    return Expect("task list")


@case("task list: short cycle")
def list_cycle(d, f, rng, _):
    at = f.off["task_struct.tasks"]
    x, y = some_tasks(f, rng, 2)
    d.set64(x + at, y + at)
    d.set64(y + at, x + at)
    return Expect("task list")


@case("task list: it leads to an idle task, which is in none")
def list_idle(d, f, rng, _):
    at = f.off["task_struct.tasks"]
    idle = next(a for a, t in f.tasks.items() if not t["pid"] and a != f.sym["init_task"])
    for a in some_tasks(f, rng, 60):
        d.set64(a + at, idle + at)
    return Expect("task list")


@case("all kinship and thread links", POISON, 0, ODD)
def kinship(d, f, rng, value):
    for a in f.tasks:
        for m in ("children", "sibling", "thread_node"):
            d.set64(a + f.off["task_struct." + m], value, value)
    return Expect()


@case("PID tree: its head", *BAD_POINTERS)
def pid_head(d, f, rng, value):
    d.set64(f.sym["init_pid_ns"] + f.off["pid_namespace.idr.idr_rt.xa_head"], value)
    return Expect("PID tree")


def pid_node(d, f):
    return d.u64(f.sym["init_pid_ns"] + f.off["pid_namespace.idr.idr_rt.xa_head"]) - 2


@case("PID tree: the top node leads to itself")
def pid_cycle(d, f, rng, _):
    node = pid_node(d, f)
    for i in range(64):
        d.set64(node + f.off["xa_node.slots"] + 8 * i, node + 2)
    return Expect("PID tree")


@case("PID tree: shift of the top node", 0, 1, 60, 63, 64, 255)
def pid_shift(d, f, rng, value):
    d.write(pid_node(d, f) + f.off["xa_node.shift"], bytes([value]))
    return Expect("PID tree|lists" if value else None)


@case("PID tree: slots of the top node are noise")
def pid_noise(d, f, rng, _):
    d.write(pid_node(d, f) + f.off["xa_node.slots"], rng.randbytes(512))
    return Expect("PID tree")


@case("PID tree: the page of the top node is noise")
def pid_page(d, f, rng, _):
    pa = d.pa(pid_node(d, f))
    d.set_page(pa // PAGE, rng.randbytes(PAGE))
    return Expect("PID tree", lost=on_page(d, f, pa // PAGE))


@case("PID tree: the page of the top node is lost", only="kdump")
def pid_lost(d, f, rng, _):
    pfn = d.pa(pid_node(d, f)) // PAGE
    lost = on_page(d, f, pfn)
    d.lose_page(pfn)
    return Expect("PID tree", lost=lost)


@case("run queues: curr and idle", *BAD_POINTERS)
def rq_curr(d, f, rng, value):
    for cpu in (0, 1):
        d.set64(f.runqueue(d, cpu) + f.off["rq.curr"], value)
        d.set64(f.runqueue(d, cpu) + f.off["rq.idle"], value)
    # an idle task is only linked by its queue
    return Expect(lost=[a for a, t in f.tasks.items() if not t["pid"]])


@case("run queues: the queue of waiting tasks", *BAD_POINTERS[:5])
def rq_queue(d, f, rng, value):
    for cpu in (0, 1):
        d.set64(f.runqueue(d, cpu) + f.off["rq.cfs_tasks"], value, value)
    return Expect("run queue")


@case("run queues: their pages are noise")
def rq_page(d, f, rng, _):
    for cpu in (0, 1):
        pa = d.pa(f.runqueue(d, cpu) + f.off["rq.curr"])
        d.set_page(pa // PAGE, rng.randbytes(PAGE))
    return Expect(lost=[a for a, t in f.tasks.items() if not t["pid"]])


@case("per-CPU offsets", *BAD_POINTERS[:6])
def percpu(d, f, rng, value):
    d.set64(f.sym["__per_cpu_offset"], value, value)
    return Expect(lost=[a for a, t in f.tasks.items() if not t["pid"]])


@case("number of CPUs", 0, 3, 8192, 2**31, 2**32 - 1)
def cpus(d, f, rng, value):
    d.set32(f.sym["nr_cpu_ids"], value)
    return Expect(lost=[a for a, t in f.tasks.items() if not t["pid"]] if not value or value > 8192 else ())


@case("all three at once: list, tree and queues lead nowhere but for some links")
def all_three(d, f, rng, _):
    pid_head(d, f, rng, POISON)
    rq_queue(d, f, rng, POISON)
    list_next(d, f, rng, POISON)
    return Expect("PID tree")


# -- task_structs

def on_page(d, f, pfn):
    """Tasks that the page holds a part of."""
    lost = []
    for a in f.tasks:
        if any(d.walk(a + off)[1] // PAGE == pfn for off in range(0, 10240, PAGE // 2) if d.walk(a + off)[1]):
            lost.append(a)
    return lost


@case("the page of a task_struct", "noise", "zeros", "poison", "ones")
def task_page(d, f, rng, how):
    lost = set()
    for a in some_tasks(f, rng, 3):
        pfn = d.pa(a + f.off["task_struct.pid"]) // PAGE
        lost.update(on_page(d, f, pfn))
        d.set_page(pfn, {"noise": rng.randbytes(PAGE), "zeros": bytes(PAGE), "ones": b"\xff" * PAGE,
                         "poison": struct.pack("<Q", POISON) * (PAGE // 8)}[how])
    return Expect(lost=lost)


@case("the page of a task_struct is lost", only="kdump")
def task_lost(d, f, rng, _):
    lost = set()
    for a in some_tasks(f, rng, 3):
        pfn = d.pa(a + f.off["task_struct.pid"]) // PAGE
        lost.update(on_page(d, f, pfn))
        d.lose_page(pfn)
    return Expect("partly be read|can't be read", lost=lost)


@case("init_task", "noise", "zeros")
def init_task(d, f, rng, how):
    size = 6000
    d.write(f.sym["init_task"], rng.randbytes(size) if how == "noise" else bytes(size))
    return Expect(lost=[f.sym["init_task"]])


@case("names: control bytes, no end, half a character")
def names(d, f, rng, _):
    for i, a in enumerate(sorted(f.tasks)):
        text = (b"\x1b[31m\x1b]0;x\x07\n\r\t\x9b\xc3", b"0123456789abcdef", b"\xff\xfe\xf0\x9f\x98", b"\xe2\x80\xaea",
                b"\"\\},{\"a\":")[i % 5]
        d.write(a + f.off["task_struct.comm"], text)
    return Expect(tasks="by address")


@case("CPU numbers of tasks", 2**31, 2**32 - 1, 8191)
def task_cpu(d, f, rng, value):
    at = f.off.get("task_struct.thread_info.cpu", f.off.get("task_struct.cpu"))
    for a in f.tasks:
        d.set32(a + at, value)
    return Expect()


@case("every parent is init_task's own address, plus one")
def parents(d, f, rng, _):
    for a in f.tasks:
        d.set64(a + f.off["task_struct.real_parent"], f.sym["init_task"] + 8)
    return Expect()


# -- stacks

@case("saved stack pointers", *BAD_POINTERS)
def saved_sp(d, f, rng, value):
    for a in f.tasks:
        d.set64(a + f.off["task_struct.thread.sp"], value)
    return Expect()


@case("saved stack pointers at the stack's edges", 0, 8, 16376, 16384, 16380)
def edge_sp(d, f, rng, value):
    for a in f.tasks:
        d.set64(a + f.off["task_struct.thread.sp"], d.u64(a + f.off["task_struct.stack"]) + value)
    return Expect()


@case("stacks", "noise", "pointers to themselves", "one return address", "ones")
def stacks(d, f, rng, how):
    code = f.sym["linux_banner"] - 0x900000
    for a in some_tasks(f, rng, 20):
        stack = d.u64(a + f.off["task_struct.stack"])
        for i in range(4):
            try:
                pfn = d.pa(stack + i * PAGE) // PAGE
                if d.page(pfn) is None:
                    continue
            except KeyError:
                continue
            at = stack + i * PAGE
            d.set_page(pfn, {"noise": rng.randbytes(PAGE), "ones": b"\xff" * PAGE,
                             "pointers to themselves": struct.pack("<512Q", *range(at, at + PAGE, 8)),
                             "one return address": struct.pack("<Q", code) * 512}[how])
    return Expect()


@case("stack pointers of tasks", *BAD_POINTERS[:5])
def stack_ptr(d, f, rng, value):
    for a in f.tasks:
        d.set64(a + f.off["task_struct.stack"], value)
    return Expect()


# -- page tables

@case("page tables: the top entry of the direct map", 0, 1, 2**64 - 1, WILD | 1)
def pgd_direct(d, f, rng, value):
    places = d.walk(d.u64(f.sym["page_offset_base"]))[0]
    d.write_pa(places[0], struct.pack("<Q", value & 2**64 - 1))
    return Expect()


@case("page tables: they lead to themselves")
def pgd_cycle(d, f, rng, _):
    for i in range(512):
        d.write_pa(d.pgd + 8 * i, struct.pack("<Q", d.pgd | 0x63))
    return Expect()


@case("page tables: a page of them", "noise", "zeros", "ones")
def table_page(d, f, rng, how):
    data = {"noise": rng.randbytes(PAGE), "zeros": bytes(PAGE), "ones": b"\xff" * PAGE}[how]
    for va in (sorted(f.tasks)[5], f.modules[0]):
        d.set_page(d.walk(va)[0][-1] // PAGE, data)
    return Expect()


@case("page tables: the top one is lost", only="kdump")
def pgd_lost(d, f, rng, _):
    d.lose_page(d.pgd // PAGE)
    return Expect()


# -- the log

def ring(d, f):
    return d.u64(f.sym["prb"])


@case("log: count_bits", 0, 1, 31, 32, 255, 2**32 - 1)
def log_count(d, f, rng, value):
    d.set32(ring(d, f) + f.off["printk_ringbuffer.desc_ring"] + f.off["prb_desc_ring.count_bits"], value)
    return Expect("log|record|ring" if value != 1 else None)


@case("log: size_bits", 0, 1, 31, 64, 2**32 - 1)
def log_size(d, f, rng, value):
    d.set32(ring(d, f) + f.off["printk_ringbuffer.text_data_ring"] + f.off["prb_data_ring.size_bits"], value)
    return Expect()


@case("log: head and tail", 0, 2**62 - 1, 2**63, 12345678901)
def log_ends(d, f, rng, value):
    at = ring(d, f) + f.off["printk_ringbuffer.desc_ring"]
    d.set64(at + f.off["prb_desc_ring.head_id"], value)
    d.set64(at + f.off["prb_desc_ring.tail_id"], rng.getrandbits(64))
    return Expect()


@case("log: the rings' pointers", *BAD_POINTERS)
def log_pointers(d, f, rng, value):
    at = ring(d, f) + f.off["printk_ringbuffer.desc_ring"]
    d.set64(at + f.off["prb_desc_ring.infos"], value)
    d.set64(at + f.off["prb_desc_ring.descs"], value)
    return Expect("log|record")


@case("log: text positions and lengths are noise")
def log_text(d, f, rng, _):
    at = ring(d, f) + f.off["printk_ringbuffer.desc_ring"]
    descs, infos = d.u64(at + f.off["prb_desc_ring.descs"]), d.u64(at + f.off["prb_desc_ring.infos"])
    for va in (descs, descs + PAGE, infos, infos + PAGE):
        d.write(va, rng.randbytes(1500))
    return Expect("record|log")


@case("log: control bytes in the text")
def log_escape(d, f, rng, _):
    data = d.u64(ring(d, f) + f.off["printk_ringbuffer.text_data_ring"] + f.off["prb_data_ring.data"])
    for i in range(40):
        d.write(data + 1000 + i * 97, b"\x1b[2J\x9b\x07\0\xff\n")
    return Expect()


# -- modules

@case("modules: next of the list's head", *BAD_POINTERS)
def mod_list(d, f, rng, value):
    d.set64(f.sym["modules"], value)
    return Expect("mod|list")


@case("modules: a cycle")
def mod_cycle(d, f, rng, _):
    at = f.modules[2] + f.off["module.list"]
    d.set64(at, f.modules[1] + f.off["module.list"])
    return Expect("mod|cycle")


@case("modules: number of symbols", 2**31, 2**32 - 1, 2**20, 0)
def mod_symbols(d, f, rng, value):
    for m in f.modules:
        d.set32(d.u64(m + f.off["module.kallsyms"]) + f.off["mod_kallsyms.num_symtab"], value)
    return Expect(commands=["sym -l"])


@case("modules: symbol tables", *BAD_POINTERS[:5])
def mod_symtab(d, f, rng, value):
    for i, m in enumerate(f.modules):
        at = d.u64(m + f.off["module.kallsyms"])
        d.set64(at + f.off["mod_kallsyms.strtab" if i % 2 else "mod_kallsyms.symtab"], value)
    return Expect()


@case("modules: noise in the symbols")
def mod_noise(d, f, rng, _):
    for m in f.modules:
        symtab = d.u64(d.u64(m + f.off["module.kallsyms"]) + f.off["mod_kallsyms.symtab"])
        d.write(symtab, rng.randbytes(1000))
    return Expect(commands=["sym -l"])


@case("modules: number of ORC entries", 2**31, 2**32 - 1, 1)
def mod_orc(d, f, rng, value):
    for m in f.modules:
        d.set32(m + f.off["module.arch.num_orcs"], value)
    return Expect()


@case("modules: the structs are noise")
def mod_struct(d, f, rng, _):
    for m in f.modules[::2]:
        d.write(m + 24, rng.randbytes(800))
    return Expect()


@case("modules: the size of their BTF", 2**31, 2**32 - 1, 24, 3)
def mod_btf(d, f, rng, value):
    head = f.sym["btf_modules"]
    node = d.u64(head)
    while node != head:
        btf = d.u64(node - f.off["btf_module.list"] + f.off["btf_module.btf"])
        d.set32(btf + f.off["btf.data_size"], value)
        node = d.u64(node)
    return Expect(commands=["struct vsock_sock"])


@case("modules: noise in their BTF")
def mod_btf_noise(d, f, rng, _):
    head = f.sym["btf_modules"]
    node = d.u64(head)
    while node != head:
        data = d.u64(d.u64(node - f.off["btf_module.list"] + f.off["btf_module.btf"]))
        for _ in range(8):
            d.write(data + rng.randrange(24, 300), rng.randbytes(4))
        node = d.u64(node)
    return Expect(commands=["struct vsock_sock"])


# -- mounts

def mount_ns(d, f):
    return d.u64(d.u64(f.sym["init_task"] + f.off["task_struct.nsproxy"]) + f.off["nsproxy.mnt_ns"])


@case("mounts: each is mounted on the next one")
def mount_cycle(d, f, rng, _):
    for i, m in enumerate(f.mounts):
        d.set64(m + f.off["mount.mnt_parent"], f.mounts[(i + 1) % len(f.mounts)])
    return Expect()


@case("mounts: parents", *BAD_POINTERS)
def mount_parent(d, f, rng, value):
    for m in f.mounts:
        d.set64(m + f.off["mount.mnt_parent"], value)
    return Expect()


@case("mounts: directories that are in each other")
def dentry_cycle(d, f, rng, _):
    for m in f.mounts[1:]:
        here = d.u64(m + f.off["mount.mnt_mountpoint"])
        up = d.u64(here + f.off["dentry.d_parent"])
        d.set64(up + f.off["dentry.d_parent"], here)
        d.set64(here + f.off["dentry.d_parent"], up)
    return Expect()


@case("mounts: names", *BAD_POINTERS[:5])
def dentry_name(d, f, rng, value):
    for m in f.mounts:
        here = d.u64(m + f.off["mount.mnt_mountpoint"])
        d.set64(here + f.off["dentry.d_name.name"], value)
        d.set32(here + f.off["dentry.d_name.len"], value)
        d.set64(m + f.off["mount.mnt_devname"], value)
    return Expect()


@case("mounts: super_blocks and roots", *BAD_POINTERS[:5])
def mount_sb(d, f, rng, value):
    for m in f.mounts:
        d.set64(m + f.off["mount.mnt.mnt_sb"], value)
        d.set64(m + f.off["mount.mnt.mnt_root"], value)
    return Expect()


@case("mounts: the list or tree leads to itself")
def mount_list(d, f, rng, _):
    node = "mount.mnt_node" if "mount.mnt_node" in f.off else "mount.mnt_list"
    for m in f.mounts[1:4]:
        at = m + f.off[node]
        d.set64(at, at, at, at) if node == "mount.mnt_node" else d.set64(at, at, at)
    return Expect("mount")


@case("mounts: the namespace", *BAD_POINTERS[:5])
def mount_namespace(d, f, rng, value):
    d.set64(d.u64(f.sym["init_task"] + f.off["task_struct.nsproxy"]) + f.off["nsproxy.mnt_ns"], value)
    return Expect("mount")


# -- no vmlinux: symbols and types come out of the dump

@case("alone: the tables of kallsyms are noise", "num_syms", "names", "markers", "token_table", "token_index",
      "offsets")
def kallsyms(d, f, rng, table):
    d.write(f.sym["kallsyms_" + table], rng.randbytes(4 if table == "num_syms" else 3000))
    return Expect(vmlinux=False, tasks=False, commands=["sym -l"])


@case("alone: number of symbols", 0, 1, 2**31 - 1, 2**32 - 1)
def kallsyms_number(d, f, rng, value):
    d.set32(f.sym["kallsyms_num_syms"], value)
    return Expect(vmlinux=False, tasks=False, commands=["sym -l"])


@case("alone: names of symbols", "all long", "all empty", "all the same token")
def kallsyms_names(d, f, rng, how):
    at = f.sym["kallsyms_names"]
    d.write(at, {"all long": b"\xff" * 60000, "all empty": bytes(60000), "all the same token": b"\1\1" * 30000}[how])
    return Expect(vmlinux=False, tasks=False, commands=["sym -l"])


@case("alone: the header of BTF", *[(at, v) for at in (0, 4, 8, 12, 16, 20) for v in (0, 23, 2**31, 2**32 - 1)])
def btf_header(d, f, rng, p):
    d.set32(f.sym["__start_BTF"] + p[0], p[1])
    return Expect(vmlinux=False, tasks=False)


@case("alone: one word of BTF in", 8, 64, 1000, 20000)
def btf_words(d, f, rng, step):
    start, end = f.sym["__start_BTF"] + 24, f.sym["__stop_BTF"]
    for va in range(start + rng.randrange(step), end - 8, step * 4)[:3000]:
        d.set32(va & ~3, rng.choice((0, 1, 2**31, 2**32 - 1, rng.getrandbits(16), rng.getrandbits(32))))
    return Expect(vmlinux=False, tasks=False)


@case("alone: pages at random", *range(6))
def alone(d, f, rng, i):
    e = pages(d, f, rng, i * 6 + 5)
    e.vmlinux, e.tasks = False, False
    return e


# -- pages at random: 36 copies, as the figure in the design counts them

@case("pages at random", *range(36))
def pages(d, f, rng, i):
    pfns = d.pfns()
    share = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)[i % 6]
    chosen = rng.sample(pfns, max(1, int(len(pfns) * share)))
    how = i // 6
    if how >= 3 and isinstance(d, Elf):
        how -= 3
    for pfn in chosen:
        if how == 0:
            d.set_page(pfn, rng.randbytes(PAGE))
        elif how == 1:
            d.set_page(pfn, bytes(PAGE))
        elif how == 2:
            page = bytearray(d.page(pfn))
            page[rng.randrange(PAGE // 8) * 8:][:8] = struct.pack("<Q", rng.choice(BAD_POINTERS))
            at = rng.randrange(PAGE // 8) * 8
            page[at:at + 8] = struct.pack("<Q", rng.choice(BAD_POINTERS))
            d.set_page(pfn, bytes(page))
        elif how == 3:
            d.lose_page(pfn)
        elif how == 4:
            d.put(d.desc(pfn) + rng.randrange(16), bytes([rng.getrandbits(8)]))
        else:
            off, size = struct.unpack("<qI", d.get(d.desc(pfn), 12))
            d.put(off + rng.randrange(size), bytes([rng.getrandbits(8)]))
    bad = set(chosen)
    return Expect(lost=[a for a in f.tasks if how != 2 and touched(d, f, a, bad)], tasks="most")


def touched(d, f, a, bad):
    return any((f.places[a][i] // PAGE) in bad for i in range(len(f.places[a])))


# -- the file's headers

@case("kdump header: a field of 4 bytes", *[(at, v) for at in (8, 424, 428, 432, 436, 440)
                                            for v in (0, 1, 0x7fffffff, 0x80000000, 0xffffffff)], only="kdump")
def head_field(d, f, rng, p):
    d.put(p[0], struct.pack("<I", p[1]))
    return Expect(opens=False, tasks=False)


@case("kdump sub-header: a field of 8 bytes", *[(at, v) for at in range(0, 112, 8)
                                                for v in (0, 2**31, 2**63 - 1, 2**64 - 1)], only="kdump")
def sub_field(d, f, rng, p):
    d.put(d.sub + p[0], struct.pack("<Q", p[1]))
    return Expect(opens=False, tasks=False)


@case("kdump: all descriptors", "noise", "one place", "zeros", only="kdump")
def descs(d, f, rng, how):
    n = min(d.npages, 20000) * 24
    d.put(d.descs, {"noise": rng.randbytes(n), "zeros": bytes(n),
                    "one place": d.get(d.descs, 24) * (n // 24)}[how])
    return Expect(opens=False, tasks=False)


@case("kdump: bitmap", "noise", "zeros", "ones", only="kdump")
def bitmaps(d, f, rng, how):
    n = len(d.bitmap)
    data = {"noise": rng.randbytes(n), "zeros": bytes(n), "ones": b"\xff" * n}[how]
    d.put(d.bitmap_at + n, data)
    return Expect(opens=False, tasks=False)


@case("vmcoreinfo: numbers", "0", "ffffffffffffffff", "-1", "zz", "99999999999999999999999", "7fffffffffffffff")
def info_numbers(d, f, rng, value):
    for key in ("KERNELOFFSET", "NUMBER(phys_base)", "SYMBOL(swapper_pg_dir)", "PAGESIZE", "SIZE(printk_info)",
                "OFFSET(prb_desc.text_blk_lpos)", "OFFSET(printk_info.text_len)"):
        set_info(d, key, value)
    return Expect(opens=False, tasks=False)


@case("vmcoreinfo: one number", "KERNELOFFSET", "NUMBER(phys_base)", "SYMBOL(swapper_pg_dir)",
      "NUMBER(pgtable_l5_enabled)", "NUMBER(sme_mask)")
def info_one(d, f, rng, key):
    set_info(d, key, "7f3210fe")
    return Expect(opens=False, tasks=False)


def set_info(d, key, value):
    m = re.search(rb"\n%s=([^\n]*)" % re.escape(key.encode()), d.info)
    if m:
        text = value.encode().ljust(len(m.group(1)))[:len(m.group(1))]
        d.put(info_place(d) + m.start(1), text)


def info_place(d):
    if isinstance(d, Kdump):
        return struct.unpack("<q", d.get(d.sub + 32, 8))[0]
    off, size = d.notes[0]
    return off + d.get(off, size).find(d.info)


@case("vmcoreinfo: noise")
def info_noise(d, f, rng, _):
    d.put(info_place(d), rng.randbytes(len(d.info)))
    return Expect(opens=False, tasks=False)


@case("ELF header: a field", *[(at, v) for at in (32, 40, 52, 54, 56, 58) for v in (0, 1, 0xffff)], only="elf")
def elf_field(d, f, rng, p):
    d.put(p[0], struct.pack("<H", p[1]))
    return Expect(opens=False, tasks=False)


@case("ELF program headers: a field", *[(at, v) for at in (0, 8, 16, 24, 32, 40, 48)
                                        for v in (0, 2**31, 2**63, 2**64 - 1)], only="elf")
def phdr_field(d, f, rng, p):
    for i in range(len(d.phdrs)):
        d.put(d.phoff + i * 56 + p[0], struct.pack("<Q", p[1]))
    return Expect(opens=False, tasks=False)


@case("ELF notes: sizes", (0, 0), (2**32 - 1, 0), (0, 2**32 - 1), (2**32 - 1, 2**32 - 1), (5, 2**31), only="elf")
def note_sizes(d, f, rng, p):
    for off, size in d.notes:
        d.put(off, struct.pack("<II", *p))
    return Expect(opens=False, tasks=False)


@case("bytes flipped in the first 32 KB", *range(12))
def flips(d, f, rng, i):
    for _ in range(1 + 4 * i):
        at = rng.randrange(32768)
        d.put(at, bytes([d.get(at, 1)[0] ^ 1 << rng.randrange(8)]))
    return Expect(opens=False, tasks=False)


# ---- running them ----

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
        if fn == pages:
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
