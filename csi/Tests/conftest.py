"""Fixtures: a node with a plugin, a store, and pods."""

import os
import shutil
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "Tests", "mount"), os.path.join(HERE, "rig")]

from rig import processes  # noqa: E402


@pytest.fixture(scope="session")
def folder():
    """A folder of this run, in memory; it goes with all that is mounted and runs below it, come what may."""
    path = tempfile.mkdtemp(prefix="csi-tests-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    reaper = processes.start_reaper(path)
    yield path
    processes.clean_below(path)
    shutil.rmtree(path, ignore_errors=True)
    reaper.stdin.close()
    reaper.wait(20)


@pytest.fixture
def place(folder):
    """A folder of this test."""
    path = tempfile.mkdtemp(prefix="t-", dir=folder)
    yield path
    processes.clean_below(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def data(place):
    """A directory with a file, as a store: attributes of a volume that shows it."""
    path = os.path.join(place, "data")
    os.makedirs(os.path.join(path, "part", "below"))
    with open(os.path.join(path, "file"), "w") as file:
        file.write("contents")
    with open(os.path.join(path, "part", "inside"), "w") as file:
        file.write("part")
    return {"ufs": f"file://{path}"}


@pytest.fixture
def node(place):
    """A node whose plugin runs daemons as its children."""
    from driver.plugin import Node

    made = Node(place, ["--allow-local-stores"])
    yield made
    if made.process.poll() is None:
        made.stop()


@pytest.fixture
def api(place):
    """An API server with a kubelet for the node, and the template of FUSE pods."""
    from driver.plugin import api_server

    server = api_server(os.path.join(place, "api"))
    yield server
    server.stop()


@pytest.fixture
def pod_node(place, api):
    """A node whose plugin runs daemons in pods."""
    from driver.plugin import Node

    made = Node(place, ["--allow-local-stores", "--kubeconfig", api.kubeconfig], mode="pod")
    yield made
    if made.process.poll() is None:
        made.stop()


@pytest.fixture
def pod(place):
    """Makes pods that show a target."""
    from driver.pods import Pod

    made = []
    homes = os.path.join(place, "pods")

    def make(target, propagation="slave"):
        os.makedirs(homes, exist_ok=True)
        made.append(Pod(homes, target, propagation))
        return made[-1]

    yield make
    for one in made:
        one.stop()
