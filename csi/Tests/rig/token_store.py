"""STS that looks at tokens, and a store that looks at keys, both in front of moto, which looks at neither.

    with TokenStore(moto_endpoint) as front:
        front.admit("token-1", seconds=3)       # STS takes it for so long
        front.keys_last = 6                     # and hands out keys that end after so long
        run(plugin, env={"AWS_ENDPOINT_URL_STS": front.endpoint})

Everything that is let through is answered by moto itself.
"""

import http.client
import http.server
import re
import threading
import time
import urllib.parse

STORE_ERROR = "<Error><Code>{0}</Code><Message>{1}</Message></Error>"
ERROR = f"<ErrorResponse>{STORE_ERROR}</ErrorResponse>"
NOT_FORWARDED = ("connection", "transfer-encoding", "content-length", "host")


class TokenStore:
    """The server, what it admits, and what it was asked."""

    def __init__(self, endpoint):
        self.behind = urllib.parse.urlsplit(endpoint).netloc
        self.tokens, self.keys, self.roles = {}, {}, None
        self.keys_last = 3600.0
        """For how many seconds the keys work that STS hands out."""
        self.assumed = []
        """The token of every role that was assumed."""
        self.refused = []
        """The code of every request that was refused."""
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.front = self
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def admit(self, token, seconds):
        """STS takes this token from now on, for so many seconds."""
        self.tokens[token] = time.time() + seconds

    def token_problem(self, form):
        """Why a role may not be assumed; nil: it may."""
        token, role = form.get("WebIdentityToken"), form.get("RoleArn", "")
        if token not in self.tokens:
            return "InvalidIdentityToken"
        if self.tokens[token] < time.time():
            return "ExpiredTokenException"
        if self.roles is not None and role.rsplit("/", 1)[-1] not in self.roles:
            return "AccessDenied"
        self.assumed.append(token)
        return None

    def key_problem(self, authorization):
        """Why a request may not be made; nil: it may."""
        key = re.search(r"Credential=([^/]+)/", authorization or "")
        if not key or key[1] not in self.keys:
            return "InvalidAccessKeyId"
        return None if time.time() < self.keys[key[1]] else "ExpiredToken"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command == "POST" and b"Action=AssumeRole" in body:
            self.assume(body)
        else:
            self.store(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def assume(self, body):
        front = self.server.front
        problem = front.token_problem(dict(urllib.parse.parse_qsl(body.decode())))
        if problem:
            return self.refuse(400, problem, ERROR)
        status, headers, answer = self.behind(body)
        end = time.time() + front.keys_last
        key = re.search(rb"<AccessKeyId>([^<]+)<", answer)[1].decode()
        front.keys[key] = end
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)).encode()
        self.answer(status, headers, re.sub(rb"(<Expiration>)[^<]+", rb"\g<1>" + text, answer))

    def store(self, body):
        problem = self.server.front.key_problem(self.headers.get("Authorization"))
        if problem:
            return self.refuse(403, problem, STORE_ERROR)
        self.answer(*self.behind(body))

    def behind(self, body):
        connection = http.client.HTTPConnection(self.server.front.behind, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_FORWARDED}
        connection.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, response.getheaders(), answer

    def answer(self, status, headers, body):
        self.send_response(status)
        length = next((value for name, value in headers if name.lower() == "content-length"), None)
        for name, value in headers:
            if name.lower() not in (*NOT_FORWARDED, "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, form):
        self.server.front.refused.append(code)
        self.answer(status, [("Content-Type", "application/xml")], form.format(code, "for a test").encode())
