# SPDX-License-Identifier: GPL-2.0-or-later
"""The program as a function: commands in, JSON answers out."""
import json
import subprocess


class Answers:
    def __init__(self, objects, status, stderr):
        self.objects, self.status, self.stderr = objects, status, stderr

    def rows(self, i):
        return self.objects[i]["rows"]

    def errors(self, i):
        return self.objects[i]["errors"]


def ask(program, files, commands, limit=300, options=()):
    """Runs the commands on the files; one answer a command, in order."""
    p = subprocess.run([program, "-o", "json", *options, "-x", "-", *files], input="\n".join(commands) + "\n",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit, errors="replace")
    objects = [json.loads(line) for line in p.stdout.splitlines()]
    if len(objects) != len(commands):
        raise RuntimeError("%d answers to %d commands, exit status %d: %s" %
                           (len(objects), len(commands), p.returncode, p.stderr[-2000:]))
    return Answers(objects, p.returncode, p.stderr)


def is_fault(value):
    return isinstance(value, dict) and "fault" in value
