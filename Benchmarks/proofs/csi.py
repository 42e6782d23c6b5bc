"""The CSI driver: what pods notice when plugin and daemons are killed, how quick it is, what it takes."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from rig import processes, weed

TESTS = os.path.join(os.path.dirname(__file__), "..", "..", "csi", "Tests")
KEYS = {"key_id": weed.ACCESS_KEY, "access_key": weed.SECRET_KEY}
PLUGIN_KILL_SECONDS, LOAD_SECONDS = 5, 60
DAEMON_KILLS, OPENS_AGAIN_SECONDS = 20, 2
FIRST_SECONDS = {"process": 1.0, "pod": 0.5}
NEXT_SECONDS = 0.3
VOLUMES, RSS_FACTOR, IDLE_MIB = 100, 1.2, 30


class Place:
    """A node with its plugin, an API server in mode `pod`, and pods; all ends with it."""

    def __init__(self, ground, mode):
        sys.path[:0] = [path for path in (TESTS, os.path.join(TESTS, "rig")) if path not in sys.path]
        from driver.plugin import Node, api_server

        self.folder = tempfile.mkdtemp(prefix=f"csi-{mode}-", dir=ground.folder)
        self.api = api_server(os.path.join(self.folder, "api")) if mode == "pod" else None
        options = ["--kubeconfig", self.api.kubeconfig] if self.api else []
        self.node = Node(self.folder, options, mode=mode)
        self.pods = []
        os.mkdir(os.path.join(self.folder, "pods"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pod in self.pods:
            pod.stop()
        if self.node.process.poll() is None:
            self.node.stop()
        if self.api:
            self.api.stop()
        processes.clean_below(self.folder)

    def pod(self, target):
        from driver.pods import Pod

        self.pods.append(Pod(os.path.join(self.folder, "pods"), target))
        return self.pods[-1]

    def end(self, facts, what, volumes):
        """Takes the volumes away and tells what is left."""
        while self.pods:
            self.pods.pop().stop()
        for volume, pod in volumes:
            self.node.unpublish(volume, pod)
        for volume in {volume for volume, _ in volumes}:
            self.node.unstage(volume)
        try:
            processes.wait_until(lambda: self.node.leftovers() == [], 60, "nothing is left")
        except TimeoutError:
            pass
        left = self.node.leftovers()
        facts.append((f"{what}: mounts, daemons and state left behind", len(left), 0, left == []))


def volume(ground, bucket):
    options = f"endpoint={ground.server.endpoint},alluxio.underfs.s3.disable.dns.buckets=true"
    return {"ufs": f"s3://{bucket}", "options": f"{options},alluxio.underfs.s3.region={weed.REGION}"}


def pods_outlive_the_driver(ground, facts):
    """Kills of plugin and daemons, times, memory, and that nothing is left."""
    kinds = [os.environ.get(name, "debug") for name in ("ALLUXIO_FUSE", "ALLUXIO_CSI")]
    built = ["release" if "release" in kind else "debug" for kind in kinds]
    facts.append(("builds of daemon and plugin", " and ".join(built), "–", None))
    attributes = volume(ground, ground.bucket("csi-pods"))
    ground.client.put_object(Bucket="csi-pods", Key="file", Body=b"contents")
    plugin_kills(ground, facts, attributes)
    daemon_kills(ground, facts, attributes)
    for mode in ("process", "pod"):
        times(ground, facts, attributes, mode)
    one_identity(ground, facts, attributes)
    many_identities(ground, facts, attributes)


def plugin_kills(ground, facts, attributes):
    """Four pods read and write while the plugin is killed every five seconds."""
    from contextlib import ExitStack

    seconds = LOAD_SECONDS // (6 if ground.scale > 1 else 1)
    problems, rounds, stop = [], [], threading.Event()

    def work(pod, number):
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                pod.ask("write", f"p{number}-{turn % 5}", f"round {turn}")
                for name, wanted in ((f"p{number}-{turn % 5}", f"round {turn}"), ("file", "contents")):
                    if pod.ask("read", name) != wanted:
                        problems.append(f"{name} is wrong")
                rounds.append(1)
            except Exception as problem:
                problems.append(repr(problem))

    with ExitStack() as stack:
        place = stack.enter_context(Place(ground, "pod"))
        node, kills = place.node, 0
        users = [("vol-1", f"pod-{number}") for number in range(4)]
        pods = [place.pod(node.publish(attributes, *user, secrets=KEYS)) for user in users]
        threads = [threading.Thread(target=work, args=(pod, n)) for n, pod in enumerate(pods)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(PLUGIN_KILL_SECONDS)
            node.kill()
            kills += 1
            node.start()
        stop.set()
        for thread in threads:
            thread.join()
        what = f"kill -9 of the plugin, {kills} times in {seconds} s, under 4 pods"
        facts.append((f"{what}: rounds of write, read, read", len(rounds), "> 100", len(rounds) > 100))
        facts.append((f"{what}: errors", len(problems), 0, not problems))
        if problems:
            facts.append((f"{what}: the first", problems[0].replace("|", "/"), "–", None))
        place.end(facts, "plugin killed", users)


def daemon_kills(ground, facts, attributes):
    """From the kill of a daemon to the first open that works, in the slowest of three pods."""
    from driver.pods import Failed

    with Place(ground, "process") as place:
        users = [("vol-1", f"pod-{number}") for number in range(3)]
        pods = [place.pod(place.node.publish(attributes, *user, secrets=KEYS)) for user in users]
        took = []
        for _ in range(DAEMON_KILLS // (4 if ground.scale > 1 else 1)):
            (daemon,) = place.node.daemons()
            os.kill(daemon, signal.SIGKILL)
            began = time.monotonic()
            processes.wait_until(lambda: not processes.alive(daemon), 10, "the daemon is gone", pause=0.001)
            waiting = list(pods)
            while waiting and time.monotonic() - began < 30:
                try:
                    waiting[0].ask("read", "file")
                    waiting.pop(0)
                except Failed:
                    time.sleep(0.01)
            took.append(time.monotonic() - began)
            # A keeper pauses before the sixth daemon in a row that has not lived for ten seconds.
            time.sleep(11 if len(took) % 5 == 0 else 0.2)
        took.sort()
        what = f"kill -9 of a daemon, {len(took)} times"
        marks = (took[0], statistics.median(took), took[int(len(took) * 0.9)], took[-1])
        spread = " / ".join(f"{mark:.2f}" for mark in marks)
        good = took[-1] <= OPENS_AGAIN_SECONDS
        what += ": seconds until opens work, least/median/90 %/most"
        facts.append((what, spread, OPENS_AGAIN_SECONDS, good))
        place.end(facts, "daemon killed", users)


def times(ground, facts, attributes, mode):
    """Stage and publish: the first volume of a key, and those after it."""
    with Place(ground, mode) as place:
        first, running = [], []
        users = []
        for turn in range(5):
            users = [(f"first-{turn}", "pod-1")]
            began = time.monotonic()
            watch = Running(place.api) if place.api else None
            place.node.publish(attributes, *users[0], secrets=KEYS)
            now = time.monotonic()
            first.append(now - began)
            if watch:
                running.append(now - watch.seen())
            if turn < 4:
                place.node.unpublish(*users[0])
                place.node.unstage(users[0][0])
                processes.wait_until(lambda: place.node.leftovers() == [], 60, "nothing is left")
        more = []
        for index in range(30):
            began = time.monotonic()
            users.append((f"next-{index}", "pod-1"))
            place.node.publish(attributes, *users[-1], secrets=KEYS)
            more.append(time.monotonic() - began)
        bar, what = FIRST_SECONDS[mode], f"{mode}: stage and publish"
        measured = running or first
        words = "the first of a key, after its pod runs" if running else "the first of a key"
        facts.append((f"{what}, {words}: ms", spread_ms(measured), bar * 1000, max(measured) <= bar))
        if running:
            facts.append((f"{what}, the first of a key, in all: ms", spread_ms(first), "–", None))
        good = max(more) <= NEXT_SECONDS
        facts.append((f"{what}, those after it: ms", spread_ms(more), NEXT_SECONDS * 1000, good))
        place.end(facts, f"{mode}: 31 volumes", users)


class Running:
    """Notices when a pod of the API server runs."""

    def __init__(self, api):
        self.api, self.moment = api, None
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        from api_objects import Selection

        end = time.monotonic() + 60
        while time.monotonic() < end and self.moment is None:
            for item in self.api.objects.find("pods", "alluxio-operator", Selection()):
                if item.get("status", {}).get("phase") == "Running":
                    self.moment = time.monotonic()
            time.sleep(0.002)

    def seen(self):
        self.thread.join(1)
        return self.moment


def spread_ms(seconds):
    return f"median {statistics.median(seconds) * 1000:.0f}, most {max(seconds) * 1000:.0f}"


def settled_rss(node):
    time.sleep(3)
    return mebibytes(node, "VmRSS")


def mebibytes(node, field):
    return [processes.resident_bytes(pid, field) / (1 << 20) for pid in node.daemons()]


def one_identity(ground, facts, attributes):
    """A hundred volumes of one identity have one daemon, which is hardly larger than that of one."""
    count = VOLUMES // ground.scale
    with Place(ground, "process") as place:
        users = [(f"vol-{index}", f"pod-{index}") for index in range(count)]
        place.node.publish(attributes, *users[0], secrets=KEYS)
        (alone,) = settled_rss(place.node)
        for user in users[1:]:
            place.node.publish(attributes, *user, secrets=KEYS)
        rss = settled_rss(place.node)
        what = f"{count} volumes of one identity"
        facts.append((f"{what}: daemons", len(rss), 1, len(rss) == 1))
        ratio = rss[0] / alone
        found = f"{alone:.1f} → {rss[0]:.1f} MiB, × {ratio:.2f}"
        facts.append((f"{what}: RSS of the daemon", found, f"× {RSS_FACTOR}", ratio <= RSS_FACTOR))
        place.end(facts, what, users)


def many_identities(ground, facts, attributes):
    """A hundred identities have a daemon each, which is small as long as it does nothing."""
    count = VOLUMES // ground.scale
    keys = [{"key_id": f"CSIKEY{number}", "access_key": f"csisecret{number}"} for number in range(count)]
    make_keys(ground.server, keys)
    with Place(ground, "process") as place:
        users = [(f"vol-{index}", f"pod-{index}") for index in range(count)]
        for user, secrets in zip(users, keys, strict=True):
            place.node.publish(attributes, *user, secrets=secrets)
        rss = settled_rss(place.node)
        what = f"{count} identities"
        facts.append((f"{what}: daemons", len(rss), count, len(rss) == count))
        found = f"median {statistics.median(rss):.1f}, most {max(rss):.1f}"
        facts.append((f"{what}: MiB of each daemon, idle", found, IDLE_MIB, max(rss) <= IDLE_MIB))
        # The rest are pages of the program, which all daemons share.
        own = mebibytes(place.node, "RssAnon")
        facts.append((f"{what}: MiB of each that are its own", f"most {max(own):.1f}", "–", None))
        place.end(facts, what, users)


def make_keys(server, keys):
    """Makes a user with so many keys."""
    ports = server.ports
    words = [weed.executable(), "shell", f"-master=127.0.0.1:{ports[3]}.{ports[4]}"]
    words.append(f"-filer=127.0.0.1:{ports[1]}.{ports[2]}")
    command = "s3.configure -user many -buckets csi-pods -actions Read,List,Write -apply"
    lines = [f"{command} -access_key {key['key_id']} -secret_key {key['access_key']}" for key in keys]
    text = "\n".join(lines) + "\n"
    subprocess.run(words, input=text, text=True, capture_output=True, check=True, timeout=120)
