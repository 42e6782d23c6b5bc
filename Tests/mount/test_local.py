"""A local directory behind the same protocol: file:///dir."""

import os
import stat
import subprocess

import pytest

from rig import content, processes

pytestmark = pytest.mark.ours


@pytest.fixture
def source(place):
    path = os.path.join(place, "source")
    os.makedirs(os.path.join(path, "dir/deep"))
    for name, size in (("empty", 0), ("small", 100), ("dir/large", 5 << 20), ("dir/deep/leaf", 4097)):
        with open(os.path.join(path, name), "wb") as file:
            file.write(content.made(name, size))
    return path


def test_a_local_directory_shows_its_files(source, mount):
    mounted = mount(f"file://{source}", endpoint=None)
    for folder, _, files in os.walk(source):
        for name in files:
            original = os.path.join(folder, name)
            shown = mounted.at(os.path.relpath(original, source))
            assert content.file_sha256(shown) == content.file_sha256(original)
            assert os.stat(shown).st_size == os.stat(original).st_size
    assert sorted(os.listdir(mounted.path)) == sorted(os.listdir(source))


def test_modes_times_and_links_are_the_files_own(source, mount):
    path = os.path.join(source, "small")
    os.chmod(path, 0o751)
    os.utime(path, ns=(1_000_000_000_123_456_789, 1_600_000_000_123_456_789))
    os.symlink("dir/deep/leaf", os.path.join(source, "link"))
    mounted = mount(f"file://{source}", endpoint=None)
    status = os.stat(mounted.at("small"))
    assert stat.S_IMODE(status.st_mode) == 0o751
    assert status.st_mtime_ns == 1_600_000_000_123_456_789
    assert os.readlink(mounted.at("link")) == "dir/deep/leaf"
    assert content.file_sha256(mounted.at("link")) == content.file_sha256(
        os.path.join(source, "dir/deep/leaf")
    )


def test_a_changed_file_shows_its_new_contents(source, mount):
    mounted = mount(f"file://{source}", endpoint=None, sync="0s")
    with open(mounted.at("small"), "rb") as file:
        assert file.read() == content.made("small", 100)
    with open(os.path.join(source, "small"), "wb") as file:
        file.write(b"changed")
    processes.wait_until(lambda: open(mounted.at("small"), "rb").read() == b"changed", 5, "the change shows")


def test_names_that_are_not_utf8_are_shown_byte_for_byte(source, mount):
    name = b"\xff\xfe-latin-\xe9"
    with open(os.path.join(os.fsencode(source), name), "wb") as file:
        file.write(b"bytes")
    mounted = mount(f"file://{source}", endpoint=None)
    assert name in os.listdir(os.fsencode(mounted.path))
    with open(os.path.join(os.fsencode(mounted.path), name), "rb") as file:
        assert file.read() == b"bytes"


def test_a_missing_local_directory_is_named(place, mount):
    from rig import mounts

    with pytest.raises(mounts.MountFailed, match="nowhere"):
        mount(f"file://{place}/nowhere", endpoint=None)


def test_a_recursive_comparison_finds_no_difference(source, mount):
    mounted = mount(f"file://{source}", endpoint=None)
    done = subprocess.run(["diff", "-r", source, mounted.path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
