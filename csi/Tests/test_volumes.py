"""The node plugin as the kubelet drives it: daemons, targets, repeats, and what is refused."""

import os
import threading

import pytest
from driver import protocol
from driver.protocol import MODES, Refused

INLINE = {"csi.storage.k8s.io/ephemeral": "true"}


def refused(call, *arguments, **more):
    """Why a call fails."""
    with pytest.raises(Refused) as problem:
        call(*arguments, **more)
    return problem.value.code, problem.value.message


def read(*path):
    with open(os.path.join(*path)) as file:
        return file.read()


def test_a_volume_is_shown_and_taken_away_and_nothing_is_left(node, data):
    target = node.publish(data)
    assert read(target, "file") == "contents"
    with open(os.path.join(target, "new"), "w") as file:
        file.write("written")
    assert read(data["ufs"].removeprefix("file://"), "new") == "written"
    node.unpublish()
    assert not os.path.exists(target)
    node.unstage()
    assert node.leftovers() == []


def test_every_call_may_come_again(node, data):
    for _ in range(3):
        target = node.publish(data)
    assert read(target, "file") == "contents"
    assert len(node.daemons()) == 1
    for _ in range(3):
        node.unpublish()
        node.unstage()
    assert node.leftovers() == []


def test_volumes_of_one_store_share_a_daemon_and_others_do_not(node, data):
    for index in range(5):
        node.publish(data, volume=f"vol-{index}", pod=f"pod-{index}")
    assert len(node.daemons()) == 1
    node.publish(data | {"options": "attr_timeout=7"}, volume="other")
    assert len(node.daemons()) == 2
    # The order of options does not count.
    for index, options in enumerate(("attr_timeout=3,entry_timeout=4", "entry_timeout=4,attr_timeout=3")):
        node.publish(data | {"options": options}, volume=f"options-{index}")
    assert len(node.daemons()) == 3
    for volume in [f"vol-{index}" for index in range(4)] + ["other", "options-0", "options-1"]:
        node.unpublish(volume, pod=volume.replace("vol", "pod") if volume.startswith("vol") else "pod-1")
        node.unstage(volume)
    assert len(node.daemons()) == 1
    assert read(node.target("pod-4", "vol-4"), "file") == "contents"


def test_a_path_shows_a_part_and_read_only_is_strict(node, data):
    target = node.publish(data | {"path": "/part/"}, readonly=True)
    assert sorted(os.listdir(target)) == ["below", "inside"]
    with pytest.raises(OSError, match="Read-only"):
        open(os.path.join(target, "new"), "w")
    other = node.publish(data, volume="reader", capability=protocol.capability(MODES.MULTI_NODE_READER_ONLY))
    with pytest.raises(OSError, match="Read-only"):
        open(os.path.join(other, "new"), "w")
    flags = node.publish(data, volume="flags", capability=protocol.capability(flags=["ro"]))
    with pytest.raises(OSError, match="Read-only"):
        open(os.path.join(flags, "new"), "w")


def test_a_path_that_is_missing_or_leads_out_is_refused(node, data):
    os.symlink("/etc", os.path.join(data["ufs"].removeprefix("file://"), "link"))
    assert refused(node.publish, data | {"path": "nowhere"})[0] == "NOT_FOUND"
    assert refused(node.publish, data | {"path": "file"})[0] == "INVALID_ARGUMENT"
    assert refused(node.publish, data | {"path": "link"})[0] == "INVALID_ARGUMENT"
    assert refused(node.publish, data | {"path": "part/../../x"})[0] == "INVALID_ARGUMENT"
    node.unstage()
    assert node.leftovers() == []


def test_attributes_that_are_wrong_are_refused_by_name(node, data):
    code, message = refused(node.publish, data | {"ufz": "x"})
    assert code == "INVALID_ARGUMENT" and "'ufz'" in message and "alluxioClusterName" in message
    assert "none of" in refused(node.publish, {"ufs": "http://host/x"})[1]
    assert "exclude" in refused(node.publish, data | {"alluxioClusterName": "c"})[1]
    assert "needs" in refused(node.publish, {"path": "x"})[1]
    assert "'log_file'" in refused(node.publish, data | {"options": "log_file=/etc/passwd"})[1]
    assert "staging.dir" in refused(node.publish, data | {"options": "alluxio.fuse.staging.dir=/x"})[1]
    assert "s3a.secretKey" in refused(node.publish, data | {"options": "s3a.secretKey=hidden"})[1]
    code, message = refused(node.publish, data | {"options": "atr_timeout=7"})
    assert code == "INVALID_ARGUMENT" and "attr_timeout" in message
    assert refused(node.publish, data | {"authentication": "magic"})[0] == "INVALID_ARGUMENT"
    assert "Secret" in refused(node.publish, data | {"authentication": "driver"}, secrets={"key_id": "x"})[1]
    assert "hidden" not in read(node.log)


def test_targets_that_lead_elsewhere_are_refused(node, data, place):
    for path in ("relative", "/etc/x", f"{node.kubelet}/../x", f"{node.kubelet}//x", node.kubelet, ""):
        fields = dict(volume_id="v", volume_capability=protocol.capability(), volume_context=data)
        assert refused(node.call, "NodePublishVolume", target_path=path, **fields)[0] == "INVALID_ARGUMENT"
        code, _ = refused(node.call, "NodeUnpublishVolume", volume_id="v", target_path=path)
        assert code == "INVALID_ARGUMENT"
    outside = os.path.join(place, "outside")
    os.mkdir(outside)
    os.symlink(outside, node.target(volume="vol-1"))
    assert refused(node.publish, data)[0] == "INVALID_ARGUMENT"
    os.unlink(node.target(volume="vol-1"))
    os.symlink(outside, os.path.join(node.kubelet, "pods", "evil"))
    target = os.path.join(node.kubelet, "pods", "evil", "mount")
    assert refused(node.call, "NodePublishVolume", target_path=target, **fields)[0] == "INVALID_ARGUMENT"
    assert os.listdir(outside) == []
    assert refused(node.call, "NodeUnpublishVolume", volume_id="x" * 5000, target_path=node.target())[0] == (
        "INVALID_ARGUMENT"
    )


