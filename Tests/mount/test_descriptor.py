"""A mount that the caller has made: the mount point is /dev/fd/N, an open /dev/fuse."""

import ctypes
import errno
import os
import signal
import subprocess
import sys

import pytest

from rig import mounts, processes

pytestmark = pytest.mark.ours

MS_NOSUID, MS_NODEV = 2, 4
_libc = ctypes.CDLL(None, use_errno=True)


class Made:
    """A directory with a FUSE mount that nobody serves yet, and the descriptor to serve it with."""

    def __init__(self, path):
        self.path = path
        os.mkdir(path)
        self.descriptor = os.open("/dev/fuse", os.O_RDWR)
        os.set_inheritable(self.descriptor, True)
        data = f"fd={self.descriptor},rootmode=40000,user_id=0,group_id=0,allow_other,max_read=524288"
        words = [word.encode() for word in ("s3://caller", path, "fuse.alluxio-fuse", data)]
        source, target, kind, options = words
        if _libc.mount(source, target, kind, MS_NOSUID | MS_NODEV, options) != 0:
            raise OSError(ctypes.get_errno(), "mount")

    def let_go(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


@pytest.fixture
def made(place):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = Made(os.path.join(place, "mounted"))
    yield one
    one.let_go()
    subprocess.run(["umount", "-l", one.path], capture_output=True)


def command(binary, place, uri, proxy, target, *flags):
    options = {"endpoint": proxy.endpoint, "alluxio.fuse.staging.dir": f"{place}/staging"}
    text = mounts.AlluxioFuse.option_list(**options)
    return [binary, "mount", *flags, uri, target, "-o", text]


def start(binary, place, uri, proxy, target, *inherited, **more):
    done = subprocess.run(
        command(binary, place, uri, proxy, target), pass_fds=inherited, capture_output=True, text=True,
        timeout=30, env=mounts.AlluxioFuse.environment(), **more,
    )  # fmt: skip
    return done.returncode, done.stderr


def daemons(uri):
    """The processes that serve an address."""
    lines = processes.command_lines()
    return {pid for pid, words in lines if len(words) > 2 and words[1:3] == ["daemon", uri]}


def read(made, name="file"):
    with open(os.path.join(made.path, name), "rb") as file:
        return file.read()


def test_a_daemon_in_the_background_serves_the_callers_mount(made, bucket, binary, place, proxy):
    bucket.put("file", b"contents")
    status, text = start(binary, place, bucket.uri, proxy, f"/dev/fd/{made.descriptor}", made.descriptor)
    assert status == 0, text
    made.let_go()
    assert read(made) == b"contents"
    with open(os.path.join(made.path, "new"), "wb") as file:
        file.write(b"written")
    assert bucket.client.get_object(Bucket=bucket.name, Key="new")["Body"].read() == b"written"
    # The daemon alone has the descriptor: nothing hangs when it dies.
    (daemon,) = daemons(bucket.uri)
    os.kill(daemon, signal.SIGKILL)
    processes.wait_until(lambda: not processes.alive(daemon), 5, "the daemon is gone")
    with pytest.raises(OSError) as failure:
        read(made)
    assert failure.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)


@pytest.mark.parametrize("number", [3, 4, 5, 9])
def test_the_descriptor_may_have_any_number(made, bucket, binary, place, proxy, number):
    bucket.put("file", b"contents")
    script = (
        "import os, sys; n = int(sys.argv[2]); os.dup2(int(sys.argv[1]), n);"
        "os.execv(sys.argv[3], sys.argv[3:])"
    )
    words = command(binary, place, bucket.uri, proxy, f"/dev/fd/{number}")
    starter = [sys.executable, "-c", script, str(made.descriptor), str(number), *words]
    done = subprocess.run(
        starter, pass_fds=[made.descriptor], capture_output=True, text=True, timeout=30,
        env=mounts.AlluxioFuse.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made.let_go()
    assert read(made) == b"contents"
    # Unmounted by the caller, the daemon ends.
    assert len(daemons(bucket.uri)) == 1
    subprocess.run(["umount", made.path], check=True, timeout=20)
    processes.wait_until(lambda: not daemons(bucket.uri), 20, "the daemon ends")


def test_a_daemon_in_the_foreground_ends_with_the_mount(made, bucket, binary, place, proxy):
    bucket.put("file", b"contents")
    words = command(binary, place, bucket.uri, proxy, f"/dev/fd/{made.descriptor}", "-f")
    process = processes.spawn(
        words, pass_fds=[made.descriptor], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=mounts.AlluxioFuse.environment(),
    )  # fmt: skip
    made.let_go()
    assert read(made) == b"contents"
    assert subprocess.run([binary, "stat", made.path], capture_output=True, timeout=20).returncode == 0
    done = subprocess.run([binary, "umount", made.path], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert process.wait(20) == 0


def test_sigterm_ends_the_daemon_and_leaves_the_mount_to_the_caller(made, bucket, binary, place, proxy):
    bucket.put("file", b"contents")
    words = command(binary, place, bucket.uri, proxy, f"/dev/fd/{made.descriptor}", "-f")
    process = processes.spawn(
        words, pass_fds=[made.descriptor], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=mounts.AlluxioFuse.environment(),
    )  # fmt: skip
    made.let_go()
    assert read(made) == b"contents"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with pytest.raises(OSError, match="not connected|aborted"):
        read(made)
    assert processes.is_mounted(made.path)


@pytest.mark.parametrize("flags", [[], ["-f"]])
def test_what_is_no_fuse_device_is_refused_with_the_remedy(bucket, binary, place, proxy, flags):
    null = os.open("/dev/null", os.O_RDWR)
    for number, inherited, words in ((77, [], "no descriptor 77"), (null, [null], "is no /dev/fuse")):
        done = subprocess.run(
            command(binary, place, bucket.uri, proxy, f"/dev/fd/{number}", *flags),
            pass_fds=inherited, capture_output=True, text=True, timeout=30,
            env=mounts.AlluxioFuse.environment(),
        )  # fmt: skip
        assert done.returncode == 1 and words in done.stderr, done.stderr
    os.close(null)


def test_a_device_that_is_not_mounted_is_refused(bucket, binary, place, proxy):
    bare = os.open("/dev/fuse", os.O_RDWR)
    status, text = start(binary, place, bucket.uri, proxy, f"/dev/fd/{bare}", bare)
    os.close(bare)
    assert status == 1 and "did not begin the FUSE session" in text
    assert len(text.strip().splitlines()) == 1, text
