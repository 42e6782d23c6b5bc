"""The node plugin and the controller, as processes of the test."""

import os
import signal
import subprocess
import urllib.request

from driver import protocol
from rig import processes

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def program(name, variable):
    """A built program: the one that the environment names, else of this checkout."""
    package = ROOT if name == "alluxio-fuse" else os.path.join(ROOT, "csi")
    paths = [os.environ.get(variable)]
    paths += [os.path.join(package, ".build", kind, name) for kind in ("release", "debug")]
    found = next((path for path in paths if path and os.access(path, os.X_OK)), None)
    assert found, f"{name} is not built: swift build --package-path {package} --product {name}"
    return found


TEMPLATE = """
apiVersion: v1
kind: Pod
spec:
  containers:
    - name: alluxio-fuse
      image: alluxio-fuse
      command: ["{plugin}"]
      env:
        - name: PATH
          value: "{path}"
"""


def api_server(folder):
    """An API server with a kubelet for node-1, and the template of FUSE pods."""
    from api_server import ApiServer

    server = ApiServer(folder, nodes=["node-1"])
    daemon = os.path.dirname(program("alluxio-fuse", "ALLUXIO_FUSE"))
    path = f"{daemon}:{os.environ['PATH']}"
    text = TEMPLATE.format(plugin=program("alluxio-csi", "ALLUXIO_CSI"), path=path)
    item = {"metadata": {"name": "alluxio-csi-fuse-pod"}, "data": {"pod.yaml": text}}
    server.put("configmaps", "alluxio-operator", item)
    return server


class Node:
    """A node: shared mounts, a kubelet's directory, and the plugin, which may be killed and started again."""

    def __init__(self, place, options=(), environment=None, mode="process"):
        self.place = place
        self.mode = mode
        self.mounts = os.path.join(place, "alluxio")
        self.kubelet = os.path.join(place, "kubelet")
        for folder in (self.mounts, self.kubelet):
            os.mkdir(folder)
            # As a node has them: a change in one namespace reaches the others.
            subprocess.run(["mount", "-t", "tmpfs", "node", folder], check=True)
            subprocess.run(["mount", "--make-rshared", folder], check=True)
        self.options = list(options)
        self.environment = environment or {}
        self.socket = os.path.join(place, "csi.sock")
        self.log = os.path.join(place, "node.log")
        self.port = processes.free_ports(1)[0]
        self.process = None
        self.start()

    def start(self):
        command = [
            program("alluxio-csi", "ALLUXIO_CSI"), "node", "--endpoint", f"unix://{self.socket}",
            "--node-id", "node-1", "--mode", self.mode, "--mount-dir", self.mounts,
            "--kubelet-dir", self.kubelet,
            "--http-port", str(self.port), "--http-host", "127.0.0.1", "--log-level", "debug",
            "--program", program("alluxio-fuse", "ALLUXIO_FUSE"), *self.options,
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_EC2_METADATA_DISABLED": "true", **self.environment}
        with open(self.log, "ab") as log:
            self.process = processes.spawn(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        self.client = protocol.Client(self.socket)
        self.client.call("Probe")

    def kill(self, number=signal.SIGKILL):
        """Ends the plugin, and only it."""
        self.client.close()
        os.kill(self.process.pid, number)
        self.process.wait(10)

    def stop(self):
        self.kill(signal.SIGTERM)

    def call(self, name, **fields):
        return self.client.call(name, **fields)

    def page(self, path):
        """What the plugin serves over HTTP."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def target(self, pod="pod-1", volume="data"):
        """Where the kubelet wants a pod's volume; its directory is there, as the kubelet makes it."""
        folder = os.path.join(self.kubelet, "pods", pod, "volumes", "kubernetes.io~csi", volume)
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, "mount")

    def staging(self, volume="data"):
        folder = os.path.join(self.kubelet, "plugins", "kubernetes.io", "csi", "alluxio", volume)
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, "globalmount")

    def publish(self, attributes, volume="vol-1", pod="pod-1", stages=True, secrets=None, **more):
        """Stages and publishes; returns the target."""
        capability = more.pop("capability", None) or protocol.capability()
        target = self.target(pod, volume)
        if stages:
            self.call(
                "NodeStageVolume",
                volume_id=volume,
                staging_target_path=self.staging(volume),
                volume_capability=capability,
                volume_context=attributes,
            )
        self.call(
            "NodePublishVolume",
            volume_id=volume,
            staging_target_path=self.staging(volume) if stages else "",
            target_path=target,
            volume_capability=capability,
            volume_context=attributes,
            secrets=secrets or {},
            **more,
        )
        return target

    def unpublish(self, volume="vol-1", pod="pod-1"):
        self.call("NodeUnpublishVolume", volume_id=volume, target_path=self.target(pod, volume))

    def unstage(self, volume="vol-1"):
        self.call("NodeUnstageVolume", volume_id=volume, staging_target_path=self.staging(volume))

    def condition(self, volume="vol-1", pod="pod-1"):
        """What is wrong with a volume; empty: nothing."""
        answer = self.call("NodeGetVolumeStats", volume_id=volume, volume_path=self.target(pod, volume))
        return answer.volume_condition.message if answer.volume_condition.abnormal else ""

    def daemons(self):
        """The processes that serve mounts of this node."""
        return [
            pid
            for pid, arguments in processes.command_lines()
            if len(arguments) > 3 and arguments[1] == "daemon" and arguments[-1].startswith(self.mounts)
        ]

    def leftovers(self):
        """Mounts, daemons and state that should not be there when no volume is."""
        state = [
            os.path.join(folder, name)
            for folder in ("run/daemons", "run/volumes")
            for name in os.listdir(os.path.join(self.mounts, folder))
        ]
        own = {self.mounts, self.kubelet, os.path.join(self.mounts, "run")}
        mounts = [mount for mount in processes.mounts_below(self.place) if mount not in own]
        return mounts + self.daemons() + state
