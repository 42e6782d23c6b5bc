"""A worker of the open-source kind, from the protocol facts: pages of 1 MiB, a status, and nothing else."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE_BYTES = 1 << 20


class ForeignWorker:
    """Serves what is put into it; anything else ends the connection without a word."""

    def __init__(self):
        self.files = {}
        self.page_requests = 0
        worker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                worker.answer(self)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, uri, body, etag):
        """Caches a whole file of a store."""
        identity = hashlib.sha256(uri.encode()).hexdigest()
        self.files[identity] = self.files[uri] = (uri, body, etag.strip('"'))

    def answer(self, handler):
        url = urlsplit(handler.path)
        parts, query = url.path.split("/")[1:], parse_qs(url.query)
        if parts[-1] == "health":
            return self.send(handler, b"worker is active")
        if parts[1:] == ["info"] and query["path"][0] in self.files:
            uri, body, etag = self.files[query["path"][0]]
            status = {"mType": "file", "mUfsPath": uri, "mLength": len(body), "mContentHash": etag}
            return self.send(handler, json.dumps([status | {"mLastModificationTimeMs": 1}]).encode())
        if parts[1:2] == ["file"] and parts[2] in self.files:
            start = int(parts[4]) * PAGE_BYTES
            page = self.files[parts[2]][1][start : start + PAGE_BYTES]
            offset = int(query.get("offset", ["0"])[0])
            length = int(query.get("length", [PAGE_BYTES])[0]) if "offset" in query else PAGE_BYTES
            if start < len(self.files[parts[2]][1]):
                self.page_requests += 1
                return self.send(handler, page[offset : offset + length])
        handler.close_connection = True

    def send(self, handler, body):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def stop(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()
