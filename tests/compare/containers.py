# SPDX-License-Identifier: GPL-2.0-or-later
"""vmbrowse's list, tree, vm and timer against crash's: the same words to both, the same addresses from both."""
import re

from with_crash import answers

# in crash's words; what a kernel doesn't have is left out
LISTS = [
    "list -H modules -o module.list",
    "list -o task_struct.tasks -s task_struct.pid,comm -h init_task",
    "list -r -o task_struct.tasks -h init_task",
    "list -o task_struct.sibling -O task_struct.children -h init_task",
    "list kmem_cache.list -H slab_caches -r",
    "list -B -H slab_caches kmem_cache.list",
    "list file_system_type.next -s file_system_type.name,fs_flags file_systems",
    "list task_struct.parent init_task",
    "list -H workqueues workqueue_struct.list",
    "list -H super_blocks super_block.s_list -s super_block.s_flags,s_id",
    "list -H vmap_area_list vmap_area.list",
    "tree -t rbtree -o vmap_area.rb_node vmap_area_root",
    "tree -t rbtree -l -o vmap_area.rb_node vmap_area_root",
    "tree -t xarray -r pid_namespace.idr init_pid_ns",
    "tree -t maple sparse_irqs",
]


def addresses(text):
    """One a line: in hexadecimal, or in decimal as maple trees have them."""
    return [int(h or "0", 16) or int(n) for h, n in re.findall(r"^(?:([0-9a-f]{16})|(\d{20}))\b", text, re.M)]


def containers_with_crash(d, command, ours):
    inodes = ["list -H %x inode.i_sb_list" % (int(m["superblock"], 16) + offset(ours, "super_block.s_inodes"))
              for m in ours.mounts if isinstance(m["superblock"], str)]
    commands = LISTS + sorted(set(inodes))
    theirs = answers(command, ours, commands + ["timer", "timer -r", "foreach user vm"])
    if theirs is None:
        return
    a = ours.ask(commands + ["timer -w", "timer -r", "foreach user vm"])
    for i, c in enumerate(commands):
        have = [r["address"] for r in a.rows(i) if not r["problem"]]
        want = addresses(theirs[c])
        if want or have:
            d.see("crash elements", c, [int(x, 16) if isinstance(x, str) else x for x in have], want)
    n = len(commands)
    compare_timers(d, a.rows(n), re.findall(r"^ +(\d+) +-?\d+ +([0-9a-f]{16}) ", theirs["timer"], re.M))
    compare_timers(d, a.rows(n + 1), re.findall(r"^ +\d+ +(\d+) +-?\d+ +([0-9a-f]{16}) ", theirs["timer -r"], re.M))
    areas = re.findall(r"^([0-9a-f]{16}) +([0-9a-f]{1,15}) +([0-9a-f]{1,15}) +([0-9a-f]+) *(.*)$",
                       theirs["foreach user vm"], re.M)
    d.see_lists("crash areas", "foreach user vm",
                [(int(r["vma"], 16), int(r["start"], 16), int(r["end"], 16), int(r["flags"], 16)) for r in a.rows(n + 2)],
                [tuple(int(x, 16) for x in f[:4]) for f in areas])


def compare_timers(d, rows, found):
    d.see_lists("crash timers", "timer", [(r["expires"], int(r["timer"], 16)) for r in rows],
                [(int(e), int(t, 16)) for e, t in found])


def offset(ours, member):
    struct, name = member.split(".")
    return ours.ask(["pd (unsigned long)&((struct %s *)0)->%s" % (struct, name)]).rows(0)[0]["value"]
