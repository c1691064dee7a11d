# SPDX-License-Identifier: GPL-2.0-or-later
"""Results as TAP lines, with figures; and what the programs beside this file are called with."""
import os
import sys

NO_DUMP = "the lab has no such dump (`make lab`)"


def called_with():
    """(program, what the dumps' names begin with) of PROGRAM [KERNEL...]."""
    return os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""


class Report:
    def __init__(self):
        self.n = self.failed = 0

    def test(self, name, problems, figures=""):
        self.n += 1
        problems = list(problems)
        self.failed += bool(problems)
        print("%sok %d - %s%s" % ("not " if problems else "", self.n, name, "  (%s)" % figures if figures else ""))
        for p in problems[:12]:
            print("#   %s" % p)
        if len(problems) > 12:
            print("#   ... %d in all" % len(problems))
        sys.stdout.flush()

    def skip(self, name, why=NO_DUMP):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, name, why))

    def end(self):
        """The plan, and the exit status."""
        print("1..%d" % self.n)
        sys.exit(1 if self.failed else 0)
