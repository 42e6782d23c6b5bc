"""A mount with -o ro is strict: every call that would change something answers EROFS."""

import ctypes
import errno
import os
import subprocess

import pytest

pytestmark = pytest.mark.ours

FILE, DIRECTORY, NEW = "dir/file", "dir", "dir/new"
libc = ctypes.CDLL(None, use_errno=True)


def c_call(function, *arguments):
    """Calls libc and raises OSError as os.* does."""
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


MUTATIONS = {
    "open for writing": lambda at: os.open(at(FILE), os.O_WRONLY),
    "open for reading and writing": lambda at: os.open(at(FILE), os.O_RDWR),
    "open and truncate": lambda at: os.open(at(FILE), os.O_WRONLY | os.O_TRUNC),
    "open to append": lambda at: os.open(at(FILE), os.O_WRONLY | os.O_APPEND),
    "create": lambda at: os.open(at(NEW), os.O_WRONLY | os.O_CREAT),
    "create exclusively": lambda at: os.open(at(NEW), os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "truncate": lambda at: os.truncate(at(FILE), 0),
    "mkdir": lambda at: os.mkdir(at(NEW)),
    "mknod": lambda at: os.mknod(at(NEW)),
    "mkfifo": lambda at: os.mkfifo(at(NEW)),
    "symlink": lambda at: os.symlink("target", at(NEW)),
    "link": lambda at: os.link(at(FILE), at(NEW)),
    "unlink": lambda at: os.unlink(at(FILE)),
    "rmdir": lambda at: os.rmdir(at(DIRECTORY)),
    "rename": lambda at: os.rename(at(FILE), at(NEW)),
    "rename a directory": lambda at: os.rename(at(DIRECTORY), at("other")),
    "chmod": lambda at: os.chmod(at(FILE), 0o600),
    "chown": lambda at: os.chown(at(FILE), 1, 1),
    "utimens": lambda at: os.utime(at(FILE), (1, 1)),
    "setxattr": lambda at: os.setxattr(at(FILE), "user.mine", b"1"),
    "removexattr": lambda at: os.removexattr(at(FILE), "user.mine"),
    "chmod a directory": lambda at: os.chmod(at(DIRECTORY), 0o700),
    "renameat2 without replacing": lambda at: c_call(
        "renameat2", -100, at(FILE).encode(), -100, at(NEW).encode(), ctypes.c_uint(1)
    ),
}


def test_with_ro_the_kernel_refuses_every_mutating_call(bucket, mount):
    bucket.put(FILE, b"contents")
    mounted = mount(bucket.uri, ro=True)
    calls = {
        **MUTATIONS,
        "invalidate": lambda at: os.setxattr(at(FILE), "user.alluxio.invalidate", b"1"),
        "access for writing": lambda at: c_call("access", at(FILE).encode(), os.W_OK),
    }
    answers = {}
    for what, call in calls.items():
        with pytest.raises(OSError) as problem:
            call(mounted.at)
        answers[what] = errno.errorcode[problem.value.errno]
    assert answers == dict.fromkeys(calls, "EROFS")
    with open(mounted.at(FILE), "rb") as file:
        assert file.read() == b"contents"


def test_a_failed_call_leaves_no_trace(bucket, mount):
    bucket.put(FILE, b"contents")
    mounted = mount(bucket.uri, ro=True)
    for call in MUTATIONS.values():
        with pytest.raises(OSError):
            call(mounted.at)
    assert os.listdir(mounted.path) == [DIRECTORY]
    assert os.listdir(mounted.at(DIRECTORY)) == ["file"]
    assert [entry["Key"] for entry in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]] == [FILE]


def test_a_local_directory_is_not_touched_either(place, mount):
    source = os.path.join(place, "source")
    os.makedirs(os.path.join(source, DIRECTORY))
    with open(os.path.join(source, FILE), "wb") as file:
        file.write(b"contents")
    before = os.stat(os.path.join(source, FILE))
    mounted = mount(f"file://{source}", endpoint=None, ro=True)
    for what, call in MUTATIONS.items():
        with pytest.raises(OSError) as problem:
            call(mounted.at)
        assert problem.value.errno == errno.EROFS, what
    assert os.stat(os.path.join(source, FILE)).st_ctime_ns == before.st_ctime_ns


def test_a_mount_without_ro_may_be_written_to(bucket, mount):
    bucket.put(FILE, b"contents")
    for index, permissions in enumerate(("true", "false")):
        mounted = mount(bucket.uri, default_permissions=permissions)
        c_call("access", mounted.at(FILE).encode(), os.W_OK)
        os.mkdir(mounted.at(f"new{index}"))
    os.setxattr(mounted.at(FILE), "user.alluxio.invalidate", b"1")


def test_the_mount_is_marked_read_only_on_request(bucket, mount):
    marked, unmarked = mount(bucket.uri, ro=True), mount(bucket.uri)
    assert os.statvfs(marked.path).f_flag & os.ST_RDONLY
    assert not os.statvfs(unmarked.path).f_flag & os.ST_RDONLY


TOOLS = {
    "touch": ["touch", "{dir}/new"],
    "touch a file": ["touch", "{file}"],
    "mkdir": ["mkdir", "{dir}/new"],
    "cp": ["cp", "/etc/hostname", "{dir}/new"],
    "cp over a file": ["cp", "/etc/hostname", "{file}"],
    "mv": ["mv", "{file}", "{dir}/new"],
    "rm": ["rm", "-f", "{file}"],
    "rm -r": ["rm", "-rf", "{dir}"],
    "ln": ["ln", "{file}", "{dir}/new"],
    "ln -s": ["ln", "-s", "x", "{dir}/new"],
    "truncate": ["truncate", "-s", "1", "{file}"],
    "chmod": ["chmod", "600", "{file}"],
    "redirection": ["sh", "-c", "echo x > {dir}/new"],
}


def test_tools_fail_with_the_usual_words(bucket, mount):
    bucket.put(FILE, b"contents")
    mounted = mount(bucket.uri, ro=True)
    places = {"dir": mounted.at(DIRECTORY), "file": mounted.at(FILE)}
    for what, words in TOOLS.items():
        command = [word.format(**places) for word in words]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        assert done.returncode != 0, what
        assert "Read-only file system" in done.stderr, (what, done.stderr)
    with open(mounted.at(FILE), "rb") as file:
        assert file.read() == b"contents"


def test_locks_are_the_kernels_own(bucket, mount):
    import fcntl

    bucket.put(FILE, b"contents")
    mounted = mount(bucket.uri)
    with open(mounted.at(FILE), "rb") as first, open(mounted.at(FILE), "rb") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(first, fcntl.LOCK_UN)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_ioctls_and_polls_do_not_fail_strangely(bucket, mount):
    import fcntl
    import select

    bucket.put(FILE, b"contents")
    mounted = mount(bucket.uri)
    with open(mounted.at(FILE), "rb") as file:
        with pytest.raises(OSError) as problem:
            fcntl.ioctl(file, 0x5401, b"\0" * 60)
        assert problem.value.errno in (errno.ENOTTY, errno.ENOSYS)
        readable, _, _ = select.select([file], [], [], 1)
        assert readable == [file]
