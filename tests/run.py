#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs all tests with what is built and cached, and ends with their count.

    run.py [PART...]     parts: unit tsan fuzz truth alone batch bad readme screen   (default: all)

Each part is a list of commands that print TAP; what a command prints is shown only when something in it fails,
but for its `# ` lines of figures. The last line is the count: N passed, N failed, N skipped.
"""
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 1200  # seconds for one command: a test that hangs has failed


def lab_environment():
    """The environment with the lab's folder and one dump's paths, as the tests expect them."""
    env = dict(os.environ)
    lab = os.path.join(TOP, "tests/lab/lab")
    env["VMBROWSE_LAB"] = subprocess.run([lab, "path"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    env["XDG_STATE_HOME"] = env["XDG_CONFIG_HOME"] = os.path.join(TOP, "build/test-home")
    env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=0:exitcode=99"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:exitcode=99"
    env["TSAN_OPTIONS"] = "exitcode=99"
    env["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    for scenario in ("fsfreeze", "sysrq", "many"):
        for kernel in ("6.1", "6.12", "7.2"):
            key = "_%s_%s" % (scenario, kernel.replace(".", "_"))
            vmlinux = "%s/kernels/%s/vmlinux" % (env["VMBROWSE_LAB"], kernel)
            vmcore = "%s/dumps/%s/%s/vmcore.lzo" % (env["VMBROWSE_LAB"], kernel, scenario)
            if os.path.exists(vmlinux) and os.path.exists(vmcore):
                env["VMLINUX" + key], env["VMCORE" + key] = vmlinux, vmcore
            whole = vmcore.replace(".lzo", ".zstd.d1")  # with everything that the kernel had
            if os.path.exists(whole):
                env["VMCORE_D1" + key] = whole
    return env


def unit(variant):
    return [[p] for p in sorted(glob.glob("build/%s/tests/unit/*_test" % variant))]


def parts():
    screens = sorted(glob.glob("tests/screen/*.screen"))
    measured = [s for s in screens if "alone-walk" in s]  # their memory is measured: without ASan's own
    screens = [s for s in screens if s not in measured]
    return {
        "unit": unit("asan"),
        # with TSan: what is threaded
        "tsan": [p for p in unit("tsan") if re.search(r"/(base|job|mem|dump|type|sym|model|object_module|kern_alone)_", p[0])],
        "fuzz": [["build/asan/tests/fuzz/fuzz"]],
        "truth": [[sys.executable, "tests/truth/" + t, "build/release/vmbrowse"]
                  for t in ("truth.py", "stacks.py", "stacks_groups.py", "meaning.py", "memory.py", "waiters.py",
                            "addresses.py", "lists.py")],
        "alone": [[sys.executable, "tests/truth/truth.py", "build/release/vmbrowse", "--no-vmlinux"]],
        "batch": [[sys.executable, t, "build/asan/vmbrowse"]
                  for t in ("tests/batch/batch.py", "tests/batch/stacks.py", "tests/batch/debuginfod.py", "tests/batch/search.py",
                            "tests/truth/expressions.py")],
        "bad": [[sys.executable, "tests/batch/bad.py", "build/asan/vmbrowse"],
                [sys.executable, "tests/batch/hostile.py", "build/asan/vmbrowse"],
                [sys.executable, "tests/batch/damage.py", "build/asan/vmbrowse"],
                [sys.executable, "tests/batch/memory.py", "build/asan/vmbrowse"]],
        "readme": [[sys.executable, "tests/readme.py", "build/release/vmbrowse", "--check"]],
        "screen": [["build/release/tests/tools/screen", "build/asan/vmbrowse"] + screens,
                   ["build/release/tests/tools/screen", "build/release/vmbrowse"] + measured] if screens else [],
    }


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def read(self, command, output, status):
        """Counts the TAP lines of one command; True if all is well."""
        bad = 0
        for line in output.splitlines():
            m = re.match(r"(not )?ok\b(.*)", line)
            if not m:
                continue
            if re.search(r"# ?SKIP", m.group(2), re.I):
                self.skipped += 1
            elif m.group(1):
                bad += 1
            else:
                self.passed += 1
        if status and not bad:
            bad = 1  # it died without saying which test
        self.failed += bad
        return not bad


def run(command, env):
    try:
        p = subprocess.run(command, cwd=TOP, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        return p.stdout.decode(errors="replace"), p.returncode
    except subprocess.TimeoutExpired as e:
        return (e.stdout or b"").decode(errors="replace") + "\nnot ok - no end within %d s\n" % LIMIT, 1


def main():
    os.chdir(TOP)
    env = lab_environment()
    os.makedirs(env["XDG_STATE_HOME"], exist_ok=True)
    all_parts = parts()
    chosen = sys.argv[1:] or list(all_parts)
    count = Count()
    for name in chosen:
        if name not in all_parts:
            sys.exit("no part '%s': %s" % (name, " ".join(all_parts)))
        print("== %s" % name, flush=True)
        if not all_parts[name]:
            print("not ok - there is nothing to run in this part")
            count.failed += 1
        for command in all_parts[name]:
            output, status = run(command, env)
            ok = count.read(command, output, status)
            print("%s %s" % ("   " if ok else "!! ", " ".join(command)[:150]), flush=True)
            for line in output.splitlines():
                if not ok or line.startswith("# ") or "SKIP" in line:
                    print("      " + line)
    print("%d passed, %d failed, %d skipped" % (count.passed, count.failed, count.skipped))
    sys.exit(1 if count.failed or not count.passed else 0)


if __name__ == "__main__":
    main()
