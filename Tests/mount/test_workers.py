"""A mount whose settings name workers: what it does when there are none, or none that answers."""

import os
import re
import time

import pytest

from rig import mounts, processes
from rig.etcd import Etcd
from rig.foreign_worker import ForeignWorker

pytestmark = pytest.mark.ours


def read(path):
    with open(path, "rb") as file:
        return file.read()


def fallbacks(mounted):
    """How often the store was asked instead of a worker."""
    lines = mounted.stats().splitlines()
    counted = [line for line in lines if line.startswith("alluxio_fuse_cluster_fallbacks_total")]
    return sum(float(line.split()[-1]) for line in counted)


@pytest.fixture
def worker():
    server = ForeignWorker()
    yield server
    server.stop()


def dead_worker():
    return f"127.0.0.1:{processes.free_ports(1)[0]}"


def cached(worker, bucket, client, key, size):
    """An object that the worker has too; returns its bytes."""
    body = bucket.put_made(key, size)
    etag = client.head_object(Bucket=bucket.name, Key=key)["ETag"]
    worker.put(f"{bucket.uri}/{key}", body, etag)
    return body


def test_a_file_is_read_from_the_worker_that_has_it(bucket, client, mount, proxy, worker):
    body = cached(worker, bucket, client, "dir/big", 5 << 20)
    mounted = mount(bucket.uri, **{"alluxio.worker.static.membership.list": worker.address})
    with proxy.counting() as counted:
        assert read(mounted.at("dir", "big")) == body
    assert counted["kinds"].get("GET", 0) == 0
    assert worker.page_requests > 0
    assert mounted.statistic("alluxio_read_from_workers_bytes_total") == len(body)


def test_the_mount_table_is_read_through_workers_too(bucket, client, mount, place, proxy, worker):
    body = cached(worker, bucket, client, "dir/big", 3 << 20)
    table = os.path.join(place, "mounts")
    with open(table, "w") as file:
        file.write(f"/data {bucket.uri}\n")
    options = {
        "alluxio.worker.static.membership.list": worker.address,
        "alluxio.mount.table.static.conf.file": table,
    }
    mounted = mount(None, **options)
    with proxy.counting() as counted:
        assert read(mounted.at("data", "dir", "big")) == body
    assert counted["kinds"].get("GET", 0) == 0
    assert mounted.statistic("alluxio_read_from_workers_bytes_total") == len(body)


def test_what_the_worker_has_not_comes_from_the_store(bucket, mount, worker):
    body = bucket.put_made("other", 3 << 20)
    mounted = mount(bucket.uri, **{"alluxio.worker.static.membership.list": worker.address})
    assert read(mounted.at("other")) == body
    assert fallbacks(mounted) > 0


def test_foreign_workers_can_be_switched_off(bucket, client, mount, worker):
    body = cached(worker, bucket, client, "big", 3 << 20)
    options = {
        "alluxio.worker.static.membership.list": worker.address,
        "alluxio.fuse.foreign.workers": "off",
    }
    mounted = mount(bucket.uri, **options)
    assert read(mounted.at("big")) == body
    assert worker.page_requests == 0


def test_a_dead_worker_costs_no_error(bucket, mount):
    body = bucket.put_made("dir/big", 9 << 20)
    mounted = mount(bucket.uri, **{"alluxio.worker.static.membership.list": dead_worker()})
    began = time.monotonic()
    assert os.listdir(mounted.at("dir")) == ["big"]
    assert read(mounted.at("dir", "big")) == body
    assert time.monotonic() - began < 5
    assert fallbacks(mounted) > 0


def test_without_fallback_a_dead_worker_is_an_error(bucket, mount):
    bucket.put("key", b"only in the store")
    options = {
        "alluxio.worker.static.membership.list": dead_worker(),
        "alluxio.dora.client.ufs.fallback.enabled": "false",
    }
    mounted = mount(bucket.uri, **options)
    with pytest.raises(OSError):
        read(mounted.at("key"))
    assert "alluxio.dora.client.ufs.fallback.enabled" in read(mounted.log).decode()


def test_without_settings_of_a_cluster_no_worker_is_looked_for(bucket, mount):
    bucket.put("key", b"x")
    mounted = mount(bucket.uri)
    assert read(mounted.at("key")) == b"x"
    assert "alluxio_fuse_cluster_fallbacks_total" not in mounted.stats()


def test_an_etcd_without_workers_costs_no_error(bucket, mount, place):
    bucket.put("key", b"x")
    etcd = Etcd(os.path.join(place, "etcd"))
    try:
        mounted = mount(bucket.uri, **{"alluxio.etcd.endpoints": etcd.endpoint})
        assert read(mounted.at("key")) == b"x"
        assert fallbacks(mounted) > 0
    finally:
        etcd.stop()


def test_one_store_is_mounted_also_while_etcd_is_away(bucket, mount):
    bucket.put("key", b"x")
    endpoint = f"http://127.0.0.1:{processes.free_ports(1)[0]}"
    began = time.monotonic()
    mounted = mount(bucket.uri, **{"alluxio.etcd.endpoints": endpoint})
    assert time.monotonic() - began < 5
    assert read(mounted.at("key")) == b"x"


@pytest.mark.parametrize(
    "options, words",
    [
        ({"alluxio.user.worker.selection.policy.type": "KETAMA"}, "KETAMA is not supported"),
        ({"alluxio.worker.membership.manager.type": "MASTER"}, "MASTER needs an Alluxio master"),
        ({"alluxio.etcd.username": "u"}, "without alluxio.etcd.password"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(bucket, mount, options, words):
    endpoint = {"alluxio.etcd.endpoints": "http://127.0.0.1:1"}
    with pytest.raises(mounts.MountFailed, match=re.escape(words)) as problem:
        mount(bucket.uri, **endpoint, **options)
    assert problem.value.status == 2
