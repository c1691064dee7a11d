# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what agrees and what doesn't; equal differences are printed once, with how often and one place."""
import collections


class Differences:
    def __init__(self, show_all=False):
        self.agree, self.differ, self.seen = collections.Counter(), collections.Counter(), {}
        self.show_all = show_all

    def see(self, kind, where, ours, theirs):
        if ours == theirs:
            self.agree[kind] += 1
            return True
        self.differ[kind] += 1
        key = (kind, repr(ours), repr(theirs))
        times, first = self.seen.get(key, (0, where))
        self.seen[key] = (times + 1, first)
        if self.show_all:
            print("%s, %s: vmbrowse %r, %s" % (kind, where, ours, theirs))
        return False

    def see_lists(self, kind, where, ours, theirs):
        """Two long lists: only what one side has is shown."""
        a, b = collections.Counter(list(ours)), collections.Counter(list(theirs))
        self.agree[kind] += sum((a & b).values())
        for x in (a - b).elements():
            self.see(kind, where, x, None)
        for x in (b - a).elements():
            self.see(kind, where, None, x)

    def print(self, most=40):
        shown = collections.Counter()
        for (kind, ours, theirs), (times, where) in ([] if self.show_all else self.seen.items()):
            shown[kind] += 1
            if shown[kind] <= most:
                print("%s, %s%s:\n    vmbrowse %s\n    %s" % (
                    kind, where, " and %d more" % (times - 1) if times > 1 else "", ours, theirs))
        for kind in sorted(k for k in shown if shown[k] > most):
            print("%s: %d more kinds of difference" % (kind, shown[kind] - most))
        for kind in self.kinds():
            print("# %s: %d agree, %d differ" % (kind, self.agree[kind], self.differ[kind]), flush=True)

    def kinds(self):
        return sorted(set(self.agree) | set(self.differ))

    def add(self, other):
        self.agree.update(other.agree)
        self.differ.update(other.differ)
