"""Modes, owners, times and extended attributes: set through a mount, kept by the store."""

import errno
import os
import stat
import subprocess
import sys
import time

import pytest

from rig import mounts, processes
from rig.writable import ATTRIBUTES, read, write

pytestmark = pytest.mark.ours

NOBODY = 65534


def test_mode_owner_and_times_stay(written):
    write(written.at("file"), b"x")
    os.mkdir(written.at("dir"))
    os.chmod(written.at("file"), 0o4751)
    os.chown(written.at("file"), 1234, 4321)
    os.chmod(written.at("file"), 0o4751)
    os.utime(written.at("file"), ns=(1_000_000_001_123_456_789, 1_600_000_001_987_654_321))
    os.chmod(written.at("dir"), 0o1777)
    os.chown(written.at("dir"), 7, 8)
    os.utime(written.at("dir"), ns=(5_000_000_001, 6_000_000_001))
    for _ in range(2):
        status = os.stat(written.at("file"))
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o4751, 1234, 4321)
        assert status.st_mtime_ns == 1_600_000_001_987_654_321
        assert status.st_atime_ns == 1_000_000_001_123_456_789
        status = os.stat(written.at("dir"))
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o1777, 7, 8)
        assert status.st_mtime_ns == 6_000_000_001
        assert read(written.at("file")) == b"x"
        written.remount()


def test_times_that_are_set_while_a_file_is_open_survive_its_close(written):
    with open(written.at("file"), "wb") as file:
        file.write(b"x")
        file.flush()
        os.utime(written.at("file"), ns=(1_000_000_000_000_000_003, 1_000_000_000_000_000_007))
    assert os.stat(written.at("file")).st_mtime_ns == 1_000_000_000_000_000_007
    written.remount()
    assert os.stat(written.at("file")).st_mtime_ns == 1_000_000_000_000_000_007


def test_writing_and_making_change_times_as_posix_says(written):
    write(written.at("file"), b"x")
    os.mkdir(written.at("dir"))
    for name in ("file", "dir"):
        os.utime(written.at(name), (1, 1))
    before = time.time()
    os.chmod(written.at("file"), 0o600)
    assert os.stat(written.at("file")).st_mtime == 1
    assert os.stat(written.at("file")).st_ctime >= before - 1
    write(written.at("file"), b"y", "ab")
    assert os.stat(written.at("file")).st_mtime >= before - 1
    write(written.at("dir/new"), b"x")
    assert os.stat(written.at("dir")).st_mtime >= before - 1


def test_a_later_write_keeps_mode_and_owner(written):
    write(written.at("file"), b"x")
    os.chmod(written.at("file"), 0o640)
    os.chown(written.at("file"), 1, 2)
    write(written.at("file"), b"another content")
    for _ in range(2):
        status = os.stat(written.at("file"))
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, 1, 2)
        written.remount()
    assert read(written.at("file")) == b"another content"


def test_a_rename_keeps_mode_owner_and_times(written):
    write(written.at("old"), b"x")
    os.chown(written.at("old"), 1, 2)
    os.chmod(written.at("old"), 0o640)
    os.utime(written.at("old"), ns=(3, 4_000_000_005))
    os.mkdir(written.at("dir"))
    os.rename(written.at("old"), written.at("dir/new"))
    os.rename(written.at("dir"), written.at("moved"))
    for _ in range(2):
        status = os.stat(written.at("moved/new"))
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, 1, 2)
        assert status.st_mtime_ns == 4_000_000_005
        written.remount()


def test_the_umask_and_the_creator_show_in_what_is_made(written):
    code = (
        "import os,sys\nos.umask(0o027)\nos.setgid(100)\nos.setuid(65534)\n"
        "open(os.path.join(sys.argv[1], 'file'), 'w').close()\nos.mkdir(os.path.join(sys.argv[1], 'dir'))"
    )
    written.mount(allow_other=True)
    os.mkdir(written.at("open"))
    os.chmod(written.at("open"), 0o777)
    subprocess.run([sys.executable, "-c", code, written.at("open")], check=True)
    for _ in range(2):
        for name, mode in (("file", 0o640), ("dir", 0o750)):
            status = os.stat(written.at("open", name))
            assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (mode, NOBODY, 100)
        written.remount(allow_other=True)


def test_a_set_group_id_directory_hands_on_its_group(written):
    os.mkdir(written.at("shared"))
    os.chown(written.at("shared"), 0, 77)
    os.chmod(written.at("shared"), 0o2775)
    write(written.at("shared/file"), b"x")
    os.mkdir(written.at("shared/dir"))
    assert os.stat(written.at("shared/file")).st_gid == 77
    status = os.stat(written.at("shared/dir"))
    assert status.st_gid == 77
    assert status.st_mode & stat.S_ISGID


