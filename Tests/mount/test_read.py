"""Reading gives the object's bytes, however it is done."""

import ctypes
import hashlib
import mmap
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import content

SEEK_DATA, SEEK_HOLE = 3, 4
MIB = 1 << 20


def read_whole(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()


@pytest.mark.parametrize("readers", [1, 16])
def test_many_files_have_the_sums_of_their_objects(bucket, mount, readers):
    sizes = [0, 1, 4095, 4096, 4097, 32768, 100 * 1024, 128 * 1024 + 1, MIB, 3 * MIB + 17]
    objects = {
        f"d{index % 20}/f{index}": content.made(index, sizes[index % len(sizes)]) for index in range(200)
    }
    bucket.put_many(objects.items())
    mounted = mount(bucket.uri)
    with ThreadPoolExecutor(readers) as pool:
        sums = list(pool.map(lambda key: content.file_sha256(mounted.at(key)), objects))
    assert sums == [content.sha256(body) for body in objects.values()]


@pytest.mark.parametrize("readers", [1, 16])
def test_large_files_have_the_sums_of_their_objects(bucket, mount, readers):
    objects = {f"large{index}": content.made(index, 24 * MIB + index * 4097) for index in range(4)}
    bucket.put_many(objects.items())
    mounted = mount(bucket.uri)
    with ThreadPoolExecutor(readers) as pool:
        sums = list(pool.map(lambda key: content.file_sha256(mounted.at(key)), list(objects) * 4))
    assert sums == [content.sha256(body) for body in objects.values()] * 4


def test_direct_io_gives_the_same_bytes_and_leaves_no_page_in_the_kernel(bucket, mount):
    body = bucket.put_made("one", 20 * MIB + 17)
    mounted = mount(bucket.uri, direct_io=True)
    assert content.file_sha256(mounted.at("one")) == content.sha256(body)
    with open(mounted.at("one"), "rb", buffering=0) as file:
        assert os.pread(file.fileno(), 100, 12_345) == body[12_345:12_445]
        with mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ) as view:
            assert resident_pages(mounted.at("one")) == 0
            assert view[-17:] == body[-17:]


def resident_pages(path):
    """How many pages of a file the kernel holds."""
    counted = subprocess.run(
        ["fincore", "--bytes", "--noheadings", "--output", "PAGES", path],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(counted.stdout)


def test_sixteen_readers_of_one_file_at_different_places_agree_with_it(bucket, mount):
    body = bucket.put_made("one", 40 * MIB)
    mounted = mount(bucket.uri)

    def part(index):
        with open(mounted.at("one"), "rb", buffering=0) as file:
            start = index * len(body) // 16
            file.seek(start)
            wanted = (index + 1) * len(body) // 16 - start
            got = bytearray()
            while len(got) < wanted and (more := file.read(min(65536, wanted - len(got)))):
                got += more
            return got == body[start : start + wanted]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(part, range(16)))


def test_reads_at_odd_offsets_give_exactly_those_bytes(bucket, mount):
    body = bucket.put_made("odd", 9 * MIB + 123)
    mounted = mount(bucket.uri)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    fd = os.open(mounted.at("odd"), os.O_RDONLY)
    try:
        for _ in range(400):
            offset = chance.randrange(len(body) + 5000)
            count = chance.choice([1, 7, 511, 4096, 4097, 65535, 300_001])
            assert os.pread(fd, count, offset) == body[offset : offset + count], (offset, count)
    finally:
        os.close(fd)


def test_a_read_at_and_past_the_end_gives_nothing(bucket, mount):
    body = bucket.put_made("end", 10_000)
    mounted = mount(bucket.uri)
    fd = os.open(mounted.at("end"), os.O_RDONLY)
    try:
        assert os.pread(fd, 100, 9_990) == body[-10:]
        assert os.pread(fd, 100, 10_000) == b""
        assert os.pread(fd, 100, 1 << 40) == b""
    finally:
        os.close(fd)


def test_an_empty_object_is_an_empty_file(bucket, mount, proxy):
    bucket.put("empty", b"")
    mounted = mount(bucket.uri)
    assert read_whole(mounted.at("empty")) == b""
    assert os.stat(mounted.at("empty")).st_size == 0


def test_a_shared_mapping_shows_the_bytes(bucket, mount):
    body = bucket.put_made("mapped", 5 * MIB + 100)
    mounted = mount(bucket.uri)
    with open(mounted.at("mapped"), "rb") as file:
        with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as view:
            assert view[4_000_000:4_000_100] == body[4_000_000:4_000_100]
            assert hashlib.sha256(view).hexdigest() == content.sha256(body)


def test_a_private_mapping_may_be_written_without_a_trace(bucket, mount):
    body = bucket.put_made("private", MIB)
    mounted = mount(bucket.uri)
    with open(mounted.at("private"), "rb") as file:
        with mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as view:
            view[:4] = b"mine"
            assert view[4:] == body[4:]
    assert read_whole(mounted.at("private")) == body