def test_an_inline_volume_needs_an_identity_of_its_own(node, data):
    code, message = refused(node.publish, data | INLINE, stages=False)
    assert code == "PERMISSION_DENIED" and "authentication" in message
    code, message = refused(node.publish, data | INLINE | {"authentication": "secret"}, stages=False)
    assert code == "UNAUTHENTICATED" and "nodePublishSecretRef" in message
    account = data | INLINE | {"authentication": "pod", "roleArn": "r"}
    code, message = refused(node.publish, account, stages=False)
    assert code == "FAILED_PRECONDITION" and "podInfoOnMount" in message
    secrets = {"key_id": "AKIATEST", "access_key": "hidden-secret"}
    target = node.publish(data | INLINE, stages=False, secrets=secrets)
    assert read(target, "file") == "contents"
    node.unpublish()
    assert node.leftovers() == []


def test_secrets_are_in_no_log_no_command_line_and_on_no_disk(node, data):
    node.publish(data, secrets={"s3a.accessKeyId": "AKIATEST", "s3a.secretKey": "hidden-secret"})
    assert "hidden-secret" not in read(node.log)
    for name in os.listdir("/proc"):
        if name.isdigit() and os.path.exists(f"/proc/{name}/cmdline"):
            with open(f"/proc/{name}/cmdline", "rb") as file:
                assert b"hidden-secret" not in file.read()
    found = []
    for folder, _, names in os.walk(node.mounts):
        for name in names:
            path = os.path.join(folder, name)
            if "hidden-secret" in read(path):
                found.append(path)
                assert os.stat(path).st_mode & 0o777 == 0o600
    assert found and all(path.startswith(os.path.join(node.mounts, "run")) for path in found)
    assert os.stat(os.path.join(node.mounts, "run")).st_mode & 0o777 == 0o700
    # Another Secret is another identity; the same one again is not.
    node.publish(data, volume="same", secrets={"key_id": "AKIATEST", "access_key": "hidden-secret"})
    assert len(node.daemons()) == 1
    node.publish(data, volume="other", secrets={"key_id": "AKIAOTHER", "access_key": "hidden-secret"})
    assert len(node.daemons()) == 2


def test_a_publish_again_brings_new_credentials_to_the_same_daemon(node, data):
    target = node.publish(data, secrets={"key_id": "AKIATEST", "access_key": "first-secret"})
    daemons = node.daemons()
    assert node.publish(data, secrets={"key_id": "AKIATEST", "access_key": "second-secret"}) == target
    assert node.daemons() == daemons
    assert read(target, "file") == "contents"
    (key,) = os.listdir(os.path.join(node.mounts, "run", "daemons"))
    assert "second-secret" in read(node.mounts, "run", "daemons", key, "credentials")


def test_one_pod_alone_gets_a_volume_for_one_pod(node, data):
    alone = protocol.capability(MODES.SINGLE_NODE_SINGLE_WRITER)
    node.publish(data, capability=alone)
    code, message = refused(node.publish, data, pod="pod-2", stages=False, capability=alone)
    assert code == "FAILED_PRECONDITION" and "pod-1" in message
    node.unpublish()
    assert read(node.publish(data, pod="pod-2", capability=alone), "file") == "contents"


def test_many_pods_at_once_get_one_daemon(node, data):
    problems = []

    def publish(index):
        try:
            node.publish(data, volume=f"vol-{index % 4}", pod=f"pod-{index}", stages=False)
        except Refused as problem:
            problems.append(problem)

    threads = [threading.Thread(target=publish, args=(index,)) for index in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(node.daemons()) == 1
    for index in range(24):
        assert read(node.target(f"pod-{index}", f"vol-{index % 4}"), "file") == "contents"
    for index in range(24):
        node.unpublish(f"vol-{index % 4}", f"pod-{index}")
    assert node.leftovers() == []


def test_a_store_that_cannot_be_mounted_is_said_with_the_daemons_own_words(node, place):
    code, message = refused(node.publish, {"ufs": f"file://{place}/nowhere"})
    assert code == "NOT_FOUND" and "nowhere" in message
    code, message = refused(node.publish, {"ufs": "s3://bucket", "options": "endpoint=http://127.0.0.1:1"})
    assert code == "UNAUTHENTICATED" and "AWS_ACCESS_KEY_ID" in message
    node.unstage()
    assert node.leftovers() == []


def test_the_usage_and_the_health_are_told(node, data):
    node.publish(data)
    answer = node.call("NodeGetVolumeStats", volume_id="vol-1", volume_path=node.target(volume="vol-1"))
    assert not answer.volume_condition.abnormal
    assert {usage.unit: usage.total > 0 for usage in answer.usage} == {1: True, 2: True}
    assert refused(node.call, "NodeGetVolumeStats", volume_id="x", volume_path="/nowhere")[0] == "NOT_FOUND"
    assert node.page("/healthz") == "ok\n"
    page = node.page("/metrics")
    assert 'alluxio_csi_calls_total{call="NodePublishVolume",code="OK"} 1' in page
    # What the dashboard's quantiles are made of.
    assert 'alluxio_csi_call_seconds_bucket{call="NodePublishVolume",le="+Inf"} 1' in page
    assert 'alluxio_csi_call_seconds_count{call="NodePublishVolume"} 1' in page
