"""Writing to a mount of the whole table: every store as if it were mounted alone, and what lies between them."""

import errno
import os
import shutil
import stat
import subprocess

import pytest

from rig import cluster, content, processes
from rig.etcd import Etcd
from rig.writable import ATTRIBUTES, read, write

pytestmark = pytest.mark.ours

SEEN_SECONDS_MAX = 3.0


def failure(call, *arguments, **named):
    """The name of the error that a call fails with."""
    with pytest.raises(OSError) as problem:
        call(*arguments, **named)
    return errno.errorcode[problem.value.errno]


class Table:
    """A table with two prefixes of one bucket and a local directory, and mounts of it."""

    def __init__(self, etcd, bucket, disk, mount):
        self.etcd, self.bucket, self.disk, self.start = etcd, bucket, disk, mount
        self.mounted = None
        self.add("one")
        self.add("two")
        etcd.mount("disk", f"file://{disk}")

    def uri(self, name):
        """Of a store in the bucket."""
        return f"{self.bucket.uri}/{name}"

    def add(self, name, prefix=None, **options):
        """Mounts a prefix of the bucket."""
        self.etcd.mount(name, self.uri(prefix or name), **options)

    def mount(self, **options):
        """Mounts the table, at the same place each time."""
        path = self.mounted and self.mounted.path
        self.mounted = self.start(None, path=path, **{"alluxio.etcd.endpoints": self.etcd.endpoint, **options})
        return self.mounted

    def at(self, path):
        """A path inside the mount."""
        return self.mounted.at(path)

    def crash(self):
        """Ends the daemon without a word."""
        self.mounted.kill()
        self.mounted.stop()

    def replace(self, **options):
        """Unmounts and mounts anew: nothing in memory is left."""
        self.mounted.unmount()
        return self.mount(**options)

    def stored(self, path):
        """What the store has under a path of the table."""
        name, _, rest = path.partition("/")
        if name == "disk":
            return read(os.path.join(self.disk, rest))
        return self.bucket.client.get_object(Bucket=self.bucket.name, Key=path)["Body"].read()

    def keys(self):
        """Every key of the bucket."""
        pages = self.bucket.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def seen(self, condition, what):
        """Waits until a change of the table shows."""
        processes.wait_until(condition, SEEN_SECONDS_MAX, what, pause=0.02)

    def unmount(self, name):
        """Takes a store out of the table, and waits until it is gone."""
        self.etcd.unmount(name)
        self.seen(lambda: name not in os.listdir(self.mounted.path), f"{name} is gone")

    def logged(self, *parts):
        """Waits for a line of the log that has all of these."""

        def found():
            with open(self.mounted.log, errors="replace") as file:
                return any(all(part in line for part in parts) for line in file)

        processes.wait_until(found, 10, f"the log has {parts}")


@pytest.fixture
def table(place, bucket, mount):
    server = Etcd(os.path.join(place, "etcd"))
    disk = os.path.join(place, "disk")
    os.mkdir(disk)
    made = Table(server, bucket, disk, mount)
    yield made
    server.stop()


STORES = ("one", "two", "disk")


def test_files_of_every_store_are_made_appended_to_edited_and_removed(table):
    table.mount()
    for name in STORES:
        os.makedirs(table.at(f"{name}/dir/sub"))
        body = write(table.at(f"{name}/dir/sub/file"), content.made(name, 300_000))
        assert table.stored(f"{name}/dir/sub/file") == body
        write(table.at(f"{name}/dir/sub/file"), b"more", "ab")
        with open(table.at(f"{name}/dir/sub/file"), "r+b") as file:
            file.write(b"edited")
        assert table.stored(f"{name}/dir/sub/file") == b"edited" + body[6:] + b"more"
        assert read(table.at(f"{name}/dir/sub/file")) == b"edited" + body[6:] + b"more"
        os.truncate(table.at(f"{name}/dir/sub/file"), 3)
        assert table.stored(f"{name}/dir/sub/file") == b"edi"
        assert failure(os.rmdir, table.at(f"{name}/dir/sub")) == "ENOTEMPTY"
        shutil.rmtree(table.at(f"{name}/dir"))
        assert os.listdir(table.at(name)) == []
    large = write(table.at("two/large"), content.made("large", 40 << 20))
    assert content.sha256(table.stored("two/large")) == content.sha256(large)
    table.replace()
    assert [os.listdir(table.at(name)) for name in STORES] == [[], ["large"], []]


