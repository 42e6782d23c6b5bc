"""A Kubernetes API server for tests: as much as the plugin uses, over TLS, with a kubelet for each node.

    with ApiServer(folder, nodes=["node-a"]) as server:
        server.put("configmaps", "alluxio-operator", {"metadata": {"name": "a"}, "data": {...}})
        run(plugin, env=server.environment(), ...)          # or --kubeconfig server.kubeconfig

`folder` gets `ca.crt`, `serviceaccount/` as a pod has it, `kubeconfig` and `logs/` of containers. From other
languages: `api_server.py FOLDER --node NAME`, and POST /rig/HANDLE with a JSON object of arguments, for
each of `HANDLES` and `requests`.
"""

import argparse
import base64
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from api_objects import ApiError, Objects, Selection, now  # noqa: E402
from kubelet import Kubelet  # noqa: E402

PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/v1(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?P<status>/status)?)?"
)
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
HANDLES = "put", "answer", "cut", "forbid", "forget", "rotate", "evict", "delay_starts", "break_images"
CERTIFICATES = """
cd "$1"
curve="ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 -newkey $curve -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
for who in server client; do
    openssl req -newkey $curve -subj /CN=$who -keyout $who.key -out $who.csr
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\n' >$who.ext
    openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext \\
        -out $who.crt
done
"""


class ApiServer:
    """The server, its state, its handles for tests; `stop` ends all processes that its kubelets started."""

    def __init__(self, folder, nodes=(), namespace="alluxio-operator", bookmark=1.0, **kubelet):
        self.folder, self.namespace, self.bookmark = os.path.abspath(folder), namespace, bookmark
        os.makedirs(f"{self.folder}/logs", exist_ok=True)
        os.makedirs(f"{self.folder}/serviceaccount", exist_ok=True)
        make = ["bash", "-ec", CERTIFICATES, "certificates", self.folder]
        subprocess.run(make, check=True, capture_output=True)
        self.objects, self.requests, self.token = Objects(), [], None
        self.is_down = False
        self._faults, self._forbidden, self._lock = [], set(), threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/server.crt", f"{self.folder}/server.key")
        context.load_verify_locations(f"{self.folder}/ca.crt")
        context.verify_mode = ssl.CERT_OPTIONAL
        self._http = Listener(("127.0.0.1", 0), Handler)
        self._http.api, self._http.tls = self, context
        self.port = self._http.server_address[1]
        self.kubeconfig = f"{self.folder}/kubeconfig"
        self._write_service_account()
        self.kubelets = {
            node: Kubelet(self.objects, node, f"{self.folder}/logs", **kubelet) for node in nodes
        }
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()
        for kubelet in self.kubelets.values():
            kubelet.stop()

    def environment(self):
        """What a pod's environment says of the server; the folder of its account is `serviceaccount`."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}

    def put(self, resource, namespace, item):
        """Makes an object, or replaces one."""
        name = item["metadata"]["name"]
        try:
            self.objects.remove(resource, namespace, name)
        except ApiError:
            pass
        return self.objects.create(resource, namespace, item)

    def answer(self, status, count=1, message="for a test", reason="", retry_after=None, path=""):
        """Answers the next requests whose path holds `path` with an error; status 0 cuts the connection."""
        with self._lock:
            self._faults += [(path, status, message, reason, retry_after)] * count

    def cut(self, count=1, path=""):
        """Cuts the connection of the next requests, before they are looked at."""
        self.answer(0, count, path=path)

    def down(self):
        """From now on every connection is cut, watches too."""
        self.is_down = True
        with self.objects.changed:
            self.objects.changed.notify_all()

    def up(self):
        """Ends `down`."""
        self.is_down = False

    def forbid(self, verb, resource):
        """From now on nobody may do `verb` with `resource`."""
        self._forbidden.add((verb, resource))

    def forget(self):
        """Every version until now is too old from now on."""
        self.objects.forget_the_past()

    def rotate(self):
        """Gives the service account another token; the old one counts no more."""
        self._write_service_account()

    def evict(self, namespace, name):
        """Lets the pod's node end it, as for want of memory."""
        node = self.objects.get("pods", namespace, name)["spec"]["nodeName"]
        self.kubelets[node].evict(namespace, name)

    def delay_starts(self, seconds):
        """How long new pods are Pending from now on."""
        for kubelet in self.kubelets.values():
            kubelet.start_delay = seconds

    def break_images(self, reason):
        """New containers wait with this reason from now on; None starts them again."""
        for kubelet in self.kubelets.values():
            kubelet.image_error = reason

    def fault(self, path):
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault[0] in path:
                    return self._faults.pop(index)
        return None

    def is_forbidden(self, verb, resource):
        return (verb, resource) in self._forbidden

    def _write_service_account(self):
        self.token = f"token-{uuid.uuid4()}"
        place = f"{self.folder}/serviceaccount"
        with open(f"{self.folder}/ca.crt", encoding="ascii") as file:
            authority = file.read()
        for name, text in {"ca.crt": authority, "namespace": self.namespace, "token": self.token}.items():
            # As the kubelet does: another file takes the place, so that nobody reads half of one.
            with open(f"{place}/.{name}", "w", encoding="ascii") as file:
                file.write(text)
            os.replace(f"{place}/.{name}", f"{place}/{name}")
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "rig",
            "contexts": [{"name": "rig", "context": {
                "cluster": "rig", "user": "rig", "namespace": self.namespace}}],
            "clusters": [{"name": "rig", "cluster": {
                "server": f"https://127.0.0.1:{self.port}",
                "certificate-authority-data": base64.b64encode(authority.encode()).decode()}}],
            "users": [{"name": "rig", "user": {"tokenFile": "serviceaccount/token"}}],
        }
        with open(self.kubeconfig, "w", encoding="ascii") as file:
            json.dump(config, file)


