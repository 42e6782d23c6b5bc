"""Many readers at once: stalled, streaming, scattered; and how long a start takes."""

import os
import random
import statistics
import subprocess
import sys
import threading
import time

from rig import content, processes
from sums import put_large

MIB = 1 << 20
STALLED_SECONDS = 30
MEMORY_BAR = 256 * MIB
IDLE_BAR = 25 * MIB

READ_ONE = "import os,sys; os.pread(os.open(sys.argv[1], os.O_RDONLY), 4096, 0)"


def stalled_readers_hold_nobody_up(ground, facts):
    """500 readers wait behind a stalled store for 30 s; others go on."""
    bucket = ground.bucket("stalled")
    count = 500 // ground.scale
    ground.server.put_many(bucket, ((f"f{index:04}", content.made(index, 20_000)) for index in range(count)))
    ground.server.put_many(bucket, ((f"named{index:04}", b"x") for index in range(1000)))
    mounted = ground.mount(f"s3://{bucket}", sync="600s")
    names = os.listdir(mounted.path)
    [os.stat(mounted.at(name)) for name in names]
    mounted.reset_peak()
    ground.proxy.stall(kinds=("GET",))
    readers = [
        processes.spawn([sys.executable, "-S", "-c", READ_ONE, mounted.at(f"f{index:04}")])
        for index in range(count)
    ]
    time.sleep(5)
    times, ends = [], time.monotonic() + STALLED_SECONDS / ground.scale
    while time.monotonic() < ends:
        began = time.perf_counter()
        os.stat(mounted.at(f"named{random.randrange(1000):04}"))
        times.append(time.perf_counter() - began)
        time.sleep(0.002)
    waiting = sum(reader.poll() is None for reader in readers)
    facts.append(("readers that wait", waiting, count, waiting == count))
    facts.append(("connections stalled at the store", ground.proxy.counts()["stalled"], "–", None))
    p99 = sorted(times)[int(len(times) * 0.99)] * 1000
    facts.append((f"p99 of {len(times)} cached stats", f"{p99:.2f} ms", "10 ms", p99 <= 10))
    began = time.monotonic()
    readers[0].kill()
    readers[0].wait(30)
    gone = time.monotonic() - began
    facts.append(("a killed reader is gone after", f"{gone:.2f} s", "1 s", gone <= 1))
    facts.append(("peak RSS", f"{mounted.peak() / MIB:.0f} MiB", "256 MiB", mounted.peak() <= MEMORY_BAR))
    ground.proxy.flow()
    failed = sum(reader.wait(120) != 0 for reader in readers[1:])
    facts.append(("readers that failed after the store flowed again", failed, 0, failed == 0))


def many_readers_stay_within_the_bar(ground, facts):
    """4 sequential and 64 random readers."""
    bucket = ground.bucket("crowd")
    size = 1024 * MIB // ground.scale
    for index in range(4):
        put_large(ground, bucket, f"large{index}", size)
    mounted = ground.mount(f"s3://{bucket}", sync="60s")
    time.sleep(1)
    facts.append(("idle RSS", f"{mounted.rss() / MIB:.1f} MiB", "25 MiB", mounted.rss() <= IDLE_BAR))
    mounted.reset_peak()
    ends, counted = threading.Event(), [0]

    def scatter(number):
        chance, fd = random.Random(number), os.open(mounted.at(f"large{number % 4}"), os.O_RDONLY)
        while not ends.is_set():
            os.pread(fd, 4096, chance.randrange(size // 4096) * 4096)
            counted[0] += 1
        os.close(fd)

    scatterers = [threading.Thread(target=scatter, args=(number,)) for number in range(64)]
    for thread in scatterers:
        thread.start()
    streams = [
        subprocess.Popen(["dd", f"if={mounted.at(f'large{index}')}", "of=/dev/null", "bs=1M", "status=none"])
        for index in range(4)
    ]
    failed = sum(stream.wait(1800) != 0 for stream in streams)
    ends.set()
    for thread in scatterers:
        thread.join()
    facts.append(("streams that failed", failed, 0, failed == 0))
    facts.append(("random reads meanwhile", counted[0], "–", None))
    facts.append(("peak RSS", f"{mounted.peak() / MIB:.0f} MiB", "256 MiB", mounted.peak() <= MEMORY_BAR))


def a_start_is_quick(ground, facts):
    """From the start of the command until it has returned and the mount answers; warm binary."""
    bucket = ground.bucket("start")
    ground.client.put_object(Bucket=bucket, Key="file", Body=b"x")
    times = []
    for _ in range(20):
        began = time.perf_counter()
        mounted = ground.mount(f"s3://{bucket}", endpoint=ground.server.endpoint)
        os.stat(mounted.path)
        times.append((time.perf_counter() - began) * 1000)
        mounted.stop()
    median = statistics.median(times[1:])
    facts.append(("median of 19 starts", f"{median:.0f} ms", "150 ms", median <= 150))
    facts.append(("slowest", f"{max(times[1:]):.0f} ms", "–", None))