def test_names_change_inside_of_a_store(table):
    table.mount()
    for name in STORES:
        write(table.at(f"{name}/a"), name.encode())
        os.rename(table.at(f"{name}/a"), table.at(f"{name}/b"))
        os.mkdir(table.at(f"{name}/dir"))
        os.rename(table.at(f"{name}/b"), table.at(f"{name}/dir/c"))
        os.rename(table.at(f"{name}/dir"), table.at(f"{name}/moved"))
        os.link(table.at(f"{name}/moved/c"), table.at(f"{name}/twin"))
        assert os.stat(table.at(f"{name}/twin")).st_nlink == 2
        assert os.stat(table.at(f"{name}/twin")).st_ino == os.stat(table.at(f"{name}/moved/c")).st_ino
    table.replace()
    for name in STORES:
        assert sorted(os.listdir(table.at(name))) == ["moved", "twin"]
        assert read(table.at(f"{name}/moved/c")) == read(table.at(f"{name}/twin")) == name.encode()


@pytest.mark.parametrize("source, target", [("one", "two"), ("one", "disk"), ("disk", "two")])
def test_no_name_moves_from_one_store_to_another_and_mv_copies(table, source, target):
    table.mount()
    body = write(table.at(f"{source}/file"), content.made("file", 200_000))
    assert failure(os.rename, table.at(f"{source}/file"), table.at(f"{target}/file")) == "EXDEV"
    assert failure(os.link, table.at(f"{source}/file"), table.at(f"{target}/file")) == "EXDEV"
    # One that the store has not got yet would only be called something else.
    with open(table.at(f"{source}/open"), "wb") as file:
        file.write(b"x")
        file.flush()
        assert failure(os.rename, table.at(f"{source}/open"), table.at(f"{target}/open")) == "EXDEV"
    os.mkdir(table.at(f"{source}/dir"))
    assert failure(os.rename, table.at(f"{source}/dir"), table.at(f"{target}/dir")) == "EXDEV"
    subprocess.run(["mv", table.at(f"{source}/file"), table.at(f"{target}/file")], check=True, timeout=30)
    assert table.stored(f"{target}/file") == body
    assert sorted(os.listdir(table.at(source))) == ["dir", "open"]
    with open(table.at(f"{target}/file"), "rb") as reading, open(table.at(f"{source}/copy"), "wb") as writing:
        assert os.copy_file_range(reading.fileno(), writing.fileno(), len(body)) == len(body)
    assert table.stored(f"{source}/copy") == body


def test_attributes_stay_after_a_remount(table):
    table.mount()
    for name in STORES:
        write(table.at(f"{name}/file"), b"x")
        os.chmod(table.at(f"{name}/file"), 0o4711)
        os.chown(table.at(f"{name}/file"), 1234, 4321)
        os.chmod(table.at(f"{name}/file"), 0o4711)
        os.utime(table.at(f"{name}/file"), ns=(10**18 + 3, 10**18 + 7))
        os.setxattr(table.at(f"{name}/file"), "user.color", b"green")
        os.symlink("file", table.at(f"{name}/link"))
    numbers = [os.stat(table.at(f"{name}/file")).st_ino for name in STORES]
    for _ in range(2):
        for name in STORES:
            status = os.stat(table.at(f"{name}/file"))
            assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o4711, 1234, 4321)
            assert status.st_mtime_ns == 10**18 + 7
            assert os.getxattr(table.at(f"{name}/file"), "user.color") == b"green"
            assert os.readlink(table.at(f"{name}/link")) == "file"
            assert read(table.at(f"{name}/link")) == b"x"
        assert [os.stat(table.at(f"{name}/file")).st_ino for name in STORES] == numbers
        assert len(set(numbers)) == 3
        table.replace()