class Listener(http.server.ThreadingHTTPServer):
    """Accepts connections, each on a thread of its own."""

    daemon_threads = True

    def handle_error(self, *_):
        pass  # A client that does not trust the certificate, or that went away.


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 600

    def setup(self):
        if self.server.api.is_down:
            raise ConnectionAbortedError
        # The handshake is here and not in the server's accept, where one slow client would hold up all.
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        try:
            super().finish()
        finally:
            self.request.close()

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self):  # noqa: N802
        self._serve()

    do_POST = do_DELETE = do_PATCH = do_PUT = do_GET  # noqa: N815

    def _serve(self):
        api = self.server.api
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = None if self.path.startswith("/rig/") else api.fault(self.path)
        if api.is_down or (fault and fault[1] == 0):
            api.requests.append(f"{self.command} {self.path} cut")
            self.close_connection = True
            return
        try:
            if self.path.startswith("/rig/"):
                self._send(200, self._rig(self.path[5:], json.loads(body or b"{}")))
                return
            if fault:
                raise ApiError(fault[1], fault[3], fault[2], fault[4])
            self._authenticate()
            self._object(body)
        except ApiError as error:
            retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            self._send(error.code, error.status(), retry)

    def _rig(self, name, arguments):
        api = self.server.api
        if name == "requests":
            return list(api.requests)
        if name not in HANDLES:
            raise ApiError(404, "NotFound", f"the rig has no {name}")
        return getattr(api, name)(**arguments) or {}

    def _authenticate(self):
        if self.request.getpeercert():
            return
        if self.headers.get("Authorization") != f"Bearer {self.server.api.token}":
            shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
            raise ApiError(401, "Unauthorized", f"Unauthorized: token {shown!r} is not known")

    def _object(self, body):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        match = PATH.fullmatch(url.path)
        if not match:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        resource, namespace, name = match["resource"], match["namespace"], match["name"]
        if name is not None and not NAME.fullmatch(name):
            raise ApiError(400, "BadRequest", f"the name {name!r} is none")
        verb = {"POST": "create", "DELETE": "delete", "PATCH": "patch"}.get(self.command)
        verb = verb or ("get" if name else "watch" if query.get("watch") == "1" else "list")
        api = self.server.api
        if api.is_forbidden(verb, resource):
            who = f'User "rig" cannot {verb} resource "{resource}"'
            raise ApiError(403, "Forbidden", f"{resource} is forbidden: {who}")
        if verb == "watch":
            self._watch(resource, namespace, query)
        elif verb == "list":
            self._list(resource, namespace, query)
        elif verb == "get":
            self._send(200, api.objects.get(resource, namespace, name))
        elif verb == "create":
            self._create(resource, namespace, json.loads(body))
        elif verb == "delete":
            self._delete(resource, namespace, name, json.loads(body or b"{}"))
        else:
            self._patch(resource, namespace, name, match["status"], json.loads(body))

    def _create(self, resource, namespace, item):
        if resource == "pods":
            containers = item.get("spec", {}).get("containers") or []
            if not containers or not all(one.get("name") and one.get("image") for one in containers):
                raise ApiError(422, "Invalid", "Pod is invalid: spec.containers: Required value")
            item["status"] = {"phase": "Pending"}
        self._send(201, self.server.api.objects.create(resource, namespace, item))

    def _delete(self, resource, namespace, name, options):
        api = self.server.api
        item = api.objects.get(resource, namespace, name)
        wanted = options.get("preconditions", {}).get("uid")
        if wanted and wanted != item["metadata"]["uid"]:
            raise ApiError(409, "Conflict", f"the UID in the precondition ({wanted}) is not the record's")
        spec = item.get("spec", {})
        grace = options.get("gracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30))
        has_kubelet = spec.get("nodeName") in api.kubelets
        is_over = item.get("status", {}).get("phase") in ("Failed", "Succeeded")
        if resource != "pods" or grace == 0 or not has_kubelet or is_over:
            api.objects.remove(resource, namespace, name)
            self._send(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
            return

        def edit(item):
            item["metadata"].setdefault("deletionTimestamp", now())
            item["metadata"].setdefault("deletionGracePeriodSeconds", grace)
        self._send(200, api.objects.change(resource, namespace, name, edit))

    def _patch(self, resource, namespace, name, is_status, patch):
        if not is_status or self.headers.get("Content-Type") != "application/merge-patch+json":
            raise ApiError(415, "UnsupportedMediaType", "only merge patches of the status are understood")

        def merge(target, patch):
            for key, value in patch.items():
                if value is None:
                    target.pop(key, None)
                elif isinstance(value, dict) and isinstance(target.get(key), dict):
                    merge(target[key], value)
                else:
                    target[key] = value
        status = {"status": patch.get("status", {})}
        objects = self.server.api.objects
        self._send(200, objects.change(resource, namespace, name, lambda item: merge(item, status)))

    def _list(self, resource, namespace, query):
        selection = Selection(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        items, metadata = self.server.api.objects.page(
            resource, namespace, selection, int(query.get("limit", 0)), query.get("continue"))
        self._send(200, {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items})

    def _watch(self, resource, namespace, query):
        api = self.server.api
        selection = Selection(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        until = time.monotonic() + int(query.get("timeoutSeconds", 1800))
        version, told = int(query["resourceVersion"]), time.monotonic()
        api.requests.append(f"GET {self.path} 200")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            for event in api.objects.events(resource, namespace, selection, version, until):
                if api.is_down:
                    self.close_connection = True
                    return
                if event:
                    self._chunk({"type": event[0], "object": event[1]})
                elif query.get("allowWatchBookmarks") and time.monotonic() - told > api.bookmark:
                    told = time.monotonic()
                    place = {"metadata": {"resourceVersion": str(api.objects.version)}}
                    self._chunk({"type": "BOOKMARK", "object": place})
        except ApiError as error:
            self._chunk({"type": "ERROR", "object": error.status()})
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, value):
        line = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def _send(self, code, value, headers=None):
        if not self.path.startswith("/rig/"):
            self.server.api.requests.append(f"{self.command} {self.path} {code}")
        body = json.dumps(value).encode()
        self.send_response(code)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--node", action="append", default=[])
    parser.add_argument("--back-off", type=float, default=10.0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ApiServer(options.folder, nodes=options.node, back_off=options.back_off) as server:
        with open(f"{options.folder}/port.new", "w", encoding="ascii") as file:
            file.write(str(server.port))
        os.replace(f"{options.folder}/port.new", f"{options.folder}/port")
        signal.pause()


if __name__ == "__main__":
    main()
