"""What is measured. Each measure mounts afresh, so that nothing is warm that is not meant to be."""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from contenders import Curl
from rig import processes

MIB = 1 << 20
RANDOM_READS_MAX = 400
RANDOM_SECONDS_MAX = 10.0
RESIDENT_SHARE_MIN = 0.98

READ_LIST = """
import os, sys
buffer = bytearray(1 << 20)
for line in sys.stdin:
    fd = os.open(line.rstrip("\\n"), os.O_RDONLY)
    while os.readv(fd, [buffer]):
        pass
    os.close(fd)
"""


class Run:
    """Wall time and CPU of the readers and of the daemon between `with` and its end."""

    def __init__(self, mounted=None):
        self.mounted = mounted

    def __enter__(self):
        self.daemon = self.mounted.cpu() if self.mounted else 0.0
        if self.mounted:
            self.mounted.reset_peak()
        self.readers = children_cpu()
        self.began = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.began
        self.cpu = children_cpu() - self.readers
        if self.mounted:
            self.cpu += self.mounted.cpu() - self.daemon
            self.peak = self.mounted.peak() / MIB


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_whole(*paths):
    """Reads files at the same time, one dd each, 1 MiB at a time."""
    readers = [
        subprocess.Popen(["dd", f"if={path}", "of=/dev/null", "bs=1M", "status=none"]) for path in paths
    ]
    if any(reader.wait(3600) for reader in readers):
        raise RuntimeError("a dd failed")


def read_lists(lists):
    """Reads lists of files, one process for each list, all at the same time."""
    readers = []
    for paths in lists:
        # A file, not a pipe: a pipe holds 64 KiB, and whoever fills it waits for that reader alone.
        with tempfile.TemporaryFile("w+") as listing:
            listing.write("\n".join(paths) + "\n")
            listing.seek(0)
            readers.append(subprocess.Popen([sys.executable, "-c", READ_LIST], stdin=listing, text=True))
    if any(reader.wait(3600) for reader in readers):
        raise RuntimeError("a reader failed")


def streams(stage, contender, endpoint, keys, size):
    """Cold sequential reading of some files at once."""
    if isinstance(contender, Curl):
        with Run() as run:
            if len(keys) == 1:
                contender.ranged(keys[0], size, endpoint)
            else:
                contender.many(keys, endpoint, len(keys))
        return {
            "MiB/s": size * len(keys) / MIB / run.seconds,
            "CPU s/GiB": run.cpu / (size * len(keys) / MIB / 1024),
        }
    mounted = contender.mount(endpoint)
    try:
        with Run(mounted) as run:
            read_whole(*(mounted.at(key) for key in keys))
        total = size * len(keys) / MIB
        return {"MiB/s": total / run.seconds, "CPU s/GiB": run.cpu / (total / 1024), "peak RSS MiB": run.peak}
    finally:
        mounted.stop()


def sequential_1(stage, contender, endpoint):
    return streams(stage, contender, endpoint, ["large/one"], stage.sizes.large)


def sequential_4(stage, contender, endpoint):
    keys = [f"large/quarter{index}" for index in range(4)]
    return streams(stage, contender, endpoint, keys, stage.sizes.quarter)


def small(stage, contender, endpoint, readers):
    """Cold reading of the small files, listed by nobody before."""
    keys = stage.sizes.small()
    if isinstance(contender, Curl):
        with Run() as run:
            contender.many(keys, endpoint, readers)
        return {"files/s": len(keys) / run.seconds, "CPU ms/file": run.cpu * 1000 / len(keys)}
    mounted = contender.mount(endpoint)
    try:
        paths = [mounted.at(key) for key in keys]
        with Run(mounted) as run:
            read_lists([paths[index::readers] for index in range(readers)])
        return {
            "files/s": len(keys) / run.seconds,
            "CPU ms/file": run.cpu * 1000 / len(keys),
            "peak RSS MiB": run.peak,
        }
    finally:
        mounted.stop()


def small_1(stage, contender, endpoint):
    return small(stage, contender, endpoint, 1)


def small_4(stage, contender, endpoint):
    return small(stage, contender, endpoint, 4)


