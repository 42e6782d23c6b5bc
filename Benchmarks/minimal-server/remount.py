#!/usr/bin/env python3
"""Daemon CPU of a second read after a remount, beside a minimal C server on a file of the same disk.

    scripts/prepare build test && scripts/build-release
    .build-venv/bin/python3 Benchmarks/minimal-server/remount.py [rounds] [directory on the disk]

Fills a cache directory from a SeaweedFS server, remounts, and reads the file again: no GET may go out. Rounds
alternate between both servers; every read starts with empty kernel pages of its own mount, and with the
source in the page cache. Prints CPU seconds per GiB, and the ratio of the medians, in the same boot and on
the first pass after a reboot: for that one, the daemon sees another boot id, in a mount namespace of this
program's own, and checks every granule.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "Tests", "mount"))

from rig import mounts, processes  # noqa: E402
from rig.proxy import Proxy  # noqa: E402
from rig.weed import Weed  # noqa: E402

GIB = 1 << 30
BOOT_ID = "/proc/sys/kernel/random/boot_id"
IN_NAMESPACE = "REMOUNT_IN_NAMESPACE"


def cpu_seconds(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def read_whole(path):
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass


def measured(pid, path):
    before = cpu_seconds(pid)
    read_whole(path)
    return cpu_seconds(pid) - before


class OtherBoot:
    """The boot id of another boot, as long as it lasts."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "boot_id")

    def __enter__(self):
        with open(self.path, "w") as file:
            file.write(f"{uuid.uuid4()}\n")
        subprocess.check_call(["mount", "--bind", self.path, BOOT_ID])

    def __exit__(self, *_):
        subprocess.check_call(["umount", BOOT_ID])


class MinimalServer:
    """The C server on one file."""

    def __init__(self, folder, source):
        self.program = os.path.join(folder, "minimal_server")
        flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "fuse3"], text=True).split()
        subprocess.check_call(
            ["cc", "-O2", "-o", self.program, os.path.join(HERE, "minimal_server.c"), *flags]
        )
        self.source = source
        self.path = tempfile.mkdtemp(prefix="minimal-", dir=folder)

    def round(self):
        process = subprocess.Popen([self.program, self.source, self.path])
        try:
            processes.wait_until(lambda: os.path.ismount(self.path), 10, "the minimal server mounts")
            return measured(process.pid, os.path.join(self.path, "file"))
        finally:
            subprocess.call(["umount", self.path])
            process.wait(10)


def main():
    if IN_NAMESPACE not in os.environ:
        os.environ[IN_NAMESPACE] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    disk = sys.argv[2] if len(sys.argv) > 2 else "/var/tmp"
    folder = tempfile.mkdtemp(prefix="remount-", dir=disk)
    reaper = processes.start_reaper(folder)
    server = Weed(os.path.join(folder, "weed"), chunk_mb=4)
    proxy = Proxy(server.endpoint)
    try:
        source = os.path.join(folder, "source")
        with open(source, "wb") as file:
            for _ in range(GIB >> 24):
                file.write(os.urandom(1 << 24))
        client = server.client()
        client.create_bucket(Bucket="remount")
        client.upload_file(source, "remount", "file")
        minimal = MinimalServer(folder, source)
        options = {"endpoint": proxy.endpoint, "sync": "60s", "cache": os.path.join(folder, "cache")}
        options["cache_size"] = "4GB"

        def ours():
            mounted = mounts.AlluxioFuse(tempfile.mkdtemp(prefix="mnt-", dir=folder))
            mounted.start("s3://remount", options)
            try:
                os.stat(mounted.at("file"))
                return measured(mounted.pid, mounted.at("file"))
            finally:
                mounted.stop()

        ours()
        time.sleep(2)
        read_whole(source)
        proxy.clear()
        figures = {"same boot": [], "after a reboot": [], "minimal C server": []}
        for _ in range(rounds):
            figures["same boot"].append(ours())
            figures["minimal C server"].append(minimal.round())
            with OtherBoot(folder):
                figures["after a reboot"].append(ours())
            # Back in this boot, what the other one has checked is to be checked again.
            ours()
        gets = proxy.requests("GET")
        bare = statistics.median(figures["minimal C server"])
        for name, found in figures.items():
            each = " ".join(f"{value:.3f}" for value in found)
            middle = statistics.median(found)
            print(f"{name}: {middle:.3f} CPU s/GiB (median of {each}), ratio {middle / bare:.2f}")
        print(f"GETs of data: {gets}")
        return 0 if gets == 0 else 1
    finally:
        proxy.stop()
        processes.clean_below(folder)
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
        reaper.stdin.close()
        reaper.wait(60)


if __name__ == "__main__":
    sys.exit(main())
