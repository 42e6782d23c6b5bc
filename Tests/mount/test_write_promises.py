"""With fsync=stage, what was synced is there after a kill, whatever became of the file's names meanwhile."""

import contextlib
import os

import pytest

from rig.writable import kept_aside, read, write

pytestmark = pytest.mark.ours

OLD, NEW = b"old" * 1000, b"new" * 2000
CHANGES = {
    "nothing": lambda at: None,
    "chmod": lambda at: os.chmod(at("f"), 0o640),
    "link": lambda at: os.link(at("f"), at("second")),
    "unlink of another name": lambda at: os.unlink(at("other")),
    "chmod of another name": lambda at: os.chmod(at("other"), 0o640),
    "rename": lambda at: os.rename(at("f"), at("moved")),
    "rename over another": lambda at: os.rename(at("f"), at("there")),
}
NAMES = {"rename": "moved", "rename over another": "there"}


@pytest.fixture
def staged(written, proxy, place):
    """A mount, and what kills it and mounts again."""
    options = {"alluxio.fuse.staging.dir": os.path.join(place, "staging"), "alluxio.fuse.fsync": "stage"}
    mounted = written.mount(**options)

    def kill():
        mounted.kill()
        for descriptor in kill.open:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        mounted.start(written.uri, {"endpoint": proxy.endpoint, **written.fixed, **options})

    kill.open = []
    return mounted, kill


def write_and_sync(path, kill, flags):
    descriptor = os.open(path, flags)
    kill.open.append(descriptor)
    os.pwrite(descriptor, NEW, 0)
    os.fsync(descriptor)


@pytest.mark.parametrize("change", CHANGES)
def test_a_synced_change_of_a_file_is_there_after_a_kill(staged, change):
    mounted, kill = staged
    write(mounted.at("f"), OLD)
    write(mounted.at("there"), OLD[:7])
    if "another name" in change:
        os.link(mounted.at("f"), mounted.at("other"))
    write_and_sync(mounted.at("f"), kill, os.O_RDWR)
    CHANGES[change](mounted.at)
    kill()
    assert read(mounted.at(NAMES.get(change, "f"))) == NEW


def test_what_was_neither_closed_nor_synced_is_kept_aside_and_reported(staged, written, place):
    mounted, kill = staged
    write(mounted.at("there"), OLD)
    for name, flags in (("there", os.O_RDWR), ("f", os.O_RDWR | os.O_CREAT)):
        descriptor = os.open(mounted.at(name), flags)
        kill.open.append(descriptor)
        os.pwrite(descriptor, NEW, 0)
    kill()
    assert read(mounted.at("there")) == OLD
    # A directory has new files at once.
    if written.uri.startswith("s3:"):
        assert not os.path.exists(mounted.at("f"))
    else:
        assert read(mounted.at("f")) == b""
    assert kept_aside(os.path.join(place, "staging")).count(NEW) == 2
    with open(mounted.log, errors="replace") as file:
        log = file.read()
    assert all(f"{written.uri}/{name}" in log for name in ("there", "f")), log


def test_times_that_were_set_after_the_sync_are_kept(staged):
    mounted, kill = staged
    write(mounted.at("f"), OLD)
    write_and_sync(mounted.at("f"), kill, os.O_RDWR)
    os.utime(mounted.at("f"), (1_000_000_000, 1_000_000_007))
    kill()
    assert read(mounted.at("f")) == NEW
    assert os.stat(mounted.at("f")).st_mtime == 1_000_000_007


@pytest.mark.parametrize("change", ["nothing", "chmod", "rename", "rename over another"])
def test_a_synced_new_file_is_there_after_a_kill(staged, change):
    mounted, kill = staged
    write(mounted.at("there"), OLD)
    write_and_sync(mounted.at("f"), kill, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    CHANGES[change](mounted.at)
    kill()
    assert read(mounted.at(NAMES.get(change, "f"))) == NEW
