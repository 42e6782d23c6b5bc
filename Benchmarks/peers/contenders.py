"""Who is compared: our mount, the peers that are installed, and programs without a file system."""

import os
import shutil
import subprocess
import tempfile

from clients import Aws, CurlPuts, S5cmd
from rig import mounts

BUCKET = "bench"
JUICEFS_BUCKET = "bench-juicefs"


class Contender:
    """Makes fresh mounts of the benchmark's bucket."""

    name = ""
    # Whether a file is an object of the same name and length.
    keeps_objects = True

    def __init__(self, stage):
        self.stage = stage

    def prepare(self):
        """Anything that is done once before the first round."""

    def path_of(self, key):
        """Where a key of the bucket is found inside the mount."""
        return key

    def mount(self, endpoint, cache=None):
        """A new mount; without `cache` it starts with an empty one."""
        raise NotImplementedError

    def mount_for_writing(self, endpoint, bucket):
        """A new mount of an empty bucket."""
        raise NotImplementedError

    def place(self):
        """A new mount point."""
        return tempfile.mkdtemp(prefix=self.name + "-", dir=self.stage.folder)

    def cache(self, given):
        """The cache directory to use: the given one, or a new one on the disk."""
        return given or tempfile.mkdtemp(prefix=self.name + "-cache-", dir=self.stage.disk)


class Ours(Contender):
    """alluxio-fuse as a user starts it; with a cache directory only where the measure is about it."""

    name = "alluxio-fuse"

    def mount(self, endpoint, cache=None):
        mounted = mounts.AlluxioFuse(self.place())
        options = {"endpoint": endpoint, "sync": "60s"}
        if cache:
            options.update(cache=cache, cache_size="16GB")
        return mounted.start(f"s3://{BUCKET}", options)

    def mount_for_writing(self, endpoint, bucket):
        options = {"endpoint": endpoint, "alluxio.fuse.staging.dir": self.cache(None)}
        return mounts.AlluxioFuse(self.place()).start(f"s3://{bucket}", options)


class OursCached(Ours):
    """alluxio-fuse with a cache directory from the start, as its peers have one."""

    name = "alluxio-fuse+cache"

    def mount(self, endpoint, cache=None):
        return super().mount(endpoint, self.cache(cache))


class OursDirect(Ours):
    """alluxio-fuse with `-o direct_io`: reads go round the kernel's page cache."""

    name = "alluxio-fuse+direct_io"

    def mount(self, endpoint, cache=None):
        options = {"endpoint": endpoint, "sync": "60s", "direct_io": True}
        return mounts.AlluxioFuse(self.place()).start(f"s3://{BUCKET}", options)


class RcloneMount(Contender):
    """rclone mount, vfs-cache-mode full, else as it comes."""

    name = "rclone"

    def mount(self, endpoint, cache=None):
        return mounts.Rclone(self.place()).start(BUCKET, "", endpoint, self.cache(cache))

    def mount_for_writing(self, endpoint, bucket):
        # As it comes it begins to upload five seconds after close(2).
        return mounts.Rclone(self.place()).start(bucket, "", endpoint, self.cache(None), write_back="0s")


class S3fsMount(Contender):
    """s3fs with use_cache, else as it comes."""

    name = "s3fs"

    def mount(self, endpoint, cache=None):
        return mounts.S3fs(self.place()).start(BUCKET, "", endpoint, self.cache(cache))

    def mount_for_writing(self, endpoint, bucket):
        return mounts.S3fs(self.place()).start(bucket, "", endpoint, self.cache(None))


class JuicefsMount(Contender):
    """juicefs with its metadata in redis; the same files, written through it first."""

    name = "juicefs"
    keeps_objects = False

    def prepare(self):
        self.metadata = self.stage.redis()
        self.volumes = 0
        if not self.stage.is_filled:
            return
        self.stage.client.create_bucket(Bucket=JUICEFS_BUCKET)
        writer = mounts.Juicefs(self.place(), self.metadata)
        writer.format(JUICEFS_BUCKET, self.stage.server.endpoint)
        cache = self.cache(None)
        writer.start(self.stage.server.endpoint, JUICEFS_BUCKET, cache)
        try:
            self.stage.write_files(writer.path)
        finally:
            writer.stop()
            shutil.rmtree(cache, ignore_errors=True)

    def mount(self, endpoint, cache=None):
        mounted = mounts.Juicefs(self.place(), self.metadata)
        return mounted.start(endpoint, JUICEFS_BUCKET, self.cache(cache))

    def mount_for_writing(self, endpoint, bucket):
        # Redis numbers its databases up to 15; the first holds the files that are read.
        self.volumes += 1
        metadata = f"{self.metadata.rsplit('/', 1)[0]}/{2 + self.volumes % 14}"
        subprocess.run(["redis-cli", "-u", metadata, "flushdb"], check=True, stdout=subprocess.DEVNULL)
        mounted = mounts.Juicefs(self.place(), metadata)
        mounted.format(bucket, self.stage.server.endpoint)
        return mounted.start(endpoint, bucket, self.cache(None))


class WeedMount(Contender):
    """weed mount of the bucket's folder: chunks go to the volumes, not through the S3 API."""

    name = "weed"

    def mount_for_writing(self, endpoint, bucket):
        return mounts.WeedMount(self.place()).start(bucket, self.stage.server, self.cache(None))


class Curl:
    """Bare GETs, without a file system: what the store and the machine give."""

    name = "curl"

    def __init__(self, stage):
        self.stage = stage

    def url(self, key, endpoint):
        """An address that needs no signing by curl."""
        client = self.stage.server.client(endpoint)
        return client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, ExpiresIn=3600)

    def ranged(self, key, size, endpoint, ways=8):
        """Fetches one object by `ways` curl processes, a range each."""
        url = self.url(key, endpoint)
        step = -(-size // ways)
        children = [
            subprocess.Popen(
                ["curl", "-sf", "-o", "/dev/null", "-r", f"{start}-{min(start + step, size) - 1}", url]
            )
            for start in range(0, size, step)
        ]
        if any(child.wait(600) for child in children):
            raise RuntimeError("a curl failed")

    def many(self, keys, endpoint, ways):
        """Fetches objects by one curl process, `ways` at a time."""
        client = self.stage.server.client(endpoint)
        listing = os.path.join(self.stage.folder, "curl.list")
        with open(listing, "w") as file:
            for key in keys:
                url = client.generate_presigned_url(
                    "get_object", {"Bucket": BUCKET, "Key": key}, ExpiresIn=3600
                )
                file.write(f'url = "{url}"\noutput = "/dev/null"\n')
        subprocess.run(
            ["curl", "-sf", "-Z", "--parallel-max", str(ways), "-K", listing],
            check=True,
            timeout=1800,
            stderr=subprocess.DEVNULL,
        )


READERS = {
    kind.name: kind
    for kind in (Ours, OursCached, OursDirect, RcloneMount, S3fsMount, JuicefsMount, Curl)
}
WRITERS = {
    kind.name: kind
    for kind in (Ours, RcloneMount, S3fsMount, JuicefsMount, WeedMount, Aws, S5cmd, CurlPuts)
}
KINDS = {**READERS, **WRITERS}
DEFAULT = ["alluxio-fuse", "rclone", "s3fs", "juicefs", "curl", "weed", "aws", "s5cmd", "curl-put"]
