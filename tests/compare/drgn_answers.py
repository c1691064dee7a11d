# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside drgn: the same questions that compare.py asks vmbrowse, as JSON on standard output."""
import json

from drgn.helpers.linux.fs import for_each_mount, mount_dst, mount_fstype, mount_src
from drgn.helpers.linux.module import for_each_module
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_cpu, task_state_to_char


def text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def frames(task):
    try:
        trace = prog.stack_trace(task)
    except (ValueError, LookupError) as e:
        return {"error": str(e)}
    found = []
    for f in trace:
        variables = {}
        for name in f.locals():
            try:
                v = f[name]
                if not v.absent_ and v.type_.kind.name in ("INT", "POINTER", "ENUM", "BOOL", "TYPEDEF"):
                    variables[name] = int(v.value_())
            except Exception:  # a variable that drgn can't read has no value to compare
                pass
        try:
            source = f.source()[:2]
        except LookupError:
            source = None
        found.append({"function": f.name, "inline": f.is_inline, "pc": f.pc, "vars": variables, "source": source})
    return found


tasks = {}
for t in for_each_task(prog):
    tasks[t.pid.value_()] = {"comm": text(t.comm.string_()), "state": task_state_to_char(t), "cpu": task_cpu(t),
                             "tgid": t.tgid.value_(), "address": t.value_(), "frames": frames(t)}
print(json.dumps({
    "tasks": tasks,
    "mounts": [[text(mount_src(m)), text(mount_dst(m)), text(mount_fstype(m))] for m in for_each_mount(prog)],
    "modules": sorted(text(m.name.string_()) for m in for_each_module(prog)),
}))
