"""A store that tests write to through a mount, and look into without one."""

import os

from rig import processes

# What S3 cannot say lies in objects of this name, one or more in a directory.
ATTRIBUTES = ".alluxio.attributes"


def write(path, data, mode="wb"):
    """Writes a file; returns what was written."""
    with open(path, mode, buffering=0) as file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
    return data


def read(path):
    """All bytes of a file."""
    with open(path, "rb", buffering=0) as file:
        return file.read()


def kept_aside(staging):
    """What lies in `lost` of a staging directory: contents, and the names that they had."""
    lost = os.path.join(staging, "lost")
    return [read(os.path.join(lost, name)) for name in os.listdir(lost)]


class Writable:
    """The store, and the first mount of it."""

    def __init__(self, uri, mount, **fixed):
        self.uri = uri
        self.start = mount
        self.fixed = fixed
        self.first = None

    def mount(self, **options):
        """One more mount; the first one is `mounted`."""
        made = self.start(self.uri, **self.fixed, **options)
        self.first = self.first or made
        return made

    @property
    def mounted(self):
        """The first mount, made when it is first asked for."""
        return self.first or self.mount()

    def at(self, *parts):
        """A path inside the first mount."""
        return self.mounted.at(*parts)

    def remount(self, **options):
        """Unmounts the first mount and mounts anew at the same place: nothing in memory is left."""
        path = self.mounted.path
        self.mounted.unmount()
        self.first = self.start(self.uri, path=path, **self.fixed, **options)
        return self.first

    def settle(self, wanted, seconds=15, folders=True):
        """Waits until the store has these names and no others; removals may follow within a second.

        Without `folders` directories do not count.
        """
        wanted = sorted(wanted)

        def found():
            return [name for name in self.names() if folders or not name.endswith("/")]

        try:
            processes.wait_until(lambda: found() == wanted, seconds, "the store has what it should")
        except TimeoutError as problem:
            raise AssertionError(f"the store has {found()}, not {wanted}") from problem


class OnS3(Writable):
    """A bucket."""

    def __init__(self, bucket, mount):
        super().__init__(bucket.uri, mount)
        self.bucket = bucket

    def stored(self, key):
        """An object's bytes."""
        return self.bucket.client.get_object(Bucket=self.bucket.name, Key=key)["Body"].read()

    def keys(self):
        """Every key."""
        pages = self.bucket.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def names(self):
        """The keys of files and directories, those with a / at the end."""
        return [key for key in self.keys() if ATTRIBUTES not in key]

    def put(self, key, data):
        """Stores a file behind the mount's back."""
        return self.bucket.put(key, data)

    def uploads(self):
        """Multipart uploads that nobody ended."""
        answer = self.bucket.client.list_multipart_uploads(Bucket=self.bucket.name)
        return [upload["Key"] for upload in answer.get("Uploads", [])]


class OnDisk(Writable):
    """A local directory."""

    def __init__(self, folder, mount):
        os.makedirs(folder, exist_ok=True)
        super().__init__(f"file://{folder}", mount, endpoint=None)
        self.folder = folder

    def stored(self, key):
        """A file's bytes."""
        return read(os.path.join(self.folder, key))

    def names(self):
        """Files, and empty directories with a / at the end."""
        found = []
        for base, folders, files in os.walk(self.folder):
            inside = os.path.relpath(base, self.folder)
            prefix = "" if inside == "." else inside + "/"
            found += [prefix + name for name in files]
            if prefix and not files and not folders:
                found.append(prefix)
        return sorted(found)

    def put(self, key, data):
        """Stores a file behind the mount's back."""
        path = os.path.join(self.folder, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return write(path, data)
