"""A kubelet that runs the containers of pods as processes of this machine.

A container's command starts with the pod's environment and nothing else; what it would have mounted is where
it is on the machine already. When its first process ends, all that it has started is killed, as in a
container.
"""

import ctypes
import os
import re
import signal
import subprocess
import threading
import time

from api_objects import ApiError, Selection, now

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


MARK = "RIG_CONTAINER"


def kill_container(mark):
    """Kills every process of a container: they have its mark in their environment, whatever their session."""
    wanted = f"{MARK}={mark}".encode()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    os.kill(int(entry), signal.SIGKILL)
        except OSError:
            continue


class Kubelet:
    """Runs the pods of one node, each container on a thread of its own."""

    def __init__(self, objects, node, logs, environment=None, back_off=10.0, back_off_maximum=300.0):
        self.objects, self.node, self.logs = objects, node, logs
        self.environment = environment or {"PATH": os.environ["PATH"], "HOME": "/"}
        self.back_off, self.back_off_maximum = back_off, back_off_maximum
        self.start_delay = 0.0
        """How long a pod is Pending, as for pulling its image."""
        self.image_error = None
        """What every new container waits with instead of starting, such as ImagePullBackOff."""
        self._pods = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """Ends all containers and the kubelet."""
        self._stopping.set()
        with self.objects.changed:
            self.objects.changed.notify_all()
        self._thread.join(5)
        for pod in list(self._pods.values()):
            pod.end(0)
        for pod in list(self._pods.values()):
            pod.join(10)

    def evict(self, namespace, name):
        """Ends a pod as a node without memory does: it stays there, Failed."""
        def edit(item):
            item.setdefault("status", {}).update(
                phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
        self.objects.change("pods", namespace, name, edit)

    def process(self, namespace, name):
        """The process id of the first container of a pod; None if it does not run."""
        for pod in self._pods.values():
            if (pod.namespace, pod.name) == (namespace, name):
                return pod.containers[0].pid
        return None

    def _run(self):
        selection = Selection(fields=f"spec.nodeName={self.node}")
        while not self._stopping.is_set():
            with self.objects.changed:
                seen = self.objects.version
                items = self.objects.find("pods", None, selection)
            uids = {item["metadata"]["uid"]: item for item in items}
            for uid, item in uids.items():
                self._look_at(uid, item)
            for uid in [uid for uid in self._pods if uid not in uids]:
                # Somebody deleted it with a grace period of 0.
                self._pods[uid].end(0)
                if not self._pods[uid].is_alive():
                    del self._pods[uid]
            with self.objects.changed:
                if self.objects.version == seen:
                    self.objects.changed.wait(0.5)

    def _look_at(self, uid, item):
        if uid not in self._pods:
            if item.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                return
            self._pods[uid] = RunningPod(self, item)
        pod = self._pods[uid]
        if item["metadata"].get("deletionTimestamp"):
            pod.end(item["metadata"]["deletionGracePeriodSeconds"])
            if not pod.is_alive():
                del self._pods[uid]
                try:
                    self.objects.remove("pods", pod.namespace, pod.name, uid)
                except ApiError:
                    pass  # Somebody deleted it with a grace period of 0 meanwhile.
        elif item.get("status", {}).get("reason") == "Evicted":
            pod.end(0)


class RunningPod:
    """The containers of one pod."""

    def __init__(self, kubelet, item):
        self.kubelet, self.item = kubelet, item
        self.namespace, self.name = item["metadata"]["namespace"], item["metadata"]["name"]
        self._lock = threading.Lock()
        self.containers = [Container(self, spec) for spec in item["spec"]["containers"]]
        for container in self.containers:
            container.thread.start()

    def end(self, grace):
        for container in self.containers:
            container.end(grace)

    def is_alive(self):
        return any(container.thread.is_alive() for container in self.containers)

    def join(self, seconds):
        for container in self.containers:
            container.thread.join(seconds)

    def report(self):
        """Writes the status that the containers make together."""
        with self._lock:
            states = [container.status() for container in self.containers]
            ready = all(state["ready"] for state in states)

            def edit(item):
                if item["metadata"]["uid"] != self.item["metadata"]["uid"]:
                    raise ApiError(404, "NotFound", "another pod")
                status = item.setdefault("status", {})
                if status.get("reason") == "Evicted":
                    return
                policy = item["spec"].get("restartPolicy", "Always")
                ended = [state["state"].get("terminated") for state in states]
                if policy != "Always" and all(ended):
                    status["phase"] = "Failed" if any(end["exitCode"] for end in ended) else "Succeeded"
                elif any(container.starts for container in self.containers):
                    status["phase"] = "Running"
                status.update(podIP="127.0.0.1", hostIP="127.0.0.1", containerStatuses=states, conditions=[
                    {"type": "PodScheduled", "status": "True"},
                    {"type": "Ready", "status": "True" if ready else "False"},
                ])
            try:
                self.kubelet.objects.change("pods", self.namespace, self.name, edit)
            except ApiError:
                pass


class Container:
    """One container: its process, started again when it ends."""

    def __init__(self, pod, spec):
        self.pod, self.spec = pod, spec
        self.pid, self.starts = None, 0
        self._state = {"waiting": {"reason": "ContainerCreating"}}
        self._last = {}
        self._deadline = None
        self._ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def status(self):
        return {
            "name": self.spec["name"], "image": self.spec.get("image", ""), "state": self._state,
            "lastState": self._last, "ready": "running" in self._state,
            "restartCount": max(self.starts - 1, 0),
        }

    def end(self, grace):
        """Asks the process to end; kills it after `grace` seconds."""
        deadline = time.monotonic() + grace
        self._deadline = min(deadline, self._deadline or deadline)
        self._ending.set()

    def _environment(self):
        item = self.pod.item
        fields = {
            "metadata.name": self.pod.name, "metadata.namespace": self.pod.namespace,
            "metadata.uid": item["metadata"]["uid"], "spec.nodeName": item["spec"]["nodeName"],
            "spec.serviceAccountName": item["spec"].get("serviceAccountName", "default"),
            "status.podIP": "127.0.0.1", "status.hostIP": "127.0.0.1",
        }
        environment = dict(self.pod.kubelet.environment)
        for variable in self.spec.get("env", []):
            source = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            environment[variable["name"]] = fields[source] if source else variable.get("value", "")
        return environment

    def _run(self):
        kubelet = self.pod.kubelet
        pause, error = 0.0, kubelet.image_error
        if error:
            message = f"Back-off pulling {self.spec.get('image')}"
            self._state = {"waiting": {"reason": error, "message": message}}
            self.pod.report()
            self._ending.wait()
            return
        if self._ending.wait(kubelet.start_delay):
            return
        while not self._ending.is_set():
            began = time.monotonic()
            code = self._run_once()
            reason = "Completed" if code == 0 else "Error"
            ended = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": now()}}
            self._state, self._last = ended, ended
            policy = self.pod.item["spec"].get("restartPolicy", "Always")
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                self.pod.report()
                return
            if time.monotonic() - began > 600:
                pause = 0.0
            if pause and not self._ending.is_set():
                self._state = {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {pause:g}s"}}
            self.pod.report()
            self._ending.wait(pause)
            pause = min(pause * 2 or kubelet.back_off, kubelet.back_off_maximum)

    def _run_once(self):
        """Starts the process and waits for its end; its exit code, as a shell has it."""
        mark = f"{self.pod.item['metadata']['uid']}/{self.spec['name']}/{self.starts}"
        environment = self._environment() | {MARK: mark}

        def expand(word):
            return re.sub(r"\$\((\w+)\)", lambda match: environment.get(match[1], match[0]), word)

        words = [expand(word) for word in self.spec.get("command", []) + self.spec.get("args", [])]
        path = os.path.join(self.pod.kubelet.logs, f"{self.pod.name}.{self.spec['name']}.log")
        with open(path, "ab") as log:
            try:
                process = subprocess.Popen(
                    words, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, preexec_fn=_die_with_parent,
                )
            except (OSError, IndexError) as error:
                log.write(f"cannot start {words}: {error}\n".encode())
                self.starts += 1
                return 128
        self.pid, self.starts = process.pid, self.starts + 1
        self._state = {"running": {"startedAt": now()}}
        self.pod.report()
        code = self._wait(process)
        kill_container(mark)
        self.pid = None
        return code if code >= 0 else 128 - code

    def _wait(self, process):
        was_asked = False
        while True:
            try:
                return process.wait(0.02)
            except subprocess.TimeoutExpired:
                pass
            if self._ending.is_set() and not was_asked:
                was_asked = True
                process.send_signal(signal.SIGTERM)
            if was_asked and time.monotonic() > self._deadline:
                process.kill()
