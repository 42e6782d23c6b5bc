#!/usr/bin/env python3
"""Daemon CPU of our mount beside that of minimal_server.c, in the same minutes.

    cc -O2 -o minimal_server minimal_server.c $(pkg-config --cflags --libs fuse3)
    swift build -c release --build-tests -Xswiftc -enable-testing --scratch-path .build-release
    compare.py <minimal_server> <...PackageTests.xctest of .build-release> [rounds]

Needs root and /dev/fuse. Prints CPU microseconds per operation, or CPU seconds per GiB, each the least of
some rounds that alternate between both servers; and the ratio.
"""
import glob, mmap, os, subprocess, sys, tempfile, time

FILE_MIB = 256


def cpu_seconds(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total / 1e9


def start(server, source, mountpoint, flags):
    if server.endswith(".xctest"):
        environment = dict(os.environ, ALLUXIO_FUSE_SERVE=source, ALLUXIO_FUSE_SERVE_AT=mountpoint)
        environment["ALLUXIO_FUSE_SERVE_FLAGS"] = flags
        words = [server, "--testing-library", "swift-testing", "--filter", "BenchmarkServer"]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    else:
        words = [server] + [f"-{flag}" for flag in flags] + [source, mountpoint]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(1000):
        if os.path.ismount(mountpoint):
            return process
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    sys.exit(f"{server} did not mount: {process.stdout.read().decode()}")


def attributes(path):
    file = os.open(path, os.O_RDONLY)
    for _ in range(100_000):
        os.fstat(file)
    os.close(file)
    return 100_000


def small_reads(path):
    file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, 4096)
    place = 1
    for _ in range(100_000):
        place = place * 1103515245 + 12345 & 0x7FFFFFFF
        os.preadv(file, [buffer], place % (FILE_MIB * 256) * 4096)
    os.close(file)
    return 100_000


def sequential(path):
    file = os.open(path, os.O_RDONLY)
    buffer = mmap.mmap(-1, 1 << 20)
    total = 0
    for _ in range(2):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        place = 0
        while got := os.preadv(file, [buffer], place):
            place += got
        total += place
    os.close(file)
    return total / (1 << 30)


def check_resident(source):
    found = subprocess.run(["fincore", "-n", "-b", "-o", "RES", source], capture_output=True, text=True)
    if int(found.stdout) < FILE_MIB << 20:
        with open(source, "rb") as file:
            while file.read(1 << 20):
                pass


CASES = [
    ("getattr, us/op", attributes, "ma", 1e6),
    ("4 KiB direct read from memory, us/op", small_reads, "md", 1e6),
    ("4 KiB direct read from a file, us/op", small_reads, "d", 1e6),
    ("1 MiB sequential, buffered, from memory, s/GiB", sequential, "m", 1),
    ("1 MiB sequential, buffered, spliced, s/GiB", sequential, "", 1),
    ("1 MiB sequential, direct, from memory, s/GiB", sequential, "md", 1),
    ("1 MiB sequential, direct, spliced, s/GiB", sequential, "d", 1),
]


def measure(server, source, mountpoint, work, flags, scale):
    check_resident(source)
    process = start(server, source, mountpoint, flags)
    try:
        work(f"{mountpoint}/file") if work is attributes else None
        before = cpu_seconds(process.pid)
        units = work(f"{mountpoint}/file")
        used = cpu_seconds(process.pid) - before
    finally:
        subprocess.run(["umount", mountpoint])
        process.wait(timeout=20)
    return used * scale / units


def main():
    minimal, ours = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory() as mountpoint, tempfile.NamedTemporaryFile(dir="/var/tmp") as source:
        for _ in range(FILE_MIB):
            source.write(os.urandom(1 << 20))
        source.flush()
        os.fsync(source.fileno())
        for name, work, flags, scale in CASES:
            results = {minimal: [], ours: []}
            for _ in range(rounds):
                for server in results:
                    results[server].append(measure(server, source.name, mountpoint, work, flags, scale))
            c, swift = min(results[minimal]), min(results[ours])
            print(f"{name:50} C {c:7.3f}  ours {swift:7.3f}  ratio {swift / c:.2f}", flush=True)


main()
