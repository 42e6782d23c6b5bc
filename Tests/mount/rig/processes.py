"""Child processes that never outlive the run, and facts about them from /proc."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(command, **options):
    """Starts a child in its own process group that the kernel kills when this process dies."""
    return subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_parent, **options)


def stop(process, patience=5.0):
    """Ends a child's whole group: asks first, then kills."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue


def free_ports(count):
    """Loopback ports that are free now, below the range from which the kernel picks for connections."""
    held, ports = [], []
    first = 12000 + (os.getpid() * 61 + int(time.time() * 7)) % 15000
    for port in range(first, first + 4000):
        candidate = socket.socket()
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            candidate.close()
            continue
        held.append(candidate)
        ports.append(port)
        if len(ports) == count:
            break
    for candidate in held:
        candidate.close()
    return ports


def wait_until(condition, seconds, what, pause=0.05):
    """Polls until `condition()` is true; fails with `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def alive(pid):
    """Whether a process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def resident_bytes(pid, field="VmRSS"):
    """Memory of a process: VmRSS, VmHWM (its peak) or RssAnon, in bytes."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise LookupError(field)


def reset_peak(pid):
    """Makes VmHWM start again from the present size."""
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


def cpu_seconds(pid):
    """User and system time that a process has used so far."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rsplit(b")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def command_lines():
    """(pid, arguments) of every process that can be read."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                arguments = file.read().split(b"\0")[:-1]
        except OSError:
            continue
        if arguments:
            yield int(name), [os.fsdecode(part) for part in arguments]


def mounts_below(folder):
    """Mount points inside a folder, the deepest first."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            point = os.fsdecode(line.split()[4].decode("unicode_escape").encode("latin-1"))
            if point == folder or point.startswith(folder + "/"):
                found.append(point)
    return sorted(found, key=len, reverse=True)


def is_mounted(path):
    """Whether a path is a mount point now."""
    return path in mounts_below(path)


def clean_below(folder):
    """Unmounts everything below a folder of ours, and kills the processes that were started with it."""
    for point in mounts_below(folder):
        if subprocess.run(["umount", "-l", point], capture_output=True).returncode != 0:
            subprocess.run(["fusermount3", "-uz", point], capture_output=True)
    for pid, arguments in command_lines():
        if pid != os.getpid() and any(folder in part for part in arguments):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass


def start_reaper(folder):
    """Starts a watcher that cleans up below `folder` when this process ends, however it ends.

    Keep the returned object: the watcher acts when its `stdin` closes.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "rig.reaper"],
        cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        stdin=subprocess.PIPE,
        env={**os.environ, "RIG_FOLDER": folder},
        start_new_session=True,
    )