def test_attribute_objects_and_probes_never_show(table):
    table.mount(**{"alluxio.fuse.special.command.enabled": "true"})
    os.mkdir(table.at("one/dir"))
    for path in ("one/file", "one/dir/file"):
        write(table.at(path), b"x")
        os.chmod(table.at(path), 0o600)
        descriptor = os.open(os.path.dirname(table.at(path)), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    hidden = [key for key in table.keys() if ATTRIBUTES in key]
    assert "one/dir/" + ATTRIBUTES in hidden
    for options in ({}, {"ro": True}):
        table.replace(**options)
        found = [name for _, folders, files in os.walk(table.mounted.path) for name in folders + files]
        assert sorted(found) == ["dir", "disk", "file", "file", "one", "two"]
        for key in hidden:
            assert failure(os.stat, table.at(key)) == "ENOENT"
        assert stat.S_IMODE(os.stat(table.at("one/dir/file")).st_mode) == 0o600
    table.replace()
    assert failure(write, table.at("one/" + ATTRIBUTES), b"x") == "EACCES"


def test_mount_points_stay_as_they_are(table):
    table.mount()
    write(table.at("one/file"), b"x")
    for make in (os.mkdir, os.mkfifo, lambda path: os.symlink("x", path), lambda path: write(path, b"x")):
        assert failure(make, table.at("new")) == "EPERM"
    assert failure(os.mkdir, table.at("one")) == "EEXIST"
    os.makedirs(table.at("one"), exist_ok=True)
    assert failure(os.rmdir, table.at("two")) == "EBUSY"
    assert failure(os.rename, table.at("two"), table.at("new")) == "EBUSY"
    assert failure(os.rename, table.at("two"), table.at("one/two")) == "EBUSY"
    assert failure(os.rename, table.at("one/file"), table.at("new")) == "EXDEV"
    assert failure(os.link, table.at("one/file"), table.at("new")) == "EXDEV"
    for path in ("one", ""):
        assert failure(os.chmod, table.at(path), 0o700) == "EPERM"
        assert failure(os.chown, table.at(path), 1, 1) == "EPERM"
        assert failure(os.utime, table.at(path), (1, 1)) == "EPERM"
        assert failure(os.setxattr, table.at(path), "user.color", b"green") == "EPERM"
    assert sorted(os.listdir(table.mounted.path)) == sorted(STORES)
    assert read(table.at("one/file")) == b"x"


def changes(table, name):
    """What may be tried on a store that has a file, a link and a directory; each alone."""
    at = lambda rest: table.at(f"{name}/{rest}")  # noqa: E731
    return {
        "write": lambda: write(at("file"), b"y", "r+b"),
        "append": lambda: write(at("file"), b"y", "ab"),
        "truncate": lambda: os.truncate(at("file"), 0),
        "create": lambda: write(at("new"), b"y"),
        "mknod": lambda: os.mkfifo(at("new")),
        "mkdir": lambda: os.mkdir(at("new")),
        "symlink": lambda: os.symlink("x", at("new")),
        "link": lambda: os.link(at("file"), at("new")),
        "unlink": lambda: os.unlink(at("file")),
        "rmdir": lambda: os.rmdir(at("dir")),
        "rename": lambda: os.rename(at("file"), at("new")),
        "chmod": lambda: os.chmod(at("file"), 0o600),
        "chown": lambda: os.chown(at("file"), 1, 1),
        "utime": lambda: os.utime(at("file"), (1, 1)),
        "setxattr": lambda: os.setxattr(at("file"), "user.color", b"red"),
        "removexattr": lambda: os.removexattr(at("file"), "user.color"),
        "tmpfile": lambda: os.open(at("dir"), os.O_TMPFILE | os.O_RDWR),
    }


@pytest.mark.parametrize("name", ["one", "disk"])
def test_a_mount_that_is_readonly_refuses_every_change_and_shows_everything(table, name):
    table.mount()
    write(table.at(f"{name}/file"), b"x")
    os.chmod(table.at(f"{name}/file"), 0o640)
    os.setxattr(table.at(f"{name}/file"), "user.color", b"green")
    os.symlink("file", table.at(f"{name}/link"))
    os.mkdir(table.at(f"{name}/dir"))
    table.mounted.unmount()
    table.etcd.unmount(name)
    table.etcd.mount(name, table.uri(name) if name == "one" else f"file://{table.disk}", readonly=True)
    before = table.keys()
    table.mount()
    refused = {what: failure(change) for what, change in changes(table, name).items()}
    assert refused == dict.fromkeys(refused, "EROFS")
    assert read(table.at(f"{name}/file")) == b"x"
    with open(os.open(table.at(f"{name}/file"), os.O_RDONLY | os.O_CREAT), "rb") as file:
        assert file.read() == b"x"
    assert stat.S_IMODE(os.stat(table.at(f"{name}/file")).st_mode) == 0o640
    assert os.getxattr(table.at(f"{name}/file"), "user.color") == b"green"
    assert os.readlink(table.at(f"{name}/link")) == "file"
    assert sorted(os.listdir(table.at(name))) == ["dir", "file", "link"]
    # Others can be written to.
    write(table.at("two/file"), b"y")
    assert failure(os.rename, table.at("two/file"), table.at(f"{name}/file")) == "EXDEV"
    assert [key for key in table.keys() if key.startswith("one/")] == [
        key for key in before if key.startswith("one/")
    ]
    # The kernel asks us only if it does not check permissions itself.
    table.replace(default_permissions="false")
    assert not os.access(table.at(f"{name}/file"), os.W_OK)
    assert os.access(table.at(f"{name}/file"), os.R_OK)
    assert os.access(table.at("two/file"), os.W_OK)


def test_the_command_makes_and_lists_readonly_mounts(table, bucket):
    def alluxio(*words):
        command = [cluster.executable(), *words, "-D", f"alluxio.etcd.endpoints={table.etcd.endpoint}"]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout

    alluxio("mount", "add", "--path", "/shelf", "--ufs-uri", f"{bucket.uri}/shelf", "--readonly")
    lines = alluxio("mount", "list").splitlines()
    assert f"{bucket.uri}/shelf on /shelf properties={{}} readonly" in lines
    assert f"{bucket.uri}/one on /one properties={{}}" in lines
    table.mount()
    assert failure(os.mkdir, table.at("shelf/new")) == "EROFS"
    # The same store without the word is another mount, which open programs see at once.
    alluxio("mount", "remove", "--path", "/shelf")
    alluxio("mount", "add", "--path", "/shelf", "--ufs-uri", f"{bucket.uri}/shelf")

    def is_writable():
        try:
            write(table.at("shelf/new"), b"x")
            return True
        except OSError:
            return False

    table.seen(is_writable, "the mount can be written to")
    assert table.stored("shelf/new") == b"x"


def test_nothing_at_all_changes_through_a_mount_that_is_read_only(table):
    table.bucket.put("one/file", b"x")
    os.mkdir(os.path.join(table.disk, "dir"))
    table.mount(ro=True)
    assert failure(os.mkdir, table.at("one/new")) == "EROFS"
    assert failure(os.mkdir, table.at("new")) == "EROFS"
    assert failure(os.rmdir, table.at("disk/dir")) == "EROFS"
    assert failure(os.open, table.at("one/file"), os.O_RDWR) == "EROFS"
    assert not os.access(table.at("one/file"), os.W_OK)
    assert read(table.at("one/file")) == b"x"


def test_a_file_that_is_open_when_its_mount_is_taken_away_is_stored(table):
    table.mount()
    write(table.at("one/old"), b"before ")
    write(table.at("disk/old"), b"before ")
    with (
        open(table.at("one/new"), "wb", buffering=0) as new,
        open(table.at("one/old"), "ab", buffering=0) as old,
        open(table.at("disk/old"), "ab", buffering=0) as local,
        open(table.at("one/late"), "wb", buffering=0) as late,
    ):
        new.write(b"first ")
        old.write(b"first ")
        table.unmount("one")
        table.unmount("disk")
        for file in (new, old, local):
            file.write(b"second")
        os.fsync(new.fileno())
        os.fchmod(new.fileno(), 0o600)
        assert os.fstat(old.fileno()).st_size == len(b"before first second")
        # Now the names lead to other stores, in which nothing of this may appear.
        table.add("one", prefix="other")
        table.seen(lambda: "one" in os.listdir(table.mounted.path), "another store has the name")
        table.seen(lambda: os.listdir(table.at("one")) == [], "and is empty")
        old.write(b" third")
        late.write(b"late")
    assert table.stored("one/new") == b"first second"
    assert table.stored("one/old") == b"before first second third"
    assert table.stored("one/late") == b"late"
    assert table.stored("disk/old") == b"before second"
    assert os.listdir(table.at("one")) == []
    write(table.at("one/old"), b"another file")
    assert table.stored("other/old") == b"another file"
    assert table.stored("one/old") == b"before first second third"
    # What waited for a group commit is stored although nobody shows the store any more.
    processes.wait_until(lambda: "one/" + ATTRIBUTES in table.keys(), 10, "the mode is stored")
    table.etcd.unmount("one")
    table.add("one")
    table.seen(lambda: os.path.exists(table.at("one/new")), "the store is back")
    assert stat.S_IMODE(os.stat(table.at("one/new")).st_mode) == 0o600


QUICK = {"alluxio.underfs.s3.request.timeout": "2s"}
ASYNC = {"alluxio.user.file.writetype.default": "ASYNC_THROUGH", **QUICK}


def promise(table, proxy):
    """Closes files whose stores do not take them, and ends the daemon."""
    table.mount(**ASYNC)
    for name in ("there", "mode"):
        write(table.at(f"two/{name}"), b"before")
        processes.wait_until(lambda: f"two/{name}" in table.keys(), 10, "it is stored")
    os.listdir(table.at("one"))
    proxy.answer(503, "SlowDown", kinds=("PUT", "POST", "DELETE"))
    os.chmod(table.at("two/mode"), 0o600)
    write(table.at("two/there"), b" and after", "ab")
    write(table.at("one/file"), b"promised")
    table.crash()
    proxy.flow()


def test_what_was_promised_is_stored_by_the_next_mount_after_a_crash(table, proxy):
    promise(table, proxy)
    assert "one/file" not in table.keys()
    table.mount(**ASYNC)
    processes.wait_until(lambda: "one/file" in table.keys(), 10, "the new file is stored")
    processes.wait_until(lambda: table.stored("two/there") == b"before and after", 10, "the other one too")
    assert read(table.at("one/file")) == b"promised"
    processes.wait_until(lambda: "two/" + ATTRIBUTES in table.keys(), 10, "the mode is stored unasked")
    assert stat.S_IMODE(os.stat(table.at("two/mode")).st_mode) == 0o600


def test_what_was_promised_to_a_mount_that_is_gone_waits_for_it(table, proxy):
    promise(table, proxy)
    table.etcd.unmount("one")
    table.etcd.unmount("two")
    table.add("two", prefix="other")
    table.mount(**ASYNC)
    table.logged("a staged file waits for its store", f"{table.uri('one')}", "one/file")
    table.logged("a staged file waits for its store", f"{table.uri('two')}", "two/there")
    table.logged("changes are kept for a mount that is not there", f"/two {table.uri('two')}")
    table.replace(**ASYNC)
    assert not [key for key in table.keys() if key.startswith("other/")]
    assert table.stored("two/there") == b"before"
    table.add("one")
    processes.wait_until(lambda: "one/file" in table.keys(), 10, "the file is stored when its mount is back")
    table.etcd.unmount("two")
    table.add("two")
    processes.wait_until(lambda: table.stored("two/there") == b"before and after", 10, "the other one too")
    processes.wait_until(lambda: "two/" + ATTRIBUTES in table.keys(), 10, "and its mode")
    assert stat.S_IMODE(os.stat(table.at("two/mode")).st_mode) == 0o600


def test_a_mount_with_other_options_and_open_files_of_the_former_one_are_both_finished(table, proxy):
    table.mount(**QUICK)
    held = open(table.at("one/held"), "wb", buffering=0)
    held.write(b"x")
    os.fsync(held.fileno())
    table.add("one", **{"alluxio.underfs.s3.request.timeout": "3s"})
    table.seen(
        lambda: table.mounted.statistic("alluxio_fuse_mount_table_retired_stores") == 1, "it is another store"
    )
    write(table.at("one/new"), b"x")
    processes.wait_until(lambda: "one/new" in table.keys(), 10, "it is stored")
    proxy.answer(503, "SlowDown", kinds=("PUT", "POST", "DELETE"))
    os.fchmod(held.fileno(), 0o640)
    os.chmod(table.at("one/new"), 0o604)
    table.crash()
    with pytest.raises(OSError):
        held.close()
    proxy.flow()
    journals = os.path.join(table.mounted.path + ".staging", "journal")
    sizes = [os.stat(os.path.join(path, name)).st_size for path, _, names in os.walk(journals) for name in names]
    assert len([size for size in sizes if size > 100]) == 2
    table.mount(**QUICK)

    def modes():
        return [stat.S_IMODE(os.stat(table.at(f"one/{name}")).st_mode) for name in ("held", "new")]

    processes.wait_until(lambda: modes() == [0o640, 0o604], 20, "both modes are there")
    table.replace(**QUICK)
    assert modes() == [0o640, 0o604]


def test_a_store_that_does_not_answer_does_not_keep_the_others_from_anything(table, place):
    dead = f"http://127.0.0.1:{processes.free_ports(1)[0]}"
    table.etcd.mount("dead", "s3://nobody", **{"alluxio.underfs.s3.endpoint": dead})
    table.mount(**QUICK)
    write(table.at("one/file"), b"x")
    os.chmod(table.at("one/file"), 0o600)
    assert failure(write, table.at("dead/file"), b"x") == "EIO"
    processes.wait_until(lambda: "one/" + ATTRIBUTES in table.keys(), 5, "the mode is stored")


def test_what_is_written_through_the_table_of_a_cluster_is_read_through_its_workers(workers, mounted, mount):
    first, second = (mount(None, sync="0s", **workers.client_settings) for _ in range(2))
    body = write(first.at("s3/file"), content.made("file", 12 << 20))
    assert content.sha256(read(second.at("s3/file"))) == content.sha256(body)
    assert second.statistic("alluxio_fuse_cluster_store_bytes_total") == 0
    # What is kept of it comes through the workers, too.
    with open(second.at("s3/file"), "r+b") as file:
        file.seek(5 << 20)
        file.write(b"edited")
    edited = body[: 5 << 20] + b"edited" + body[(5 << 20) + 6 :]
    assert content.sha256(read(first.at("s3/file"))) == content.sha256(edited)
    os.rename(first.at("s3/file"), first.at("s3/moved"))
    os.chmod(first.at("s3/moved"), 0o600)
    descriptor = os.open(first.at("s3"), os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    assert content.sha256(read(second.at("s3/moved"))) == content.sha256(edited)
    processes.wait_until(lambda: os.listdir(second.at("s3")) == ["moved"], 5, "no attribute object shows")
