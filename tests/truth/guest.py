# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest said about itself before it panicked (the lab's truth/ folder)."""
import collections
import glob
import os
import re

Thread = collections.namedtuple("Thread", "tid tgid ppid comm state nvcsw nivcsw stack syscall")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return None


def parse_stack(text):
    """[(function, offset)] of a /proc/PID/stack."""
    return [(m.group(1), int(m.group(2), 16))
            for m in re.finditer(r"^\[<0>\] (\S+?)\+0x([0-9a-f]+)/", text or "", re.M)]


def parse_syscall(text):
    """A /proc/PID/syscall's registers by name; {} for a task that is in none, or runs."""
    names = ("orig_rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "rsp", "rip")
    words = (text or "").split()
    return {n: int(w, 0) for n, w in zip(names, words)} if len(words) == len(names) else {}


class Guest:
    def __init__(self, folder):
        self.folder = folder
        self._kallsyms = None

    def text(self, name):
        return read(os.path.join(self.folder, name))

    def threads(self):
        found = {}
        for d in glob.glob(os.path.join(self.folder, "proc/*/task/*")):
            stat, status = read(d + "/stat"), read(d + "/status")
            if not stat or not status:
                continue
            m = re.match(r"(\d+) \((.*)\) (\S) (-?\d+)", stat, re.S)
            field = dict(re.findall(r"^(\w+):\t(.*)$", status, re.M))
            tid = int(m.group(1))
            found[tid] = Thread(tid, int(field["Tgid"]), int(field["PPid"]), m.group(2), m.group(3),
                                int(field.get("voluntary_ctxt_switches", -1)),
                                int(field.get("nonvoluntary_ctxt_switches", -1)), parse_stack(read(d + "/stack")),
                                parse_syscall(read(d + "/syscall")))
        return found

    def kallsyms(self):
        """[(address, type, name, module or None)]."""
        if self._kallsyms is None:
            self._kallsyms = []
            for line in (self.text("kallsyms") or "").splitlines():
                w = line.split()
                self._kallsyms.append((int(w[0], 16), w[1], w[2], w[3].strip("[]") if len(w) > 3 else None))
        return self._kallsyms

    def addresses(self):
        """Name -> set of addresses."""
        names = collections.defaultdict(set)
        for address, _, name, _ in self.kallsyms():
            names[name].add(address)
        return names

    def mounts(self):
        return [tuple(line.split()[:3]) for line in (self.text("mounts") or "").splitlines()]

    def modules(self):
        found = {}
        for line in (self.text("modules") or "").splitlines():
            w = line.split()
            found[w[0]] = (int(w[1]), int(w[2]), int(w[5], 16))
        return found


def console_lines(path):
    """The kernel's lines of a serial console: [(stamp, text)]."""
    lines = []
    for line in (read(path) or "").replace("\r", "").splitlines():
        m = re.match(r"\[ *(\d+\.\d{6})\](?:\[ *[TC]\d+\])? ?(.*)$", line)  # behind the time: the caller, if configured
        if m:
            lines.append((m.group(1), m.group(2)))
    return lines
