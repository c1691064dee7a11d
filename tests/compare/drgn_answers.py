# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside drgn: the same questions that with_drgn.py asks vmbrowse, as JSON on standard output.

The one argument is a file with what to look at: {"structs": [[type, address, [path...]]...],
"globals": [[name, address, cpu or null, [path...]]...], "lines": [address...], "memory": [[address, physical]...],
"identify": [address...]}. With "only": "identify" nothing else is answered.
"""
import json
import os
import re
import sys

from drgn import FaultError, Object, ObjectAbsentError, OutOfBoundsError, TypeKind
from drgn.helpers.common.memory import identify_address
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.fs import for_each_mount, mount_dst, mount_fstype, mount_src
from drgn.helpers.linux.module import for_each_module, module_address_regions, module_percpu_region
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.printk import get_printk_records
from drgn.helpers.linux.sched import idle_task, loadavg, task_cpu, task_since_last_arrival_ns, task_state_to_char

NUMBERS = (TypeKind.INT, TypeKind.POINTER, TypeKind.ENUM, TypeKind.BOOL)


def text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def plain(t):
    while t.kind == TypeKind.TYPEDEF:
        t = t.type
    return t


def value_of(v):
    """A number, {"text": ...} for char arrays, {"fault": ...}, {"at": ...} for what has members, or None."""
    try:
        if v.absent_:
            return {"absent": 1}
        kind = plain(v.type_)
        if kind.kind in NUMBERS:
            return int(v.value_())
        if kind.kind == TypeKind.ARRAY and plain(kind.type).kind == TypeKind.INT and plain(kind.type).size == 1:
            return {"text": text(v.string_()), "hex": v.to_bytes_().hex()}
        members = kind.members if kind.kind == TypeKind.STRUCT else []
        if members and len(members) == 1 and members[0].name and members[0].bit_field_size is None:
            inner = value_of(v.member_(members[0].name))  # as good as its one member
            return inner if v.address_ is None else {"at": v.address_, "only": inner}
        return {"at": v.address_} if v.address_ is not None else None
    except FaultError as e:
        return {"fault": str(e)}
    except ObjectAbsentError:
        return {"absent": 1}
    except (ValueError, TypeError, LookupError, OutOfBoundsError) as e:
        return {"error": "%s: %s" % (type(e).__name__, e)}


def member(v, path):
    for name, index in re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", path):
        v = v.member_(name) if name else v[int(index)]
    return v


def answers(v, paths):
    found = []
    for path in paths:
        try:
            found.append(value_of(member(v, path)))
        except (LookupError, TypeError, OutOfBoundsError, FaultError) as e:
            found.append({"error": "%s: %s" % (type(e).__name__, e)})
    return found


def source_of(f):
    try:
        return [relative(f.source()[0]), f.source()[1]]
    except LookupError:
        return None


def frame(f):
    variables, types = {}, {}
    for name in f.locals():
        try:
            v = f[name]
            variables[name], types[name] = value_of(v), v.type_.type_name()
        except Exception as e:  # drgn raises many kinds for what it can't evaluate
            variables[name] = {"error": "%s: %s" % (type(e).__name__, e)}
    try:
        symbol = f.symbol().name
    except LookupError:
        symbol = None
    user = symbol is None and not f.is_inline and f.pc < 1 << 63
    return {"function": f.function_name, "symbol": symbol, "inline": f.is_inline, "pc": f.pc, "sp": f.sp,
            "vars": variables, "types": types, "source": source_of(f), "user": user,
            "regs": f.registers() if user else None}


def frames(task):
    try:
        return [frame(f) for f in prog.stack_trace(task)]
    except (ValueError, LookupError, FaultError) as e:
        return {"error": str(e)}


def guarded(question, *args):
    try:
        return question(*args)
    except Exception as e:
        return {"error": "%s: %s" % (type(e).__name__, e)}


def all_tasks():
    for cpu in for_each_possible_cpu(prog):
        t = guarded(idle_task, prog, cpu)
        if not isinstance(t, dict):
            yield t
    try:
        yield from for_each_task(prog)
    except FaultError as e:
        found["tasks' end"] = str(e)


def task(t):
    return {"pid": t.pid.value_(), "tgid": t.tgid.value_(), "ppid": t.real_parent.tgid.value_(),
            "comm": text(t.comm.string_()), "state": task_state_to_char(t), "cpu": task_cpu(t),
            "flags": t.flags.value_(), "since_ns": guarded(lambda: int(task_since_last_arrival_ns(t))),
            "frames": frames(t)}


def module(m):
    regions = sorted(module_address_regions(m))
    percpu = guarded(module_percpu_region, m)
    return {"name": text(m.name.string_()), "regions": [list(r) for r in regions],
            "percpu": percpu if isinstance(percpu, dict) else list(percpu),
            "refs": m.refcnt.counter.value_() - 1, "state": m.state.value_()}


def variable(name, address, cpu):
    # the variable of that name at that address, whichever file it is in
    v = prog[name]
    if cpu is None and v.address_ != address:
        raise LookupError("at %s" % v.address_)
    return v if cpu is None else per_cpu(v, cpu)


def relative(path):
    """Of assembler files drgn tells the folder they were built in, too."""
    return os.path.normpath(re.sub(r"^/build/[^/]*/linux[^/]*/", "", path))


def location(address):
    return [[e.name(), relative(e.filename), e.line] for e in prog.source_location(address)]


def log():
    return [{"seq": r.seq, "time_ns": r.timestamp, "level": r.level,
             "caller": "%s%d" % (("T", r.caller_tid) if r.caller_tid is not None else ("C", r.caller_cpu)),
             "text": text(r.text)} for r in get_printk_records(prog)]


with open(sys.argv[1]) as f:
    request = json.load(f)
found = {}
if "only" not in request:
    found["tasks"] = {t.value_(): guarded(task, t) for t in all_tasks()}
    found["mounts"] = guarded(lambda: [[m.value_(), m.mnt.mnt_sb.value_(), text(mount_src(m)), text(mount_dst(m)),
                                        text(mount_fstype(m))] for m in for_each_mount(prog)])
    found["modules"] = guarded(lambda: {m.value_(): module(m) for m in for_each_module(prog)})
    found["log"] = guarded(log)
    found["load"] = guarded(lambda: ", ".join("%.2f" % x for x in loadavg(prog)))
    found["structs"] = [guarded(lambda: answers(Object(prog, t, address=a), paths)) for t, a, paths in request["structs"]]
    found["globals"] = [guarded(lambda: answers(variable(n, a, cpu), paths)) for n, a, cpu, paths in request["globals"]]
    found["lines"] = [guarded(location, a) for a in request["lines"]]
    found["memory"] = [guarded(prog.read_u64, a, physical) for a, physical in request["memory"]]
cache = {}
found["identify"] = [guarded(lambda: identify_address(prog, a, cache=cache)) for a in request["identify"]]
print(json.dumps(found))
