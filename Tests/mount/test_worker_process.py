"""Workers that are killed, stopped, started again and set up in other ways, and the script for a cluster."""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from rig import cluster, content, processes, weed

pytestmark = pytest.mark.ours

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MIB = 1 << 20


def test_a_worker_that_is_killed_leaves_the_ring_and_comes_back_with_its_pages(workers, mounted, proxy):
    data = mounted.put_made("kept", 6 * MIB + 5)
    uri = f"{mounted.uri}/kept"
    victim = workers.owner(uri)
    assert cluster.read_range(victim, uri) == data
    # What was cached within the last second may be lost with a kill.
    time.sleep(1.5)
    victim.kill()
    # The ring does not know yet: what it should have given through the S3 port comes from the mounted.
    other = next(worker for worker in workers.workers if worker is not victim)
    assert cluster.get(f"{other.s3_url}/s3/kept") == data
    status = {victim.uuid: "ONLINE"}

    def has_left():
        status.update((node["workerId"][7:], node["status"]) for node in workers.nodes())
        return status[victim.uuid] == "OFFLINE"

    processes.wait_until(has_left, 6, "the lease has ended", pause=0.2)
    heir = workers.owner(uri)
    assert heir is not victim
    others = [worker for worker in workers.workers if worker is not victim]
    for worker in others:
        assert json.loads(cluster.get(f"{worker.url}/v1/node?path={uri}"))["Host"] == heir.host
    assert cluster.read_range(heir, uri) == data
    cluster.one_line(workers.alluxio("process", "remove-worker", heir.uuid), 1, heir.uuid, "alive")

    victim.start()
    assert workers.owner(uri) is victim
    processes.wait_until(lambda: "/s3" in cluster.mounts_of(victim), 5, "the mount is seen")
    proxy.clear()
    assert cluster.read_range(victim, uri) == data
    counts = proxy.counts()["kinds"]
    assert counts.get("GET", 0) == 0, counts


def test_sigterm_ends_a_worker_with_0_after_its_answers(workers, mounted, proxy):
    data = mounted.put_made("slow", 8 * MIB)
    worker = workers.owner(f"{mounted.uri}/slow")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        proxy.latency(0.5)
        reading = pool.submit(cluster.read_range, worker, f"{mounted.uri}/slow")
        processes.wait_until(lambda: proxy.counts()["requests"] > 0, 5, "the read has begun")
        code, seconds = cluster.timed(worker.terminate)
        assert reading.result(20) == data
    proxy.flow()
    assert code == 0 and seconds < 10
    offline = {node["workerId"] for node in workers.nodes() if node["status"] == "OFFLINE"}
    assert offline == {f"worker-{worker.uuid}"}
    assert "the worker has ended" in worker.log()
    worker.start()
    worker.process.send_signal(signal.SIGINT)
    assert worker.process.wait(20) == 0
    worker.start()


def test_a_worker_that_has_gone_for_good_is_removed(workers, folder):
    host = workers.workers[0].host.rpartition(".")[0] + ".77"
    gone = cluster.Worker(os.path.join(folder, "cluster", "gone"), host, workers.common)
    gone.start()
    assert gone.terminate() == 0
    assert workers.alluxio("process", "remove-worker", gone.uuid).stdout == f"Removed worker-{gone.uuid}\n"
    assert gone.uuid not in workers.alluxio("info", "nodes").stdout
    cluster.one_line(workers.alluxio("process", "remove-worker", gone.uuid), 1, gone.uuid, "no member")


def test_a_second_worker_on_a_cache_directory_or_identity_or_port_is_refused(workers, place):
    first = workers.workers[0]

    def refusal(**changes):
        settings = {**first.settings, "alluxio.worker.page.store.dirs": os.path.join(place, "cache")}
        for name, value in changes.items():
            settings[name] = value
        second = cluster.Worker(place, first.host, {**settings})
        second.settings.update(settings)
        second.start(wait=False)
        code = second.process.wait(20)
        assert code == 1
        return second.log().splitlines()[-1]

    ports = {name: "0" for name in (
        "alluxio.worker.http.server.port", "alluxio.worker.http.server.array.node.port",
        "alluxio.worker.rest.port")}  # fmt: skip
    other = {"alluxio.worker.identity.uuid": "00000000-0000-0000-0000-00000000000a"}
    cache = {"alluxio.worker.page.store.dirs": first.settings["alluxio.worker.page.store.dirs"]}
    line = refusal(**ports, **other, **cache)
    assert line.startswith("alluxio: cache directory ") and f"process {first.process.pid}" in line
    line = refusal(**other)
    assert f"cannot listen at {first.host}:28080" in line and "free port" in line
    line = refusal(**ports, **{"alluxio.worker.rpc.port": "12345"})
    assert "some other member with same id" in line and first.host in line
    # Nothing of it has disturbed the first one.
    assert cluster.get(first.url + "/health") == b"worker is active"


