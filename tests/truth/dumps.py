# SPDX-License-Identifier: GPL-2.0-or-later
"""The dumps that the lab has made."""
import collections
import os
import re
import subprocess

from guest import read

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
Dump = collections.namedtuple("Dump", "kernel scenario format files vmlinux folder")


def lab_dumps():
    """The lab's dumps; the parts of a split one together."""
    lab = os.path.join(TOP, "tests/lab/lab")
    out = subprocess.run([lab, "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    dumps = collections.OrderedDict()
    for line in out.splitlines():
        kernel, scenario, fmt, path, vmlinux = line.split("\t")
        name = re.sub(r"\.\d$", "", os.path.basename(path))
        key = (kernel, scenario, name)
        if key in dumps:
            dumps[key].files.append(path)
        else:
            dumps[key] = Dump(kernel, scenario, name.replace("vmcore.", ""), [path], vmlinux, os.path.dirname(path))
    return [d for d in dumps.values() if d.scenario != "many10k"]


def files(dump):
    """What the program is given."""
    return ([dump.vmlinux] if dump.vmlinux else []) + dump.files


def lossy(dump):
    """Lost pages on purpose, or by a makedumpfile that said that it doesn't know this kernel."""
    log = read(os.path.join(dump.folder, "makedumpfile.log")) or ""
    unknown = "kernel version is not supported" in log and not re.search(r"d1$|qemu|raw", dump.format)
    return unknown or "incomplete" in dump.format or "oldmdf" in dump.format


def whole(only, *scenarios):
    """One dump of each kernel and scenario that nothing was left out of; only: what "KERNEL/SCENARIO" begins with."""
    found = {}
    for d in lab_dumps():
        if d.scenario in scenarios and d.format in ("lzo", "zstd.d1") and not lossy(d) and ("%s/%s" % d[:2]).startswith(only):
            found.setdefault(d[:2], d)
    return list(found.values())
