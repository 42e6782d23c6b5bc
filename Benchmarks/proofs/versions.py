"""Objects that are replaced while they are read."""

import contextlib
import mmap
import os
import threading
import time

BLOCK = 4096
BLOCKS = 64
HELD_MAX = 16


def version(number):
    return b"".join(
        f"version {number:06} block {index:06} ".encode().ljust(BLOCK, b".") for index in range(BLOCKS)
    )


def versions_in(data):
    return {data[start : start + 14] for start in range(0, len(data) - len(data) % BLOCK, BLOCK)}


def replaced_objects_never_mix(ground, facts):
    """1000 rounds in each mode: old handles, mappings and new opens, while a writer replaces the object."""
    bucket = ground.bucket("versions")
    for mode in ("0s", "1s", "-1"):
        one_mode(ground, facts, bucket, mode)


def one_mode(ground, facts, bucket, mode):
    key = f"file-mode{mode}"
    ground.client.put_object(Bucket=bucket, Key=key, Body=version(0))
    mounted = ground.mount(f"s3://{bucket}", sync=mode)
    rounds = 1000 // ground.scale
    ends = threading.Event()
    counted = {"opens": 0, "mixed": 0, "stale": 0, "refused": 0}
    readers = [
        threading.Thread(target=read_on, args=(mounted.at(key), ends, counted), daemon=True) for _ in range(3)
    ]
    ground.proxy.clear()
    for reader in readers:
        reader.start()
    began = time.monotonic()
    for number in range(1, rounds + 1):
        ground.client.put_object(Bucket=bucket, Key=key, Body=version(number))
    ends.set()
    for reader in readers:
        reader.join(60)
    seconds = time.monotonic() - began
    per_open = ground.proxy.requests() / max(1, counted["opens"])
    facts.append((f"mode {mode}: rounds", rounds, "–", None))
    facts.append((f"mode {mode}: reads with two versions", counted["mixed"], 0, counted["mixed"] == 0))
    facts.append((f"mode {mode}: old handles that said so (ESTALE, EIO)", counted["stale"], "–", None))
    facts.append((f"mode {mode}: opens that failed", counted["refused"], "–", None))
    facts.append((f"mode {mode}: opens per round", f"{counted['opens'] / rounds:.1f}", "–", None))
    facts.append((f"mode {mode}: requests per open", f"{per_open:.2f}", "–", None))
    facts.append((f"mode {mode}: seconds", f"{seconds:.0f}", "–", None))
    mounted.stop()


def read_on(path, ends, counted):
    """Opens, maps and reads, keeping some handles open, and counts what is mixed."""
    held = []
    while not ends.is_set():
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            counted["refused"] += 1
            continue
        counted["opens"] += 1
        view = mmap.mmap(fd, BLOCKS * BLOCK, mmap.MAP_SHARED, mmap.PROT_READ)
        held.append((fd, view, set()))
        for entry in held:
            look(entry, counted)
        if len(held) > HELD_MAX:
            close(held.pop(0))
    for entry in held:
        close(entry)


def look(entry, counted):
    fd, view, first = entry
    try:
        seen = versions_in(os.pread(fd, BLOCKS * BLOCK, 0))
    except OSError:
        counted["stale"] += 1
        return
    seen |= first
    if not first:
        first |= seen
        # Touched once only where the pages are there: a fault on a version that is gone is a SIGBUS.
        seen |= {view[0:14]}
    if len(seen) > 1:
        counted["mixed"] += 1


def close(entry):
    fd, view, _ = entry
    with contextlib.suppress(OSError, ValueError):
        view.close()
    os.close(fd)
