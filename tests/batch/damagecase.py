# SPDX-License-Identifier: GPL-2.0-or-later
"""What a case of damage.py is: a function that damages a copy of a dump and returns what is to be expected."""

COMMANDS = ["sys", "ps", "ps -S", "log", "mount", "mod", "foreach bt -P", "bt -a", "struct task_struct init_task",
            "p init_task", "p runqueues:1", "sym virtio_dev_probe", "rd -p 0 1024"]
# these take longer: a copy gets one pair of them
MORE = [["foreach bt -R", "stacks"], ["foreach bt -F", "whatis schedule"], ["foreach bt -T", "dis schedule 30"],
        ["foreach bt -e", "foreach bt -t"], ["foreach bt -V", "dis do_exit"], ["foreach files", "kmem -s"], ["waiters -a namespace_sem", "kmem -i"]]
TEXT_COMMANDS = ["sys", "ps", "log", "mount", "mod", "bt -V"]

POISON, USER, WILD, ODD = 0xdead000000000100, 0x7ffd12345678, 0x8877665544332211, 0xffff888000000003
BAD_POINTERS = (0, 1, POISON, USER, WILD, ODD, 2**64 - 1, 2**64 - 8)

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
