"""What pods see when the plugin or a daemon dies or hangs."""

import os
import signal
import threading
import time

import pytest
from driver.pods import Failed
from rig import processes

OPENS_AGAIN_SECONDS = 2
CONDITION_SECONDS = 5


def test_a_killed_plugin_is_not_noticed_and_its_successor_knows_everything(node, data, pod):
    first = pod(node.publish(data))
    daemons = node.daemons()
    stop, problems, rounds = threading.Event(), [], []

    def work():
        while not stop.is_set():
            try:
                first.ask("write", f"f{len(rounds) % 10}", f"round {len(rounds)}")
                assert first.ask("read", f"f{len(rounds) % 10}") == f"round {len(rounds)}"
                rounds.append(1)
            except (Failed, AssertionError) as problem:
                problems.append(problem)

    worker = threading.Thread(target=work)
    worker.start()
    for _ in range(4):
        node.kill()
        time.sleep(0.3)
        node.start()
    stop.set()
    worker.join()
    assert problems == [] and len(rounds) > 20
    assert node.daemons() == daemons
    assert node.condition() == ""
    node.publish(data, volume="second")
    assert node.daemons() == daemons
    for volume in ("vol-1", "second"):
        node.unpublish(volume)
        node.unstage(volume)
    processes.wait_until(lambda: node.leftovers() == [], 5, "nothing is left")


def test_a_plugin_that_dies_between_two_calls_leaves_nothing_behind(node, data):
    node.publish(data)
    node.kill()
    node.start()
    node.unpublish()
    node.kill()
    node.start()
    node.unstage()
    processes.wait_until(lambda: node.leftovers() == [], 5, "nothing is left")


def test_a_killed_daemon_is_replaced_in_every_pod(node, data, pod):
    pods = [pod(node.publish(data, pod=f"pod-{index}", stages=False)) for index in range(3)]
    part = pod(node.publish(data | {"path": "part"}, volume="part"))
    assert [one.ask("read", "file") for one in pods] == ["contents"] * 3
    for turn in range(3):
        (daemon,) = node.daemons()
        os.kill(daemon, signal.SIGKILL)
        began = time.monotonic()
        for one, name, contents in [(one, "file", "contents") for one in pods] + [(part, "inside", "part")]:
            processes.wait_until(lambda: answers(one, name) == contents, 10, f"pod reads again, turn {turn}")
        assert time.monotonic() - began < OPENS_AGAIN_SECONDS
    # One layer for each daemon there was, and no more.
    assert [one.ask("mounts") for one in pods + [part]] == [4] * 4
    assert [node.condition(pod=f"pod-{index}") for index in range(3)] == [""] * 3
    assert "alluxio_csi_repairs_total 12" in node.page("/metrics")
    for one in pods + [part]:
        one.stop()
    for index in range(3):
        node.unpublish(pod=f"pod-{index}")
    node.unpublish("part")
    node.unstage("part")
    assert node.leftovers() == []


def answers(pod, name):
    try:
        return pod.ask("read", name)
    except Failed:
        return None


def test_a_pod_without_propagation_is_reported(node, data, pod):
    lonely = pod(node.publish(data), "private")
    assert lonely.ask("read", "file") == "contents"
    assert node.condition() == ""
    os.kill(node.daemons()[0], signal.SIGKILL)
    began = time.monotonic()
    processes.wait_until(lambda: "mountPropagation" in node.condition(), CONDITION_SECONDS, "it is abnormal")
    assert time.monotonic() - began < CONDITION_SECONDS
    with pytest.raises(Failed, match="ENOTCONN"):
        lonely.ask("read", "file")
    lonely.stop()
    assert node.condition() == ""


def test_a_daemon_that_hangs_hangs_nobody_else(node, data, pod):
    node.publish(data)
    other = pod(node.publish(data | {"options": "attr_timeout=3"}, volume="other"))
    hung = node.daemons()[0]
    os.kill(hung, signal.SIGSTOP)
    try:
        conditions = {volume: node.condition(volume) for volume in ("vol-1", "other")}
        assert sorted(bool(problem) for problem in conditions.values()) == [False, True]
        assert any("has not answered" in problem for problem in conditions.values())
        assert node.page("/healthz") == "ok\n"
    finally:
        os.kill(hung, signal.SIGCONT)
    processes.wait_until(lambda: node.condition("vol-1") == "", 5, "it is well again")
    assert other.ask("read", "file") == "contents"


def test_a_volume_of_a_hung_daemon_can_be_taken_away(node, data):
    target = node.publish(data)
    (hung,) = node.daemons()
    os.kill(hung, signal.SIGSTOP)
    began = time.monotonic()
    node.unpublish()
    node.unstage()
    assert not os.path.exists(target)
    assert time.monotonic() - began < 25
    os.kill(hung, signal.SIGCONT)
    processes.wait_until(lambda: node.leftovers() == [], 15, "nothing is left")


def test_a_daemon_that_cannot_start_again_is_tried_again_and_reported(node, data, place):
    node.publish(data)
    path = data["ufs"].removeprefix("file://")
    os.rename(path, path + "-away")
    os.kill(node.daemons()[0], signal.SIGKILL)
    processes.wait_until(lambda: "cannot mount" in node.condition(), CONDITION_SECONDS, "it is abnormal")
    os.rename(path + "-away", path)
    processes.wait_until(lambda: node.condition() == "", 10, "it is well again")


def test_after_a_reboot_there_is_nothing_and_taking_away_succeeds(node, data):
    node.publish(data)
    node.kill()
    for daemon in node.daemons():
        os.kill(daemon, signal.SIGKILL)
    # What a reboot takes: every mount, and with the tmpfs all state.
    processes.clean_below(node.mounts)
    processes.clean_below(os.path.join(node.kubelet, "pods"))
    node.start()
    node.unpublish()
    node.unstage()
    assert node.leftovers() == []
