"""Whose right to the data counts, on a real S3 server: Secrets, and service accounts that assume roles."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import boto3
import pytest
from rig import cluster, processes, weed
from test_volumes import read, refused

WIDE = {"s3a.accessKeyId": weed.ACCESS_KEY, "s3a.secretKey": weed.SECRET_KEY}
NARROW = {"s3a.accessKeyId": weed.NARROW_ACCESS_KEY, "s3a.secretKey": weed.NARROW_SECRET_KEY}
ROLE = "arn:aws:iam::123456789012:role/reader"
AUDIENCE = "sts.amazonaws.com"


@pytest.fixture(scope="module")
def store(folder):
    """A server whose bucket `narrow` has a part that both identities may read, and one for one of them."""
    server = weed.Weed(os.path.join(folder, "weed"))
    for bucket in ("narrow", "secret"):
        server.client().create_bucket(Bucket=bucket)
        server.put_many(bucket, [(f"{part}/file", part.encode()) for part in ("shared", "private")])
    yield server
    server.stop()


@pytest.fixture
def node(place):
    """A node with a cache on its disk, which is where one identity could be answered from another's reads."""
    from driver.plugin import Node

    made = Node(place, ["--cache-dir", os.path.join(place, "cache")])
    yield made
    if made.process.poll() is None:
        made.stop()


def attributes(endpoint, ufs, **more):
    options = f"endpoint={endpoint},alluxio.underfs.s3.disable.dns.buckets=true"
    return {"ufs": ufs, "options": f"{options},alluxio.underfs.s3.region=us-east-1", **more}


def shell(server, command):
    """Runs a command of the store's administrator."""
    ports = server.ports
    words = [weed.executable(), "shell", f"-master=127.0.0.1:{ports[3]}.{ports[4]}"]
    words.append(f"-filer=127.0.0.1:{ports[1]}.{ports[2]}")
    subprocess.run(words, input=command + "\n", text=True, capture_output=True, check=True, timeout=30)


def test_a_pod_without_the_right_is_refused_also_when_another_one_has_read(node, store):
    volume = attributes(store.endpoint, "s3://secret")
    wide = node.publish(volume, volume="wide", secrets=WIDE)
    for part in ("shared", "private"):
        assert read(wide, part, "file") == part
    for name, secrets in (("narrow", NARROW), ("wrong", WIDE | {"s3a.secretKey": "wrong"})):
        code, message = refused(node.publish, volume, volume=name, pod=name, stages=False, secrets=secrets)
        assert code in ("PERMISSION_DENIED", "UNAUTHENTICATED"), message
        assert not os.path.exists(node.target(name, name))
    # The refused ones have taken nothing from the one that may.
    assert read(wide, "private", "file") == "private"
    assert len(node.daemons()) == 1


def test_what_one_identity_has_read_is_not_in_the_cache_of_another(node, store, place):
    wide = node.publish(attributes(store.endpoint, "s3://narrow"), volume="wide", secrets=WIDE)
    assert read(wide, "private", "file") == "private"
    shared = attributes(store.endpoint, "s3://narrow/shared")
    first = node.publish(shared, volume="first", pod="first", secrets=WIDE)
    second = node.publish(shared, volume="second", pod="second", secrets=NARROW)
    assert read(first, "file") == read(second, "file") == "shared"
    # One daemon and one directory of the cache for each identity and address.
    assert len(node.daemons()) == 3 and len(os.listdir(os.path.join(place, "cache"))) == 3
    private = attributes(store.endpoint, "s3://narrow/private")
    code, message = refused(node.publish, private, volume="third", pod="third", secrets=NARROW)
    assert code == "PERMISSION_DENIED" and "private" in message


@pytest.fixture
def ring(place, store):
    """A cluster whose workers, mount table and properties have the keys of who may read everything."""
    made = cluster.Cluster(os.path.join(place, "ring"), store.endpoint, workers=2)
    made.start()
    made.mount("/store", "s3://narrow")
    yield made
    made.stop()


