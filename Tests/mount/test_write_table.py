"""Writing to a mount of the whole table: each store as if mounted alone, and what lies between them."""

import os
import shutil
import stat
import subprocess

import pytest

from rig import cluster, content
from rig.writable import ATTRIBUTES, read, write
from rig.written_table import failure

pytestmark = pytest.mark.ours

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