def test_numpy_maps_an_array(bucket, mount):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(500_000, dtype="<i8")
    bucket.put("array.bin", array.tobytes())
    mounted = mount(bucket.uri)
    mapped = numpy.memmap(mounted.at("array.bin"), dtype="<i8", mode="r")
    assert (mapped[::997] == array[::997]).all()
    assert mapped.sum() == array.sum()


@pytest.mark.ours
def test_direct_reads_give_the_bytes(bucket, mount):
    body = bucket.put_made("direct", 3 * MIB + 512)
    mounted = mount(bucket.uri)
    fd = os.open(mounted.at("direct"), os.O_RDONLY | os.O_DIRECT)
    try:
        page = mmap.mmap(-1, 64 * 1024)
        for offset in (0, 4096, 3 * MIB - 4096, MIB + 8192):
            count = os.preadv(fd, [page], offset)
            assert page[:count] == body[offset : offset + len(page)]
    finally:
        os.close(fd)


@pytest.mark.ours
def test_data_is_everywhere_and_the_only_hole_is_at_the_end(bucket, mount):
    bucket.put("zeros", bytes(2 * MIB))
    mounted = mount(bucket.uri)
    fd = os.open(mounted.at("zeros"), os.O_RDONLY)
    try:
        for offset in (0, 1, 4096, 2 * MIB - 1):
            assert os.lseek(fd, offset, SEEK_DATA) == offset
            assert os.lseek(fd, offset, SEEK_HOLE) == 2 * MIB
        for whence in (SEEK_DATA, SEEK_HOLE):
            with pytest.raises(OSError, match="No such device or address"):
                os.lseek(fd, 2 * MIB, whence)
    finally:
        os.close(fd)


def test_a_sparse_copy_of_a_partly_read_file_is_equal(bucket, mount, place):
    body = bytearray(bucket.put_made("sparse", 8 * MIB))
    body[MIB : 3 * MIB] = bytes(2 * MIB)
    bucket.put("sparse", bytes(body))
    mounted = mount(bucket.uri, cache=os.path.join(place, "cache"), cache_size="64MB")
    with open(mounted.at("sparse"), "rb", buffering=0) as file:
        assert os.pread(file.fileno(), 4096, 5 * MIB) == body[5 * MIB : 5 * MIB + 4096]
    copy = os.path.join(place, "copy")
    subprocess.run(["cp", "--sparse=always", mounted.at("sparse"), copy], check=True)
    assert content.file_sha256(copy) == content.sha256(body)


def test_files_are_opened_for_a_long_time_and_many_at_once(bucket, mount):
    objects = {f"n{index}": content.made(index, 5000) for index in range(300)}
    bucket.put_many(objects.items())
    mounted = mount(bucket.uri)
    files = [os.open(mounted.at(key), os.O_RDONLY) for key in objects]
    try:
        for fd, body in zip(files, objects.values(), strict=True):
            assert os.pread(fd, 6000, 0) == body
    finally:
        for fd in files:
            os.close(fd)


def test_sendfile_and_copy_file_range_deliver_the_bytes(bucket, mount, place):
    body = bucket.put_made("sent", 2 * MIB + 5)
    mounted = mount(bucket.uri)
    for name, copy in (("sendfile", _sendfile), ("copy_file_range", _copy_file_range)):
        target = os.path.join(place, name)
        source_fd = os.open(mounted.at("sent"), os.O_RDONLY)
        target_fd = os.open(target, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            copy(source_fd, target_fd, len(body))
        finally:
            os.close(source_fd)
            os.close(target_fd)
        assert read_whole(target) == body, name


def _sendfile(source, target, length):
    offset = 0
    while offset < length:
        offset += os.sendfile(target, source, offset, length - offset)


def _copy_file_range(source, target, length):
    """As coreutils does it: falls back to read and write where the kernel says that it cannot."""
    offset = 0
    while offset < length:
        try:
            moved = os.copy_file_range(source, target, length - offset, offset, offset)
        except OSError as problem:
            assert problem.errno in (18, 22, 38, 95), problem
            moved = os.pwrite(target, os.pread(source, 1 << 16, offset), offset)
        offset += moved


def test_read_ahead_advice_is_accepted(bucket, mount):
    body = bucket.put_made("advised", 2 * MIB)
    mounted = mount(bucket.uri)
    fd = os.open(mounted.at("advised"), os.O_RDONLY)
    try:
        for advice in (os.POSIX_FADV_RANDOM, os.POSIX_FADV_WILLNEED, os.POSIX_FADV_DONTNEED):
            os.posix_fadvise(fd, 0, 0, advice)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.readahead(fd, ctypes.c_long(0), ctypes.c_size_t(MIB)) == 0
        assert os.pread(fd, 4096, 4096) == body[4096:8192]
    finally:
        os.close(fd)