def run_as_nobody(code, *arguments):
    """What a program prints that runs as nobody."""
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    done = subprocess.run([*words, sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_kernel_checks_permissions(written):
    written.mount(allow_other=True)
    write(written.at("private"), b"secret")
    os.chmod(written.at("private"), 0o600)
    os.mkdir(written.at("sticky"))
    write(written.at("sticky/roots"), b"x")
    os.chmod(written.at("sticky"), 0o1777)
    code = (
        "import errno,os,sys\nm=sys.argv[1]\n"
        "for call in (lambda: open(m+'/private'), lambda: open(m+'/private','w'),\n"
        "  lambda: os.unlink(m+'/private'), lambda: os.chmod(m+'/private',0o777),\n"
        "  lambda: open(m+'/new','w'), lambda: os.unlink(m+'/sticky/roots'),\n"
        "  lambda: os.chown(m+'/private',1,1),\n"
        "  lambda: os.close(os.open(m+'/sticky/own',os.O_CREAT|os.O_WRONLY))):\n"
        "  try: call(); print('ok')\n"
        "  except OSError as problem: print(errno.errorcode[problem.errno])"
    )
    answers = run_as_nobody(code, written.mounted.path)
    assert answers == ["EACCES", "EACCES", "EACCES", "EPERM", "EACCES", "EPERM", "EPERM", "ok"]


def test_extended_attributes_stay(written):
    write(written.at("file"), b"x")
    os.mkdir(written.at("dir"))
    for name in ("file", "dir"):
        os.setxattr(written.at(name), "user.color", b"blue\0\xff")
        os.setxattr(written.at(name), "user.empty", b"")
        os.setxattr(written.at(name), "user.gone", b"x")
        os.removexattr(written.at(name), "user.gone")
    with pytest.raises(FileExistsError):
        os.setxattr(written.at("file"), "user.color", b"red", os.XATTR_CREATE)
    for call in (
        lambda: os.setxattr(written.at("file"), "user.none", b"x", os.XATTR_REPLACE),
        lambda: os.removexattr(written.at("file"), "user.gone"),
        lambda: os.getxattr(written.at("file"), "user.gone"),
    ):
        with pytest.raises(OSError) as problem:
            call()
        assert problem.value.errno == errno.ENODATA
    for _ in range(2):
        for name in ("file", "dir"):
            assert os.getxattr(written.at(name), "user.color") == b"blue\0\xff"
            assert os.getxattr(written.at(name), "user.empty") == b""
            own = [name for name in os.listxattr(written.at(name)) if not name.startswith("user.alluxio.")]
            assert sorted(own) == ["user.color", "user.empty"]
        written.remount()


def test_another_mount_sees_odd_attributes(on_s3):
    first, second = on_s3.mount(), on_s3.mount(sync="0s")
    for index in range(20):
        write(first.at(f"f{index}"), b"x")
        os.chmod(first.at(f"f{index}"), 0o600 | index)
        os.utime(first.at(f"f{index}"), ns=(1, 1_500_000_000_000_000_000 + index))
    os.symlink("f1", first.at("link"))

    def seen():
        # A listing that shows attribute objects is what makes a mount look for them at once.
        os.listdir(second.path)
        names = [f"f{index}" for index in range(20)]
        found = [os.stat(second.at(name)) for name in names]
        return [(stat.S_IMODE(status.st_mode), status.st_mtime_ns) for status in found]

    wanted = [(0o600 | index, 1_500_000_000_000_000_000 + index) for index in range(20)]
    processes.wait_until(lambda: seen() == wanted, 10, "the second mount shows the attributes")
    processes.wait_until(lambda: os.path.islink(second.at("link")), 10, "and the link")
    assert ATTRIBUTES not in "".join(os.listdir(first.path) + os.listdir(second.path))


def test_a_plain_bucket_gets_no_attribute_objects(on_s3):
    on_s3.put("dir/old", b"x")
    # What is made with the mode and owner that the mount shows anyway needs none.
    write(on_s3.at("dir/new"), b"y")
    write(on_s3.at("dir/old"), b"z")
    os.rename(on_s3.at("dir/new"), on_s3.at("dir/renamed"))
    on_s3.mounted.unmount()
    assert on_s3.keys() == ["dir/old", "dir/renamed"]


def test_attributes_of_an_object_that_somebody_else_replaced_are_not_shown(on_s3):
    write(on_s3.at("file"), b"ours")
    os.chmod(on_s3.at("file"), 0o640)
    os.utime(on_s3.at("file"), ns=(1, 1_500_000_000_000_000_000))
    os.symlink("target", on_s3.at("link"))
    on_s3.mounted.unmount()
    on_s3.put("file", b"theirs")
    on_s3.put("link", b"a file now")
    on_s3.first = None
    on_s3.mount()
    status = os.stat(on_s3.at("file"))
    # Mode and owner are the name's, times the version's.
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_mtime_ns != 1_500_000_000_000_000_000
    assert read(on_s3.at("link")) == b"a file now"


def test_a_mount_of_a_plain_user_shows_what_it_makes(on_s3, place):
    path = os.path.join(place, "users")
    os.mkdir(path)
    os.chown(path, NOBODY, NOBODY)
    staging = os.path.join(place, "staging")
    os.mkdir(staging)
    os.chown(staging, NOBODY, NOBODY)
    try:
        mounted = on_s3.mount(path=path, user="nobody", **{"alluxio.fuse.staging.dir": staging})
    except mounts.MountFailed as problem:
        pytest.skip(f"a plain user cannot mount here: {problem}")
    code = (
        "import os,sys\nopen(sys.argv[1]+'/file','w').write('x')\n"
        "print(os.stat(sys.argv[1]+'/file').st_uid)"
    )
    assert run_as_nobody(code, mounted.path) == [str(NOBODY)]
    assert on_s3.keys() == ["file"]
