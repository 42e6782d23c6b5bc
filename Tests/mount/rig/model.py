"""A mount and a local file system that must agree: the same operations on both, through the kernel."""

import contextlib
import os
import random
import shutil
import subprocess
import time

from rig.model_operations import Operations
from rig.model_side import Side, differences, shown, tree

DISK_MB = 2048
SHRINK_SECONDS_MAX = 90
COMPARED_EVERY = 50
REMOUNTED_EVERY = 400


class Differs(AssertionError):
    """The sides do not agree; the text says how, and after which operations."""


@contextlib.contextmanager
def real_disk(folder):
    """An ext4 file system in a file, mounted for as long as the block runs; no reading changes its times."""
    image, point = os.path.join(folder, "disk.image"), os.path.join(folder, "disk")
    os.mkdir(point)
    with open(image, "wb") as file:
        file.truncate(DISK_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop,noatime", image, point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", point], check=True)
        os.rmdir(point)
        os.unlink(image)


class Model:
    """Runs operations in lockstep, each run in an own directory of both sides.

    `remount` unmounts and mounts again at the same place, with nothing in memory or on the local disk left.
    """

    def __init__(self, disk, mounted, remount, mask=0o022):
        self.disk, self.mounted, self.remount = disk, mounted, remount
        self.runs = 0
        os.umask(mask)

    def run(self, seed, count):
        """So many operations of a seed; a difference is told with the seed and the shortest trace."""
        operations, chance = [], random.Random(seed)
        source = Operations(chance)
        for index in range(1, count + 1):
            operations.append(source.next())
            if index % COMPARED_EVERY == 0:
                operations.append(["compare"])
            if index % REMOUNTED_EVERY == 0:
                operations += [["remount"], ["compare"]]
        operations += [["close_all"], ["compare"], ["remount"], ["compare"]]
        told = self.play(operations)
        if told is None:
            return
        position, text = told
        trace, text = self.shrink(operations[: position + 1], text)
        lines = "\n".join(f"    {operation}" for operation in trace)
        raise Differs(f"seed {seed}, operation {position}: {text}\n  the shortest trace:\n{lines}")

    def play(self, operations):
        """Does operations in a new directory; returns the position and the text of the first difference."""
        self.runs += 1
        sides = []
        for place in (self.disk, self.mounted()):
            folder = os.path.join(place, f"run{self.runs}")
            os.mkdir(folder)
            sides.append(Side(folder))
        try:
            for position, operation in enumerate(operations):
                text = self.step(operation, *sides)
                if text:
                    return position, text
            return None
        finally:
            for side in sides:
                side.apply(["close_all"])
                shutil.rmtree(side.root, ignore_errors=True)

    def step(self, operation, real, ours):
        """Does one operation on both sides; returns what differs."""
        if operation[0] == "remount":
            # An open file would keep it from being unmounted.
            for side in (real, ours):
                side.apply(["close_all"])
            self.remount()
            return None
        if operation[0] == "compare":
            lines = differences(tree(real.root), tree(ours.root))
            for slot in sorted(real.slots):
                lines += self.compare_open(slot, real, ours)
            return "; ".join(lines[:6])
        wanted, found = real.apply(operation), ours.apply(operation)
        if wanted == found:
            return None
        return f"{operation} gives {shown(found[1])}, not {shown(wanted[1])}"

    def compare_open(self, slot, real, ours):
        """Open files have the same facts and bytes, with a name or without."""
        lines = []
        for operation in (["fstat", slot], ["pread", slot, 0, 16 << 20]):
            wanted, found = real.apply(operation), ours.apply(operation)
            if wanted != found:
                lines.append(f"slot {slot}: {operation[0]} gives {shown(found[1])}, not {shown(wanted[1])}")
        return lines

    def shrink(self, operations, text):
        """Leaves out what is not needed for a difference, for some minutes."""
        ends = time.monotonic() + SHRINK_SECONDS_MAX
        size = max(1, len(operations) // 2)
        while time.monotonic() < ends:
            start, shorter = 0, False
            while start < len(operations) - 1 and time.monotonic() < ends:
                tried = operations[:start] + operations[min(start + size, len(operations) - 1) :]
                told = self.play(tried)
                if told:
                    operations, text, shorter = tried[: told[0] + 1], told[1], True
                else:
                    start += size
            if size == 1 and not shorter:
                break
            size = max(1, size // 2)
        return operations, text
