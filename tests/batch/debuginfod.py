#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debug info from a debuginfod server, asked for by `vmlinux -d`; the server is our own, on this machine.

    debuginfod.py PROGRAM

Nobody is asked unless the command says so; what comes is used in place; what can't be had says why.
"""
import ctypes
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from tap import Tap

PROGRAM = os.path.abspath(sys.argv[1])
VMLINUX, VMCORE = os.environ.get("VMLINUX_fsfreeze_6_1"), os.environ.get("VMCORE_fsfreeze_6_1")
TMP = tempfile.mkdtemp(prefix="vmbrowse-debuginfod.", dir="build")
FILES, ASKED = {}, []  # what the server has, what it was asked for


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ASKED.append(self.path)
        path = FILES.get(self.path)
        if not path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(os.path.getsize(path)))
        self.end_headers()
        with open(path, "rb") as f:
            shutil.copyfileobj(f, self.wfile, 1 << 20)

    def log_message(self, *args):
        pass


SERVER = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
URL = "http://127.0.0.1:%d" % SERVER.server_port


def run(commands, urls=URL):
    shutil.rmtree(os.path.join(TMP, "cache"), ignore_errors=True)  # it remembers what servers don't have, too
    args = [PROGRAM, "--no-cache"]
    for c in commands:
        args += ["-x", c]
    env = dict(os.environ, DEBUGINFOD_URLS=urls, DEBUGINFOD_CACHE_PATH=os.path.join(TMP, "cache"))
    return subprocess.run(args + [VMCORE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
                          timeout=300)


def nobody_is_asked(t):
    p = run(["bt", "struct list_head", "vmlinux", "mod"])
    t.check("nothing is asked for by itself", p.returncode == 0 and not ASKED, "%s\n%s" % (ASKED, p.stderr))
    t.check("the warning names the command", "vmlinux -d" in p.stderr, p.stderr)


def not_there(t):
    p = run(["vmlinux -d", "ps"])
    t.check("a server that doesn't have it", p.returncode == 1 and ASKED and
            re.search(r"no server .*%s.* has .*build-id [0-9a-f]{40}" % re.escape(URL), p.stderr), p.stderr)
    t.check("the session goes on", "khungtaskd" in p.stdout, p.stdout)
    p = run(["vmlinux -d"], "http://127.0.0.1:1")
    t.check("a server that isn't there", p.returncode == 1 and "can't be asked" in p.stderr, p.stderr)
    p = run(["vmlinux -d"], "")
    t.check("no server", p.returncode == 1 and "DEBUGINFOD_URLS" in p.stderr, p.stderr)


def wrong_file(t):
    FILES[ASKED[-1]] = PROGRAM
    p = run(["vmlinux -d"])
    t.check("a file of something else", p.returncode == 1 and "is not the kernel of this dump" in p.stderr, p.stderr)


def fetched(t):
    FILES[ASKED[-1]] = VMLINUX
    p = run(["vmlinux -d", "vmlinux", "bt", "vmlinux -d"])
    t.check("fetched and used", re.search(r"lines +yes", p.stdout) and
            re.search(r"panic +kernel/panic\.c:\d+", p.stdout), p.stdout + p.stderr)
    t.check("once is enough", "has debug info already" in p.stderr, p.stderr)


if __name__ == "__main__":
    TAP = Tap()
    try:
        ctypes.CDLL("libdebuginfod.so.1")
        have = bool(VMLINUX)
    except OSError:
        have = False
    if not have:
        TAP.skip("debuginfod", "no libdebuginfod.so.1, or no dump")
        print("1..1")
        sys.exit(0)
    threading.Thread(target=SERVER.serve_forever, daemon=True).start()
    try:
        TAP.run([nobody_is_asked, not_there, wrong_file, fetched])
    finally:
        shutil.rmtree(TMP)
