"""A real cluster: the command, and existing clients that read through three workers."""

import concurrent.futures
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.parse

import boto3
import pytest
from botocore.config import Config
from rig import cluster, content, processes, weed

pytestmark = pytest.mark.ours

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MIB = 1 << 20


# The command


def test_info_nodes_lists_every_worker_in_three_columns(workers):
    lines = workers.alluxio("info", "nodes").stdout.splitlines()
    assert lines[0] == "WorkerId\tAddress\tStatus"
    assert sorted(lines[1:]) == sorted(
        f"worker-{worker.uuid}\t{worker.host}:29999\tONLINE" for worker in workers.workers
    )
    for node in workers.nodes():
        assert node["capacityBytes"] == 1 << 30
        assert (node["httpPort"], node["s3Port"], node["registered"]) == (28081, 29998, True)


def test_location_and_ring_and_every_worker_name_the_same_owner(workers, mounted):
    keys = [f"d/{index}" for index in range(40)]
    located = workers.alluxio("fs", "location", *[f"/s3/./{key}" for key in keys]).stdout.splitlines()
    ring = workers.alluxio("ring", "locate", "--ring", "etcd", *[f"{mounted.uri}/{key}" for key in keys])
    owners = set()
    for key, place, line in zip(keys, map(json.loads, located), map(json.loads, ring.stdout.splitlines())):
        assert place["uri"] == line["uri"] == f"{mounted.uri}/{key}"
        assert place["fileId"] == line["fileId"]
        owner = place["workers"][0]
        assert owner["workerId"].replace("-", "") == "worker" + line["workers"][0]["identifier"]
        for worker in workers.workers:
            node = json.loads(cluster.get(f"{worker.url}/v1/node?path={mounted.uri}/{key}"))
            assert node["Host"] == owner["host"]
        owners.add(owner["host"])
    assert len(owners) == 3


def test_a_mount_is_listed_with_its_secrets_masked_and_gone_when_removed(workers, bucket):
    workers.mount("/listed", bucket.uri)
    listing = workers.alluxio("mount", "list").stdout
    assert listing.splitlines()[0] == "Listing all mount points"
    line = next(line for line in listing.splitlines() if " on /listed " in line)
    assert line.startswith(f"{bucket.uri} on /listed properties={{")
    assert "s3a.secretKey=******" in line and weed.SECRET_KEY not in listing
    again = workers.alluxio("mount", "add", "--path", "/listed", "--ufs-uri", "s3://other")
    cluster.one_line(again, 1, "/listed", "remove it first")
    nested = workers.alluxio("mount", "add", "--path", "/inner", "--ufs-uri", bucket.uri + "/inner")
    cluster.one_line(nested, 1, "lies inside", "/listed")
    assert workers.unmount("/listed").stdout == "Removed /listed\n"
    cluster.one_line(workers.unmount("/listed"), 1, "nothing is mounted at /listed")
    for worker in workers.workers:
        processes.wait_until(lambda: "/listed" not in cluster.mounts_of(worker), 3, "the mount is gone")
    cluster.one_line(workers.alluxio("fs", "location", "/listed/x"), 1, "nothing is mounted at /listed")


def test_every_command_gives_up_within_5_s_without_etcd(workers, place):
    commands = [
        ["info", "nodes"], ["mount", "list"], ["mount", "add", "--path", "/x", "--ufs-uri", "s3://bucket"],
        ["mount", "remove", "--path", "/x"], ["fs", "location", "s3://bucket/x"],
        ["ring", "locate", "--ring", "etcd", "s3://bucket/x"],
        ["process", "remove-worker", "00000000-0000-0000-0000-000000000001"], ["process", "start", "worker"],
    ]  # fmt: skip
    with open(os.path.join(place, "alluxio-site.properties"), "w"):
        pass
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        silent = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two))

        def run(words, endpoints):
            settings = {"alluxio.etcd.endpoints": endpoints, "alluxio.conf.dir": place}
            return cluster.timed(lambda: workers.alluxio(*words, **settings))

        with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
            for endpoints in (silent, "127.0.0.1:9"):
                for answer, seconds in pool.map(lambda words: run(words, endpoints), commands):
                    assert answer.returncode == 1 and answer.stdout == ""
                    last = answer.stderr.splitlines()[-1]
                    assert last.startswith("alluxio: ") and "alluxio.etcd.endpoints" in last, answer.stderr
                    assert seconds < 5


# Reading


def test_pages_and_ranges_are_the_objects_bytes(workers, mounted):
    data = mounted.put_made("d/odd name+%&.bin", 3 * MIB + 12_345)
    name = urllib.parse.quote(f"{mounted.uri}/d/odd name+%&.bin", safe="")
    for worker in workers.workers:
        for index, start in enumerate(range(0, len(data), MIB)):
            page = cluster.get(f"{worker.url}/v1/file/0/page/{index}?ufsFullPath={name}")
            assert page == data[start : start + MIB]
        assert cluster.read_range(worker, name, 1_000_003, 1_234_567) == data[1_000_003:][:1_234_567]
        with pytest.raises(urllib.error.HTTPError) as refusal:
            cluster.get(f"{worker.url}/v1/file/0/page/4?ufsFullPath={name}")
        assert refusal.value.code == 404 and "message" in json.load(refusal.value)


