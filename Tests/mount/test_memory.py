"""Memory has bounds. The bars are for a release build; a debug build gets the same with some room."""

import os
import random
import threading
import time

import pytest

MIB = 1 << 20

pytestmark = pytest.mark.ours


def room(binary):
    """How much more a debug build may use."""
    return 1.0 if "release" in os.path.realpath(binary) else 1.6


def test_an_idle_mount_is_small(bucket, mount, binary):
    bucket.put("file", b"x")
    mounted = mount(bucket.uri)
    os.listdir(mounted.path)
    time.sleep(0.5)
    assert mounted.rss() <= 25 * MIB * room(binary)


@pytest.mark.seconds(180)
def test_many_readers_stay_within_the_bar(bucket, mount, binary):
    size = 96 * MIB
    for index in range(4):
        bucket.put_made(f"large{index}", size)
    mounted = mount(bucket.uri, sync="60s")
    ends = threading.Event()
    wrong = []

    def stream(index):
        with open(mounted.at(f"large{index}"), "rb", buffering=0) as file:
            if sum(len(part) for part in iter(lambda: file.read(MIB), b"")) != size:
                wrong.append(index)

    def scatter(number):
        chance = random.Random(number)
        fd = os.open(mounted.at(f"large{number % 4}"), os.O_RDONLY)
        while not ends.is_set():
            if len(os.pread(fd, 4096, chance.randrange(size // 4096) * 4096)) != 4096:
                wrong.append(number)
        os.close(fd)

    scatterers = [threading.Thread(target=scatter, args=(number,)) for number in range(64)]
    streams = [threading.Thread(target=stream, args=(index,)) for index in range(4)]
    for thread in scatterers + streams:
        thread.start()
    for thread in streams:
        thread.join()
    ends.set()
    for thread in scatterers:
        thread.join()
    assert not wrong
    assert mounted.peak() <= 256 * MIB * room(binary)


@pytest.mark.seconds(180)
def test_a_listing_gives_its_memory_back(bucket, mount, binary):
    count = 8000
    bucket.put_many(((f"big/entry-with-a-usual-name-{index:06}", b"") for index in range(count)))
    mounted = mount(bucket.uri, sync="1s")
    os.listdir(mounted.path)
    before = mounted.rss()
    assert len(os.listdir(mounted.at("big"))) == count
    grown = mounted.rss() - before
    print("bytes per entry", grown / count)
    assert grown <= (300 * count + 4 * MIB) * room(binary)


def test_descriptors_are_given_back(bucket, mount):
    bucket.put_many((f"f{index}", b"x" * 5000) for index in range(100))
    mounted = mount(bucket.uri, sync="60s")

    def descriptors():
        return len(os.listdir(f"/proc/{mounted.pid}/fd"))

    for key in os.listdir(mounted.path)[:5]:
        open(mounted.at(key), "rb").close()
    before = descriptors()
    for key in os.listdir(mounted.path):
        with open(mounted.at(key), "rb") as file:
            file.read()
    time.sleep(0.3)
    assert descriptors() <= before + 24
