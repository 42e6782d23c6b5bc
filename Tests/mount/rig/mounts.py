"""Mounts under test: ours, and the peers behind the same interface."""

import os
import pwd
import shutil
import subprocess
import sys

from rig import processes, weed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class MountFailed(Exception):
    """The mount command ended with an error; `status` and `text` say which."""

    def __init__(self, status, text):
        super().__init__(f"exit status {status}: {text.strip()}")
        self.status = status
        self.text = text


class Mounted:
    """A mount point with a process behind it."""

    name = ""

    def __init__(self, path):
        self.path = str(path)
        self.pid = None
        self.process = None

    def at(self, *parts):
        """A path inside the mount."""
        return os.path.join(self.path, *parts)

    def rss(self):
        """Resident memory of the daemon in bytes."""
        return processes.resident_bytes(self.pid)

    def peak(self):
        """The most resident memory since the start or the last `reset_peak`, in bytes."""
        return processes.resident_bytes(self.pid, "VmHWM")

    def reset_peak(self):
        """Starts `peak` anew."""
        processes.reset_peak(self.pid)

    def cpu(self):
        """CPU seconds that the daemon has used."""
        return processes.cpu_seconds(self.pid)

    def kill(self):
        """Ends the daemon as a crash does, without a chance to tidy up."""
        os.kill(self.pid, 9)
        processes.wait_until(lambda: not processes.alive(self.pid), 10, "the killed daemon is gone")

    def unmount(self):
        """Unmounts in the ordinary way; fails if that fails."""
        subprocess.run(["umount", self.path], check=True, capture_output=True, timeout=60)
        if self.pid:
            processes.wait_until(lambda: not processes.alive(self.pid), 20, "the daemon ends after umount")

    def stop(self):
        """Gets rid of mount and daemon whatever state they are in."""
        if processes.is_mounted(self.path):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 30}
            if subprocess.run(["umount", self.path], **quiet).returncode != 0:
                if subprocess.run(["umount", "-l", self.path], **quiet).returncode != 0:
                    subprocess.run(["fusermount3", "-uz", self.path], **quiet)
        if self.pid and processes.alive(self.pid):
            try:
                processes.wait_until(lambda: not processes.alive(self.pid), 10, "the daemon ends")
            except TimeoutError:
                os.kill(self.pid, 9)
        if self.process:
            processes.stop(self.process, patience=1)

    def start_child(self, command, environment=None, log=None, seconds=30):
        """Runs a daemon in the foreground as a child and waits until it is mounted."""
        os.makedirs(self.path, exist_ok=True)
        with open(log or os.devnull, "ab") as out:
            self.process = processes.spawn(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self.process.pid

        def ready():
            if self.process.poll() is not None:
                raise MountFailed(self.process.returncode, open(log).read() if log else command[0])
            return processes.is_mounted(self.path)

        processes.wait_until(ready, seconds, f"{command[0]} is mounted", pause=0.01)
        return self


def built_binary():
    """The daemon to test: $ALLUXIO_FUSE, else a release build, else a debug build of this tree."""
    candidates = [os.environ.get("ALLUXIO_FUSE")]
    candidates += [os.path.join(ROOT, ".build", kind, "alluxio-fuse") for kind in ("release", "debug")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise FileNotFoundError("alluxio-fuse is not built: run swift build, or set ALLUXIO_FUSE")


class AlluxioFuse(Mounted):
    """Our daemon."""

    name = "alluxio-fuse"

    def __init__(self, path, binary=None, log=None):
        super().__init__(path)
        self.binary = binary or built_binary()
        self.log = log or str(path) + ".log"

    @staticmethod
    def option_list(endpoint=None, sync=None, cache=None, cache_size=None, **options):
        """The words after -o; keywords with _ stand for themselves, dotted names go through `**{...}`."""
        words = {}
        if endpoint:
            words["alluxio.underfs.s3.endpoint"] = endpoint
            words["alluxio.underfs.s3.disable.dns.buckets"] = "true"
        if sync is not None:
            words["alluxio.user.file.metadata.sync.interval"] = sync
        if cache:
            words["local_data_cache"] = cache
        if cache_size:
            words["local_cache_size"] = cache_size
        words.update(options)
        return ",".join(key if value is True else f"{key}={value}" for key, value in words.items())

    @staticmethod
    def environment(access=weed.ACCESS_KEY, secret=weed.SECRET_KEY):
        """Credentials as AWS tools take them, and nothing else of the caller's AWS settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        kept.update(AWS_ACCESS_KEY_ID=access, AWS_SECRET_ACCESS_KEY=secret, AWS_REGION=weed.REGION)
        kept.update(AWS_EC2_METADATA_DISABLED="true")
        return kept

    def command(self, uri, options, foreground):
        """The command line of a mount; of the mount table if there is no address."""
        words = [self.binary, "mount"] + (["-f"] if foreground else []) + ([uri] if uri else [])
        words.append(self.path)
        text = self.option_list(**options)
        return words + (["-o", text] if text else [])

    def start(self, uri, options, environment=None, foreground=False, user=None, seconds=30):
        """Mounts in the background, as users do, and finds the daemon."""
        if not foreground and not user:
            options = {"log_file": self.log, **options}
        if not user and not options.get("cache") and not options.get("ro"):
            options = {"alluxio.fuse.staging.dir": self.path + ".staging", **options}
        command = self.command(uri, options, foreground)
        if user:
            command = as_user(user) + command
        environment = environment or self.environment()
        if foreground:
            return self.start_child(command, environment, self.log, seconds)
        with open(self.log, "ab") as out:
            start = out.tell()
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, timeout=seconds
            )
        if done.returncode != 0:
            with open(self.log, errors="replace") as file:
                file.seek(start)
                raise MountFailed(done.returncode, file.read())
        self.pid = self.find_daemon()
        return self

    def find_daemon(self):
        """The process that serves this mount point."""
        for pid, words in processes.command_lines():
            if self.path in words and "alluxio-fuse" in os.path.basename(words[0]) and processes.alive(pid):
                return pid
        raise LookupError(f"no alluxio-fuse process for {self.path}; see {self.log}")

    def stats(self):
        """What `alluxio-fuse stat` prints."""
        done = subprocess.run(
            [self.binary, "stat", self.path], check=True, capture_output=True, text=True, timeout=20
        )
        return done.stdout

    def statistic(self, name):
        """One number out of `stats()`: the last word of the first series that contains `name`."""
        for line in self.stats().splitlines():
            if name in line and not line.startswith("#"):
                return float(line.split()[-1])
        raise LookupError(f"{name} is not in the output of alluxio-fuse stat")


class Rclone(Mounted):
    """rclone mount with its cache mode chosen by the caller."""

    name = "rclone"

    def start(self, bucket, prefix, endpoint, cache=None, log=None, write_back=None):
        """Mounts s3://bucket/prefix; with `cache`, keeps whole files there (vfs-cache-mode full)."""
        settings = {
            "TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": endpoint, "REGION": weed.REGION,
            "ACCESS_KEY_ID": weed.ACCESS_KEY, "SECRET_ACCESS_KEY": weed.SECRET_KEY,
            "FORCE_PATH_STYLE": "true",
        }  # fmt: skip
        environment = {f"RCLONE_CONFIG_RIG_{key}": value for key, value in settings.items()}
        environment["RCLONE_CONFIG"] = "/dev/null"
        command = [
            tool("rclone"),
            "mount",
            f"rig:{bucket}/{prefix}".rstrip("/"),
            self.path,
            "--vfs-cache-mode",
        ]
        command += ["full", "--cache-dir", cache] if cache else ["off"]
        command += ["--vfs-write-back", write_back] if write_back else []
        return self.start_child(command, environment, log)


class S3fs(Mounted):
    """s3fs with its defaults."""

    name = "s3fs"

    def start(self, bucket, prefix, endpoint, cache=None, log=None):
        """Mounts s3://bucket/prefix; with `cache`, keeps whole files there."""
        passwords = self.path + ".passwd"
        with open(passwords, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(f"{weed.ACCESS_KEY}:{weed.SECRET_KEY}\n")
        source = f"{bucket}:/{prefix}".rstrip("/").rstrip(":")
        options = f"url={endpoint},use_path_request_style,passwd_file={passwords},endpoint={weed.REGION}"
        if cache:
            options += f",use_cache={cache}"
        return self.start_child([tool("s3fs"), source, self.path, "-f", "-o", options], log=log)


class Juicefs(Mounted):
    """juicefs; it has its own layout, so its files must be written through it first."""

    name = "juicefs"

    def __init__(self, path, metadata):
        super().__init__(path)
        self.metadata = metadata

    def format(self, bucket, endpoint):
        """Makes a juicefs volume in a bucket."""
        subprocess.run(
            [
                tool("juicefs"),
                "format",
                "--storage",
                "s3",
                "--bucket",
                f"{endpoint}/{bucket}",
                "--access-key",
                weed.ACCESS_KEY,
                "--secret-key",
                weed.SECRET_KEY,
                "--trash-days",
                "0",
                self.metadata,
                "rig",
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def start(self, endpoint, bucket, cache=None, log=None):
        """Mounts; the endpoint may be another one than that of `format` (a proxy)."""
        subprocess.run(
            [tool("juicefs"), "config", self.metadata, "--bucket", f"{endpoint}/{bucket}", "--yes"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        metrics = f"127.0.0.1:{processes.free_ports(1)[0]}"
        command = [
            tool("juicefs"),
            "mount",
            self.metadata,
            self.path,
            "--no-usage-report",
            "--metrics",
            metrics,
        ]
        command += ["--cache-dir", cache, "--cache-size", "20480"] if cache else ["--cache-size", "0"]
        self.start_child(command, log=log)
        return self

    def family(self):
        """The mount's processes: juicefs serves from a child of the one that was started."""
        found = [self.process.pid]
        for pid, _ in processes.command_lines():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    if int(file.read().rsplit(")", 1)[1].split()[1]) in found:
                        found.append(pid)
            except OSError:
                continue
        return found

    def rss(self):
        return sum(processes.resident_bytes(pid) for pid in self.family())

    def peak(self):
        return sum(processes.resident_bytes(pid, "VmHWM") for pid in self.family())

    def reset_peak(self):
        for pid in self.family():
            processes.reset_peak(pid)

    def cpu(self):
        return sum(processes.cpu_seconds(pid) for pid in self.family())


class WeedMount(Mounted):
    """weed mount of a bucket's folder in the filer."""

    name = "weed"

    def start(self, bucket, server, cache, log=None):
        """Mounts /buckets/bucket of a `Weed`."""
        filer = f"{server.host}:{server.filer_port}.{server.ports[2]}"
        command = [weed.executable(), "mount", f"-filer={filer}", f"-filer.path=/buckets/{bucket}"]
        command += [f"-dir={self.path}", f"-cacheDir={cache}", "-dirAutoCreate"]
        return self.start_child(command, log=log)


def tool(name):
    """A program of this Python's environment, else of PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    found = beside if os.path.exists(beside) else shutil.which(name)
    if not found:
        raise FileNotFoundError(f"{name} is not installed")
    return found


def as_user(name):
    """The words that run a command as another user."""
    entry = pwd.getpwnam(name)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
