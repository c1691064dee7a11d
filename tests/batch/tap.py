# SPDX-License-Identifier: GPL-2.0-or-later
"""Test results as TAP lines."""
import sys
import traceback


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def _line(self, ok, name, more=""):
        self.n += 1
        self.failed += not ok
        print("%sok %d - %s%s" % ("" if ok else "not ", self.n, name, more), flush=True)

    def check(self, name, condition, explain=""):
        self._line(bool(condition), name)
        if not condition:
            for line in str(explain).splitlines()[:20]:
                print("#   " + line)

    def skip(self, name, why):
        self._line(True, name, " # SKIP " + why)

    def run(self, tests):
        """Each test is a function of this object; an exception in one is a failure of it."""
        for test in tests:
            try:
                test(self)
            except Exception:  # a test that breaks has failed, and the others go on
                self.check(test.__name__, False, traceback.format_exc())
        print("1..%d" % self.n)
        sys.exit(1 if self.failed else 0)
