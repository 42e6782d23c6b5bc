"""What is measured of a cluster. Each measure gives (what, found, bar, whether it holds or None)."""

import hashlib
import os
import random
import signal
import statistics
import subprocess
import threading
import time

from rig import content, processes
from rig.cluster import HTTP_PORT
from stand import BUCKET, MIB, cpu_seconds, median_of

GIB = 1 << 30
LARGE = ("large", GIB)


def ratio(ours, theirs):
    return ours / theirs if theirs else 0.0


def warmed(stand, cluster, key, size):
    """Has the owner read a file; returns the owner."""
    uri = stand.put(key, size)
    owner = cluster.owner(uri)
    step = 64 * MIB
    for start in range(0, size, step):
        url = f"{owner.url}/v1/range/0?ufsFullPath={uri}&offset={start}&length={min(step, size - start)}"
        subprocess.check_call(["curl", "-sf", "-o", "/dev/null", url])
    return owner


def pages(stand):
    """Warm whole pages over 8 connections, beside nginx on the same file."""
    facts = []
    nginx = stand.nginx()
    for page_mib, bar in ((4, 0.9), (1, 0.75)):
        cluster = stand.cluster(1, **{"alluxio.worker.page.store.page.size": f"{page_mib}MB"})
        owner = warmed(stand, cluster, *LARGE)
        uri = f"s3://{BUCKET}/{LARGE[0]}"
        ours, theirs = [], []
        for _ in range(stand.rounds):
            ours.append(
                stand.load(owner.host, HTTP_PORT, page_mib * MIB, GIB, "page", uri, pids=[owner.process.pid])
            )
            theirs.append(
                stand.load(
                    "127.0.0.1",
                    nginx.port,
                    page_mib * MIB,
                    GIB,
                    "range",
                    f"/{LARGE[0]}",
                    pids=nginx.children(),
                )
            )
        for key in ("MiB/s", "MiB/CPU-s"):
            mine, other = median_of(ours, key), median_of(theirs, key)
            found = f"{mine:.0f} (nginx {other:.0f}, ratio {ratio(mine, other):.2f})"
            facts.append((f"{page_mib} MiB pages, {key}", found, f"{bar} of nginx", mine >= bar * other))
        cluster.stop()
    return facts


FORMS = (("kernel cache", {}), ("direct_io", {"direct_io": True}))


def sequential(stand):
    """One stream through the mount from a warm worker, beside 8 parallel GETs from that worker."""
    cluster = stand.cluster(1)
    owner = warmed(stand, cluster, *LARGE)
    stand.proxy.clear()
    facts = []
    for name, options in FORMS:
        mine, other, cpu = streamed(stand, cluster, owner.url, options)
        found = f"{mine:.0f} MiB/s (8 GETs {other:.0f}, ratio {ratio(mine, other):.2f})"
        facts.append((f"one stream, {name}", found, "0.65", mine >= 0.65 * other))
        facts.append((f"daemon and reader, {name}", f"{cpu:.2f} CPU-s/GiB", "1.35", cpu <= 1.35))
    gets = stand.proxy.requests("GET")
    facts.append(("GETs of the store meanwhile", gets, "0", gets == 0))
    return facts


def latency(stand):
    """The same with 5 and 30 ms for every request to the worker."""
    cluster = stand.cluster(1)
    owner = warmed(stand, cluster, *LARGE)
    proxy = stand.before(owner)
    facts = []
    for milliseconds in (5, 30):
        proxy.latency(milliseconds / 1000)
        for name, options in FORMS:
            mine, other, _ = streamed(
                stand, cluster, proxy.endpoint, {**options, **static(f"127.0.0.1:{proxy.port}")}
            )
            found = f"{mine:.0f} MiB/s (8 GETs {other:.0f}, ratio {ratio(mine, other):.2f})"
            facts.append((f"{milliseconds} ms, one stream, {name}", found, "–", None))
    return facts


def static(place):
    """Options of a mount that is told its worker."""
    return {
        "alluxio.worker.membership.manager.type": "STATIC",
        "alluxio.worker.static.membership.list": place,
    }


def streamed(stand, cluster, url, options):
    """Medians of: MiB/s of one stream, MiB/s of 8 GETs from `url`, CPU of daemon and reader for 1 GiB."""
    ours, bare, cpus = [], [], []
    for _ in range(stand.rounds):
        mounted = stand.mount(cluster, **options)
        path = mounted.at(LARGE[0])
        os.stat(path)
        before = mounted.cpu()
        began = time.perf_counter()
        reader = subprocess.Popen(["dd", f"if={path}", "of=/dev/null", "bs=1M", "status=none"])
        _, _, usage = os.wait4(reader.pid, 0)
        ours.append(GIB / MIB / (time.perf_counter() - began))
        cpus.append(mounted.cpu() - before + usage.ru_utime + usage.ru_stime)
        mounted.stop()
        bare.append(parallel_gets(url, f"s3://{BUCKET}/{LARGE[0]}", GIB, 8))
    return tuple(statistics.median(found) for found in (ours, bare, cpus))