def test_on_a_ring_each_pod_reads_what_its_own_keys_may_read(place, api, store, ring):
    from driver.plugin import Node

    properties = {**ring.client_settings, **WIDE, "alluxio.user.file.metadata.sync.interval": "60s"}
    lines = "".join(f"{name}={value}\n" for name, value in properties.items())
    item = {"metadata": {"name": "data-alluxio-conf"}, "data": {"alluxio-site.properties": lines}}
    api.put("configmaps", "data", item)
    volume = {"alluxioClusterName": "data", "alluxioClusterNamespace": "data"}
    # The driver may read everything, too.
    driver = {"AWS_ACCESS_KEY_ID": weed.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": weed.SECRET_KEY}
    node = Node(place, ["--kubeconfig", api.kubeconfig], environment=driver)
    wide = node.publish(volume, volume="wide", pod="wide", stages=False, secrets=WIDE)
    narrow = node.publish(volume, volume="narrow", pod="narrow", stages=False, secrets=NARROW)
    for part in ("shared", "private"):
        assert read(wide, "store", part, "file") == part
        uri = f"s3://narrow/{part}/file"
        assert cluster.read_range(ring.owner(uri), uri) == part.encode()
    assert read(narrow, "store", "shared", "file") == "shared"
    # The workers have it, and would give it to anybody.
    for ask in (os.stat, open):
        with pytest.raises(PermissionError):
            ask(os.path.join(narrow, "store", "private", "file"))
    with pytest.raises(PermissionError):
        os.listdir(os.path.join(narrow, "store", "private"))
    assert read(wide, "store", "private", "file") == "private"
    assert len(node.daemons()) == 2
    node.stop()


def test_a_secret_that_was_rotated_comes_in_with_the_next_publish(node, store):
    user = "s3.configure -user rotated -buckets secret -actions Read,List -apply"
    shell(store, f"{user} -access_key FIRSTKEY -secret_key firstsecret")
    volume = attributes(store.endpoint, "s3://secret")
    first = {"key_id": "FIRSTKEY", "access_key": "firstsecret"}
    processes.wait_until(lambda: accepts(store, first), 10, "the first key is known")
    target = node.publish(volume, secrets=first)
    assert read(target, "shared", "file") == "shared"
    daemons = node.daemons()
    second = {"key_id": "SECONDKEY", "access_key": "secondsecret"}
    shell(store, f"{user} -access_key SECONDKEY -secret_key secondsecret")
    processes.wait_until(lambda: accepts(store, second), 10, "the second key is known")
    assert node.publish(volume, secrets=second) == target
    shell(store, "s3.configure -user rotated -access_key FIRSTKEY -delete -apply")
    processes.wait_until(lambda: not accepts(store, first), 10, "the first key is gone")
    # Never read before, so that no cache can answer.
    store.client().put_object(Bucket="secret", Key="later/new", Body=b"new")
    assert read(target, "later", "new") == "new"
    assert node.daemons() == daemons


def accepts(server, secrets):
    client = boto3.client(
        "s3", endpoint_url=server.endpoint, region_name=weed.REGION,
        aws_access_key_id=secrets["key_id"], aws_secret_access_key=secrets["access_key"],
    )  # fmt: skip
    try:
        client.list_objects_v2(Bucket="secret", MaxKeys=1)
        return True
    except client.exceptions.ClientError:
        return False


@pytest.fixture
def front(place):
    """STS and a store that look at tokens and keys, and a bucket `tokens`."""
    from token_store import TokenStore

    (port,) = processes.free_ports(1)
    program = os.path.join(os.path.dirname(sys.executable), "moto_server")
    with open(os.path.join(place, "moto.log"), "wb") as log:
        moto = processes.spawn([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    processes.wait_until(lambda: is_up(endpoint), 30, "moto answers")
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name=weed.REGION, aws_access_key_id="x", aws_secret_access_key="y"
    )
    client.create_bucket(Bucket="tokens")
    for number in range(40):
        client.put_object(Bucket="tokens", Key=f"file-{number}", Body=b"%d" % number)
    with TokenStore(endpoint) as made:
        yield made
    processes.stop(moto)


def is_up(endpoint):
    try:
        urllib.request.urlopen(endpoint + "/moto-api/", timeout=1).close()
        return True
    except OSError:
        return False


def account_node(place, front):
    from driver.plugin import Node

    return Node(place, environment={"AWS_ENDPOINT_URL_STS": front.endpoint})


def of_account(front, token, account="trainer", role=ROLE):
    """Attributes as the kubelet completes them for a pod of an account."""
    return attributes(front.endpoint, "s3://tokens", authentication="pod", roleArn=role) | {
        "csi.storage.k8s.io/pod.name": "pod-1",
        "csi.storage.k8s.io/pod.namespace": "data",
        "csi.storage.k8s.io/pod.uid": "uid-1",
        "csi.storage.k8s.io/ephemeral": "false",
        "csi.storage.k8s.io/serviceAccount.name": account,
        "csi.storage.k8s.io/serviceAccount.tokens": json.dumps(
            {AUDIENCE: {"token": token, "expirationTimestamp": "2040-01-01T00:00:00Z"}}
        ),
    }


def test_a_service_account_assumes_its_role_and_a_new_token_outlives_the_old_one(place, front):
    node = account_node(place, front)
    front.admit("eyJ.first.token", seconds=4)
    front.keys_last = 5
    target = node.publish(of_account(front, "eyJ.first.token"))
    began = time.monotonic()
    assert read(target, "file-0") == "0" and front.assumed == ["eyJ.first.token"]
    daemons = node.daemons()
    front.admit("eyJ.second.token", seconds=3600)
    assert node.publish(of_account(front, "eyJ.second.token")) == target
    # Past the end of the first token and of the keys that it got.
    for number in range(1, 20):
        assert read(target, f"file-{number}") == str(number)
        time.sleep(0.5)
    assert time.monotonic() - began > 8
    assert "eyJ.second.token" in front.assumed and "ExpiredToken" in front.refused
    assert node.daemons() == daemons
    assert "eyJ." not in read(node.log)
    node.unpublish()
    node.unstage()
    processes.wait_until(lambda: node.leftovers() == [], 10, "nothing is left")
    node.stop()


def test_accounts_have_daemons_of_their_own_and_one_without_the_role_is_refused(place, front):
    node = account_node(place, front)
    front.roles = {"reader"}
    for token in ("eyJ.trainer", "eyJ.server", "eyJ.other"):
        front.admit(token, seconds=3600)
    first = node.publish(of_account(front, "eyJ.trainer"), volume="first", pod="first", stages=False)
    assert read(first, "file-1") == "1"
    # The same account in another pod shares the daemon; another account does not.
    node.publish(of_account(front, "eyJ.trainer"), volume="again", pod="again", stages=False)
    assert len(node.daemons()) == 1
    node.publish(of_account(front, "eyJ.server", "server"), volume="second", pod="second", stages=False)
    assert len(node.daemons()) == 2
    other = of_account(front, "eyJ.other", role="arn:aws:iam::123456789012:role/writer")
    code, message = refused(node.publish, other, volume="other", pod="other", stages=False)
    assert code in ("PERMISSION_DENIED", "UNAUTHENTICATED") and "role/writer" in message
    unknown = of_account(front, "eyJ.unknown", "nobody")
    code, message = refused(node.publish, unknown, volume="nobody", pod="nobody", stages=False)
    assert code in ("PERMISSION_DENIED", "UNAUTHENTICATED") and "InvalidIdentityToken" in message
    assert "eyJ." not in message and "eyJ." not in read(node.log)
    node.stop()
