"""Fixtures: one S3 server for the session; a bucket, a counting proxy and mounts for each test."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rig import cluster, content, mounts, processes, writable, written_table  # noqa: E402
from rig.etcd import Etcd  # noqa: E402
from rig.proxy import Proxy  # noqa: E402
from rig.weed import Weed  # noqa: E402

TEST_SECONDS_MAX = 90
MEMORY_FOLDER_BYTES_MIN = 3 << 30


def pytest_addoption(parser):
    parser.addoption(
        "--mount",
        default="alluxio-fuse",
        choices=["alluxio-fuse", "rclone", "s3fs"],
        help="mount with a peer instead, to try the tests themselves",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "ours: needs what only alluxio-fuse promises; skipped for a peer")
    config.addinivalue_line("markers", "seconds(n): the test may take longer than the usual deadline")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--mount") == "alluxio-fuse":
        return
    for item in items:
        if item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.skip(reason="only alluxio-fuse promises this"))


@pytest.fixture(scope="session")
def folder():
    """A folder of this run, in memory where there is room; it goes with all below it, come what may."""
    base = None
    if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > MEMORY_FOLDER_BYTES_MIN:
        base = "/dev/shm"
    path = tempfile.mkdtemp(prefix="mount-tests-", dir=base)
    os.chmod(path, 0o755)
    reaper = processes.start_reaper(path)
    yield path
    processes.clean_below(path)
    shutil.rmtree(path, ignore_errors=True)
    reaper.stdin.close()
    reaper.wait(20)


@pytest.fixture(scope="session")
def s3(folder):
    """A SeaweedFS server with its S3 gateway."""
    server = Weed(os.path.join(folder, "weed"), chunk_mb=1)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def client(s3):
    """A boto3 client that speaks to the server without the proxy."""
    return s3.client()


@pytest.fixture(scope="session")
def session_proxy(s3):
    proxy = Proxy(s3.endpoint)
    yield proxy
    proxy.stop()


@pytest.fixture
def proxy(session_proxy):
    """The counting proxy with zero counts and no faults."""
    session_proxy.flow()
    session_proxy.clear()
    yield session_proxy
    session_proxy.flow()


@pytest.fixture
def place(folder, request):
    """A folder of this test."""
    path = tempfile.mkdtemp(prefix="t-", dir=folder)
    os.chmod(path, 0o755)
    yield path
    processes.clean_below(path)
    shutil.rmtree(path, ignore_errors=True)


class Bucket:
    """A bucket of one test."""

    def __init__(self, s3, client, name):
        self.s3, self.client, self.name = s3, client, name
        self.uri = f"s3://{name}"

    def put(self, key, body):
        """Stores one object; returns its bytes."""
        self.client.put_object(Bucket=self.name, Key=key, Body=body)
        return body

    def put_made(self, key, size):
        """Stores `size` bytes made from the key; returns them."""
        return self.put(key, content.made(key, size))

    def put_many(self, objects):
        """Stores (key, bytes) pairs in parallel."""
        self.s3.put_many(self.name, objects)

    def delete(self, key):
        """Deletes one object."""
        self.client.delete_object(Bucket=self.name, Key=key)


_bucket_number = iter(range(1, 100_000))


@pytest.fixture
def bucket(s3, client):
    """An empty bucket."""
    name = f"test-{next(_bucket_number)}"
    client.create_bucket(Bucket=name)
    yield Bucket(s3, client, name)
    client.delete_bucket(Bucket=name)


@pytest.fixture(scope="module")
def workers(folder, session_proxy):
    """A cluster of three; its S3 goes through the counting proxy."""
    made = cluster.Cluster(os.path.join(folder, "cluster"), session_proxy.endpoint)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def mounted(workers, bucket, proxy):
    """A bucket that all workers serve at /s3."""
    workers.mount("/s3", bucket.uri)
    yield bucket
    workers.unmount("/s3")
    for item in bucket.client.list_objects_v2(Bucket=bucket.name).get("Contents", []):
        bucket.delete(item["Key"])


@pytest.fixture(scope="session")
def binary(request):
    """The daemon under test."""
    if request.config.getoption("--mount") != "alluxio-fuse":
        return None
    return mounts.built_binary()


@pytest.fixture
def mount(request, place, binary, proxy):
    """Starts mounts through the proxy; all of them are gone after the test.

    mount("s3://bucket", sync="60s", cache=folder, ...) returns a `Mounted`: path, pid, rss(), cpu(), …
    """
    made = []
    kind = request.config.getoption("--mount")
    mark = request.node.get_closest_marker("seconds")
    deadline = threading.Timer(mark.args[0] if mark else TEST_SECONDS_MAX, _abandon, [made])
    deadline.daemon = True

    def start(uri, path=None, *, foreground=False, user=None, environment=None, seconds=30, **options):
        if path is None:
            path = os.path.join(place, f"mnt{len(made)}")
            os.mkdir(path)
        options.setdefault("endpoint", proxy.endpoint)
        if kind == "alluxio-fuse":
            mounted = mounts.AlluxioFuse(path, binary)
            made.append(mounted)
            return mounted.start(uri, options, environment, foreground, user, seconds)
        bucket_name, _, prefix = uri.removeprefix("s3://").partition("/")
        mounted = {"rclone": mounts.Rclone, "s3fs": mounts.S3fs}[kind](path)
        made.append(mounted)
        return mounted.start(bucket_name, prefix, proxy.endpoint, options.get("cache"), path + ".log")

    deadline.start()
    yield start
    deadline.cancel()
    proxy.flow()
    failed = getattr(request.node, "failed_call", False)
    for mounted in made:
        mounted.stop()
        if failed:
            _show_log(mounted)


@pytest.fixture
def on_s3(bucket, mount):
    """A bucket and mounts that write to it."""
    return writable.OnS3(bucket, mount)


@pytest.fixture
def on_disk(place, mount):
    """A local directory and mounts that write to it."""
    return writable.OnDisk(os.path.join(place, "store"), mount)


@pytest.fixture
def table(place, bucket, mount):
    """A mount table with two prefixes of a bucket and a local directory."""
    server = Etcd(os.path.join(place, "etcd"))
    disk = os.path.join(place, "disk")
    os.mkdir(disk)
    yield written_table.Table(server, bucket, disk, mount)
    server.stop()


@pytest.fixture(params=["s3", "file"])
def written(request):
    """Either of them."""
    return request.getfixturevalue("on_s3" if request.param == "s3" else "on_disk")


def _abandon(made):
    """Frees a test that hangs in a system call: with its daemon gone, every call on the mount fails."""
    for mounted in made:
        sys.stderr.write(f"\nthe test's time is over: killing the daemon of {mounted.path}\n")
        if mounted.pid and processes.alive(mounted.pid):
            os.kill(mounted.pid, 9)
        subprocess.run(["umount", "-l", mounted.path], capture_output=True)


def _show_log(mounted):
    path = getattr(mounted, "log", None) or mounted.path + ".log"
    if os.path.exists(path):
        with open(path, errors="replace") as file:
            print(f"--- log of {mounted.path}", file.read()[-6000:], sep="\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        item.failed_call = True
    return report


@pytest.fixture(scope="session")
def c_program(folder):
    """Compiles a C program of this folder's `programs/`; returns the path of the executable."""

    def build(name, *flags):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", name + ".c")
        target = os.path.join(folder, name)
        if not os.path.exists(target):
            compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
            subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-o", target, source, *flags], check=True)
        return target

    return build
