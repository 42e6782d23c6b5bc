"""An object that is replaced: bytes of two versions never meet."""

import contextlib
import errno
import mmap
import os
import time

import pytest

from rig import content, processes

BLOCK = 4096
SIZE = 48 * BLOCK
ROUNDS = 12


def version(number):
    """A file whose every block says which version it is of."""
    return b"".join(
        f"version {number:06} block {index:06} ".encode().ljust(BLOCK, b".") for index in range(SIZE // BLOCK)
    )


def versions_in(data):
    """The version numbers that occur in some whole blocks."""
    return {int(data[start + 8 : start + 14]) for start in range(0, len(data), BLOCK)}


def pread_all(fd):
    """Everything an open file still gives, or None if its version is gone."""
    try:
        return os.pread(fd, SIZE * 2, 0)
    except OSError as problem:
        assert problem.errno in (errno.ESTALE, errno.EIO), problem
        return None


def open_retrying(path):
    """open(2); one ESTALE is the kernel's own business and may not show."""
    return os.open(path, os.O_RDONLY)


@pytest.mark.ours
@pytest.mark.parametrize("sync", ["0s", "1s", "-1"])
def test_replacing_an_object_never_mixes_versions(bucket, mount, sync):
    bucket.put("file", version(0))
    mounted = mount(bucket.uri, sync=sync)
    held, views, seen = [], [], []
    try:
        for number in range(ROUNDS):
            fd = open_retrying(mounted.at("file"))
            partly = os.pread(fd, BLOCK * 4, 0)
            held.append((fd, versions_in(partly)))
            view = mmap.mmap(fd, SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
            views.append((view, {int(view[8:14])}))
            assert len(versions_in(partly)) == 1
            assert versions_in(partly) == views[-1][1]
            bucket.put("file", version(number + 1))
            with open(mounted.at("file"), "rb", buffering=0) as file:
                fresh = file.read(SIZE * 2)
                seen.append(versions_in(fresh))
                assert len(seen[-1]) == 1, seen[-1]
            for old, first in held:
                data = pread_all(old)
                assert data is None or versions_in(data) == first
            for view, first in views:
                assert versions_in(view[: BLOCK * 4]) == first
            if sync == "0s":
                assert seen[-1] == {number + 1}, "mode 0: an open after the change must see it"
            if sync == "-1":
                assert seen[-1] == {0} or seen[-1] >= {0}, "mode -1: what was cached stays"
    finally:
        for view, _ in views:
            view.close()
        for fd, _ in held:
            os.close(fd)


@pytest.mark.ours
def test_the_new_version_shows_after_the_interval(bucket, mount):
    bucket.put("file", b"old contents")
    mounted = mount(bucket.uri, sync="1s")
    assert open(mounted.at("file"), "rb").read() == b"old contents"
    bucket.put("file", b"new and longer contents")

    def renewed():
        with open(mounted.at("file"), "rb") as file:
            data = file.read()
        assert data in (b"old contents", b"new and longer contents")
        return data == b"new and longer contents"

    processes.wait_until(renewed, 5, "the new version shows")
    assert os.stat(mounted.at("file")).st_size == 23


@pytest.mark.ours
def test_a_shorter_version_never_shows_zeros_at_the_end(bucket, mount):
    body = bucket.put_made("file", 300_000)
    mounted = mount(bucket.uri, sync="0s")
    with open(mounted.at("file"), "rb", buffering=0) as old:
        assert old.read(4096) == body[:4096]
        short = bucket.put("file", content.made("short", 70_000))
        with open(mounted.at("file"), "rb") as new:
            assert new.read() == short
        try:
            rest = old.read()
        except OSError as problem:
            assert problem.errno in (errno.ESTALE, errno.EIO)
        else:
            assert body[4096:].startswith(rest)


@pytest.mark.ours
def test_the_inode_number_stays_when_the_version_changes(bucket, mount):
    bucket.put("file", b"old")
    mounted = mount(bucket.uri, sync="0s")
    before = os.stat(mounted.at("file")).st_ino
    bucket.put("file", b"newer")
    with open(mounted.at("file"), "rb") as file:
        assert file.read() == b"newer"
        assert os.fstat(file.fileno()).st_ino == before


@pytest.mark.ours
def test_a_deleted_object_stays_readable_or_fails_clearly(bucket, mount):
    body = bucket.put_made("file", 2 << 20)
    mounted = mount(bucket.uri, sync="0s")
    with open(mounted.at("file"), "rb", buffering=0) as file:
        assert file.read(8192) == body[:8192]
        bucket.delete("file")
        try:
            assert os.pread(file.fileno(), 8192, 1 << 20) == body[1 << 20 : (1 << 20) + 8192]
        except OSError as problem:
            assert problem.errno in (errno.ESTALE, errno.EIO)
    with pytest.raises(FileNotFoundError):
        open(mounted.at("file"), "rb")


def forget(mounted):
    """Asks the mount to forget everything below its root."""
    with contextlib.suppress(OSError):
        os.stat(mounted.at(".alluxiocli.metadatacache.drop"))


@pytest.mark.ours
def test_a_path_is_forgotten_on_request(bucket, mount):
    bucket.put("file", b"old")
    mounted = mount(bucket.uri, sync="-1", **{"alluxio.fuse.special.command.enabled": "true"})
    assert open(mounted.at("file"), "rb").read() == b"old"
    bucket.put("file", b"newer")
    time.sleep(0.2)
    assert open(mounted.at("file"), "rb").read() == b"old"
    forget(mounted)
    processes.wait_until(
        lambda: open(mounted.at("file"), "rb").read() == b"newer", 5, "the forgotten path is asked for again"
    )


@pytest.mark.ours
@pytest.mark.parametrize("where", ["file", "."])
def test_setting_an_attribute_forgets_a_path(bucket, mount, where):
    bucket.put("file", b"old")
    mounted = mount(bucket.uri, sync="-1")
    assert open(mounted.at("file"), "rb").read() == b"old"
    bucket.put("file", b"newer")
    time.sleep(0.2)
    assert open(mounted.at("file"), "rb").read() == b"old"
    os.setxattr(mounted.at(where), "user.alluxio.invalidate", b"1")
    processes.wait_until(
        lambda: open(mounted.at("file"), "rb").read() == b"newer", 5, "the forgotten path is asked for again"
    )
