"""The mount table of a cluster as one mount: what it shows, how it changes, and what outlives a change."""

import os
import socket
import subprocess
import time

import pytest

from rig import content, mounts, processes
from rig.etcd import Etcd

pytestmark = pytest.mark.ours

# How soon a change of the table is seen.
SEEN_SECONDS_MAX = 3.0
REFUSAL_SECONDS_MAX = 5.0


@pytest.fixture
def etcd(place):
    server = Etcd(os.path.join(place, "etcd"))
    yield server
    server.stop()


@pytest.fixture
def local(place):
    """A directory to mount as file://, with a file in it."""
    path = os.path.join(place, "local")
    os.makedirs(os.path.join(path, "d"))
    with open(os.path.join(path, "d", "file"), "wb") as file:
        file.write(b"a local file")
    return path


@pytest.fixture
def table(etcd, mount):
    """Mounts the table of `etcd`; options as for `mount`."""

    def start(**options):
        return mount(None, **{"alluxio.etcd.endpoints": etcd.endpoint, **options})

    return start


def seen(condition, what):
    """Waits until a change of the table shows."""
    began = time.monotonic()
    processes.wait_until(condition, SEEN_SECONDS_MAX, what, pause=0.02)
    print(f"{what}: {time.monotonic() - began:.3f} s")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_every_store_is_a_directory_of_the_root(etcd, table, bucket, local):
    bucket.put("dir/key", b"an object")
    etcd.mount("s3", bucket.uri)
    etcd.mount("disk", f"file://{local}")
    mounted = table()
    assert sorted(os.listdir(mounted.path)) == ["disk", "s3"]
    assert os.listdir(mounted.at("s3")) == ["dir"]
    assert read(mounted.at("s3", "dir", "key")) == b"an object"
    assert read(mounted.at("disk", "d", "file")) == b"a local file"
    with pytest.raises(FileNotFoundError):
        os.stat(mounted.at("other"))


def test_a_file_has_its_stores_address_and_the_root_has_none(etcd, table, bucket):
    bucket.put("dir/key", b"x")
    etcd.mount("s3", bucket.uri)
    mounted = table()
    address = os.getxattr(mounted.at("s3", "dir", "key"), "user.alluxio.ufs.uri")
    assert address.decode() == f"{bucket.uri}/dir/key"
    assert os.getxattr(mounted.at("s3"), "user.alluxio.ufs.uri").decode() == bucket.uri
    assert os.listxattr(mounted.path) == ["user.alluxio.stats"]
    with pytest.raises(OSError):
        os.getxattr(mounted.path, "user.alluxio.ufs.uri")


def test_the_root_is_a_directory_with_totals(etcd, table):
    mounted = table()
    assert os.listdir(mounted.path) == []
    assert os.path.isdir(mounted.path)
    totals = os.statvfs(mounted.path)
    assert totals.f_blocks > 0 and totals.f_namemax == 255


def test_the_source_names_the_cluster(etcd, table, binary):
    mounted = table()
    listing = subprocess.run([binary], check=True, capture_output=True, text=True, timeout=30).stdout
    line = f"alluxio-fuse:{etcd.cluster} on {mounted.path} type fuse.alluxio-fuse pid {mounted.pid}"
    assert line in listing


@pytest.mark.parametrize("timeouts", [{}, {"attr_timeout": 60, "entry_timeout": 60, "negative_timeout": 60}])
def test_a_change_of_the_table_is_seen_within_three_seconds(etcd, table, bucket, local, timeouts):
    bucket.put("key", b"first")
    etcd.mount("s3", bucket.uri)
    mounted = table(sync="60s", **timeouts)
    assert os.listdir(mounted.path) == ["s3"]
    assert read(mounted.at("s3", "key")) == b"first"
    assert not os.path.exists(mounted.at("disk"))
    etcd.mount("disk", f"file://{local}")
    seen(lambda: os.path.exists(mounted.at("disk")), "the new mount is found")
    assert sorted(os.listdir(mounted.path)) == ["disk", "s3"]
    assert read(mounted.at("disk", "d", "file")) == b"a local file"
    etcd.unmount("s3")
    seen(lambda: not os.path.exists(mounted.at("s3")), "the old mount is gone")
    assert os.listdir(mounted.path) == ["disk"]
    with pytest.raises(FileNotFoundError):
        os.listdir(mounted.at("s3"))
    with pytest.raises(FileNotFoundError):
        read(mounted.at("s3", "key"))


def test_a_path_leads_to_another_store_after_its_mount_was_replaced(etcd, table, bucket, local):
    bucket.put("d/file", b"an object")
    etcd.mount("data", bucket.uri)
    mounted = table(sync="60s", entry_timeout=60, attr_timeout=60)
    assert read(mounted.at("data", "d", "file")) == b"an object"
    etcd.unmount("data")
    etcd.mount("data", f"file://{local}")

    def is_other():
        try:
            return read(mounted.at("data", "d", "file")) == b"a local file"
        except FileNotFoundError:
            return False

    seen(is_other, "the path leads to the other store")


def test_an_open_file_of_a_removed_mount_is_read_to_its_end(etcd, table, bucket):
    body = bucket.put_made("big", 24 << 20)
    etcd.mount("s3", bucket.uri)
    mounted = table(readahead_max=0)
    with open(mounted.at("s3", "big"), "rb", buffering=0) as file:
        assert file.read(4096) == body[:4096]
        etcd.unmount("s3")
        seen(lambda: os.listdir(mounted.path) == [], "the mount is gone")
        assert mounted.statistic("alluxio_fuse_mount_table_retired_stores") == 1
        # Longer than a store is kept that nobody reads from.
        time.sleep(12)
        rest = b""
        while part := file.read(1 << 20):
            rest += part
        assert content.sha256(rest) == content.sha256(body[4096:])
        assert os.fstat(file.fileno()).st_size == len(body)
    processes.wait_until(
        lambda: mounted.statistic("alluxio_fuse_mount_table_retired_stores") == 0, 5, "the store is let go"
    )


