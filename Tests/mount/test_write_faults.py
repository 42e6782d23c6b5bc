"""The store refuses, is away, or the staging directory is full: who wrote is told, and the log says why."""

import contextlib
import errno
import os
import subprocess
import time

import pytest

from rig import content, mounts, processes, weed
from rig.writable import kept_aside, read, write

pytestmark = pytest.mark.ours

MIB = 1 << 20
QUICK = {"alluxio.underfs.s3.request.timeout": "2s"}


def failure(call, *arguments):
    """The name of the error that a call fails with."""
    with pytest.raises(OSError) as problem:
        call(*arguments)
    return errno.errorcode[problem.value.errno]


def logged(mounted, text):
    """Waits for a line with a text: lines are written after the caller has its answer."""

    def found():
        with open(mounted.log, errors="replace") as file:
            return text in file.read()

    return processes.wait_until(found, 5, f"the log has {text}")


def test_a_store_that_is_away_is_reported_at_close_and_the_log_names_the_object(on_s3, proxy):
    mounted = on_s3.mount(**QUICK)
    write(on_s3.at("warm"), b"x")
    proxy.down()
    handle = os.open(on_s3.at("warm"), os.O_WRONLY)
    os.write(handle, b"y")
    assert failure(os.close, handle) == "EIO"
    logged(mounted, f"{on_s3.uri}/warm")
    proxy.flow()
    logged(mounted, "kept aside")
    assert on_s3.stored("warm") == b"x"
    assert read(on_s3.at("warm")) == b"x"
    write(on_s3.at("warm"), b"again")
    assert on_s3.stored("warm") == b"again"


def test_an_fsync_that_failed_may_be_repeated_when_the_store_is_back(on_s3, proxy):
    on_s3.mount(**QUICK)
    handle = os.open(on_s3.at("file"), os.O_WRONLY | os.O_CREAT)
    os.write(handle, b"kept")
    proxy.down()
    assert failure(os.fsync, handle) == "EIO"
    proxy.flow()
    os.write(handle, b" and more")
    os.fsync(handle)
    assert on_s3.stored("file") == b"kept and more"
    os.close(handle)


def test_a_new_file_that_was_never_stored_is_gone_after_the_failed_close(on_s3, proxy, place):
    staging = os.path.join(place, "staging")
    mounted = on_s3.mount(**QUICK, **{"alluxio.fuse.staging.dir": staging})
    write(on_s3.at("there"), b"x")
    handle = os.open(on_s3.at("new"), os.O_WRONLY | os.O_CREAT)
    os.write(handle, b"never stored")
    proxy.answer(503, "SlowDown", kinds=("PUT", "POST"))
    assert failure(os.close, handle) == "EIO"
    proxy.flow()
    logged(mounted, "kept aside")
    assert b"never stored" in kept_aside(staging)
    assert on_s3.names() == ["there"]
    assert os.listdir(mounted.path) == ["there"]


@pytest.mark.parametrize(
    "status, code, wanted",
    [(403, "AccessDenied", "EACCES"), (404, "NoSuchBucket", "EIO"), (507, "InsufficientStorage", "ENOSPC")],
)
def test_a_refusal_of_the_store_has_its_errno_and_the_log_names_the_object(
    on_s3, proxy, status, code, wanted
):
    mounted = on_s3.mount(**QUICK)
    write(on_s3.at("warm"), b"x")
    handle = os.open(on_s3.at("file"), os.O_WRONLY | os.O_CREAT)
    os.write(handle, b"refused")
    proxy.answer(status, code, kinds=("PUT", "POST", "DELETE"))
    assert failure(os.fsync, handle) == wanted
    assert failure(os.close, handle) == wanted
    logged(mounted, f"{on_s3.uri}/file")
    assert failure(os.mkdir, on_s3.at("dir")) == wanted
    proxy.flow()
    assert on_s3.stored("warm") == b"x"


def test_credentials_that_may_only_read_are_refused(s3, client, mount):
    # These keys are good for one bucket, which another test may have made.
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket="narrow")
    client.put_object(Bucket="narrow", Key="shared/file", Body=b"theirs")
    try:
        environment = mounts.AlluxioFuse.environment(weed.NARROW_ACCESS_KEY, weed.NARROW_SECRET_KEY)
        mounted = mount("s3://narrow/shared", environment=environment)
        assert read(mounted.at("file")) == b"theirs"
        handle = os.open(mounted.at("file"), os.O_WRONLY)
        os.write(handle, b"ours")
        assert failure(os.close, handle) == "EACCES"
        assert failure(os.mkdir, mounted.at("new")) == "EACCES"
        assert read(mounted.at("file")) == b"theirs"
    finally:
        client.delete_bucket(Bucket="narrow")


