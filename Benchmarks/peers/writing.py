"""What is measured of writing. Each measure has a bucket and a mount of its own.

The clock stops when the store has the bytes: a mount that uploads after close(2) is waited for.
"""

import os
import subprocess
import sys
import time

from clients import Client
from measures import MIB, Run
from rig import processes

SMALL_BYTES = 10 << 10
SMALL_PER_FOLDER = 250
STORED_SECONDS_MAX = 600

WRITE_FILES = """
import os, sys
block = os.urandom(1 << 20)
path, size = sys.argv[1], int(sys.argv[2])
fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
while size > 0:
    size -= os.write(fd, block[: min(size, len(block))])
os.fsync(fd)
os.close(fd)
"""

WRITE_LIST = """
import os, sys
block = os.urandom(int(sys.argv[1]))
for line in sys.stdin:
    fd = os.open(line.rstrip("\\n"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, block)
    os.close(fd)
"""


def write_whole(paths, size):
    """Writes files at the same time, one process each, 1 MiB at a time, and fsyncs them."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITE_FILES, path, str(size)]) for path in paths]
    if any([writer.wait(3600) for writer in writers]):
        raise RuntimeError("a writer failed")


def write_lists(lists):
    """Makes small files, one process for each list."""
    writers = []
    for paths in lists:
        command = [sys.executable, "-c", WRITE_LIST, str(SMALL_BYTES)]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        writer.stdin.write("\n".join(paths) + "\n")
        writer.stdin.close()
        writers.append(writer)
    if any([writer.wait(3600) for writer in writers]):
        raise RuntimeError("a writer failed")


def await_stored(stage, bucket, count, size):
    """Returns when the bucket holds so many objects of so many bytes."""
    deadline = time.monotonic() + STORED_SECONDS_MAX
    pages = stage.client.get_paginator("list_objects_v2")
    while True:
        sizes = [
            entry["Size"]
            for page in pages.paginate(Bucket=bucket)
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/") and ".alluxio" not in entry["Key"]
        ]
        if len(sizes) == count and set(sizes) == {size}:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{bucket} has {len(sizes)} of {count} objects")
        time.sleep(0.02)


def run(stage, contender, endpoint, count, size, write, send):
    """Runs one measure in a new bucket: `write(folder of a mount)` or `send(client, bucket)`."""
    server = stage.server.process.pid
    before = processes.cpu_seconds(server)
    with stage.new_bucket() as bucket:
        if isinstance(contender, Client):
            with Run() as timed:
                send(contender, bucket)
            timed.server = processes.cpu_seconds(server) - before
            await_stored(stage, bucket, count, size)
            return timed
        mounted = contender.mount_for_writing(endpoint, bucket)
        try:
            with Run(mounted) as timed:
                write(mounted)
                if contender.keeps_objects:
                    await_stored(stage, bucket, count, size)
            timed.server = processes.cpu_seconds(server) - before
            return timed
        finally:
            mounted.stop()


def large(stage, contender, endpoint, count, size):
    """`count` files of `size` bytes, each by a writer of its own, fsynced."""
    names = [f"large{index}" for index in range(count)]
    timed = run(
        stage,
        contender,
        endpoint,
        count,
        size,
        lambda mounted: write_whole([mounted.at(name) for name in names], size),
        lambda client, bucket: client.send_large(endpoint, bucket, names, size),
    )
    total = size * count / MIB
    gib = total / 1024
    figures = {
        "MiB/s": total / timed.seconds,
        "CPU s/GiB": timed.cpu / gib,
        "server's CPU s/GiB": timed.server / gib,
    }
    if timed.mounted:
        figures["peak RSS MiB"] = timed.peak
    return figures


def write_1(stage, contender, endpoint):
    """Sequential writing of the large file."""
    return large(stage, contender, endpoint, 1, stage.sizes.large)


def checkpoint_4(stage, contender, endpoint):
    """Four writers, a quarter of the large file each."""
    return large(stage, contender, endpoint, 4, stage.sizes.quarter)


def make_folders(mounted, folders):
    for folder in folders:
        os.mkdir(mounted.at(folder))


def small(stage, contender, endpoint, writers, total):
    """New small files, in folders that are made first."""
    folders = [f"d{index:03}" for index in range(-(-total // SMALL_PER_FOLDER))]
    names = [f"{folders[index // SMALL_PER_FOLDER]}/f{index:06}" for index in range(total)]

    def write(mounted):
        make_folders(mounted, folders)
        paths = [mounted.at(name) for name in names]
        write_lists([paths[index::writers] for index in range(writers)])

    timed = run(
        stage,
        contender,
        endpoint,
        total,
        SMALL_BYTES,
        write,
        lambda client, bucket: client.send_small(endpoint, bucket, names, SMALL_BYTES, writers),
    )
    figures = {
        "files/s": total / timed.seconds,
        "CPU ms/file": timed.cpu * 1000 / total,
        "server's CPU ms/file": timed.server * 1000 / total,
    }
    if timed.mounted:
        figures["peak RSS MiB"] = timed.peak
    return figures


def create_4(stage, contender, endpoint):
    """Small new files by four writers."""
    return small(stage, contender, endpoint, 4, stage.sizes.create_count)


def write_requests(stage, contender, endpoint):
    """Requests for 64 MiB in order, and for 200 small files; through the proxy."""
    with stage.proxy.counting() as counted:
        large(stage, contender, stage.proxy.endpoint, 1, 64 * MIB)
    with stage.proxy.counting() as counted_small:
        small(stage, contender, stage.proxy.endpoint, 4, 200)
    return {"64 MiB": counted["requests"], "200 x 10 KiB": counted_small["requests"]}


MEASURES = {
    "write-1": write_1,
    "create-4": create_4,
    "checkpoint-4": checkpoint_4,
    "write-requests": write_requests,
}
