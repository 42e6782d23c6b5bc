"""Writing in a cluster: through the workers, and by mounts that tell the workers."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from rig import cluster, content, processes
from rig.writable import ATTRIBUTES, read, write

pytestmark = pytest.mark.ours

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MIB = 1 << 20
ROUNDS = int(os.environ.get("ALLUXIO_ROUNDS", "60"))


@pytest.fixture(scope="module")
def workers(folder, session_proxy):
    """Two workers that may change stores, and trust what they know for a minute unless a client asks."""
    settings = {
        "alluxio.worker.changes.enabled": "true",
        "alluxio.user.file.metadata.sync.interval": "60s",
    }
    made = cluster.Cluster(
        os.path.join(folder, "changing"), session_proxy.endpoint, workers=2, **settings
    )  # fmt: skip
    try:
        yield made.start()
    finally:
        made.stop()


def in_cluster(workers, mount, uri, sync, **options):
    """A mount that reads through the workers."""
    return mount(uri, sync=sync, **workers.client_settings, **options)


def metric(worker, series):
    """A metric of a worker; 0 if it never counted."""
    text = cluster.get(worker.url + "/metrics").decode()
    found = re.search(re.escape(series) + r" (\S+)", text)
    return float(found.group(1)) if found else 0


def warmed(workers):
    """How many new versions the workers have read ahead."""
    series = 'alluxio_fuse_worker_warmed_total{outcome="read"}'
    return sum(metric(worker, series) for worker in workers.workers)


def status(url):
    """The status of an answer, and its document."""
    try:
        return 200, json.loads(cluster.get(url))
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def post(url, body=b""):
    """Asks for a change; returns the status and the document."""
    request = urllib.request.Request(url, data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def keys(bucket):
    """All keys of the bucket but those of attributes."""
    listed = bucket.client.list_objects_v2(Bucket=bucket.name).get("Contents", [])
    return sorted(item["Key"] for item in listed if ATTRIBUTES not in item["Key"])


# By clients, through the workers


@pytest.mark.parametrize("version", ["1.0.16", "1.1.17"])
def test_alluxiofs_makes_writes_copies_moves_and_removes(workers, mounted, place, version):
    packages = os.path.join(ROOT, ".build-clients", version)
    if not os.path.isdir(packages):
        pytest.fail(f"alluxiofs {version} is not installed: scripts/prepare clients")
    request = {"root": f"{mounted.uri}/d", "blocks": 13 * MIB // 256}
    if version.startswith("1.0."):
        request.update(etcd_port=workers.etcd.client_port, cluster=workers.name)
    else:
        request.update(hosts=[f"{worker.host}:28080" for worker in workers.workers])
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rig", "alluxiofs_changes.py")
    answer = subprocess.run(
        [sys.executable, script],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=80,
        cwd=place,
        env={**os.environ, "PYTHONPATH": packages},
    )
    assert answer.returncode == 0, answer.stderr
    done = json.loads(answer.stdout[answer.stdout.index("{") :])
    failed = {"mkdir again", "rm a full directory", "rm nothing"}
    for name, result in done.items():
        assert (result is True) == (name not in failed), (name, result)
    assert keys(mounted) == ["d/copy/", "d/copy/empty", "d/moved"] or keys(mounted) == [
        "d/", "d/copy/", "d/copy/empty", "d/moved",
    ]  # fmt: skip
    moved = mounted.client.get_object(Bucket=mounted.name, Key="d/moved")["Body"].read()
    assert moved == bytes(range(256)) * request["blocks"]


def test_a_worker_and_a_mount_change_the_same_names(workers, mounted, mount):
    mine = in_cluster(workers, mount, mounted.uri, "0s")
    one = workers.workers[0]
    data = os.urandom(9 * MIB + 5)
    target = f"{mounted.uri}/new/dir/file"
    assert post(f"{one.url}/v1/chunk/x?ufsFullPath={target}", data)[0] == 201
    assert read(mine.at("new/dir/file")) == data
    os.chmod(mine.at("new/dir/file"), 0o640)
    os.setxattr(mine.at("new/dir/file"), "user.colour", b"blue")
    os.sync()
    file = os.open(mine.at("new/dir/file"), os.O_RDONLY)
    os.fsync(file)
    os.close(file)
    ends = f"srcPath={target}&dstPath={mounted.uri}/new/copy"
    assert post(f"{one.url}/v1/copy/x?{ends}")[0] == 200
    ends = f"srcPath={mounted.uri}/new/dir&dstPath={mounted.uri}/elsewhere"
    assert post(f"{one.url}/v1/mv/x?{ends}")[0] == 200
    for name in ("new/copy", "elsewhere/file"):
        processes.wait_until(lambda name=name: os.path.exists(mine.at(name)), 5, f"{name} shows")
        assert read(mine.at(name)) == data
        assert os.stat(mine.at(name)).st_mode & 0o777 == 0o640
        assert os.getxattr(mine.at(name), "user.colour") == b"blue"
    flags = "recursive=true&remove_alluxio_only=false"
    assert post(f"{one.url}/v1/rm/x?ufsFullPath={mounted.uri}/new&{flags}")[0] == 200
    processes.wait_until(lambda: os.listdir(mine.path) == ["elsewhere"], 5, "the tree is gone")


# Attribute objects


def test_mounts_with_and_without_workers_agree_on_what_a_third_one_set(workers, mounted, mount):
    maker = mount(mounted.uri, sync="0s")
    os.mkdir(maker.at("d"))
    for index in range(6):
        write(maker.at(f"d/f{index}"), b"x" * index)
        os.chmod(maker.at(f"d/f{index}"), 0o600 + index)
        os.setxattr(maker.at(f"d/f{index}"), "user.n", str(index).encode())
    os.symlink("f1", maker.at("d/link"))
    os.chmod(maker.at("d"), 0o711)
    maker.unmount()
    listed = mounted.client.list_objects_v2(Bucket=mounted.name)["Contents"]
    assert any(ATTRIBUTES in item["Key"] for item in listed)
    seen = []
    for options in ({}, workers.client_settings):
        other = mount(mounted.uri, sync="1s", **options)
        names = sorted(os.listdir(other.at("d")))
        stats = [os.lstat(other.at("d", name)) for name in names]
        seen.append(
            (
                names,
                [(item.st_mode, item.st_size, item.st_uid, item.st_mtime_ns) for item in stats],
                [os.getxattr(other.at(f"d/f{index}"), "user.n") for index in range(6)],
                os.readlink(other.at("d/link")),
                os.stat(other.at("d")).st_mode,
            )
        )
    assert seen[0] == seen[1]
    assert seen[0][0] == ["f0", "f1", "f2", "f3", "f4", "f5", "link"]
    for worker in workers.workers:
        for target in (f"/v1/files?path={mounted.uri}/d", f"/v1/files?path={mounted.uri}"):
            assert ATTRIBUTES.encode() not in cluster.get(worker.url + target)
        for query in ("?list-type=2", "?list-type=2&prefix=d/&delimiter=/"):
            assert f"<Key>d/{ATTRIBUTES}".encode() not in cluster.get(f"{worker.s3_url}/s3{query}")


# Mounts tell workers


def test_a_file_that_was_written_is_warm_in_the_ring(workers, mounted, mount, proxy):
    writer = in_cluster(workers, mount, mounted.uri, "0s")
    reader = in_cluster(workers, mount, mounted.uri, "0s")
    before = warmed(workers)
    bodies = {f"d{index}": content.made(index, 3 * MIB + index) for index in range(6)}
    for name, body in bodies.items():
        write(writer.at(name), body)
    processes.wait_until(lambda: warmed(workers) - before >= len(bodies), 20, "all versions are read ahead")
    with proxy.counting() as counted:
        for name, body in bodies.items():
            assert read(reader.at(name)) == body
    assert counted["kinds"].get("GET", 0) == 0
    assert writer.statistic('alluxio_fuse_cluster_news_total{outcome="sent"}') >= len(bodies)
    os.rename(writer.at("d0"), writer.at("e0"))
    processes.wait_until(lambda: warmed(workers) - before > len(bodies), 20, "the new name is read ahead")
    with proxy.counting() as counted:
        assert read(reader.at("e0")) == bodies["d0"]
    assert counted["kinds"].get("GET", 0) == 0


def test_what_is_written_through_is_not_read_ahead(workers, mounted, mount):
    writetype = {"alluxio.user.file.writetype.default": "THROUGH"}
    writer = in_cluster(workers, mount, mounted.uri, "0s", **writetype)
    before = warmed(workers)
    write(writer.at("file"), b"x" * MIB)
    told = 'alluxio_fuse_cluster_news_total{outcome="sent"}'
    processes.wait_until(lambda: writer.statistic(told) > 0, 5, "the workers are told")
    time.sleep(0.5)
    assert warmed(workers) == before


def test_workers_do_not_tell_of_names_that_a_mount_removed_or_moved(workers, mounted, mount):
    writer = in_cluster(workers, mount, mounted.uri, "60s")
    write(writer.at("gone"), b"1")
    write(writer.at("from"), b"22")
    os.mkdir(writer.at("tree"))
    write(writer.at("tree/leaf"), b"333")

    def info(name):
        return [status(f"{worker.url}/v1/info?path={mounted.uri}/{name}")[0] for worker in workers.workers]

    def listing(name):
        answers = [status(f"{worker.url}/v1/files?path={mounted.uri}{name}") for worker in workers.workers]
        return [sorted(entry["mName"] for entry in found) if code == 200 else code for code, found in answers]

    owner = workers.workers.index(workers.owner(f"{mounted.uri}/gone"))
    top = workers.workers.index(workers.owner(mounted.uri))
    for name in ("gone", "from", "tree/leaf"):
        processes.wait_until(lambda name=name: info(name) == [200, 200], 5, f"the workers know {name}")
    processes.wait_until(lambda: listing("")[top] == ["from", "gone", "tree"], 5, "the root is listed")
    os.unlink(writer.at("gone"))
    processes.wait_until(lambda: info("gone")[owner] == 404, 5, "the owner knows that it is gone")
    os.rename(writer.at("from"), writer.at("to"))
    os.rename(writer.at("tree"), writer.at("wood"))
    processes.wait_until(lambda: listing("")[top] == ["to", "wood"], 5, "the root's owner lists it anew")
    # Of a directory that moves every worker is told.
    processes.wait_until(lambda: info("tree/leaf") == [404, 404], 5, "what was below it is gone too")
    assert info("wood/leaf") == [200, 200]


@pytest.mark.seconds(90 + ROUNDS // 2)
def test_what_one_mount_closed_the_other_opens_through_workers(workers, mounted, mount):
    mounts = [in_cluster(workers, mount, mounted.uri, "0s") for _ in range(2)]
    stale = 0
    for index in range(ROUNDS):
        writer, reader = mounts[index % 2], mounts[(index + 1) % 2]
        name = f"file{index % 5}"
        body = content.made(index, 100 + index * 700)
        write(writer.at(name), body)
        stale += read(reader.at(name)) != body
        stale += os.stat(reader.at(name)).st_size != len(body)
    assert stale == 0
    for each in mounts:
        assert each.statistic('alluxio_fuse_cluster_metadata_total{source="worker"}') > ROUNDS / 2


def test_through_workers_names_are_as_old_as_the_interval_at_most(workers, mounted, mount):
    first, second = [in_cluster(workers, mount, mounted.uri, "4s") for _ in range(2)]
    late = []
    for index in range(3):
        mounted.put(f"f{index}", b"1")
        # The worker learns of the old version now, the second mount from the worker when that is old.
        assert os.stat(first.at(f"f{index}")).st_size == 1
        mounted.put(f"f{index}", b"22")
        began = time.monotonic()
        time.sleep(1.7)
        os.stat(second.at(f"f{index}"))
        path = second.at(f"f{index}")
        processes.wait_until(lambda path=path: os.stat(path).st_size == 2, 12, "it shows", pause=0.05)
        late.append(time.monotonic() - began)
    assert max(late) < 4.5, late


def test_a_mount_lists_what_it_has_just_made_whatever_the_worker_knows(workers, mounted, mount):
    first, second = [in_cluster(workers, mount, mounted.uri, "60s") for _ in range(2)]
    mounted.put("d/old", b"1")
    for index in range(5):
        # The worker holds a listing of the directory from now on, and trusts it for long.
        os.listdir(first.at("d"))
        setxattr_forget(first)
        write(second.at(f"d/new{index}"), b"2")
        assert f"new{index}" in os.listdir(second.at("d"))
        setxattr_forget(second)
        assert f"new{index}" in os.listdir(second.at("d"))


def setxattr_forget(mounted):
    """Makes a mount ask again."""
    os.setxattr(mounted.path, "user.alluxio.invalidate", b"1")