def test_a_storm_of_server_errors_loses_nothing(on_s3, proxy):
    on_s3.mount()
    proxy.answer(503, "SlowDown", kinds=("PUT", "POST", "DELETE", "HEAD", "LIST"), probability=0.3)
    bodies = {f"f{index}": content.made(index, 20_000) for index in range(20)}
    for name, body in bodies.items():
        write(on_s3.at(name), body)
    write(on_s3.at("large"), content.made("large", 40 * MIB))
    os.rename(on_s3.at("f0"), on_s3.at("moved"))
    os.unlink(on_s3.at("f1"))
    proxy.flow()
    on_s3.settle(sorted(set(bodies) - {"f0", "f1"} | {"moved", "large"}))
    assert on_s3.stored("large") == content.made("large", 40 * MIB)
    assert on_s3.stored("moved") == bodies["f0"]
    assert all(on_s3.stored(name) == body for name, body in bodies.items() if name not in ("f0", "f1"))


def test_connections_that_break_under_an_upload_are_made_again(on_s3, proxy):
    on_s3.mount()
    proxy.cut(kinds=("PUT",), times=3)
    body = write(on_s3.at("file"), content.made("file", 20 * MIB))
    assert on_s3.stored("file") == body
    assert on_s3.uploads() == []


def test_an_upload_that_failed_leaves_no_parts(on_s3, proxy):
    mounted = on_s3.mount(**QUICK)
    write(on_s3.at("warm"), b"x")
    handle = os.open(on_s3.at("file"), os.O_WRONLY | os.O_CREAT)
    for _ in range(40):
        os.write(handle, bytes(MIB))
    proxy.answer(403, "AccessDenied", kinds=("PUT", "POST"))
    assert failure(os.close, handle) == "EACCES"
    assert on_s3.uploads() == []
    proxy.flow()
    logged(mounted, "kept aside")
    assert on_s3.uploads() == []
    assert on_s3.names() == ["warm"]


def test_a_full_staging_directory_is_enospc_and_closed_files_make_room(on_s3):
    on_s3.mount(**{"alluxio.fuse.staging.size": "4MB"})
    for index in range(4):
        write(on_s3.at(f"f{index}"), content.made(index, 2 * MIB))
    handle = os.open(on_s3.at("file"), os.O_WRONLY | os.O_CREAT)
    began = time.monotonic()
    with pytest.raises(OSError) as problem:
        for _ in range(10):
            os.write(handle, bytes(MIB))
    assert problem.value.errno == errno.ENOSPC
    # The file alone fills it: nobody can make room, so there is nothing to wait for.
    assert time.monotonic() - began < 20
    logged(on_s3.mounted, "alluxio.fuse.staging.size")
    os.close(handle)
    # What did fit is whole; and there is room again.
    assert on_s3.stored("file") == bytes(len(on_s3.stored("file")))
    assert write(on_s3.at("next"), content.made("next", 3 * MIB)) == on_s3.stored("next")


def test_a_full_disk_under_the_staging_directory_is_enospc(on_s3, place):
    disk = os.path.join(place, "disk")
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True)
    try:
        on_s3.mount(**{"alluxio.fuse.staging.dir": f"{disk}/staging"})
        # With the mode that is shown anyway, nothing else needs room when it is closed.
        handle = os.open(on_s3.at("file"), os.O_WRONLY | os.O_CREAT, 0o644)
        with pytest.raises(OSError) as problem:
            for _ in range(10):
                os.write(handle, bytes(MIB))
        assert problem.value.errno == errno.ENOSPC
        os.close(handle)
        write(on_s3.at("small"), b"x")
        assert on_s3.stored("small") == b"x"
        on_s3.mounted.unmount()
    finally:
        on_s3.mounted.stop()
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_staging_directory_has_one_daemon(on_s3, place):
    shared = {"alluxio.fuse.staging.dir": os.path.join(place, "shared")}
    on_s3.mount(**shared)
    with pytest.raises(mounts.MountFailed, match="alluxio.fuse.staging.dir"):
        on_s3.mount(**shared)
