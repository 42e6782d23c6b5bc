"""What the measures of a cluster stand on: servers, made files, mounts that always end."""

import os
import statistics
import subprocess
import tempfile

from rig import content, mounts, processes
from rig.cluster import Cluster
from rig.proxy import Proxy
from rig.weed import Weed

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
BUCKET = "cluster"


def cpu_seconds(*pids):
    """CPU seconds that processes have used, all their threads."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
    return total / 1e9


class Nginx:
    """nginx on one folder."""

    def __init__(self, folder, root):
        self.port = processes.free_ports(1)[0]
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w") as file:
            file.write(
                f"daemon off; user root; worker_processes 2; pid {folder}/nginx.pid;\n"
                f"error_log {folder}/nginx.log;\n"
                "events {} http { access_log off; sendfile on; keepalive_requests 1000000000;\n"
                f"client_body_temp_path {folder}/body;\n"
                f"server {{ listen 127.0.0.1:{self.port}; root {root}; }} }}\n"
            )
        self.process = processes.spawn([mounts.tool("nginx"), "-c", config, "-p", folder])
        processes.wait_until(lambda: self.children(), 10, "nginx works")

    def children(self):
        """The processes that serve."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [int(word) for word in file.read().split()]

    def stop(self):
        """Ends it."""
        processes.stop(self.process)


class Stand:
    """Servers and files; made when they are first needed."""

    def __init__(self, folder, disk, rounds, seconds):
        self.folder, self.disk, self.rounds, self.seconds = folder, disk, rounds, seconds
        self.server = Weed(os.path.join(folder, "weed"), chunk_mb=4)
        self.client = self.server.client()
        self.client.create_bucket(Bucket=BUCKET)
        self.proxy = Proxy(self.server.endpoint)
        self.clusters, self.mounted, self.others = [], [], []
        self.programs = {}

    def put(self, key, size):
        """An object of made bytes; returns its address."""
        path = os.path.join(self.disk, key.replace("/", "-"))
        if not os.path.exists(path):
            with open(path, "wb") as file:
                for block in content.blocks(key, size, 4 * MIB):
                    file.write(block)
            self.client.upload_file(path, BUCKET, key)
        return f"s3://{BUCKET}/{key}"

    def source(self, key):
        """The file that an object was made from."""
        return os.path.join(self.disk, key.replace("/", "-"))

    def cluster(self, workers, **settings):
        """A fresh cluster whose workers read the bucket through the proxy, mounted at /s3."""
        folder = tempfile.mkdtemp(prefix="workers-", dir=self.disk)
        settings = {"alluxio.worker.page.store.sizes": "8GB", **settings}
        made = Cluster(folder, self.proxy.endpoint, workers, **settings)
        self.clusters.append(made)
        made.start()
        made.mount("/s3", f"s3://{BUCKET}")
        return made

    def mount(self, cluster, **options):
        """A mount of the bucket that reads through a cluster."""
        place = tempfile.mkdtemp(prefix="mnt-", dir=self.folder)
        mounted = mounts.AlluxioFuse(place)
        self.mounted.append(mounted)
        options = {"endpoint": self.proxy.endpoint, "sync": "60s", **cluster.client_settings, **options}
        return mounted.start(f"s3://{BUCKET}", options)

    def before(self, worker):
        """A proxy before the HTTP port of a worker, which can slow and spoil its answers."""
        made = Proxy(worker.url)
        self.others.append(made)
        return made

    def nginx(self):
        """nginx on the made files."""
        made = Nginx(tempfile.mkdtemp(prefix="nginx-", dir=self.folder), self.disk)
        self.others.append(made)
        return made

    def program(self, name, *libraries):
        """One of this folder's C programs, compiled."""
        if name not in self.programs:
            path = os.path.join(self.folder, name)
            source = os.path.join(HERE, name + ".c")
            subprocess.check_call(["cc", "-O2", "-o", path, source, "-lpthread", *libraries])
            self.programs[name] = path
        return self.programs[name]

    def load(self, host, port, range_bytes, file_bytes, form, path, connections=8, pids=()):
        """Loads a server; MiB/s, MiB per CPU-second of the server, requests."""
        before = cpu_seconds(*pids)
        answer = subprocess.run(
            [self.program("load"), host, str(port), str(connections), str(self.seconds), str(range_bytes),
             str(file_bytes), form, path],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        cpu = cpu_seconds(*pids) - before
        if answer.returncode:
            raise RuntimeError(f"load: {answer.stdout} {answer.stderr}")
        done, requests, wall, _, median = (float(word) for word in answer.stdout.split())
        return {
            "MiB/s": done / MIB / wall,
            "MiB/CPU-s": done / MIB / cpu if cpu else 0.0,
            "requests": requests,
            "p50": median,
        }

    def release(self):
        """Ends mounts and clusters of the measure that is over."""
        for mounted in self.mounted:
            mounted.stop()
        for other in self.others + self.clusters:
            other.stop()
        self.mounted, self.clusters, self.others = [], [], []
        self.proxy.flow()

    def stop(self):
        """Ends everything."""
        self.release()
        self.proxy.stop()
        self.server.stop()


def median_of(rounds, key):
    """The median of one figure."""
    return statistics.median(found[key] for found in rounds)
