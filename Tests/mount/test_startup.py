"""Starting, refusing to start, and ending."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import time

import pytest

from rig import mounts, processes, weed

pytestmark = pytest.mark.ours

REFUSAL_SECONDS_MAX = 5.0


def needs_root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


class Refused:
    """How a mount was refused: its status, its one line, and how long it took."""

    def __init__(self, mount, *arguments, **options):
        began = time.monotonic()
        with pytest.raises(mounts.MountFailed) as problem:
            mount(*arguments, **options)
        self.seconds = time.monotonic() - began
        self.status = problem.value.status
        self.text = problem.value.text
        lines = [line for line in self.text.splitlines() if line.strip() and not line.startswith("Usage:")]
        assert self.status != 0
        assert self.seconds < REFUSAL_SECONDS_MAX, self.seconds
        assert len(lines) <= 2, self.text


def test_a_background_start_returns_when_the_mount_is_ready(bucket, mount):
    bucket.put("file", b"ready")
    began = time.monotonic()
    mounted = mount(bucket.uri)
    with open(mounted.at("file"), "rb") as file:
        assert file.read() == b"ready"
    print("seconds until the first byte", time.monotonic() - began)
    assert processes.is_mounted(mounted.path)


def test_a_background_start_lets_go_of_the_callers_pipes(bucket, mount, binary, place, proxy):
    path = os.path.join(place, "piped")
    os.mkdir(path)
    command = mounts.AlluxioFuse(path, binary).command(bucket.uri, {"endpoint": proxy.endpoint}, False)
    done = subprocess.run(command, capture_output=True, timeout=20, env=mounts.AlluxioFuse.environment())
    assert done.returncode == 0, done.stderr
    assert processes.is_mounted(path)
    subprocess.run([binary, "umount", path], check=True, timeout=30)


def test_a_foreground_start_ends_on_sigterm_and_leaves_no_mount(bucket, mount):
    mounted = mount(bucket.uri, foreground=True)
    assert os.listdir(mounted.path) == []
    mounted.process.terminate()
    mounted.process.wait(10)
    assert not processes.is_mounted(mounted.path)


def test_a_wrong_secret_is_refused(bucket, mount):
    refused = Refused(mount, bucket.uri, environment=mounts.AlluxioFuse.environment(secret="wrong"))
    assert re.search("secret|credential|access key|signature", refused.text, re.I), refused.text


def test_an_unknown_access_key_is_refused(bucket, mount):
    refused = Refused(mount, bucket.uri, environment=mounts.AlluxioFuse.environment(access="nobodyKnowsMe"))
    assert re.search("credential|access key", refused.text, re.I), refused.text


def test_a_missing_bucket_is_named(mount):
    refused = Refused(mount, "s3://no-such-bucket-anywhere")
    assert "no-such-bucket-anywhere" in refused.text


def test_an_unreachable_endpoint_is_named(bucket, mount):
    port = processes.free_ports(1)[0]
    refused = Refused(mount, bucket.uri, endpoint=f"http://127.0.0.1:{port}")
    assert str(port) in refused.text


def test_an_endpoint_that_does_not_answer_is_named(bucket, mount):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        refused = Refused(mount, bucket.uri, endpoint=f"http://127.0.0.1:{port}")
    assert str(port) in refused.text


def test_an_endpoint_that_does_not_speak_s3_is_refused(bucket, mount, s3):
    Refused(mount, bucket.uri, endpoint=f"http://127.0.0.1:{s3.filer_port}")


def test_no_credentials_at_all_is_explained(bucket, mount, place):
    environment = {key: value for key, value in mounts.AlluxioFuse.environment().items() if "KEY" not in key}
    environment["HOME"] = place
    refused = Refused(mount, bucket.uri, environment=environment)
    assert re.search("credential", refused.text, re.I), refused.text


@pytest.mark.parametrize(
    "uri, word",
    [
        ("s3:/bucket", "s3:/bucket"),
        ("gopher://bucket", "gopher"),
        ("s3://", "s3://"),
        ("s3://UPPER_case", "UPPER_case"),
    ],
)
def test_an_address_that_is_none_is_refused(mount, uri, word):
    assert word in Refused(mount, uri).text


def test_a_missing_mount_point_is_named(bucket, mount, place):
    path = os.path.join(place, "missing")
    assert path in Refused(mount, bucket.uri, path=path).text


def test_a_mount_point_that_is_a_file_is_named(bucket, mount, place):
    path = os.path.join(place, "file")
    open(path, "w").close()
    assert path in Refused(mount, bucket.uri, path=path).text


def test_a_mount_point_with_contents_is_named(bucket, mount, place):
    path = os.path.join(place, "full")
    os.mkdir(path)
    open(os.path.join(path, "something"), "w").close()
    refused = Refused(mount, bucket.uri, path=path)
    assert path in refused.text
    assert "empty" in refused.text


def test_a_mount_point_that_is_ours_already_is_named(bucket, mount):
    first = mount(bucket.uri)
    assert first.path in Refused(mount, bucket.uri, path=first.path).text
    assert os.listdir(first.path) == []


def test_a_stale_mount_is_cleaned_first(bucket, mount):
    bucket.put("file", b"x")
    first = mount(bucket.uri)
    first.kill()
    with pytest.raises(OSError, match="Transport endpoint is not connected|Software caused connection abort"):
        os.listdir(first.path)
    second = mount(bucket.uri, path=first.path)
    assert os.listdir(second.path) == ["file"]


def test_a_stale_mount_whose_attributes_the_kernel_still_has_is_cleaned_too(bucket, mount):
    bucket.put("file", b"x")
    first = mount(bucket.uri, sync="600s")
    os.listdir(first.path)
    # After the listing: reading a directory makes the kernel ask for its access time again.
    os.stat(first.path)
    first.kill()
    os.stat(first.path)
    second = mount(bucket.uri, path=first.path)
    assert os.listdir(second.path) == ["file"]


@pytest.mark.parametrize(
    "wrong, nearest",
    [
        ("atr_timeout", "attr_timeout"),
        ("local_cache_sise", "local_cache_size"),
        ("alluxio.user.file.metadata.sync.intervall", "alluxio.user.file.metadata.sync.interval"),
        ("s3a.acessKeyId", "s3a.accessKeyId"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_name(bucket, mount, wrong, nearest):
    refused = Refused(mount, bucket.uri, **{wrong: "1"})
    assert wrong in refused.text
    assert nearest in refused.text


@pytest.mark.parametrize(
    "name, value",
    [
        ("attr_timeout", "soon"),
        ("local_cache_size", "-5"),
        ("umask", "999"),
        ("alluxio.user.file.metadata.sync.interval", "1 parsec"),
        ("alluxio.fuse.web.port", "70000"),
    ],
)
def test_an_ill_formed_value_is_refused_with_its_name(bucket, mount, name, value):
    refused = Refused(mount, bucket.uri, **{name: value})
    assert name in refused.text


def test_credentials_may_come_as_options(bucket, mount):
    bucket.put("file", b"x")
    environment = {key: value for key, value in mounts.AlluxioFuse.environment().items() if "AWS_" not in key}
    options = {"s3a.accessKeyId": weed.ACCESS_KEY, "s3a.secretKey": weed.SECRET_KEY}
    mounted = mount(bucket.uri, environment=environment, **options)
    assert os.listdir(mounted.path) == ["file"]
    with open(f"/proc/{mounted.pid}/cmdline", "rb") as file:
        assert weed.SECRET_KEY.encode() not in file.read()


def test_settings_may_come_from_a_properties_file(bucket, mount, place, proxy):
    bucket.put("file", b"x")
    folder = os.path.join(place, "conf")
    os.mkdir(folder)
    with open(os.path.join(folder, "alluxio-site.properties"), "w") as file:
        file.write(
            f"# settings\ns3a.accessKeyId={weed.ACCESS_KEY}\ns3a.secretKey = {weed.SECRET_KEY}\n"
            f"alluxio.underfs.s3.endpoint={proxy.endpoint}\nalluxio.underfs.s3.disable.dns.buckets=true\n"
        )
    environment = {key: value for key, value in mounts.AlluxioFuse.environment().items() if "AWS_" not in key}
    environment["ALLUXIO_CONF_DIR"] = folder
    mounted = mount(bucket.uri, environment=environment, endpoint=None)
    assert os.listdir(mounted.path) == ["file"]


def test_the_mounts_are_listed(bucket, mount, binary):
    mounted = mount(bucket.uri)
    listing = subprocess.run([binary], check=True, capture_output=True, text=True, timeout=10).stdout
    line = next(line for line in listing.splitlines() if mounted.path in line)
    assert bucket.uri in line
    with open("/proc/self/mounts") as file:
        entry = next(line.split() for line in file if mounted.path in line)
    assert entry[2] == "fuse.alluxio-fuse"


def test_umount_ends_mount_and_daemon(bucket, mount, binary):
    mounted = mount(bucket.uri)
    subprocess.run([binary, "umount", mounted.path], check=True, capture_output=True, timeout=20)
    assert not processes.is_mounted(mounted.path)
    processes.wait_until(lambda: not processes.alive(mounted.pid), 10, "the daemon has ended")


def test_umount_of_what_is_no_mount_is_refused(binary, place):
    done = subprocess.run([binary, "umount", place], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert place in done.stderr


def test_stat_prints_requests_and_memory(bucket, mount):
    bucket.put_made("file", 100_000)
    mounted = mount(bucket.uri)
    with open(mounted.at("file"), "rb") as file:
        file.read()
        text = mounted.stats()
    for word in ("get", "list", "open", "memory|resident"):
        assert re.search(word, text, re.I), f"{word} is not in:\n{text}"


def test_metrics_are_served_as_prometheus_text(bucket, mount):
    import urllib.request

    port = processes.free_ports(1)[0]
    bucket.put("file", b"x")
    mounted = mount(bucket.uri, **{"alluxio.fuse.web.enabled": "true", "alluxio.fuse.web.port": port})
    os.listdir(mounted.path)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert "# TYPE alluxio_" in text
    samples = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-zA-Z_:][\w:]*(\{.*\})? [-+0-9.eEinfNa]+", line) for line in samples), samples


def test_help_and_version(binary):
    text = subprocess.run([binary, "--help"], check=True, capture_output=True, text=True, timeout=10).stdout
    for word in ("mount", "umount", "stat"):
        assert word in text
    version = subprocess.run(
        [binary, "--version"], check=True, capture_output=True, text=True, timeout=10
    ).stdout
    assert re.search(r"\d+\.\d+", version)


@pytest.fixture
def helper(binary):
    """A symbolic link to the daemon where mount(8) looks for helpers."""
    needs_root()
    path = "/sbin/mount.fuse.alluxio-fuse"
    link = "/usr/local/bin/alluxio-fuse"
    made = []
    for name in (path, link):
        if not os.path.lexists(name):
            os.symlink(os.path.abspath(binary), name)
            made.append(name)
    if os.path.realpath(path) != os.path.realpath(binary):
        pytest.skip(f"{path} belongs to somebody else")
    yield path
    for name in made:
        os.unlink(name)


def helper_options(proxy):
    return mounts.AlluxioFuse.option_list(
        endpoint=proxy.endpoint, **{"s3a.accessKeyId": weed.ACCESS_KEY, "s3a.secretKey": weed.SECRET_KEY}
    )


def test_mount_t_works(bucket, helper, place, proxy):
    bucket.put("file", b"x")
    path = os.path.join(place, "by-mount")
    os.mkdir(path)
    done = subprocess.run(
        [
            "mount",
            "-t",
            "fuse.alluxio-fuse",
            bucket.uri,
            path,
            "-o",
            helper_options(proxy) + ",_netdev,noatime",
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(path) == ["file"]
    subprocess.run(["umount", path], check=True, timeout=20)
    assert not processes.is_mounted(path)


def test_a_line_of_fstab_works(bucket, helper, place, proxy):
    bucket.put("file", b"x")
    path = os.path.join(place, "by-fstab")
    os.mkdir(path)
    table = os.path.join(place, "fstab")
    with open(table, "w") as file:
        file.write(f"{bucket.uri} {path} fuse.alluxio-fuse ro,_netdev,nofail,{helper_options(proxy)} 0 0\n")
    done = subprocess.run(["mount", "-T", table, path], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert os.listdir(path) == ["file"]
    subprocess.run(["umount", path], check=True, timeout=20)


def test_mount_t_fails_with_one_line_and_mounts_status(helper, place, proxy):
    path = os.path.join(place, "by-mount")
    os.mkdir(path)
    done = subprocess.run(
        ["mount", "-t", "fuse.alluxio-fuse", "s3://no-such-bucket-here", path, "-o", helper_options(proxy)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert "no-such-bucket-here" in done.stderr
    assert not processes.is_mounted(path)


@pytest.fixture
def open_device():
    """/dev/fuse as udev makes it, for everyone; some containers have it for root only."""
    needs_root()
    if not shutil.which("fusermount3"):
        pytest.skip("no fusermount3")
    mode = os.stat("/dev/fuse").st_mode & 0o777
    os.chmod("/dev/fuse", 0o666)
    yield
    os.chmod("/dev/fuse", mode)


def test_an_unprivileged_user_mounts_through_fusermount3(bucket, mount, place, binary, open_device):
    entry = pwd.getpwnam("nobody")
    if subprocess.run(mounts.as_user("nobody") + ["test", "-x", binary]).returncode != 0:
        pytest.skip(f"nobody may not run {binary}")
    path = os.path.join(place, "unprivileged")
    os.mkdir(path)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    bucket.put("file", b"seen by nobody")
    environment = {**mounts.AlluxioFuse.environment(), "HOME": path}
    mounted = mount(bucket.uri, path=path, user="nobody", environment=environment)
    done = subprocess.run(
        mounts.as_user("nobody") + ["cat", mounted.at("file")], capture_output=True, timeout=20
    )
    assert done.stdout == b"seen by nobody"
    with open(f"/proc/{mounted.pid}/status") as file:
        assert f"Uid:\t{entry.pw_uid}" in file.read()
    done = subprocess.run(
        mounts.as_user("nobody") + ["fusermount3", "-u", mounted.path], capture_output=True, timeout=20
    )
    assert done.returncode == 0, done.stderr


def test_a_second_mount_of_the_same_bucket_is_independent(bucket, mount):
    bucket.put("file", b"x")
    first, second = mount(bucket.uri), mount(bucket.uri)
    first.unmount()
    assert os.listdir(second.path) == ["file"]