def test_32_clients_of_a_cold_file_cost_s3_each_byte_once(workers, mounted, place, proxy):
    size = 256 * MIB
    parts = list(content.blocks("cold", size, 16 * MIB))
    upload = mounted.client.create_multipart_upload(Bucket=mounted.name, Key="cold")["UploadId"]
    target = {"Bucket": mounted.name, "Key": "cold", "UploadId": upload}
    etags = []
    for number, part in enumerate(parts, 1):
        answer = mounted.client.upload_part(**target, PartNumber=number, Body=part)
        etags.append({"PartNumber": number, "ETag": answer["ETag"]})
    mounted.client.complete_multipart_upload(**target, MultipartUpload={"Parts": etags})
    copy = os.path.join(place, "cold")
    with open(copy, "wb") as file:
        file.writelines(parts)
    owner = workers.owner(f"{mounted.uri}/cold")
    url = f"{owner.url}/v1/range/0?ufsFullPath={mounted.uri}/cold"
    proxy.clear()
    readers = [subprocess.Popen(f"curl -sf '{url}' | cmp - {copy}", shell=True) for _ in range(32)]
    assert [reader.wait(80) for reader in readers] == [0] * 32
    assert size <= proxy.counts()["bodies"]["GET"] <= 1.02 * size
    # One limit for all, whoever reads.
    assert processes.resident_bytes(owner.process.pid, "VmHWM") <= (128 + 256) * MIB


@pytest.mark.parametrize("version", ["1.0.7", "1.0.16", "1.1.17"])
def test_alluxiofs_lists_and_reads(workers, mounted, place, version):
    packages = os.path.join(ROOT, ".build-clients", version)
    if not os.path.isdir(packages):
        pytest.fail(f"alluxiofs {version} is not installed: scripts/prepare clients")
    data = mounted.put_made("d/one.bin", 5 * MIB + 4321)
    mounted.put("d/sub/two", b"2")
    mounted.put("d/three", b"")
    uri, (offset, length) = f"{mounted.uri}/d/one.bin", (MIB - 7, 2 * MIB + 99)
    request = {"uri": uri, "folder": f"{mounted.uri}/d", "range": [offset, length], "size": len(data)}
    if version.startswith("1.0."):
        request.update(etcd_port=workers.etcd.client_port, cluster=workers.name)
    else:
        request.update(hosts=[f"{worker.host}:28080" for worker in workers.workers], path="/s3/d/one.bin")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rig", "alluxiofs_reads.py")
    answer = subprocess.run(
        [sys.executable, script],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=place,
        env={**os.environ, "PYTHONPATH": packages},
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout[answer.stdout.index("{") :])
    assert found.pop("worker") == workers.owner(uri).host
    assert found.pop("names") == ["one.bin", "sub", "three"]
    assert found.pop("size", len(data)) == len(data)
    for name, expected in {
        "whole": data, "range": data[offset:][:length], "chunks": data, "pages": data,
        "head": data[:100], "tail": data[-100:],
    }.items():  # fmt: skip
        assert found.pop(name, content.sha256(expected)) == content.sha256(expected), name
    assert found == {}


def s3_client(worker):
    """boto3, which awscli is made of, at the S3 port of a worker."""
    return boto3.client(
        "s3",
        endpoint_url=worker.s3_url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def test_awscli_reads_and_lists_through_the_s3_port_of_any_worker(workers, mounted, place):
    data = mounted.put_made("d/one.bin", 20 * MIB + 7)
    mounted.put("d/sub/two", b"2")
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
                   "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    for index, worker in enumerate(workers.workers):
        command = [os.path.join(os.path.dirname(sys.executable), "aws"), "--endpoint-url", worker.s3_url]
        target = os.path.join(place, f"copy{index}")
        # In parts, several at once.
        copy = [*command, "s3", "cp", "--quiet", "s3://s3/d/one.bin", target]
        subprocess.run(copy, env=environment, check=True)
        assert content.file_sha256(target) == content.sha256(data)
        listing = subprocess.run([*command, "s3", "ls", "--recursive", "s3://s3/"], env=environment,
                                 capture_output=True, text=True, check=True).stdout  # fmt: skip
        found = [(int(words[2]), words[3]) for words in map(str.split, listing.splitlines())]
        assert found == [(len(data), "d/one.bin"), (1, "d/sub/two")]
        with open(target, "rb") as file:
            piece = s3_client(worker).get_object(Bucket="s3", Key="d/one.bin", Range="bytes=5-1000004")
            assert piece["Body"].read() == file.read(1_000_005)[5:]
