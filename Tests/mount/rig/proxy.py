"""The test's side of the counting proxy."""

import contextlib
import json
import os
import socket
import subprocess
import sys

from rig import processes

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proxy_server.py")


class Proxy:
    """A running proxy before `upstream`, an endpoint such as http://127.0.0.1:8333."""

    def __init__(self, upstream):
        address = upstream.split("://", 1)[1].rstrip("/")
        self.process = processes.spawn(
            [sys.executable, SERVER, address], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        ports = json.loads(self.process.stdout.readline())
        self.port = ports["port"]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.control = socket.create_connection(("127.0.0.1", ports["control"]), 10)
        self.lines = self.control.makefile("rw")

    def _ask(self, **request):
        self.lines.write(json.dumps(request) + "\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def clear(self):
        """Sets every count to zero and forgets the log."""
        self._ask(clear=True)

    def counts(self):
        """requests, up, down (bytes on the wire), kinds and body bytes by kind, open connections, stalled."""
        return self._ask()

    def requests(self, *kinds):
        """How many requests there were, in all or of these kinds (HEAD, GET, LIST, ...)."""
        counts = self.counts()
        return sum(counts["kinds"].get(kind, 0) for kind in kinds) if kinds else counts["requests"]

    def log(self):
        """The requests since the last clear: kind, method, target, range, status."""
        return self._ask(log=True)["log"]

    def latency(self, seconds):
        """Holds every request back for that long."""
        self._ask(set={"latency": seconds})

    def stall(self, kinds=("GET",), after=0, times=None, probability=1.0):
        """Holds responses after so many body bytes until `flow()`."""
        rule = {"kinds": list(kinds), "after": after, "probability": probability}
        self._ask(set={"stall": limited(rule, times)})

    def cut(self, kinds=("GET",), after=0, times=None, probability=1.0):
        """Resets connections after so many body bytes; an answer without a body is not given at all."""
        rule = {"kinds": list(kinds), "after": after, "probability": probability}
        self._ask(set={"cut": limited(rule, times)})

    def answer(self, status, code, kinds=("GET", "HEAD", "LIST"), times=None, probability=1.0):
        """Answers requests with an error document."""
        rule = {"kinds": list(kinds), "status": status, "code": code, "probability": probability}
        self._ask(set={"answer": limited(rule, times)})

    def corrupt(self, how, by=1000, kinds=("GET",), times=None, probability=1.0):
        """Answers with fewer (`short`) or more (`long`) bytes than asked; Content-Length agrees."""
        rule = {"kinds": list(kinds), "how": how, "by": by, "probability": probability}
        self._ask(set={"corrupt": limited(rule, times)})

    def down(self):
        """Refuses connections and resets those that are open."""
        self._ask(set={"down": True})

    def flow(self):
        """Ends every fault."""
        self._ask(
            set={"down": False, "stall": None, "cut": None, "answer": None, "corrupt": None, "latency": 0.0}
        )

    @contextlib.contextmanager
    def counting(self):
        """Counts from zero within the block; the yielded dictionary is filled at its end."""
        self.clear()
        result = {}
        yield result
        result.update(self.counts())
        result["log"] = self.log()

    def stop(self):
        """Ends the proxy."""
        self.control.close()
        processes.stop(self.process)
        self.process.stdout.close()


def limited(rule, times):
    """A rule that is used up after so many requests, or never."""
    return rule if times is None else {**rule, "times": times}
