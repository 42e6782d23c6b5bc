"""How much is fetched for what is read."""

import mmap
import os
import random

import pytest

MIB = 1 << 20

pytestmark = pytest.mark.ours


def offsets(count, size, block):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return [random.Random(seed + index).randrange(size // block) * block for index in range(count)]


@pytest.mark.parametrize("advised", [True, False])
def test_random_reads_fetch_little_more_than_they_read(bucket, mount, proxy, advised):
    body = bucket.put_made("large", 64 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    with proxy.counting() as counted:
        fd = os.open(mounted.at("large"), os.O_RDONLY)
        if advised:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        for offset in offsets(100, len(body), 4096):
            assert os.pread(fd, 4096, offset) == body[offset : offset + 4096]
        os.close(fd)
    print(counted["down"], counted["kinds"])
    assert counted["down"] <= 3_500_000
    assert counted["requests"] <= 105


def test_random_touches_of_a_mapping_fetch_at_most_the_kernels_read_around(bucket, mount, proxy):
    body = bucket.put_made("large", 64 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    with open(mounted.at("large"), "rb") as file, proxy.counting() as counted:
        with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as view:
            for offset in offsets(100, len(body), 4096):
                assert view[offset : offset + 4096] == body[offset : offset + 4096]
    print(counted["down"], counted["kinds"])
    assert counted["down"] <= 34 * 100 * 4096


def test_a_sequential_read_fetches_each_byte_once(bucket, mount, proxy):
    body = bucket.put_made("large", 64 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    with proxy.counting() as counted, open(mounted.at("large"), "rb", buffering=0) as file:
        got = 0
        while part := file.read(MIB):
            got += len(part)
    assert got == len(body)
    assert len(body) <= counted["bodies"]["GET"] <= 1.05 * len(body)
    assert counted["kinds"]["GET"] <= 100


def test_reading_the_head_of_a_large_file_does_not_fetch_it(bucket, mount, proxy):
    body = bucket.put_made("large", 64 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    with proxy.counting() as counted, open(mounted.at("large"), "rb", buffering=0) as file:
        assert file.read(4096) == body[:4096]
    assert counted["down"] <= 300_000


def test_a_small_file_is_one_get(bucket, mount, proxy):
    bucket.put_many((f"small{index}", bytes([index]) * 100 * 1024) for index in range(50))
    mounted = mount(bucket.uri, sync="60s")
    os.listdir(mounted.path)
    with proxy.counting() as counted:
        for index in range(50):
            with open(mounted.at(f"small{index}"), "rb", buffering=0) as file:
                assert file.read(200 * 1024) == bytes([index]) * 100 * 1024
    assert counted["kinds"] == {"GET": 50}


def test_readers_of_one_span_share_one_flight(bucket, mount, proxy):
    from concurrent.futures import ThreadPoolExecutor

    body = bucket.put_made("shared", 2 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    proxy.latency(0.1)
    with proxy.counting() as counted, ThreadPoolExecutor(16) as pool:
        parts = list(pool.map(lambda _: open(mounted.at("shared"), "rb", buffering=0).read(4096), range(16)))
    assert parts == [body[:4096]] * 16
    assert counted["kinds"].get("GET", 0) <= 2
