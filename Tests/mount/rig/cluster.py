"""etcd and real workers on loopback; each worker has an address of its own, so all have the usual ports."""

import json
import os
import signal
import subprocess
import time
import urllib.request
import uuid

from rig import mounts, processes, weed
from rig.etcd import Etcd

HTTP_PORT, ARRAY_NODE_PORT, S3_PORT = 28080, 28081, 29998


def executable():
    """The `alluxio` under test: $ALLUXIO, else beside the daemon under test."""
    path = os.environ.get("ALLUXIO") or os.path.join(os.path.dirname(mounts.built_binary()), "alluxio")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not built: swift build, or scripts/build-release")
    return path


def loopback_addresses(count):
    """Addresses that the kernel answers at and that no other run of this machine uses."""
    number = os.getpid()
    return [f"127.{64 + number % 128}.{number // 128 % 256}.{index + 1}" for index in range(count)]


class Worker:
    """One worker; its identity, disk and log lie in `folder` and outlive it."""

    def __init__(self, folder, host, settings, program=None, process_spawn=None):
        self.folder, self.host = folder, host
        self.program = program or executable()
        self.process_spawn = process_spawn or processes.spawn
        os.makedirs(folder, exist_ok=True)
        self.log_path = os.path.join(folder, "log")
        identity_file = os.path.join(folder, "worker_identity")
        if not os.path.exists(identity_file):
            with open(identity_file, "w") as file:
                file.write(f"{uuid.uuid4()}\n")
        with open(identity_file) as file:
            self.uuid = file.read().split()[-1]
        self.settings = {
            "alluxio.worker.hostname": host,
            "alluxio.worker.http.server.bind.host": host,
            "alluxio.worker.identity.uuid.file.path": identity_file,
            "alluxio.worker.page.store.dirs": os.path.join(folder, "cache"),
            "alluxio.worker.page.store.sizes": "1GB",
            "alluxio.fuse.log.format": "json",
            **settings,
        }
        self.process = None
        self.ready = None

    def command(self):
        """Its command line."""
        words = [self.program, "process", "start", "worker"]
        for name, value in self.settings.items():
            words += ["-D", f"{name}={value}"]
        return words

    def start(self, wait=True):
        """Starts it; with `wait` returns when it serves."""
        environment = {**os.environ, "ALLUXIO_CONF_DIR": "", "HOME": self.folder}
        environment.update(AWS_ACCESS_KEY_ID=weed.ACCESS_KEY, AWS_SECRET_ACCESS_KEY=weed.SECRET_KEY)
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.process = self.process_spawn(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        self.ready = None
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Returns when it serves."""
        self.ready = processes.wait_until(self._readiness, 20, f"worker {self.host} is ready")

    def _readiness(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"worker {self.host} ended with {self.process.returncode}: {self.log()}")
        for line in self.log().splitlines():
            if '"worker is ready"' in line and line.startswith("{"):
                return json.loads(line)
        return None

    def log(self):
        """What it wrote since its last start."""
        with open(self.log_path, errors="replace") as file:
            file.seek(self.log_start)
            return file.read()

    @property
    def url(self):
        """Of its HTTP API."""
        return f"http://{self.host}:{HTTP_PORT}"

    @property
    def s3_url(self):
        """Of its S3 API."""
        return f"http://{self.host}:{S3_PORT}"

    def kill(self):
        """Ends it without a word."""
        self.process.kill()
        self.process.wait()

    def terminate(self, patience=20):
        """Asks it to end; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def stop(self):
        """Ends it however it is."""
        if self.process is not None:
            processes.stop(self.process)


class Cluster:
    """etcd and workers that read a store through `s3_endpoint`."""

    def __init__(self, folder, s3_endpoint, workers=3, **settings):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.s3_endpoint = folder, s3_endpoint
        self.name = "Tests"
        self.etcd = Etcd(os.path.join(folder, "etcd"))
        common = {
            "alluxio.etcd.endpoints": self.etcd.endpoint,
            "alluxio.cluster.name": self.name,
            "alluxio.worker.failure.detection.timeout": "2s",
            "alluxio.worker.page.store.page.size": "1MB",
            **settings,
        }
        self.common = common
        self.client_settings = {name: common[name] for name in list(common)[:2]}
        self.workers = [
            Worker(os.path.join(folder, f"worker{index}"), host, common)
            for index, host in enumerate(loopback_addresses(workers))
        ]

    def start(self):
        """Starts every worker, all at once."""
        for worker in self.workers:
            worker.start(wait=False)
        for worker in self.workers:
            worker.wait_ready()
        return self

    def alluxio(self, *words, timeout=30, **settings):
        """Runs the command against this cluster."""
        command = [executable(), *words]
        for name, value in {**self.client_settings, **settings}.items():
            command += ["-D", f"{name}={value}"]
        environment = {**os.environ, "HOME": self.folder}
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)

    def mount(self, path, uri, **options):
        """Adds a mount, with this cluster's S3 endpoint, and waits until every worker has it."""
        options = {
            "alluxio.underfs.s3.endpoint": self.s3_endpoint,
            "alluxio.underfs.s3.region": weed.REGION,
            "s3a.accessKeyId": weed.ACCESS_KEY,
            "s3a.secretKey": weed.SECRET_KEY,
            **options,
        }
        words = ["mount", "add", "--path", path, "--ufs-uri", uri]
        for name, value in options.items():
            words += ["--option", f"{name}={value}"]
        answer = self.alluxio(*words)
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        for worker in self.workers:
            processes.wait_until(lambda: path in mounts_of(worker), 5, f"{worker.host} has {path}")

    def unmount(self, path):
        """Takes a mount away."""
        return self.alluxio("mount", "remove", "--path", path)

    def nodes(self):
        """What `alluxio info nodes --format json` says."""
        answer = self.alluxio("info", "nodes", "--format", "json")
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        return json.loads(answer.stdout)

    def owner(self, uri):
        """The worker of a file."""
        answer = self.alluxio("fs", "location", uri)
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        host = json.loads(answer.stdout)["workers"][0]["host"]
        return next(worker for worker in self.workers if worker.host == host)

    def stop(self):
        """Ends all of it."""
        for worker in self.workers:
            worker.stop()
        self.etcd.stop()


def mounts_of(worker):
    """The paths that a worker serves."""
    with urllib.request.urlopen(worker.url + "/v1/ufsInfo", timeout=5) as answer:
        return [entry["alluxio_path"] for entry in json.load(answer).values()]


def timed(body):
    """What `body()` gave, and how long it took in seconds."""
    began = time.monotonic()
    return body(), time.monotonic() - began


def get(url, **fields):
    """The body of an answer."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): fields[name] for name in fields})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def read_range(worker, uri, offset=0, length=-1):
    """Bytes of a file from the HTTP API of a worker."""
    return get(f"{worker.url}/v1/range/0?ufsFullPath={uri}&offset={offset}&length={length}")


def one_line(answer, code, *parts):
    """Whether a command failed with one line that has these parts."""
    assert answer.returncode == code, answer
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1 and answer.stderr.startswith("alluxio: "), answer.stderr
    for part in parts:
        assert part in answer.stderr, answer.stderr