def random_4k(stage, contender, endpoint):
    """Cold 4 KiB reads of a large file, one after the other, for a bounded time."""
    if isinstance(contender, Curl):
        return None
    mounted = contender.mount(endpoint)
    try:
        fd = os.open(mounted.at("large/one"), os.O_RDONLY)
        chance = random.Random(7)
        count, began = 0, time.perf_counter()
        while count < RANDOM_READS_MAX and time.perf_counter() - began < RANDOM_SECONDS_MAX:
            os.pread(fd, 4096, chance.randrange(stage.sizes.large // 4096) * 4096)
            count += 1
        seconds = time.perf_counter() - began
        os.close(fd)
        return {"IOPS": count / seconds}
    finally:
        mounted.stop()


def amplification(stage, contender, endpoint):
    """Bytes and requests on the wire for 100 random 4 KiB reads of 64 MiB; through the proxy."""
    if isinstance(contender, Curl):
        return None
    mounted = contender.mount(stage.proxy.endpoint)
    try:
        os.stat(mounted.at("large/random"))
        with stage.proxy.counting() as counted:
            fd = os.open(mounted.at("large/random"), os.O_RDONLY)
            chance = random.Random(11)
            for _ in range(100):
                os.pread(fd, 4096, chance.randrange(stage.sizes.random // 4096) * 4096)
            os.close(fd)
        return {"MB on the wire": counted["down"] / 1e6, "requests": counted["requests"]}
    finally:
        mounted.stop()


def listing(stage, contender, endpoint):
    """Cold `ls -lR` of the small files; requests are counted through the proxy."""
    if isinstance(contender, Curl):
        return None
    mounted = contender.mount(stage.proxy.endpoint)
    try:
        with stage.proxy.counting() as counted, Run(mounted) as run:
            subprocess.run(
                ["ls", "-lR", mounted.at("small")], check=True, stdout=subprocess.DEVNULL, timeout=1800
            )
        return {"seconds": run.seconds, "requests": counted["requests"], "peak RSS MiB": run.peak}
    finally:
        mounted.stop()


def warm(stage, contender, endpoint):
    """The second read after a remount with the same cache directory, whose files are in the page cache."""
    if isinstance(contender, Curl):
        return None
    cache = contender.__class__.cache(contender, None)
    try:
        first = contender.mount(endpoint, cache)
        try:
            read_whole(first.at("large/one"))
        finally:
            first.unmount()
            first.stop()
        share = make_resident(cache)
        second = contender.mount(stage.proxy.endpoint, cache)
        try:
            with stage.proxy.counting() as counted, Run(second) as run:
                read_whole(second.at("large/one"))
        finally:
            second.stop()
        gib = stage.sizes.large / MIB / 1024
        return {
            "MiB/s": gib * 1024 / run.seconds,
            "CPU s/GiB": run.cpu / gib,
            "GETs": counted["kinds"].get("GET", 0),
            "resident share": share,
        }
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def make_resident(folder):
    """Reads a cache directory's files into the page cache; returns the share that is there, or fails."""
    paths = [os.path.join(base, name) for base, _, names in os.walk(folder) for name in names]
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.read(4 * MIB):
                pass
    done = subprocess.run(
        ["fincore", "-b", "-n", "-r", "-o", "RES,FILE", *paths], check=True, capture_output=True, text=True
    )
    resident = sum(int(line.split()[0]) for line in done.stdout.splitlines())
    stored = sum(os.stat(path).st_blocks * 512 for path in paths)
    share = resident / max(stored, 1)
    if share < RESIDENT_SHARE_MIN:
        raise RuntimeError(
            f"only {share:.0%} of {folder} is in the page cache: the measure would be of the disk"
        )
    return min(share, 1.0)


def start(stage, contender, endpoint):
    """From the start of the command until the first answer of the mount."""
    if isinstance(contender, Curl):
        return None
    began = time.perf_counter()
    mounted = contender.mount(endpoint)
    try:
        os.stat(mounted.at("large"))
        seconds = time.perf_counter() - began
        time.sleep(0.5)
        return {"ms": seconds * 1000, "idle RSS MiB": processes.resident_bytes(mounted.pid) / MIB}
    finally:
        mounted.stop()


MEASURES = {
    "sequential-1": sequential_1,
    "sequential-4": sequential_4,
    "small-1": small_1,
    "small-4": small_4,
    "random-4k": random_4k,
    "amplification": amplification,
    "listing": listing,
    "warm": warm,
    "start": start,
}
