"""HTTP/1.1 as the proxy sees it on a socket: heads, chunks, and the kinds of S3 requests."""

import socket
import struct

HEAD_BYTES_MAX = 256 << 10
RESET = struct.pack("ii", 1, 0)


class Gone(Exception):
    """One side of a connection ended it."""


def reset(client):
    """Ends a connection with RST, as a crashed peer does."""
    try:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def read_head(source, rest):
    """The bytes up to the empty line, and those after it."""
    while True:
        end = rest.find(b"\r\n\r\n")
        if end >= 0:
            return rest[: end + 4], rest[end + 4 :]
        if len(rest) > HEAD_BYTES_MAX:
            raise Gone
        part = source.recv(1 << 16)
        if not part:
            raise Gone
        rest += part


def parse(head):
    lines = head[:-4].decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return lines[0], fields


def kind_of(method, target):
    """HEAD, GET, LIST, or the method's own name; HEADBUCKET of a bucket, ATTRIBUTES of attribute objects."""
    path, _, query = target.partition("?")
    if method == "GET" and "/.alluxio.attributes" in path:
        return "ATTRIBUTES"
    in_bucket = "/" in path.strip("/")
    if method == "GET" and (not in_bucket or "list-type=" in query):
        return "LIST"
    if method == "HEAD" and not in_bucket:
        return "HEADBUCKET"
    return method


def pass_chunks(source, target, rest, proxy, direction, kind=None):
    """Passes a chunked body; returns what was read beyond it."""
    buffer = rest

    def more():
        part = source.recv(1 << 17)
        if not part:
            raise Gone
        return part

    while True:
        while b"\r\n" not in buffer:
            buffer += more()
        line, after = buffer.split(b"\r\n", 1)
        size = int(line.split(b";")[0], 16)
        total = len(line) + 2 + size + 2
        if size == 0:
            while b"\r\n\r\n" not in buffer[len(line) :]:
                buffer += more()
            total = buffer.index(b"\r\n\r\n", len(line)) + 4
        while len(buffer) < total:
            buffer += more()
        target.sendall(buffer[:total])
        proxy.add(direction, total, kind if size else None)
        buffer = buffer[total:]
        if size == 0:
            return buffer
