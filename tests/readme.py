#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts what the program says of itself into README.md; with --check, says whether it is there already.

    readme.py PROGRAM [--check]
"""
import re
import subprocess
import sys


def output(program, *args):
    return subprocess.run([program, *args], stdout=subprocess.PIPE, text=True, check=True).stdout


def main():
    program = sys.argv[1]
    text = open("README.md").read()
    options = re.search(r"\n( +-x CMD.*?\n)\n", output(program, "--help"), re.S).group(1)
    blocks = {"options": "\n" + re.sub("^", "  ", options, flags=re.M).rstrip() + "\n\n",
              "commands": "\n" + output(program, "--docs", "readme") + "\n"}
    made = text
    for name, block in blocks.items():
        made = re.sub(r"(<!-- %s -->\n).*?(<!-- end -->)" % name, lambda m: m.group(1) + block + m.group(2), made,
                      flags=re.S)
    if "--check" in sys.argv:
        ok = made == text
        print("%sok 1 - README has the program's own options and commands\n1..1" % ("" if ok else "not "))
        sys.exit(0 if ok else 1)
    open("README.md", "w").write(made)


if __name__ == "__main__":
    main()
