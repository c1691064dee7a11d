#!/usr/bin/env python3
"""qemu.py: run one guest of the lab until it is done.

The guest talks on its second serial line (DIR/guest.log): 'LAB: READY' when the scene is set and the truth is
written, 'LAB: DONE' at the end, 'LAB: FAILED: why'. With --send the guest gets a key or an interrupt when it is
ready; with --dump it is stopped then, and QEMU writes the dumps. Exit status 0: done; 1: failed or too late, with the reason on stderr.
"""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

# name of a dump -> arguments of QMP's dump-guest-memory
DUMPS = {
    "qemu.elf": {"paging": False},
    "qemu.paging.elf": {"paging": True},
    "qemu.zlib": {"paging": False, "format": "kdump-zlib"},
}


class Monitor:
    """QEMU's machine protocol: one JSON object a line, events in between."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()                       # the greeting
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            line = self.lines.readline()
            if not line:
                raise RuntimeError("QEMU has gone")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


def start(o):
    command = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", o.cpu, "-m", o.mem, "-smp", o.cpus,
        "-kernel", o.kernel, "-initrd", o.initrd, "-append", o.append, "-nodefaults", "-display", "none",
        "-no-reboot", "-serial", f"file:{o.dir}/console", "-serial", f"file:{o.dir}/guest.log",
        "-qmp", f"unix:{o.dir}/qmp,server=on,wait=off"]
    for number, disk in enumerate(o.disk):
        command += ["-drive", f"file={disk},format=raw,if=none,id=d{number},cache=unsafe,discard=unmap",
                    "-device", f"virtio-blk-pci,drive=d{number}"]
    for device in o.device:
        command += ["-device", device]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def said(o):
    try:
        with open(f"{o.dir}/guest.log", errors="replace") as f:
            return re.findall(r"^LAB: (\w+)(.*?)\r?$", f.read(), re.M)
    except FileNotFoundError:
        return []


def send(monitor, what):
    """'nmi', or keys held together, as in 'alt-sysrq-c'."""
    if what == "nmi":
        monitor.do("inject-nmi")
    else:
        monitor.do("send-key", keys=[{"type": "qcode", "data": key} for key in what.split("-")])


def dump(monitor, o):
    monitor.do("stop")
    for name in o.dump.split(","):
        monitor.do("dump-guest-memory", protocol=f"file:{o.dir}/vmcore.{name}", **DUMPS[name])
    monitor.do("quit")


def run(o, guest):
    end = time.monotonic() + o.timeout
    sent = False
    while time.monotonic() < end:
        over = guest.poll() is not None
        words = dict(said(o))
        if "FAILED" in words:
            return "the guest says: FAILED" + words["FAILED"]
        if "DONE" in words:
            return None if "READY" in words else "it crashed before its time"
        if "READY" in words and o.dump:
            dump(Monitor(f"{o.dir}/qmp"), o)
            return None
        if "READY" in words and o.send and not sent:
            send(Monitor(f"{o.dir}/qmp"), o.send)
            sent = True
        if over:
            return f"QEMU ended early, status {guest.returncode}"
        time.sleep(0.2)
    return f"not done after {o.timeout} s"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    for name in ("--kernel", "--initrd", "--append", "--dir"):
        p.add_argument(name, required=True)
    p.add_argument("--mem", default="512M")
    p.add_argument("--cpus", default="2")
    p.add_argument("--cpu", default="qemu64")
    p.add_argument("--disk", action="append", default=[])
    p.add_argument("--device", action="append", default=[])
    p.add_argument("--dump", help="names of dumps that QEMU is to make, with commas")
    p.add_argument("--send", help="what the guest gets when it is ready: nmi, or keys (alt-sysrq-c)")
    p.add_argument("--timeout", type=int, default=300)
    o = p.parse_args()
    for name in ("console", "guest.log", "qmp"):
        if os.path.exists(f"{o.dir}/{name}"):
            os.unlink(f"{o.dir}/{name}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))     # so that 'finally' ends the guest too
    guest = start(o)
    try:
        problem = run(o, guest)
        if not problem:
            try:
                guest.wait(10)                      # it powers itself off
            except subprocess.TimeoutExpired:
                pass
    except (OSError, RuntimeError) as error:
        problem = str(error)
    finally:
        guest.kill()
        guest.wait()
        if os.path.exists(f"{o.dir}/qmp"):
            os.unlink(f"{o.dir}/qmp")
    if problem:
        sys.exit(problem)


if __name__ == "__main__":
    main()
