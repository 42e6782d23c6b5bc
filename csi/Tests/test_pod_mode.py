"""Daemons in pods of their own, made through the Kubernetes API; and volumes of clusters."""

import os
import signal
import time

from rig import processes
from test_recovery import answers
from test_volumes import read, refused

NAMESPACE = "alluxio-operator"
AGAIN_SECONDS = 6
CLUSTER = {"alluxioClusterName": "alluxio-cluster", "alluxioClusterNamespace": "data"}


def fuse_pods(api):
    from api_objects import Selection

    return list(api.objects.find("pods", NAMESPACE, Selection()))


def test_a_daemon_gets_a_pod_and_the_pod_goes_with_the_last_volume(pod_node, api, data):
    target = pod_node.publish(data)
    assert read(target, "file") == "contents"
    (made,) = fuse_pods(api)
    assert made["spec"]["nodeName"] == "node-1"
    assert made["metadata"]["name"].startswith("alluxio-fuse-")
    pod_node.publish(data, volume="second")
    assert len(fuse_pods(api)) == 1
    for volume in ("vol-1", "second"):
        pod_node.unpublish(volume)
        pod_node.unstage(volume)
    processes.wait_until(lambda: fuse_pods(api) == [], 15, "the pod is gone")
    processes.wait_until(lambda: pod_node.leftovers() == [], 5, "nothing is left")


def test_a_killed_plugin_leaves_the_pods_of_daemons_alone(pod_node, api, data, pod):
    first = pod(pod_node.publish(data))
    for turn in range(3):
        pod_node.kill()
        assert first.ask("write", "new", f"turn {turn}") > 0
        pod_node.start()
        assert first.ask("read", "new") == f"turn {turn}"
    assert len(fuse_pods(api)) == 1
    pod_node.unpublish()
    processes.wait_until(lambda: fuse_pods(api) == [], 15, "the pod is gone")


def test_a_killed_daemon_is_replaced_inside_of_its_pod(pod_node, api, data, pod):
    first = pod(pod_node.publish(data))
    uid = fuse_pods(api)[0]["metadata"]["uid"]
    os.kill(pod_node.daemons()[0], signal.SIGKILL)
    began = time.monotonic()
    processes.wait_until(lambda: answers(first, "file") == "contents", 10, "the pod reads again")
    assert time.monotonic() - began < 2
    assert fuse_pods(api)[0]["metadata"]["uid"] == uid


def test_a_pod_that_was_evicted_or_deleted_is_made_again_at_once(pod_node, api, data, pod):
    first = pod(pod_node.publish(data))
    ends = (lambda name: api.kubelets["node-1"].evict(NAMESPACE, name), lambda name: delete(api, name))
    for end in ends:
        (before,) = fuse_pods(api)
        (daemon,) = pod_node.daemons()
        began = time.monotonic()
        end(before["metadata"]["name"])
        processes.wait_until(lambda: not processes.alive(daemon), 10, "the daemon is gone")
        processes.wait_until(lambda: answers(first, "file") == "contents", 15, "the pod reads again")
        assert time.monotonic() - began < AGAIN_SECONDS
        (after,) = fuse_pods(api)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
    # As long as a daemon serves, nobody is asked.
    seen = len(api.requests)
    for index in range(5):
        pod_node.publish(data, volume=f"more-{index}")
    asked = [request for request in api.requests[seen:] if "pods" in str(request)]
    assert asked == []


def delete(api, name):
    """What `kubectl delete pod` does."""

    def edit(item):
        item["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 5}

    api.objects.change("pods", NAMESPACE, name, edit)


def test_a_pod_that_cannot_run_is_said_and_left_nowhere(place, api, data):
    from driver.plugin import Node

    api.break_images("ImagePullBackOff")
    node = Node(
        place,
        ["--allow-local-stores", "--kubeconfig", api.kubeconfig, "--serving-seconds", "3"],
        mode="pod",
    )
    code, message = refused(node.publish, data)
    assert code == "DEADLINE_EXCEEDED" and "ImagePullBackOff" in message
    api.break_images(None)
    assert read(node.publish(data), "file") == "contents"


def test_a_volume_of_a_cluster_takes_its_properties_from_the_cluster(pod_node, api, data, place):
    code, message = refused(pod_node.publish, CLUSTER)
    assert code == "NOT_FOUND" and "alluxio-cluster-alluxio-conf" in message
    table = os.path.join(place, "table")
    with open(table, "w") as file:
        file.write(f"/store {data['ufs']}\n")
    properties = f"alluxio.mount.table.source=STATIC_FILE\nalluxio.mount.table.static.conf.file={table}\n"
    item = {"metadata": {"name": "alluxio-cluster-alluxio-conf"}}
    item["data"] = {"alluxio-site.properties": properties}
    api.put("configmaps", "data", item)
    target = pod_node.publish(CLUSTER)
    assert os.listdir(target) == ["store"] and read(target, "store", "file") == "contents"
    part = pod_node.publish(CLUSTER | {"path": "store/part"}, volume="part")
    assert read(part, "inside") == "part"
    assert len(pod_node.daemons()) == 1
    # What is known goes on while nobody can be asked.
    api.down()
    assert read(pod_node.publish(CLUSTER, volume="later"), "store", "file") == "contents"
    api.up()


def test_an_api_server_that_refuses_is_named(pod_node, api, data):
    api.forbid("create", "pods")
    code, message = refused(pod_node.publish, data)
    assert code == "UNAVAILABLE" and "service account" in message
    pod_node.unstage()
    assert pod_node.leftovers() == []
