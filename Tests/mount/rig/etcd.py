"""An etcd of one member on loopback, and the mount table in it."""

import base64
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid

from rig import processes


def _base64(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """One member; `folder` holds its data and goes with it."""

    def __init__(self, folder, cluster="DefaultAlluxioCluster", process_spawn=processes.spawn):
        if not shutil.which("etcd"):
            raise FileNotFoundError("etcd is not installed: run scripts/test, or apt-get install etcd-server")
        os.makedirs(folder, exist_ok=True)
        self.folder, self.cluster, self.process_spawn = folder, cluster, process_spawn
        self.client_port, self.peer_port = processes.free_ports(2)
        self.endpoint = f"http://127.0.0.1:{self.client_port}"
        self.start()

    def start(self):
        """Starts the member, also again with its data."""
        peer = f"http://127.0.0.1:{self.peer_port}"
        command = ["etcd", "--data-dir", os.path.join(self.folder, "data"), "--name", "one"]
        command += ["--listen-client-urls", self.endpoint, "--advertise-client-urls", self.endpoint]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", f"one={peer}"]
        with open(os.path.join(self.folder, "etcd.log"), "ab") as log:
            self.process = self.process_spawn(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        processes.wait_until(self._answers, 30, "etcd answers")

    def _answers(self):
        try:
            return self._call("kv/range", {"key": _base64("a")})
        except OSError:
            return False

    def _call(self, path, request):
        data = json.dumps(request).encode()
        with urllib.request.urlopen(f"{self.endpoint}/v3/{path}", data, timeout=5) as answer:
            return json.load(answer)

    def mount(self, name, ufs, readonly=False, **options):
        """Puts a store into the mount table, as `alluxio mount add` does."""
        path = "/" + name
        value = {"Id": uuid.uuid4().hex, "Options": options, "Path": path, "UfsUri": ufs, "Version": 1}
        if readonly:
            value["ReadOnly"] = True
        key = f"/AlluxioMount/{self.cluster}/{name}"
        self._call("kv/put", {"key": _base64(key), "value": _base64(json.dumps(value))})

    def unmount(self, name):
        """Takes a store out of the mount table."""
        self._call("kv/deleterange", {"key": _base64(f"/AlluxioMount/{self.cluster}/{name}")})

    def kill(self):
        """Ends the member as a crash does."""
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        """Ends the member."""
        processes.stop(self.process)
