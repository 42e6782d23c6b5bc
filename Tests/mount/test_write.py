"""Contents: what is written through a mount is read back through it, and lies in the store byte for byte."""

import ctypes
import errno
import fcntl
import mmap
import os
import subprocess
import sys

import pytest

from rig import content
from rig.writable import read, write

pytestmark = pytest.mark.ours

MIB = 1 << 20
PUNCH_HOLE, KEEP_SIZE, ZERO_RANGE = 2, 1, 16
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
libc = ctypes.CDLL(None, use_errno=True)


def fallocate(descriptor, mode, offset, count):
    """fallocate(2) with a mode."""
    if libc.fallocate(descriptor, mode, ctypes.c_int64(offset), ctypes.c_int64(count)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def test_a_new_file_is_in_the_store_when_it_is_closed(written):
    sizes = [0, 1, 4095, 4097, 300_000, 5 * MIB + 1, 20 * MIB + 3]
    for size in sizes:
        name = f"new{size}"
        body = write(written.at(name), content.made("new", size))
        assert written.stored(name) == body
        assert os.stat(written.at(name)).st_size == size
        assert read(written.at(name)) == body
    assert sorted(os.listdir(written.mounted.path)) == sorted(f"new{size}" for size in sizes)


def test_a_file_is_as_it_was_written_after_a_remount(written):
    body = write(written.at("new"), content.made("new", 3 * MIB))
    written.remount()
    assert read(written.at("new")) == body
    assert os.listdir(written.mounted.path) == ["new"]


def test_what_is_being_written_is_read_through_other_handles(written):
    with open(written.at("new"), "wb", buffering=0) as file:
        file.write(b"one ")
        assert read(written.at("new")) == b"one "
        file.write(b"two")
        assert read(written.at("new")) == b"one two"
        assert os.stat(written.at("new")).st_size == 7
    assert written.stored("new") == b"one two"


def test_appending_keeps_what_is_there(written):
    body = written.put("dir/file", content.made("file", 3 * MIB))
    write(written.at("dir/file"), b"the end", "ab")
    assert written.stored("dir/file") == body + b"the end"
    assert read(written.at("dir/file")) == body + b"the end"


def test_an_edit_changes_what_it_should_and_nothing_else(written):
    wanted = written.put("file", content.made("file", 3 * MIB))
    for offset in (0, 1, 4096, 1_500_000, 3 * MIB - 3, 3 * MIB + 5000):
        with open(written.at("file"), "r+b", buffering=0) as file:
            file.seek(offset)
            file.write(b"changed")
        wanted = wanted[:offset].ljust(offset, b"\0") + b"changed" + wanted[offset + 7 :]
        assert written.stored("file") == wanted
        assert read(written.at("file")) == wanted


def test_many_edits_in_any_order_are_all_there(written):
    import random

    wanted = bytearray(written.put("file", content.made("file", 12 * MIB)))
    random_numbers = random.Random(7)
    with open(written.at("file"), "r+b", buffering=0) as file:
        for index in range(200):
            offset = random_numbers.randrange(len(wanted) - 70_000)
            piece = content.made(index, random_numbers.choice([1, 100, 4096, 70_000]))
            file.seek(offset)
            file.write(piece)
            wanted[offset : offset + len(piece)] = piece
            if index % 20 == 0:
                file.seek(offset - 5 if offset > 5 else 0)
                here = file.tell()
                assert file.read(5000) == wanted[here : here + 5000]
    assert written.stored("file") == wanted
    assert read(written.at("file")) == wanted


@pytest.mark.parametrize("how", ["truncate", "ftruncate"])
def test_truncating_cuts_or_appends_zeros(written, how):
    for size in (0, 1, 5000, 2 * MIB, 2 * MIB + 1, 5 * MIB):
        before = written.put(f"file{size}", content.made("file", 2 * MIB))
        path = written.at(f"file{size}")
        if how == "truncate":
            os.truncate(path, size)
        else:
            with open(path, "r+b") as file:
                file.truncate(size)
        wanted = before[:size].ljust(size, b"\0")
        assert os.stat(path).st_size == size
        assert read(path) == wanted
        assert written.stored(f"file{size}") == wanted


def test_what_was_cut_off_does_not_come_back(written):
    written.put("file", b"x" * 100_000)
    with open(written.at("file"), "r+b", buffering=0) as file:
        file.truncate(10)
        file.truncate(100_000)
        file.seek(0)
        assert file.read() == b"x" * 10 + bytes(99_990)
    assert written.stored("file") == b"x" * 10 + bytes(99_990)


def test_fallocate_makes_room_and_holes(written):
    before = bytearray(written.put("file", content.made("file", 100_000)))
    with open(written.at("file"), "r+b", buffering=0) as file:
        fallocate(file.fileno(), PUNCH_HOLE | KEEP_SIZE, 10_000, 20_000)
        before[10_000:30_000] = bytes(20_000)
        fallocate(file.fileno(), ZERO_RANGE | KEEP_SIZE, 50_000, 100)
        before[50_000:50_100] = bytes(100)
        fallocate(file.fileno(), KEEP_SIZE, 0, 1_000_000)
        assert os.fstat(file.fileno()).st_size == 100_000
        fallocate(file.fileno(), 0, 90_000, 20_000)
        assert os.fstat(file.fileno()).st_size == 110_000
        file.seek(0)
        assert file.read() == bytes(before) + bytes(10_000)
    assert written.stored("file") == bytes(before) + bytes(10_000)


def test_copy_file_range_copies_whole_files_and_parts(written):
    body = written.put("source", content.made("source", 9 * MIB))
    with open(written.at("source"), "rb") as source, open(written.at("whole"), "wb") as target:
        left = len(body)
        while left:
            left -= os.copy_file_range(source.fileno(), target.fileno(), left)
    assert written.stored("whole") == body
    with open(written.at("source"), "rb") as source, open(written.at("whole"), "r+b") as target:
        done = 0
        while done < 10_000:
            left = 10_000 - done
            done += os.copy_file_range(source.fileno(), target.fileno(), left, 5000 + done, 77 + done)
    wanted = body[:77] + body[5000:15_000] + body[10_077:]
    assert written.stored("whole") == wanted
    assert read(written.at("whole")) == wanted


def test_a_copy_is_whole_though_its_source_goes_before_it_is_stored(written):
    body = written.put("source", content.made("source", 9 * MIB))
    with open(written.at("source"), "rb") as source, open(written.at("copy"), "wb") as target:
        left = len(body)
        while left:
            left -= os.copy_file_range(source.fileno(), target.fileno(), left)
        write(written.at("other"), b"other")
        os.rename(written.at("other"), written.at("source"))
    assert written.stored("copy") == body
    assert written.stored("source") == b"other"


def test_a_file_without_a_name_may_get_one(written):
    descriptor = os.open(written.mounted.path, os.O_RDWR | os.O_TMPFILE, 0o640)
    os.write(descriptor, b"contents")
    try:
        assert os.listdir(written.mounted.path) == []
        # os.link does not follow the link, whatever it is told.
        name, target = f"/proc/self/fd/{descriptor}".encode(), os.fsencode(written.at("named"))
        assert libc.linkat(AT_FDCWD, name, AT_FDCWD, target, AT_SYMLINK_FOLLOW) == 0, ctypes.get_errno()
    finally:
        os.close(descriptor)
    assert written.stored("named") == read(written.at("named")) == b"contents"
    assert os.stat(written.at("named")).st_mode & 0o777 == 0o640
    os.close(os.open(written.mounted.path, os.O_RDWR | os.O_TMPFILE, 0o640))
    assert os.listdir(written.mounted.path) == ["named"]


def test_a_hole_is_zeros(written):
    with open(written.at("file"), "wb", buffering=0) as file:
        file.seek(1_000_000)
        file.write(b"end")
    assert written.stored("file") == bytes(1_000_000) + b"end"


def test_create_exclusively_fails_for_a_name_that_is_there(written):
    written.put("there", b"x")
    for name in ("there", "new"):
        if name == "new":
            os.close(os.open(written.at("new"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        with pytest.raises(FileExistsError):
            os.open(written.at(name), os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def test_of_many_processes_that_create_exclusively_one_wins(written):
    code = (
        "import os,sys\ntry: os.open(sys.argv[1], os.O_CREAT|os.O_EXCL|os.O_WRONLY)\n"
        "except FileExistsError: sys.exit(1)"
    )
    for index in range(5):
        words = [sys.executable, "-c", code, written.at(f"lock{index}")]
        runners = [subprocess.Popen(words) for _ in range(4)]
        assert sorted(runner.wait(60) for runner in runners) == [0, 1, 1, 1]


def test_appends_of_several_processes_are_all_there(written):
    code = (
        "import os,sys\nfd=os.open(sys.argv[1],os.O_WRONLY|os.O_APPEND|os.O_CREAT,0o644)\n"
        "for i in range(100): os.write(fd, f'{sys.argv[2]} {i:04}\\n'.encode())"
    )
    path = written.at("log")
    runners = [subprocess.Popen([sys.executable, "-c", code, path, f"p{n}"]) for n in range(4)]
    assert [runner.wait(60) for runner in runners] == [0] * 4
    lines = read(path).decode().splitlines()
    assert sorted(lines) == sorted(f"p{n} {i:04}" for n in range(4) for i in range(100))
    assert written.stored("log") == read(path)


def test_two_programs_that_share_a_descriptor_write_one_after_the_other(written):
    subprocess.run(["sh", "-c", "(echo one; echo two; seq 1000) > $1", "sh", written.at("out")], check=True)
    wanted = "one\ntwo\n" + "".join(f"{number}\n" for number in range(1, 1001))
    assert written.stored("out") == wanted.encode()


@pytest.mark.parametrize("is_new", [False, True])
def test_an_unlinked_open_file_stays_readable_and_writable(written, is_new):
    body = content.made("file", 2 * MIB)
    if not is_new:
        written.put("file", body)
    descriptor = os.open(written.at("file"), os.O_RDWR | os.O_CREAT)
    if is_new:
        write(written.at("file"), body)
    os.unlink(written.at("file"))
    assert not os.path.exists(written.at("file"))
    assert os.fstat(descriptor).st_nlink == 0
    assert os.pread(descriptor, 4 * MIB, 0) == body
    os.pwrite(descriptor, b"changed", 1000)
    assert os.pread(descriptor, 10, 998) == body[998:1000] + b"changed" + body[1007:1008]
    os.fsync(descriptor)
    os.close(descriptor)
    assert os.listdir(written.mounted.path) == []
    written.settle([])


def test_a_new_file_may_take_the_name_of_an_unlinked_open_one(written):
    written.put("file", b"old")
    with open(written.at("file"), "rb", buffering=0) as old:
        os.unlink(written.at("file"))
        write(written.at("file"), b"new")
        assert old.read() == b"old"
        assert read(written.at("file")) == b"new"
    assert written.stored("file") == b"new"


def test_a_shared_mapping_stores_what_it_changed(written):
    before = bytearray(written.put("file", content.made("file", 64 * 4096)))
    with open(written.at("file"), "r+b") as file:
        view = mmap.mmap(file.fileno(), 0)
    # The descriptor is closed; the mapping alone keeps the file open.
    view[5000:5007] = before[5000:5007] = b"changed"
    view[200_000] = before[200_000] = 7
    view.flush()
    view.close()
    assert read(written.at("file")) == before
    written.remount()
    assert read(written.at("file")) == before


def test_a_mapping_that_is_changed_after_close_and_only_unmapped_is_stored(written):
    written.put("file", bytes(8192))
    with open(written.at("file"), "r+b") as file:
        view = mmap.mmap(file.fileno(), 0)
    view[100:104] = b"late"
    view.close()
    written.remount()
    assert read(written.at("file"))[98:106] == b"\0\0late\0\0"


def test_fsync_puts_the_file_into_the_store(written):
    descriptor = os.open(written.at("file"), os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"one")
    os.fsync(descriptor)
    assert written.stored("file") == b"one"
    os.write(descriptor, b" two")
    os.fdatasync(descriptor)
    assert written.stored("file") == b"one two"
    os.close(descriptor)


def test_o_direct_and_o_sync_write_the_same_bytes(written):
    block = mmap.mmap(-1, 1 << 16)
    block.write(content.made("direct", 1 << 16))
    descriptor = os.open(written.at("direct"), os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    os.pwrite(descriptor, block, 0)
    os.pwrite(descriptor, block, 1 << 16)
    os.close(descriptor)
    assert written.stored("direct") == block[:] * 2
    descriptor = os.open(written.at("sync"), os.O_WRONLY | os.O_CREAT | os.O_SYNC)
    os.write(descriptor, b"at once")
    assert written.stored("sync") == b"at once"
    os.close(descriptor)


def test_locks_hold_between_processes(written):
    written.put("file", b"x")
    code = (
        "import fcntl,sys\nf=open(sys.argv[1],'r+b')\n"
        "try: {call}(f, fcntl.LOCK_EX|fcntl.LOCK_NB)\nexcept OSError: sys.exit(1)"
    )
    with open(written.at("file"), "r+b") as file:
        for call in ("flock", "lockf"):
            words = [sys.executable, "-c", code.format(call=f"fcntl.{call}"), written.at("file")]
            assert subprocess.run(words).returncode == 0
            getattr(fcntl, call)(file, fcntl.LOCK_EX)
            assert subprocess.run(words).returncode == 1
            getattr(fcntl, call)(file, fcntl.LOCK_UN)
            assert subprocess.run(words).returncode == 0


def test_writing_through_a_handle_for_reading_is_refused(written):
    written.put("file", b"x")
    descriptor = os.open(written.at("file"), os.O_RDONLY)
    with pytest.raises(OSError) as problem:
        os.write(descriptor, b"y")
    assert problem.value.errno == errno.EBADF
    with pytest.raises(OSError) as problem:
        os.ftruncate(descriptor, 0)
    assert problem.value.errno in (errno.EBADF, errno.EINVAL)
    os.close(descriptor)
    with pytest.raises(IsADirectoryError):
        os.open(written.mounted.path, os.O_WRONLY)
    assert written.stored("file") == b"x"
