# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to what the kernel keeps in memory: tasks, stacks, page tables, log, modules, mounts, its symbols and types."""
import struct

from damagecase import BAD_POINTERS, Expect, ODD, POISON, WILD, case
from dumpfile import PAGE, Elf


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
