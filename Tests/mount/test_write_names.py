"""Names: what is made, moved, linked and removed through a mount, in the mount and in the store."""

import ctypes
import errno
import os
import socket
import stat

import pytest

from rig import content
from rig.writable import read, write

pytestmark = pytest.mark.ours

MIB = 1 << 20
NOREPLACE, EXCHANGE = 1, 2
AT_FDCWD = -100
libc = ctypes.CDLL(None, use_errno=True)


def renameat2(source, target, flags):
    """renameat2(2)."""
    names = (AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target))
    if libc.renameat2(*names, ctypes.c_uint(flags)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source)


def refused(call, *arguments):
    """The name of the error that a call fails with."""
    with pytest.raises(OSError) as problem:
        call(*arguments)
    return errno.errorcode[problem.value.errno]


def test_a_file_gets_another_name(written):
    body = written.put("dir/old", content.made("old", MIB))
    os.rename(written.at("dir/old"), written.at("dir/new"))
    assert os.listdir(written.at("dir")) == ["new"]
    assert read(written.at("dir/new")) == body
    assert refused(os.stat, written.at("dir/old")) == "ENOENT"
    written.settle(["dir/new"])
    assert written.stored("dir/new") == body


def test_a_rename_replaces_a_file_and_its_readers_read_on(written):
    new, old = written.put("new", content.made("new", 300_000)), written.put("file", content.made("old", MIB))
    with open(written.at("file"), "rb", buffering=0) as reader:
        assert reader.read(10) == old[:10]
        os.rename(written.at("new"), written.at("file"))
        reader.seek(0)
        assert reader.read() == old
        assert os.fstat(reader.fileno()).st_nlink == 0
    assert read(written.at("file")) == new
    written.settle(["file"])
    assert written.stored("file") == new


def test_a_file_that_is_open_keeps_its_handles_when_it_is_renamed(written):
    written.put("old", b"before")
    with open(written.at("old"), "r+b", buffering=0) as file:
        file.write(b"BEF")
        os.rename(written.at("old"), written.at("new"))
        file.seek(0)
        assert file.read() == b"BEFore"
        file.write(b" and after")
    assert read(written.at("new")) == b"BEFore and after"
    written.settle(["new"])
    assert written.stored("new") == b"BEFore and after"


def test_a_new_file_may_be_renamed_before_it_is_closed(written):
    written.put("target", b"old")
    with open(written.at("temporary"), "wb", buffering=0) as file:
        file.write(b"one ")
        os.rename(written.at("temporary"), written.at("target"))
        file.write(b"two")
    assert read(written.at("target")) == b"one two"
    written.settle(["target"])
    assert written.stored("target") == b"one two"


def test_rename_without_replacing(written):
    written.put("a", b"a")
    written.put("b", b"b")
    assert refused(renameat2, written.at("a"), written.at("b"), NOREPLACE) == "EEXIST"
    assert (read(written.at("a")), read(written.at("b"))) == (b"a", b"b")
    renameat2(written.at("a"), written.at("c"), NOREPLACE)
    assert read(written.at("c")) == b"a"
    written.settle(["b", "c"])


def test_two_names_change_places(written):
    a, b = written.put("a", content.made("a", 100_000)), written.put("dir/b", content.made("b", 5000))
    renameat2(written.at("a"), written.at("dir/b"), EXCHANGE)
    assert (read(written.at("a")), read(written.at("dir/b"))) == (b, a)
    assert (os.stat(written.at("a")).st_size, os.stat(written.at("dir/b")).st_size) == (5000, 100_000)
    written.settle(["a", "dir/b"])
    assert (written.stored("a"), written.stored("dir/b")) == (b, a)
    assert refused(renameat2, written.at("a"), written.at("nothing"), EXCHANGE) == "ENOENT"


def test_a_directory_and_a_file_change_places(written):
    written.put("dir/deep/leaf", b"leaf")
    written.put("file", b"file")
    renameat2(written.at("dir"), written.at("file"), EXCHANGE)
    assert read(written.at("dir")) == b"file"
    assert read(written.at("file/deep/leaf")) == b"leaf"
    written.settle(["dir", "file/deep/leaf"], folders=False)


