"""A mount table whose stores tests write to, and look into without a mount."""

import errno
import os

import pytest

from rig import processes
from rig.writable import read

SEEN_SECONDS_MAX = 3.0


def failure(call, *arguments, **named):
    """The name of the error that a call fails with."""
    with pytest.raises(OSError) as problem:
        call(*arguments, **named)
    return errno.errorcode[problem.value.errno]


class Table:
    """A table with two prefixes of one bucket and a local directory, and mounts of it."""

    def __init__(self, etcd, bucket, disk, mount):
        self.etcd, self.bucket, self.disk, self.start = etcd, bucket, disk, mount
        self.mounted = None
        self.add("one")
        self.add("two")
        etcd.mount("disk", f"file://{disk}")

    def uri(self, name):
        """Of a store in the bucket."""
        return f"{self.bucket.uri}/{name}"

    def add(self, name, prefix=None, **options):
        """Mounts a prefix of the bucket."""
        self.etcd.mount(name, self.uri(prefix or name), **options)

    def mount(self, **options):
        """Mounts the table, at the same place each time."""
        path = self.mounted and self.mounted.path
        options = {"alluxio.etcd.endpoints": self.etcd.endpoint, **options}
        self.mounted = self.start(None, path=path, **options)
        return self.mounted

    def at(self, path):
        """A path inside the mount."""
        return self.mounted.at(path)

    def crash(self):
        """Ends the daemon without a word."""
        self.mounted.kill()
        self.mounted.stop()

    def replace(self, **options):
        """Unmounts and mounts anew: nothing in memory is left."""
        self.mounted.unmount()
        return self.mount(**options)

    def stored(self, path):
        """What the store has under a path of the table."""
        name, _, rest = path.partition("/")
        if name == "disk":
            return read(os.path.join(self.disk, rest))
        return self.bucket.client.get_object(Bucket=self.bucket.name, Key=path)["Body"].read()

    def keys(self):
        """Every key of the bucket."""
        pages = self.bucket.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def seen(self, condition, what):
        """Waits until a change of the table shows."""
        processes.wait_until(condition, SEEN_SECONDS_MAX, what, pause=0.02)

    def unmount(self, name):
        """Takes a store out of the table, and waits until it is gone."""
        self.etcd.unmount(name)
        self.seen(lambda: name not in os.listdir(self.mounted.path), f"{name} is gone")

    def logged(self, *parts):
        """Waits for a line of the log that has all of these."""

        def found():
            with open(self.mounted.log, errors="replace") as file:
                return any(all(part in line for part in parts) for line in file)

        processes.wait_until(found, 10, f"the log has {parts}")