def test_a_store_that_cannot_be_used_leaves_the_others_alone(etcd, table, bucket, place):
    bucket.put("key", b"works")
    etcd.mount("s3", bucket.uri)
    etcd.mount("late", f"file://{place}/late")
    mounted = table()
    assert sorted(os.listdir(mounted.path)) == ["late", "s3"]
    with pytest.raises(OSError):
        os.listdir(mounted.at("late"))
    assert read(mounted.at("s3", "key")) == b"works"
    assert mounted.statistic("alluxio_fuse_mount_table_unusable_stores") == 1
    assert f"file://{place}/late" in read(mounted.log).decode()
    os.mkdir(os.path.join(place, "late"))
    processes.wait_until(lambda: _lists(mounted.at("late")), 25, "the store is tried again")


def _lists(path):
    try:
        return os.listdir(path) == []
    except OSError:
        return False


def test_the_options_of_a_mount_count_for_that_mount_only(etcd, table, bucket, s3):
    bucket.put("key", b"by its own endpoint")
    etcd.mount("own", bucket.uri, **{"alluxio.underfs.s3.endpoint": s3.endpoint})
    dead = f"http://127.0.0.1:{processes.free_ports(1)[0]}"
    mounted = table(endpoint=dead)
    assert read(mounted.at("own", "key")) == b"by its own endpoint"


def test_the_mount_goes_on_without_etcd(etcd, table, bucket):
    bucket.put("key", b"still here")
    etcd.mount("s3", bucket.uri)
    mounted = table()
    assert read(mounted.at("s3", "key")) == b"still here"
    etcd.kill()
    bucket.put("later", b"and new ones")
    time.sleep(4)
    assert sorted(os.listdir(mounted.at("s3"))) == ["key", "later"]
    assert read(mounted.at("s3", "later")) == b"and new ones"
    etcd.start()
    etcd.mount("again", f"{bucket.uri}-other")
    processes.wait_until(lambda: "again" in os.listdir(mounted.path), 8, "changes are seen again")


def test_a_table_in_a_file_is_followed(mount, bucket, local, place):
    bucket.put("key", b"x")
    table = os.path.join(place, "mounts")
    with open(table, "w") as file:
        file.write(f"# path store\n/s3 {bucket.uri}\n")
    mounted = mount(None, **{"alluxio.mount.table.static.conf.file": table})
    assert os.listdir(mounted.path) == ["s3"]
    with open(table, "a") as file:
        file.write(f"/disk file://{local}\n")
    seen(lambda: sorted(os.listdir(mounted.path)) == ["disk", "s3"], "the new line is seen")


def test_a_line_of_fstab_can_name_the_table(etcd, binary, place, local):
    etcd.mount("disk", f"file://{local}")
    path = os.path.join(place, "helper")
    os.mkdir(path)
    words = [binary, f"alluxio-fuse:{etcd.cluster}", path, "-o", f"alluxio.etcd.endpoints={etcd.endpoint}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    try:
        assert os.listdir(path) == ["disk"]
    finally:
        subprocess.run([binary, "umount", path], check=True, timeout=30)


def test_the_cluster_of_the_source_is_the_one_that_is_shown(etcd, binary, place, local):
    other = f"alluxio-fuse:{etcd.cluster}-other"
    etcd.mount("disk", f"file://{local}")
    path = os.path.join(place, "helper")
    os.mkdir(path)
    words = [binary, other, path, "-o", f"alluxio.etcd.endpoints={etcd.endpoint}"]
    assert subprocess.run(words, capture_output=True, timeout=30).returncode == 0
    try:
        assert os.listdir(path) == []
        with open("/proc/self/mountinfo") as file:
            assert any(f" {path} " in line and f" {other} " in line for line in file)
    finally:
        subprocess.run([binary, "umount", path], check=True, timeout=30)


def refused(mount, **options):
    """The error of a mount that is refused in time."""
    began = time.monotonic()
    with pytest.raises(mounts.MountFailed) as problem:
        mount(None, **options)
    assert time.monotonic() - began < REFUSAL_SECONDS_MAX
    assert len(problem.value.text.strip().splitlines()) == 1
    return problem.value


def test_an_etcd_that_is_away_is_named(mount):
    endpoint = f"http://127.0.0.1:{processes.free_ports(1)[0]}"
    problem = refused(mount, **{"alluxio.etcd.endpoints": endpoint})
    assert endpoint in problem.text and "alluxio.etcd.endpoints" in problem.text
    assert problem.status == 1


def test_an_etcd_that_does_not_answer_is_named(mount):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        problem = refused(mount, **{"alluxio.etcd.endpoints": endpoint})
    assert endpoint in problem.text


def test_no_address_and_no_table_is_explained(mount):
    problem = refused(mount)
    assert "s3://bucket/prefix" in problem.text
    assert "alluxio.etcd.endpoints" in problem.text
    assert "alluxio.mount.table.static.conf.file" in problem.text
    assert problem.status == 2


def test_a_wrong_line_of_the_table_is_named(mount, place):
    table = os.path.join(place, "mounts")
    with open(table, "w") as file:
        file.write("/s3 s3://bucket\n/a/b s3://other\n")
    problem = refused(mount, **{"alluxio.mount.table.static.conf.file": table})
    assert f"{table}:2" in problem.text
