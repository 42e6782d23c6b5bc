"""Several mounts of one store, and others who change it: nothing is stale, nothing is lost silently."""

import errno
import os
import threading

import pytest

from rig import content, processes
from rig.writable import read, write

pytestmark = pytest.mark.ours

ROUNDS = 60


def test_what_one_mount_closed_the_other_opens(written):
    mounts = [written.mount(sync="0s"), written.mount(sync="0s")]
    stale = 0
    for index in range(ROUNDS):
        writer, reader = mounts[index % 2], mounts[(index + 1) % 2]
        body = content.made(index, 100 + index * 700)
        write(writer.at("file"), body)
        stale += read(reader.at("file")) != body
        stale += os.stat(reader.at("file")).st_size != len(body)
    assert stale == 0


def test_appends_by_turns_from_two_mounts_are_all_there(written):
    mounts = [written.mount(sync="0s"), written.mount(sync="0s")]
    for index in range(20):
        write(mounts[index % 2].at("log"), f"{index:04}\n".encode(), "ab")
    assert read(mounts[0].at("log")).decode().split() == [f"{index:04}" for index in range(20)]


def test_names_that_one_mount_makes_moves_and_removes_show_in_the_other(written):
    first, second = written.mount(sync="0s"), written.mount(sync="0s")
    write(first.at("a"), b"a")
    assert read(second.at("a")) == b"a"
    os.rename(second.at("a"), second.at("b"))
    assert read(first.at("b")) == b"a"
    with pytest.raises(FileNotFoundError):
        read(first.at("a"))
    os.mkdir(first.at("dir"))
    processes.wait_until(lambda: "dir" in os.listdir(second.path), 5, "the directory shows")
    write(second.at("dir/file"), b"x")
    assert read(first.at("dir/file")) == b"x"
    os.unlink(first.at("dir/file"))
    processes.wait_until(lambda: not os.path.exists(second.at("dir/file")), 5, "the file is gone")


def test_of_two_mounts_that_replace_a_file_at_once_one_wins_and_the_other_is_told(written):
    mounts = [written.mount(sync="0s"), written.mount(sync="0s")]
    write(mounts[0].at("file"), b"the beginning")
    for index in range(15):
        bodies = [content.made(f"{index} {number}", 50_000 + number) for number in range(2)]
        handles = [os.open(mount.at("file"), os.O_WRONLY | os.O_TRUNC) for mount in mounts]
        outcomes = [None, None]
        start = threading.Barrier(2)

        def replace(number, bodies=bodies, handles=handles, outcomes=outcomes, start=start):
            os.write(handles[number], bodies[number])
            start.wait()
            try:
                os.close(handles[number])
                outcomes[number] = "won"
            except OSError as problem:
                outcomes[number] = errno.errorcode[problem.errno]

        threads = [threading.Thread(target=replace, args=(number,)) for number in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(outcomes) == ["ESTALE", "won"], index
        winner = bodies[outcomes.index("won")]
        assert written.stored("file") == winner
        assert [read(mount.at("file")) for mount in mounts] == [winner, winner]


def test_of_two_mounts_that_make_a_file_at_once_the_loser_is_told(on_s3):
    first, second = on_s3.mount(sync="0s"), on_s3.mount(sync="0s")
    handles = [os.open(mount.at("file"), os.O_WRONLY | os.O_CREAT) for mount in (first, second)]
    os.write(handles[0], b"first")
    os.write(handles[1], b"second")
    os.close(handles[0])
    with pytest.raises(OSError) as problem:
        os.close(handles[1])
    assert problem.value.errno == errno.ESTALE
    assert read(first.at("file")) == read(second.at("file")) == b"first"


def test_a_file_that_somebody_else_replaced_is_not_overwritten(written):
    written.mount(sync="0s")
    written.put("file", b"before")
    handle = os.open(written.at("file"), os.O_RDWR)
    os.pwrite(handle, b"ours", 0)
    written.put("file", b"theirs and longer")
    for call in (os.fsync, os.fsync, os.close):
        with pytest.raises(OSError) as problem:
            call(handle)
        assert problem.value.errno == errno.ESTALE
    assert written.stored("file") == b"theirs and longer"
    processes.wait_until(lambda: read(written.at("file")) == b"theirs and longer", 5, "their version is read")
    write(written.at("file"), b"ours now")
    assert written.stored("file") == b"ours now"


def test_a_file_that_somebody_else_removed_is_reported(on_s3):
    on_s3.mount(sync="0s")
    on_s3.put("file", b"before")
    handle = os.open(on_s3.at("file"), os.O_RDWR)
    os.pwrite(handle, b"ours", 0)
    on_s3.bucket.delete("file")
    with pytest.raises(OSError) as problem:
        os.close(handle)
    assert problem.value.errno == errno.ESTALE


def test_attributes_that_two_mounts_set_at_once_are_all_kept(on_s3):
    mounts = [on_s3.mount(sync="0s"), on_s3.mount(sync="0s")]
    for index in range(40):
        on_s3.put(f"dir/f{index}", b"x")

    def change(number):
        for index in range(number, 40, 2):
            os.chmod(mounts[number].at(f"dir/f{index}"), 0o600 | index)
        descriptor = os.open(mounts[number].at("dir"), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    on_s3.remount(sync="0s")
    modes = [os.stat(on_s3.at(f"dir/f{index}")).st_mode & 0o777 for index in range(40)]
    assert modes == [0o600 | index for index in range(40)]


def test_what_waits_is_stored_when_the_mount_ends(on_s3, mount):
    """Another machine, which has nothing of this one's disk, sees everything after the unmount."""
    write(on_s3.at("file"), b"x")
    write(on_s3.at("gone"), b"x")
    os.chmod(on_s3.at("file"), 0o640)
    os.symlink("file", on_s3.at("link"))
    os.unlink(on_s3.at("gone"))
    on_s3.mounted.unmount()
    other = mount(on_s3.uri)
    assert sorted(os.listdir(other.path)) == ["file", "link"]
    assert os.stat(other.at("file")).st_mode & 0o777 == 0o640
    assert os.readlink(other.at("link")) == "file"