def test_a_directory_gets_another_name_with_all_that_is_in_it(written):
    bodies = {f"deep/f{index}": content.made(index, 1000 + index) for index in range(30)}
    for name, body in bodies.items():
        written.put("dir/" + name, body)
    os.makedirs(written.at("other/empty"))
    with open(written.at("dir/deep/f0"), "r+b", buffering=0) as file:
        os.rename(written.at("dir"), written.at("other/moved"))
        file.write(b"XY")
    bodies["deep/f0"] = b"XY" + bodies["deep/f0"][2:]
    assert os.listdir(written.mounted.path) == ["other"]
    for name, body in bodies.items():
        assert read(written.at("other/moved", name)) == body
    written.settle(["other/moved/" + name for name in bodies], folders=False)
    assert {name: written.stored("other/moved/" + name) for name in bodies} == bodies


def test_rename_over_directories_follows_posix(written):
    for name in ("full/file", "file"):
        written.put(name, b"x")
    for name in ("empty", "source"):
        os.mkdir(written.at(name))
    write(written.at("source/leaf"), b"leaf")
    assert refused(os.rename, written.at("source"), written.at("full")) == "ENOTEMPTY"
    assert refused(os.rename, written.at("source"), written.at("file")) == "ENOTDIR"
    assert refused(os.rename, written.at("file"), written.at("empty")) == "EISDIR"
    assert refused(os.rename, written.at("source"), written.at("source/below")) == "EINVAL"
    os.rename(written.at("source"), written.at("empty"))
    assert read(written.at("empty/leaf")) == b"leaf"
    assert sorted(os.listdir(written.mounted.path)) == ["empty", "file", "full"]
    os.rename(written.at("file"), written.at("file"))
    assert read(written.at("file")) == b"x"


def test_directories_are_made_and_removed(written):
    os.mkdir(written.at("dir"), 0o750)
    assert stat.S_IMODE(os.stat(written.at("dir")).st_mode) == 0o750
    assert refused(os.mkdir, written.at("dir")) == "EEXIST"
    os.makedirs(written.at("dir/deep/er"))
    assert refused(os.rmdir, written.at("dir")) == "ENOTEMPTY"
    write(written.at("dir/deep/er/file"), b"x")
    assert refused(os.rmdir, written.at("dir/deep/er")) == "ENOTEMPTY"
    os.unlink(written.at("dir/deep/er/file"))
    assert os.listdir(written.at("dir/deep/er")) == []
    os.removedirs(written.at("dir/deep/er"))
    assert os.listdir(written.mounted.path) == []
    written.settle([])
    assert refused(os.rmdir, written.at("dir")) == "ENOENT"


def test_a_directory_counts_its_directories_where_it_knows_them(written):
    for name in ("one", "two", "one/moved"):
        os.mkdir(written.at(name))
    assert [os.stat(written.at(name)).st_nlink for name in ("one", "two")] == [3, 2]
    os.rename(written.at("one/moved"), written.at("two/moved"))
    assert [os.stat(written.at(name)).st_nlink for name in ("one", "two")] == [2, 3]
    os.rmdir(written.at("two/moved"))
    assert os.stat(written.at("two")).st_nlink == 2


def test_an_emptied_directory_stays(written):
    written.put("dir/file", b"x")
    os.unlink(written.at("dir/file"))
    assert os.listdir(written.at("dir")) == []
    written.settle(["dir/"])
    written.remount()
    assert os.listdir(written.mounted.path) == ["dir"]
    assert os.listdir(written.at("dir")) == []