def test_a_worker_without_etcd_serves_one_store_in_memory(bucket, place, proxy):
    data = bucket.put_made("a/b", 3 * MIB)
    host = cluster.loopback_addresses(9)[-1]
    worker = cluster.Worker(place, host, {"alluxio.dora.client.ufs.root": bucket.uri + "/a",
                                          "alluxio.underfs.s3.endpoint": proxy.endpoint,
                                          "alluxio.underfs.s3.region": weed.REGION})  # fmt: skip
    del worker.settings["alluxio.worker.page.store.dirs"], worker.settings["alluxio.worker.page.store.sizes"]
    try:
        worker.start()
        assert worker.ready["metadata"]["knownBy"] == "nobody told"
        assert cluster.read_range(worker, bucket.uri + "/a/b", 7, MIB) == data[7:][:MIB]
        assert cluster.read_range(worker, f"/{bucket.name}/b") == data
        text = cluster.get(worker.url + "/metrics").decode()
        assert re.search(rf"^alluxio_cached_storage_bytes {3 * MIB}", text, re.M), text
        assert re.search(rf"^alluxio_cached_capacity_bytes {128 * MIB}", text, re.M)
        assert worker.terminate() == 0
    finally:
        worker.stop()


def test_several_cache_directories_share_the_files_and_keep_them(bucket, place, proxy):
    host = cluster.loopback_addresses(8)[-1]
    folders = [os.path.join(place, name) for name in ("one", "two")]
    worker = cluster.Worker(place, host, {"alluxio.dora.client.ufs.root": bucket.uri,
                                          "alluxio.underfs.s3.endpoint": proxy.endpoint,
                                          "alluxio.worker.page.store.dirs": ",".join(folders),
                                          "alluxio.worker.page.store.sizes": "64MB,192MB"})  # fmt: skip
    files = {f"f{index:02}": content.made(f"f{index}", 300_000) for index in range(40)}
    bucket.put_many(files.items())
    try:
        worker.start()
        for name, data in files.items():
            assert cluster.read_range(worker, f"{bucket.uri}/{name}") == data
        assert worker.terminate() == 0
        used = [sum(os.stat(os.path.join(at, name)).st_blocks * 512 for at, _, names in os.walk(path)
                    for name in names) for path in folders]  # fmt: skip
        assert 0 < used[0] < used[1]
        worker.start()
        proxy.clear()
        for name, data in files.items():
            assert cluster.read_range(worker, f"{bucket.uri}/{name}") == data
        assert proxy.requests("GET") == 0
        assert worker.terminate() == 0
    finally:
        worker.stop()
        for name in files:
            bucket.delete(name)


def test_the_script_starts_and_shows_a_cluster_and_ends_only_its_own(place):
    where = os.path.join(place, "cluster")

    def script(*words):
        command = [sys.executable, os.path.join(ROOT, "scripts", "cluster-processes"), *words, "--dir", where]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert script("status").returncode == 1
    up = script("up", "--workers", "2")
    assert up.returncode == 0, up.stderr
    state_path = os.path.join(where, "state.json")
    with open(state_path) as file:
        state = json.load(file)
    assert sorted(state["processes"]) == ["etcd", "store", "worker0", "worker1"]
    assert script("status").stdout.count("runs, process") == 4
    # What it says to try is tried.
    environment = {**os.environ, "ALLUXIO_CONF_DIR": where}
    tries = [line.strip() for line in up.stdout.splitlines() if line.startswith("  ")]
    tries = [line for line in tries if "/tmp/mnt" not in line]
    commands = [line for line in tries if line.startswith(("/", "curl"))]
    assert len(commands) >= 6
    for command in commands:
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, env=environment, timeout=30
        )
        assert done.returncode == 0 and done.stdout, (command, done.stderr)
    # A number that is another process's by now is let alone.
    other = processes.spawn(["sleep", "60"])
    state["processes"]["worker9"] = {"pid": other.pid, "start": state["processes"]["worker0"]["start"]}
    with open(state_path, "w") as file:
        json.dump(state, file)
    assert script("down").returncode == 0
    assert other.poll() is None
    processes.stop(other)
    assert not os.path.exists(where)
    for name in ("etcd", "store", "worker0", "worker1"):
        assert not processes.alive(state["processes"][name]["pid"])