def parallel_gets(url, uri, size, ways):
    """MiB/s of some curls, a range each."""
    step = size // ways
    began = time.perf_counter()
    children = [
        subprocess.Popen(
            ["curl", "-sf", "-o", "/dev/null",
             f"{url}/v1/range/0?ufsFullPath={uri}&offset={start}&length={step}"]
        )
        for start in range(0, size, step)
    ]  # fmt: skip
    if any(child.wait(300) for child in children):
        raise RuntimeError("a curl failed")
    return size / MIB / (time.perf_counter() - began)


def random_4k(stand):
    """One random 4 KiB read through the mount from a warm worker, beside a libcurl GET from nginx."""
    cluster = stand.cluster(1)
    warmed(stand, cluster, *LARGE)
    nginx = stand.nginx()
    latency = stand.program("latency", "-lcurl")
    ours, theirs = [], []
    for index in range(stand.rounds):
        mounted = stand.mount(cluster)
        fd = os.open(mounted.at(LARGE[0]), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        chance = random.Random(index)
        samples = []
        for _ in range(2000):
            offset = chance.randrange(GIB // 4096) * 4096
            began = time.perf_counter_ns()
            os.pread(fd, 4096, offset)
            samples.append((time.perf_counter_ns() - began) / 1000)
        os.close(fd)
        mounted.stop()
        ours.append(statistics.median(samples))
        url = f"http://127.0.0.1:{nginx.port}/{LARGE[0]}"
        theirs.append(float(subprocess.check_output([latency, url, str(GIB), "2000"])))
    mine, other = statistics.median(ours), statistics.median(theirs)
    bar = 1.5 * other + 30
    stand.release()
    found = f"{mine:.0f} µs (libcurl from nginx {other:.0f} µs)"
    return [("p50 of 4 KiB", found, f"{bar:.0f} µs", mine <= bar)]


def fan_in(stand):
    """32 clients read one cold file of 1 GiB from the worker that owns it."""
    cluster = stand.cluster(1)
    uri = stand.put(*LARGE)
    owner = cluster.owner(uri)
    stand.proxy.clear()
    children = [
        subprocess.Popen(
            ["curl", "-sf", "-o", "-", f"{owner.url}/v1/range/0?ufsFullPath={uri}"], stdout=subprocess.PIPE
        )
        for _ in range(32)
    ]
    sums = [None] * len(children)

    def drain(index):
        digest = hashlib.sha256()
        while part := children[index].stdout.read(1 << 18):
            digest.update(part)
        sums[index] = digest.hexdigest()

    threads = [threading.Thread(target=drain, args=(index,)) for index in range(len(children))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    counts = stand.proxy.counts()
    got = counts["bodies"].get("GET", 0) if "bodies" in counts else counts["down"]
    with open(stand.source(LARGE[0]), "rb") as file:
        truth = hashlib.file_digest(file, "sha256").hexdigest()
    rss = processes.resident_bytes(owner.process.pid, "VmHWM") / MIB
    right = sum(found == truth for found in sums)
    return [
        ("clients whose bytes are right", right, "32", right == 32),
        ("bytes from S3 for each of the file", f"{got / GIB:.3f}", "1.02", got <= 1.02 * GIB),
        ("peak RSS of the worker", f"{rss:.0f} MiB", "128 MiB + limit", rss <= 128 + 256),
    ]


class Readers:
    """Threads that read made files through a mount, check every byte, and time every read."""

    def __init__(self, mounted, count, files):
        self.mounted, self.files = mounted, files
        self.ends = threading.Event()
        self.errors, self.wrong, self.reads, self.worst = [], 0, 0, 0.0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(index,)) for index in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, index):
        chance = random.Random(index)
        while not self.ends.is_set():
            name, body = chance.choice(self.files)
            offset = chance.randrange(len(body) - 65536) // 4096 * 4096
            began = time.perf_counter()
            try:
                fd = os.open(self.mounted.at(name), os.O_RDONLY)
                try:
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                    found = os.pread(fd, 65536, offset)
                finally:
                    os.close(fd)
            except OSError as error:
                self.errors.append(str(error))
                continue
            took = time.perf_counter() - began
            with self.lock:
                self.reads += 1
                self.worst = max(self.worst, took)
                self.wrong += found != body[offset : offset + 65536]

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join(90)

    def facts(self, name):
        """Ends the reading; what is to be said of it."""
        self.stop()
        return [
            (f"{name}: reads", self.reads, "–", None),
            (f"{name}: errors", len(self.errors), "0", not self.errors),
            (f"{name}: reads with wrong bytes", self.wrong, "0", self.wrong == 0),
            (f"{name}: worst read", f"{self.worst:.2f} s", "2 s", self.worst <= 2),
        ]


def read_files(stand):
    """Objects for ``Readers``."""
    files = []
    for index in range(48):
        key = f"chaos/{index}"
        files.append((key, content.made(key, 8 * MIB)))
        stand.client.put_object(Bucket=BUCKET, Key=key, Body=files[-1][1])
    return files


# Little memory, so that reads go to the workers.
FORGETFUL = {"alluxio.user.client.cache.memory.size": "16MB", "direct_io": True}


def chaos(stand):
    """8 readers while one of three workers is killed, stopped, and all are restarted one after the other."""
    files = read_files(stand)
    facts = []
    for name, harm in (("kill -9", killed), ("SIGSTOP", stopped), ("rolling restart", rolled)):
        cluster = stand.cluster(3)
        readers = Readers(stand.mount(cluster, **FORGETFUL), 8, files)
        time.sleep(3)
        harm(cluster)
        time.sleep(4)
        facts += readers.facts(name)
        stand.release()
    return facts


def faults(stand):
    """8 readers while one of three workers answers badly: a proxy before it sees to that."""
    files = read_files(stand)
    facts = []
    for name, harm in FAULTS.items():
        cluster = stand.cluster(3)
        proxy = stand.before(cluster.workers[0])
        places = [f"127.0.0.1:{proxy.port}"] + [f"{it.host}:{HTTP_PORT}" for it in cluster.workers[1:]]
        listed = os.path.join(stand.folder, "workers")
        with open(listed, "w") as file:
            file.write("\n".join(places) + "\n")
        options = {
            "alluxio.worker.membership.manager.type": "STATIC",
            "alluxio.worker.static.membership.manager.config.file": listed,
        }
        readers = Readers(stand.mount(cluster, **FORGETFUL, **options), 8, files)
        time.sleep(3)
        harm(proxy)
        time.sleep(4)
        facts += readers.facts(name)
        stand.release()
    return facts


FAULTS = {
    "status 500": lambda proxy: proxy.answer(500, "Broken"),
    "too short": lambda proxy: proxy.corrupt("short"),
    "too long": lambda proxy: proxy.corrupt("long"),
    "cut after 10 KB": lambda proxy: proxy.cut(after=10_000),
    "no byte any more": lambda proxy: proxy.stall(),
    "connections refused": lambda proxy: proxy.down(),
    "700 ms slower": lambda proxy: proxy.latency(0.7),
}


def killed(cluster):
    cluster.workers[0].kill()


def stopped(cluster):
    cluster.workers[0].process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    cluster.workers[0].process.send_signal(signal.SIGCONT)


def rolled(cluster):
    for worker in cluster.workers:
        worker.terminate()
        time.sleep(0.5)
        worker.start()


def restart(stand):
    """A worker that comes back with its disk serves its old pages."""
    cluster = stand.cluster(1)
    owner = warmed(stand, cluster, *LARGE)
    # What was written is recorded once a second.
    time.sleep(2)
    owner.kill()
    owner.start()
    stand.proxy.clear()
    warmed(stand, cluster, *LARGE)
    gets = stand.proxy.requests("GET")
    return [("GETs of the store for 1 GiB after a kill and a restart", gets, "0", gets == 0)]


def metadata(stand):
    """A second client lists 20 000 files that a first one has listed."""
    keys = [f"many/d{index // 100:03}/f{index:05}" for index in range(20_000)]
    stand.server.put_many(BUCKET, ((key, b"x") for key in keys))
    cluster = stand.cluster(3)
    seconds, lists, names = [], [], []
    for _ in range(2):
        mounted = stand.mount(cluster)
        stand.proxy.clear()
        began = time.perf_counter()
        command = ["find", mounted.at("many"), "-type", "f"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
        seconds.append(time.perf_counter() - began)
        lists.append(stand.proxy.requests("LIST"))
        names.append(listed.stdout.count("\n"))
        mounted.stop()
    return [
        ("files that each client sees", names, "20000", names == [20_000, 20_000]),
        ("LISTs of the first client", lists[0], "–", None),
        ("LISTs of the second client", lists[1], "0", lists[1] == 0),
        ("seconds", f"{seconds[0]:.2f}, {seconds[1]:.2f}", "–", None),
    ]


def memory(stand):
    """64 clients read 4 GiB in all at random from one worker; its memory."""
    cluster = stand.cluster(1)
    uri = stand.put(*LARGE)
    owner = cluster.owner(uri)
    before = cpu_seconds(owner.process.pid)
    stand.load(owner.host, HTTP_PORT, MIB, GIB, "page", uri, connections=64)
    rss = processes.resident_bytes(owner.process.pid, "VmHWM") / MIB
    cpu = cpu_seconds(owner.process.pid) - before
    return [("peak RSS", f"{rss:.0f} MiB ({cpu:.1f} CPU-s)", "384 MiB (128 + limit)", rss <= 384)]


MEASURES = {
    measure.__name__.replace("_", "-"): measure
    for measure in (pages, sequential, latency, random_4k, fan_in, chaos, faults, restart, metadata, memory)
}
