# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside drgn: the benchmark's questions. Arguments: first | log | stacks."""
import sys

from drgn import FaultError
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.printk import get_dmesg


def first():
    print(prog["init_task"].comm.string_().decode())  # noqa: F821


def log():
    sys.stdout.buffer.write(get_dmesg(prog))  # noqa: F821


def stacks():
    for task in for_each_task(prog):  # noqa: F821
        print(task.pid.value_(), task.comm.string_().decode(errors="replace"))
        try:
            print(prog.stack_trace(task))  # noqa: F821
        except (FaultError, ValueError, LookupError) as e:
            print(e)


if sys.argv[1] == "rss":
    first()
    print([line for line in open("/proc/self/status") if line.startswith("RssAnon")][0])
else:
    {"first": first, "log": log, "stacks": stacks}[sys.argv[1]]()
