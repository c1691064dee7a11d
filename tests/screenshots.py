#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes screenshots/ (a picture and its text each) from the real program on the lab's dumps: what the screen tests snap."""
import glob
import os
import subprocess
import sys

from run import TOP, lab_environment


def main():
    os.chdir(TOP)
    env = lab_environment()
    os.makedirs(env["XDG_STATE_HOME"], exist_ok=True)
    scripts = [s for s in sorted(glob.glob("tests/screen/*.screen")) if "\nsnap " in open(s).read()]
    for old in glob.glob("screenshots/*"):
        os.remove(old)
    p = subprocess.run(["build/release/tests/tools/screen", "-s", "screenshots", "build/release/vmbrowse"] + scripts,
                       env=env)
    sys.exit(p.returncode)


if __name__ == "__main__":
    main()
