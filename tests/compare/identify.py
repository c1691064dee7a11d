# SPDX-License-Identifier: GPL-2.0-or-later
"""What is this address? Words drawn from stacks and slab objects, `what` against drgn's identify_address.

drgn knows fewer kinds: of vmbrowse's answers the first counts that is of a kind which drgn has too.
"""
import re

WORDS = 10000
NEAR = 64                  # words of an object, or behind a place, that are drawn from
BATCH = 60                 # arguments of one `what`
KINDS = {"symbol", "task", "stack", "slab", "struct-page", "vmalloc"}


def kernel_words(rows):
    for r in rows:
        v = r["value"]
        if isinstance(v, str) and 0xff00 << 48 <= int(v, 16) < (1 << 64) - 4096:
            yield int(v, 16)


def draw(ours):
    """Addresses: words of all stacks, words of the objects that these lead to, and places in both."""
    stacks = [int(r["sp"], 16) for s in ours.stacks.values() for r in s if isinstance(r["sp"], str)]
    places = [int(t, 16) for t in ours.tasks] + [a for a in stacks if a >> 63]
    words = set(places)
    for _ in range(16):
        near = ours.sample(sorted(words), 600)
        answers = ours.ask(["rd 0x%x %d" % (a & ~7, NEAR) for a in near])
        for i in range(len(near)):
            words.update(kernel_words(answers.rows(i)))
        if len(words) > 2 * WORDS:
            break
    return ours.sample(sorted(words), WORDS)


def our_answer(rows):
    """(kind, name, offset) in drgn's terms, or None."""
    for r in rows:
        if r["kind"] not in KINDS:
            continue
        name, kind = r["name"], r["kind"]
        if kind == "slab":
            kind = {"free": "free slab", "unknown": "corrupted slab"}.get(r["state"], "slab")
            if r["offset"] is None:
                return kind, name, None
        elif kind == "struct-page":
            name = None
        elif kind == "vmalloc":
            return kind, "0x%x-0x%x" % (int(r["start"], 16), int(r["start"], 16) + r["size"]), None
        return kind, name, r["offset"]
    return None


def their_answer(text):
    if text is None:
        return None
    m = re.match(r"(?:object |function )?symbol: (.*)\+0x([0-9a-f]+)$", text)
    if m:
        return "symbol", m[1], int(m[2], 16)
    m = re.match(r"task: (.*?)(?: \+0x([0-9a-f]+))?$", text)
    if m:
        return "task", m[1], int(m[2] or "0", 16)
    m = re.match(r"task stack: (.*) \+0x([0-9a-f]+)$", text)
    if m:
        return "stack", m[1], int(m[2], 16)
    m = re.match(r"(free |corrupted )?slab object: (.*)\+(-?)0x([0-9a-f]+)$", text)
    if m:
        return (m[1] or "") + "slab", m[2], int(m[3] + m[4], 16)
    m = re.match(r"page: pfn \d+(?: \+0x([0-9a-f]+))?$", text)
    if m:
        return "struct-page", None, int(m[1] or "0", 16)
    m = re.match(r"vmap: (0x[0-9a-f]+-0x[0-9a-f]+)", text)
    return ("vmalloc", m[1], None) if m else ("?", text, None)


def our_answers(ours, addresses):
    batches = [addresses[i:i + BATCH] for i in range(0, len(addresses), BATCH)]
    answers, found = ours.ask(["what " + " ".join("0x%x" % a for a in b) for b in batches]), {}
    for i in range(len(batches)):
        for r in answers.rows(i):
            found.setdefault(int(r["address"], 16), []).append(r)
    return found


def compare_identified(d, ours, addresses, theirs):
    found = our_answers(ours, addresses)
    for a, text in zip(addresses, theirs):
        if isinstance(text, dict):
            d.see("drgn identify", "0x%x" % a, our_answer(found[a]), text["error"])
            continue
        mine, other = our_answer(found[a]), their_answer(text)
        kind = "drgn identify %s" % (other[0] if other else "nothing")
        d.see(kind, "0x%x" % a, mine, other)
