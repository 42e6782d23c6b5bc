"""Pods: processes in mount namespaces of their own, with a volume at /mnt-like places."""

import json
import os
import subprocess
import sys

from rig import processes

AGENT = """
import errno, json, os, sys
print("ready", flush=True)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        if name == "read":
            with open(arguments[0], "rb") as file: answer = file.read().decode("latin-1")
        elif name == "write":
            with open(arguments[0], "wb") as file: answer = file.write(arguments[1].encode("latin-1"))
        elif name == "list": answer = sorted(os.listdir(arguments[0]))
        elif name == "mounts":
            with open("/proc/self/mountinfo") as file:
                answer = sum(1 for mount in file if mount.split()[4] == arguments[0])
        print(json.dumps({"answer": answer}), flush=True)
    except OSError as problem:
        print(json.dumps({"error": errno.errorcode[problem.errno]}), flush=True)
"""

SCRIPT = """
set -e
mount --rbind "$1" "$2"
mount --make-r"$3" "$2"
exec "$4" -c "$5"
"""


class Failed(Exception):
    """A call in a pod that failed: the name of its errno."""


class Pod:
    """A container with one volume: `propagation` is `slave` (HostToContainer) or `private` (None)."""

    def __init__(self, place, target, propagation="slave"):
        self.data = os.path.join(place, f"pod-{len(os.listdir(place))}")
        os.mkdir(self.data)
        command = ["unshare", "--mount", "--propagation", "unchanged", "bash", "-c", SCRIPT, "pod"]
        # Containers are made in a namespace whose mounts are slaves of the node's.
        command[3:4] = ["slave"]
        command += [target, self.data, propagation, sys.executable, AGENT]
        self.process = processes.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, name, path="", *more):
        """Does something in the pod; raises Failed."""
        whole = os.path.join(self.data, path) if path else self.data
        self.process.stdin.write(json.dumps([name, whole, *more]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["answer"]

    def stop(self):
        processes.stop(self.process)
