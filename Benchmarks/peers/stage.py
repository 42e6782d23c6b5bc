"""The stage of a comparison: the S3 server with the same files for everyone, and a proxy that counts."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from boto3.s3.transfer import TransferConfig
from contenders import BUCKET
from rig import content, mounts, processes
from rig.proxy import Proxy
from rig.weed import Weed

MIB = 1 << 20
SMALL_BYTES = 100 << 10
SMALL_PER_FOLDER = 100


class Sizes:
    """How much is read, from the command line."""

    def __init__(self, large_mib, small_count, create_count):
        self.large = large_mib * MIB
        self.quarter = self.large // 4
        self.random = 64 * MIB
        self.small_count = small_count
        self.create_count = create_count

    def files(self):
        """(key, bytes) of every file."""
        yield "large/one", self.large
        for index in range(4):
            yield f"large/quarter{index}", self.quarter
        yield "large/random", self.random
        for key in self.small():
            yield key, SMALL_BYTES

    def small(self):
        """The keys of the small files."""
        return [f"small/d{index // SMALL_PER_FOLDER:04}/f{index:06}" for index in range(self.small_count)]


class Blocks:
    """A made file as boto3 wants it: something to read from."""

    def __init__(self, key, size):
        self.parts = content.blocks(key, size, 4 * MIB)
        self.rest = b""

    def read(self, count=-1):
        while count < 0 or len(self.rest) < count:
            part = next(self.parts, None)
            if part is None:
                break
            self.rest += part
        result, self.rest = (self.rest, b"") if count < 0 else (self.rest[:count], self.rest[count:])
        return result


class Stage:
    """Everything that all contenders share."""

    def __init__(self, sizes, disk, chunk_mb=4):
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.sizes = sizes
        self.folder = tempfile.mkdtemp(prefix="peers-", dir=memory)
        self.disk = tempfile.mkdtemp(prefix="peers-cache-", dir=disk)
        self.reaper = processes.start_reaper(self.folder)
        self.server = Weed(os.path.join(self.folder, "weed"), chunk_mb=chunk_mb)
        self.client = self.server.client()
        self.proxy = Proxy(self.server.endpoint)
        self.redis_process = None
        self.is_filled = False
        self.buckets = 0

    @contextlib.contextmanager
    def new_bucket(self):
        """An empty bucket for the time of a `with`; its bytes go with it."""
        self.buckets += 1
        name = f"written-{self.buckets}"
        self.client.create_bucket(Bucket=name)
        try:
            yield name
        finally:
            self.client.delete_bucket(Bucket=name)

    def source(self, names, size):
        """A folder in memory with files of these names; made once."""
        key = hashlib.sha256(f"{size} {names}".encode()).hexdigest()[:16]
        folder = os.path.join(self.folder, "source-" + key)
        if os.path.isdir(folder):
            return folder
        for name in names:
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                for block in content.blocks(name, size, 4 * MIB):
                    file.write(block)
        return folder

    def fill(self):
        """Stores the files in the bucket."""
        self.is_filled = True
        self.client.create_bucket(Bucket=BUCKET)
        transfer = TransferConfig(multipart_chunksize=32 * MIB, max_concurrency=4)
        small = []
        for key, size in self.sizes.files():
            if size > SMALL_BYTES:
                self.client.upload_fileobj(Blocks(key, size), BUCKET, key, Config=transfer)
            else:
                small.append(key)
        self.server.put_many(BUCKET, ((key, content.made(key, SMALL_BYTES)) for key in small))

    def write_files(self, folder):
        """Writes the same files into a directory (for a peer with a layout of its own)."""

        def write(pair):
            key, size = pair
            path = os.path.join(folder, key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                if size > SMALL_BYTES:
                    for part in content.blocks(key, size, 4 * MIB):
                        file.write(part)
                else:
                    file.write(content.made(key, size))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, self.sizes.files()))

    def redis(self):
        """Starts a redis without persistence; returns its address as juicefs wants it."""
        port = processes.free_ports(1)[0]
        self.redis_process = processes.spawn(
            [
                mounts.tool("redis-server"),
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                self.folder,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return f"redis://127.0.0.1:{port}/1"

    def stop(self):
        """Ends everything and removes the files."""
        self.proxy.stop()
        processes.clean_below(self.folder)
        if self.redis_process:
            processes.stop(self.redis_process, patience=1)
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)
        self.reaper.stdin.close()
        self.reaper.wait(60)
