"""A counting HTTP proxy before one S3 server, as a process of its own.

One thread per connection, since HTTP/1.1 takes turns; bodies are spliced through a pipe. It counts
requests by kind and bytes as they are on the wire, and can be told at run time to be slow, to stall, to cut,
to refuse, to lie about lengths, or to be gone. Prints one line of JSON with its ports when it is ready.
"""

import argparse
import fcntl
import json
import os
import random
import re
import select
import socket
import threading
import time
from email.utils import formatdate

from http_wire import Gone, kind_of, parse, pass_chunks, read_head, reset

PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031
LOG_ENTRIES_MAX = 20_000
ERROR_BODY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code} by the proxy</Message>'
    "<RequestId>proxy</RequestId></Error>"
)
NO_RULES = {"latency": 0.0, "down": False, "stall": None, "cut": None, "answer": None, "corrupt": None}


class Faulted(Exception):
    """A rule asks for the client's connection to be cut."""


class Proxy:
    """Rules, counts and the listening socket."""

    def __init__(self, upstream, port):
        self.upstream = upstream
        self.lock = threading.Lock()
        self.rules = dict(NO_RULES)
        self.open = set()
        self.stalled = 0
        self.clear()
        self.listener = None
        self.port = port
        self.listen()

    def clear(self):
        self.counts = {"requests": 0, "up": 0, "down": 0, "connections": 0}
        self.kinds = {}
        self.bodies = {}
        self.log = []

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.counts["connections"] += 1
                self.open.add(client)
            threading.Thread(target=Connection(self, client).run, daemon=True).start()

    def apply(self, changes):
        unknown = set(changes) - set(NO_RULES)
        if unknown:
            raise ValueError(f"no such rule: {', '.join(unknown)}")
        was_down = self.rules["down"]
        self.rules = {**self.rules, **changes}
        if self.rules["down"] and not was_down:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            with self.lock:
                leaving = list(self.open)
            for client in leaving:
                reset(client)
        elif was_down and not self.rules["down"]:
            self.listen()

    def take(self, name, kind):
        """The rule of that name if it applies to this request; uses up one of its `times`."""
        rule = self.rules[name]
        if not rule or (rule.get("kinds") and kind not in rule["kinds"]):
            return None
        if random.random() >= rule.get("probability", 1.0):
            return None
        with self.lock:
            if "times" in rule:
                if rule["times"] <= 0:
                    return None
                rule["times"] -= 1
        return rule

    def record(self, kind, method, target, span, entry_time):
        with self.lock:
            self.counts["requests"] += 1
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            entry = {"t": entry_time, "kind": kind, "method": method, "target": target, "range": span}
            if len(self.log) < LOG_ENTRIES_MAX:
                self.log.append(entry)
            return entry

    def add(self, direction, count, kind=None):
        with self.lock:
            self.counts[direction] += count
            if kind:
                self.bodies[kind] = self.bodies.get(kind, 0) + count

    def command(self, line):
        request = json.loads(line)
        if "set" in request:
            self.apply(request["set"])
        if request.get("clear"):
            with self.lock:
                self.clear()
        with self.lock:
            answer = {
                **self.counts,
                "kinds": dict(self.kinds),
                "bodies": dict(self.bodies),
                "open": len(self.open),
                "stalled": self.stalled,
                "rules": self.rules,
            }
            if request.get("log"):
                answer["log"] = list(self.log)
        return answer