def test_an_open_directory_lists_what_was_made_and_removed_before_it_was_read(written):
    for index in range(10):
        written.put(f"f{index}", b"x")
    write(written.at("new"), b"x")
    os.unlink(written.at("f3"))
    wanted = sorted({f"f{index}" for index in range(10)} - {"f3"} | {"new"})
    assert sorted(os.listdir(written.mounted.path)) == wanted
    descriptor = os.open(written.mounted.path, os.O_RDONLY | os.O_DIRECTORY)
    os.unlink(written.at("f4"))
    os.fsync(descriptor)
    assert sorted(os.listdir(descriptor)) == sorted(set(wanted) - {"f4"})
    os.close(descriptor)


def test_symbolic_links_lead_on_and_stay(written):
    written.put("dir/file", b"contents")
    os.symlink("dir/file", written.at("link"))
    os.symlink("x" * 300, written.at("dangling"))
    assert refused(os.symlink, "y", written.at("link")) == "EEXIST"
    for _ in range(2):
        assert os.readlink(written.at("link")) == "dir/file"
        assert read(written.at("link")) == b"contents"
        assert os.readlink(written.at("dangling")) == "x" * 300
        assert os.lstat(written.at("dangling")).st_size == 300
        assert not os.path.exists(written.at("dangling"))
        kinds = {entry.name: entry.is_symlink() for entry in os.scandir(written.mounted.path)}
        assert kinds == {"dir": False, "link": True, "dangling": True}
        written.remount()


def test_hard_links_are_one_file(written):
    write(written.at("a"), b"first")
    os.link(written.at("a"), written.at("b"))
    assert refused(os.link, written.at("a"), written.at("b")) == "EEXIST"
    write(written.at("b"), b" second", "ab")
    for _ in range(2):
        assert read(written.at("a")) == read(written.at("b")) == b"first second"
        assert os.stat(written.at("a")).st_nlink == os.stat(written.at("b")).st_nlink == 2
        assert os.path.samefile(written.at("a"), written.at("b"))
        written.remount()
    os.unlink(written.at("a"))
    assert read(written.at("b")) == b"first second"
    assert os.stat(written.at("b")).st_nlink == 1
    written.remount()
    assert os.listdir(written.mounted.path) == ["b"]
    assert read(written.at("b")) == b"first second"


def test_special_files_stay_what_they_are(written):
    os.mkfifo(written.at("fifo"), 0o640)
    os.mknod(written.at("device"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(written.at("plain"), 0o604)
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(written.mounted.path, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    for _ in range(2):
        modes = {name: os.stat(written.at(name)).st_mode for name in ("fifo", "device", "plain")}
        assert modes == {
            "fifo": stat.S_IFIFO | 0o640,
            "device": stat.S_IFCHR | 0o600,
            "plain": stat.S_IFREG | 0o604,
        }
        assert stat.S_ISSOCK(os.stat(written.at("socket")).st_mode)
        assert os.stat(written.at("device")).st_rdev == os.makedev(1, 3)
        written.remount()
    assert sorted(os.listdir(written.mounted.path)) == ["device", "fifo", "plain", "socket"]


def test_a_fifo_passes_bytes_between_processes(written):
    os.mkfifo(written.at("fifo"))
    child = os.fork()
    if child == 0:
        with open(written.at("fifo"), "wb") as file:
            file.write(b"through")
        os._exit(0)
    with open(written.at("fifo"), "rb") as file:
        assert file.read() == b"through"
    os.waitpid(child, 0)


def test_awkward_and_long_names_are_refused_or_kept(written):
    for name in ("ü name with spaces+and%signs&?#", "n" * 250, "a\nb"):
        body = write(written.at(name), name.encode())
        assert written.stored(name) == body
    assert refused(os.mkdir, written.at("n" * 256)) == "ENAMETOOLONG"
    assert len(os.listdir(written.mounted.path)) == 3


def test_reserved_names_cannot_be_made_on_s3(on_s3):
    for name in (".alluxio.attributes", ".alluxio.attributes.x"):
        with pytest.raises(OSError):
            write(on_s3.at(name), b"x")
        with pytest.raises(OSError):
            os.mkdir(on_s3.at(name))
        assert refused(os.stat, on_s3.at(name)) == "ENOENT"
    on_s3.settle([])
