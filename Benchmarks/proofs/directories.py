"""Directories with very many entries."""

import os
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor

from rig import weed

MIB = 1 << 20
ENTRY_BYTES_BAR = 300
TTL_SECONDS = 5
GIVE_BACK_SECONDS = 60
PUT_SECONDS_MAX = 1500
LATENCIES = (0.0, 0.03, 0.1)
SPLIT_GAIN_BAR = 2


# Digits that are no ASCII: names that count with them are not split.
OTHER_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def put_range(endpoint, bucket, prefix, first, last, digits):
    """Stores empty objects from one process; returns how many."""
    client = weed.Weed.client(None, endpoint)
    for index in range(first, last):
        client.put_object(Bucket=bucket, Key=f"{prefix}{f'{index:07}'.translate(digits)}", Body=b"")
    return last - first


def put_empty(ground, bucket, prefix, count, digits=None):
    """Stores empty objects from two processes until all are there or the time is over; returns how many."""
    began, done, step = time.monotonic(), 0, 2000
    with ProcessPoolExecutor(2) as pool:
        while done < count and time.monotonic() - began < PUT_SECONDS_MAX:
            ranges = [
                (start, min(start + step, count)) for start in range(done, min(done + 4 * step, count), step)
            ]
            jobs = [
                pool.submit(put_range, ground.server.endpoint, bucket, prefix, first, last, digits or {})
                for first, last in ranges
            ]
            done += sum(job.result() for job in jobs)
    return done


def a_large_directory_streams_and_gives_back(ground, facts):
    """200 000 entries: the first come early, memory is bounded and comes back, every name comes once."""
    bucket = ground.bucket("directory")
    count = put_empty(ground, bucket, "big/entry-with-a-usual-name-", 200_000 // ground.scale)
    facts.append(("entries", count, 200_000 // ground.scale, count == 200_000 // ground.scale))
    mounted = ground.mount(f"s3://{bucket}", sync=f"{TTL_SECONDS}s")
    os.listdir(mounted.path)
    time.sleep(1)
    before = mounted.rss()
    ground.proxy.clear()
    began = time.perf_counter()
    listing = subprocess.Popen(["ls", "-f", mounted.at("big")], stdout=subprocess.PIPE)
    listing.stdout.read(1)
    first = time.perf_counter() - began
    lists_at_first = ground.proxy.requests("LIST")
    names = listing.stdout.read().count(b"\n")
    listing.wait(600)
    whole = time.perf_counter() - began
    grown = (mounted.rss() - before) / count
    facts.append(("names of ls -f", names, count + 2, names == count + 2))
    facts.append(("seconds until the first name", f"{first:.2f}", "–", None))
    facts.append(("LIST requests until then", lists_at_first, "–", None))
    facts.append(("seconds in all", f"{whole:.1f}", "–", None))
    lists = ground.proxy.requests("LIST")
    facts.append(("LIST requests", lists, f"{-(-count // 1000) + 17}", lists <= -(-count // 1000) + 17))
    facts.append(("RSS per entry", f"{grown:.0f} bytes", f"{ENTRY_BYTES_BAR} bytes", grown < ENTRY_BYTES_BAR))
    ends = time.monotonic() + TTL_SECONDS + GIVE_BACK_SECONDS
    while time.monotonic() < ends and (mounted.rss() - before) > 8 * MIB:
        time.sleep(1)
    left = (mounted.rss() - before) / MIB
    facts.append(("RSS left 60 s after the TTL", f"{left:.1f} MiB", "8 MiB", left <= 8))


def a_large_directory_is_listed_in_parallel(ground, facts):
    """40 000 entries over a slow network, with names that are split and with names that cannot be."""
    bucket = ground.bucket("parallel")
    count = 40_000 // ground.scale
    seconds = {}
    put_empty(ground, bucket, "whole/entry-", count, OTHER_DIGITS)
    put_empty(ground, bucket, "split/entry-", count)
    for latency in LATENCIES:
        for name in ("whole", "split"):
            mounted = ground.mount(f"s3://{bucket}", sync="60s")
            os.listdir(mounted.path)
            ground.proxy.latency(latency)
            ground.proxy.clear()
            began = time.perf_counter()
            listed = subprocess.run(["ls", "-f", mounted.at(name)], stdout=subprocess.PIPE, check=True).stdout
            seconds[name] = time.perf_counter() - began
            lists, heads = ground.proxy.requests("LIST"), ground.proxy.requests("HEAD")
            ground.end_mounts()
            what = f"{name}, {latency * 1000:.0f} ms of latency"
            names = listed.count(b"\n")
            facts.append((f"names of ls -f: {what}", names, count + 2, names == count + 2))
            # The lookup of the directory itself asks one HEAD and one LIST.
            bar = -(-count // 1000) + 17
            facts.append((f"LIST requests: {what}", lists, bar, lists <= bar))
            facts.append((f"HEAD requests: {what}", heads, 1, heads <= 1))
            facts.append((f"seconds: {what}", f"{seconds[name]:.2f}", "–", None))
        times = seconds["whole"] / seconds["split"]
        bar = SPLIT_GAIN_BAR if latency > 0 and ground.scale == 1 else None
        facts.append(
            (f"times faster, {latency * 1000:.0f} ms", f"{times:.1f}", bar or "–", bar and times >= bar)
        )


def a_deep_open_among_siblings_is_cheap(ground, facts):
    """A file five levels down with many siblings, opened cold by its full path."""
    bucket = ground.bucket("siblings")
    count = put_empty(ground, bucket, "a/b/c/d/sibling-", 1_000_000 // ground.scale)
    facts.append(("siblings (as many as were made in time)", count, f"{1_000_000 // ground.scale}", None))
    ground.client.put_object(Bucket=bucket, Key="a/b/c/d/wanted", Body=b"w" * 8192)
    mounted = ground.mount(f"s3://{bucket}", sync="60s")
    ground.proxy.clear()
    began = time.perf_counter()
    with open(mounted.at("a/b/c/d/wanted"), "rb", buffering=0) as file:
        good = file.read(4096) == b"w" * 4096
    seconds = time.perf_counter() - began
    requests = ground.proxy.requests()
    full = [entry for entry in ground.proxy.log() if "max-keys=1000" in entry["target"]]
    facts.append(("the bytes are right", good, True, good))
    facts.append(("requests", requests, "12", requests <= 12))
    facts.append(("full listings", len(full), 0, not full))
    facts.append(("seconds", f"{seconds:.3f}", "–", None))