class Connection:
    """One client and its connection to the server."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = None
        self.pipe = None
        self.client_rest = b""
        self.server_rest = b""

    def run(self):
        try:
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self.exchange():
                pass
        except Faulted:
            reset(self.client)
        except (Gone, OSError):
            pass
        finally:
            with self.proxy.lock:
                self.proxy.open.discard(self.client)
            self.client.close()
            if self.server:
                self.server.close()
            for end in self.pipe or ():
                os.close(end)

    def exchange(self):
        """One request and its response; returns whether the connection goes on."""
        head, self.client_rest = read_head(self.client, self.client_rest)
        line, fields = parse(head)
        method, target, _ = line.split(" ", 2)
        kind = kind_of(method, target)
        entry = self.proxy.record(kind, method, target, fields.get("range"), time.time())
        self.proxy.add("up", len(head))
        latency = self.proxy.rules["latency"]
        if latency:
            time.sleep(latency)
        answer = self.proxy.take("answer", kind)
        if answer:
            self.refuse(answer, fields, method)
            entry["status"] = answer["status"]
            return True
        if not self.server:
            self.server = socket.create_connection(self.proxy.upstream)
            self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.sendall(head)
        if fields.get("expect", "").lower() != "100-continue":
            self.pass_request_body(fields)
        response, reply = self.response_head(fields)
        entry["status"] = int(response.split(" ")[1])
        return self.pass_response(response, reply, kind, method, fields)

    def response_head(self, request):
        while True:
            self.reply_head, self.server_rest = read_head(self.server, self.server_rest)
            line, fields = parse(self.reply_head)
            if not line.split(" ")[1].startswith("1"):
                return line, fields
            self.client.sendall(self.reply_head)
            self.pass_request_body(request)

    def pass_request_body(self, fields):
        if "chunked" in fields.get("transfer-encoding", "").lower():
            self.client_rest = pass_chunks(self.client, self.server, self.client_rest, self.proxy, "up")
            return
        left = int(fields.get("content-length", 0))
        first, self.client_rest = self.client_rest[:left], self.client_rest[left:]
        self.server.sendall(first)
        self.proxy.add("up", len(first))
        self.pump(self.client, self.server, left - len(first), "up", None)

    def pass_response(self, line, fields, kind, method, request):
        status = int(line.split(" ")[1])
        has_body = method != "HEAD" and status not in (204, 304)
        ends = "close" in (fields.get("connection", "") + request.get("connection", "")).lower()
        if has_body and "chunked" in fields.get("transfer-encoding", "").lower():
            self.send_head(self.reply_head)
            self.server_rest = pass_chunks(
                self.server, self.client, self.server_rest, self.proxy, "down", kind
            )
            return not ends
        length = int(fields.get("content-length", 0)) if has_body else 0
        corrupt = self.proxy.take("corrupt", kind) if status in (200, 206) and length else None
        if corrupt:
            self.lie(corrupt, length, kind)
        if not length and self.proxy.take("cut", kind):
            raise Faulted
        self.send_head(self.reply_head)
        self.pass_body(length, kind)
        return not ends

    def send_head(self, head):
        self.client.sendall(head)
        self.proxy.add("down", len(head))

    def pass_body(self, length, kind):
        cut = self.proxy.take("cut", kind) if length else None
        stall = self.proxy.take("stall", kind)
        limits = [rule["after"] for rule in (cut, stall) if rule and rule["after"] < length]
        passed = min(limits, default=length)
        self.body_part(passed, kind)
        if cut and cut["after"] == passed:
            raise Faulted
        if stall and (stall["after"] == passed or not length):
            self.hold(stall)
        self.body_part(length - passed, kind)

    def hold(self, rule):
        """Keeps the client waiting for as long as the rule is in force."""
        watched = select.poll()
        watched.register(self.client, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        with self.proxy.lock:
            self.proxy.stalled += 1
        try:
            while self.proxy.rules["stall"] is rule:
                if watched.poll(20):
                    raise Gone
        finally:
            with self.proxy.lock:
                self.proxy.stalled -= 1

    def body_part(self, left, kind):
        first, self.server_rest = self.server_rest[:left], self.server_rest[left:]
        if first:
            self.client.sendall(first)
            self.proxy.add("down", len(first), kind)
        self.pump(self.server, self.client, left - len(first), "down", kind)

    def lie(self, rule, length, kind):
        """Announces a length that is not the body's: `long` adds bytes, `short` leaves some out."""
        body = self.server_rest[:length]
        self.server_rest = self.server_rest[length:]
        while len(body) < length:
            part = self.server.recv(1 << 16)
            if not part:
                raise Gone
            body += part
        by = min(int(rule.get("by", 1000)), length)
        body = body + b"?" * by if rule["how"] == "long" else body[:-by]
        head = re.sub(
            rb"(?i)\r\ncontent-length: *\d+", b"\r\nContent-Length: %d" % len(body), self.reply_head
        )
        self.send_head(head)
        self.client.sendall(body)
        self.proxy.add("down", len(body), kind)
        raise Gone

    def refuse(self, rule, fields, method):
        """Answers with an error document and never asks the server."""
        left = int(fields.get("content-length", 0)) - len(self.client_rest)
        self.client_rest = b""
        while left > 0:
            left -= len(self.client.recv(min(left, 1 << 16))) or left
        body = ERROR_BODY.format(code=rule.get("code", "InternalError")).encode()
        head = (
            f"HTTP/1.1 {rule['status']} Refused\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(body)}\r\nDate: {formatdate(usegmt=True)}\r\n\r\n"
        ).encode()
        self.send_head(head + (b"" if method == "HEAD" else body))

    def pump(self, source, target, left, direction, kind):
        """Moves bytes from socket to socket through a pipe, without copying them here."""
        while left > 0:
            if not self.pipe:
                self.pipe = os.pipe()
                fcntl.fcntl(self.pipe[1], F_SETPIPE_SZ, PIPE_BYTES)
            moved = os.splice(source.fileno(), self.pipe[1], min(left, PIPE_BYTES))
            if moved == 0:
                raise Faulted
            out = moved
            while out:
                out -= os.splice(self.pipe[0], target.fileno(), out)
            left -= moved
            self.proxy.add(direction, moved, kind)


def serve_control(proxy, listener):
    """One JSON document a line in, one out."""

    def serve(client):
        with client, client.makefile("rw") as lines:
            for line in lines:
                try:
                    answer = proxy.command(line)
                except (ValueError, OSError) as problem:
                    answer = {"error": str(problem)}
                lines.write(json.dumps(answer) + "\n")
                lines.flush()

    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("upstream", help="host:port of the S3 server")
    options.add_argument("--port", type=int, default=0)
    chosen = options.parse_args()
    host, port = chosen.upstream.rsplit(":", 1)
    threading.stack_size(256 << 10)
    proxy = Proxy((host, int(port)), chosen.port)
    control = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"port": proxy.port, "control": control.getsockname()[1]}), flush=True)
    serve_control(proxy, control)


if __name__ == "__main__":
    main()
