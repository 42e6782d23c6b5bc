"""The table changes while its stores are written to, daemons crash, a store is away: nothing is lost."""

import os
import stat
import time

import pytest

from rig import content, processes
from rig.proxy import Proxy
from rig.writable import ATTRIBUTES, read, write
from rig.written_table import failure

pytestmark = pytest.mark.ours


def test_a_file_that_is_open_when_its_mount_is_taken_away_is_stored(table):
    table.mount()
    write(table.at("one/old"), b"before ")
    write(table.at("disk/old"), b"before ")
    with (
        open(table.at("one/new"), "wb", buffering=0) as new,
        open(table.at("one/old"), "ab", buffering=0) as old,
        open(table.at("disk/old"), "ab", buffering=0) as local,
        open(table.at("one/late"), "wb", buffering=0) as late,
    ):
        new.write(b"first ")
        old.write(b"first ")
        table.unmount("one")
        table.unmount("disk")
        for file in (new, old, local):
            file.write(b"second")
        os.fsync(new.fileno())
        os.fchmod(new.fileno(), 0o600)
        assert os.fstat(old.fileno()).st_size == len(b"before first second")
        # Now the names lead to other stores, in which nothing of this may appear.
        table.add("one", prefix="other")
        table.seen(lambda: "one" in os.listdir(table.mounted.path), "another store has the name")
        table.seen(lambda: os.listdir(table.at("one")) == [], "and is empty")
        old.write(b" third")
        late.write(b"late")
    assert table.stored("one/new") == b"first second"
    assert table.stored("one/old") == b"before first second third"
    assert table.stored("one/late") == b"late"
    assert table.stored("disk/old") == b"before second"
    assert os.listdir(table.at("one")) == []
    write(table.at("one/old"), b"another file")
    assert table.stored("other/old") == b"another file"
    assert table.stored("one/old") == b"before first second third"
    # What waited for a group commit is stored although nobody shows the store any more.
    processes.wait_until(lambda: "one/" + ATTRIBUTES in table.keys(), 10, "the mode is stored")
    table.etcd.unmount("one")
    table.add("one")
    table.seen(lambda: os.path.exists(table.at("one/new")), "the store is back")
    assert stat.S_IMODE(os.stat(table.at("one/new")).st_mode) == 0o600


QUICK = {"alluxio.underfs.s3.request.timeout": "2s"}
ASYNC = {"alluxio.user.file.writetype.default": "ASYNC_THROUGH", **QUICK}


def promise(table, proxy):
    """Closes files whose stores do not take them, and ends the daemon."""
    table.mount(**ASYNC)
    for name in ("there", "mode"):
        write(table.at(f"two/{name}"), b"before")
        processes.wait_until(lambda: f"two/{name}" in table.keys(), 10, "it is stored")
    os.listdir(table.at("one"))
    proxy.answer(503, "SlowDown", kinds=("PUT", "POST", "DELETE"))
    os.chmod(table.at("two/mode"), 0o600)
    write(table.at("two/there"), b" and after", "ab")
    write(table.at("one/file"), b"promised")
    table.crash()
    proxy.flow()


def test_what_was_promised_is_stored_by_the_next_mount_after_a_crash(table, proxy):
    promise(table, proxy)
    assert "one/file" not in table.keys()
    table.mount(**ASYNC)
    processes.wait_until(lambda: "one/file" in table.keys(), 10, "the new file is stored")
    processes.wait_until(lambda: table.stored("two/there") == b"before and after", 10, "the other one too")
    assert read(table.at("one/file")) == b"promised"
    processes.wait_until(lambda: "two/" + ATTRIBUTES in table.keys(), 10, "the mode is stored unasked")
    assert stat.S_IMODE(os.stat(table.at("two/mode")).st_mode) == 0o600


def test_what_was_promised_to_a_mount_that_is_gone_waits_for_it(table, proxy):
    promise(table, proxy)
    table.etcd.unmount("one")
    table.etcd.unmount("two")
    table.add("two", prefix="other")
    table.mount(**ASYNC)
    table.logged("a staged file waits for its store", f"{table.uri('one')}", "one/file")
    table.logged("a staged file waits for its store", f"{table.uri('two')}", "two/there")
    table.logged("changes are kept for a mount that is not there", f"/two {table.uri('two')}")
    table.replace(**ASYNC)
    assert not [key for key in table.keys() if key.startswith("other/")]
    assert table.stored("two/there") == b"before"
    table.add("one")
    processes.wait_until(lambda: "one/file" in table.keys(), 10, "the file is stored when its mount is back")
    table.etcd.unmount("two")
    table.add("two")
    processes.wait_until(lambda: table.stored("two/there") == b"before and after", 10, "the other one too")
    processes.wait_until(lambda: "two/" + ATTRIBUTES in table.keys(), 10, "and its mode")
    assert stat.S_IMODE(os.stat(table.at("two/mode")).st_mode) == 0o600


def test_a_mount_with_other_options_and_open_files_of_the_former_one_are_both_finished(table, proxy):
    table.mount(**QUICK)
    held = open(table.at("one/held"), "wb", buffering=0)
    held.write(b"x")
    os.fsync(held.fileno())
    table.add("one", **{"alluxio.underfs.s3.request.timeout": "3s"})
    table.seen(
        lambda: table.mounted.statistic("alluxio_fuse_mount_table_retired_stores") == 1, "it is another store"
    )
    write(table.at("one/new"), b"x")
    processes.wait_until(lambda: "one/new" in table.keys(), 10, "it is stored")
    proxy.answer(503, "SlowDown", kinds=("PUT", "POST", "DELETE"))
    os.fchmod(held.fileno(), 0o640)
    os.chmod(table.at("one/new"), 0o604)
    table.crash()
    with pytest.raises(OSError):
        held.close()
    proxy.flow()
    journals = os.path.join(table.mounted.path + ".staging", "journal")
    files = [os.path.join(path, name) for path, _, names in os.walk(journals) for name in names]
    assert len([path for path in files if path.endswith(".journal") and os.stat(path).st_size]) == 2
    table.mount(**QUICK)

    def modes():
        return [stat.S_IMODE(os.stat(table.at(f"one/{name}")).st_mode) for name in ("held", "new")]

    processes.wait_until(lambda: modes() == [0o640, 0o604], 20, "both modes are there")
    table.replace(**QUICK)
    assert modes() == [0o640, 0o604]


def test_a_store_that_does_not_answer_does_not_keep_the_others_from_anything(table, s3):
    slow = Proxy(s3.endpoint)
    try:
        table.add("slow", **{"alluxio.underfs.s3.endpoint": slow.endpoint})
        table.mount()
        for name in ("one", "slow"):
            write(table.at(f"{name}/file"), b"x")
        slow.stall(kinds=("GET", "PUT", "HEAD", "LIST", "POST"))
        os.chmod(table.at("slow/file"), 0o600)
        # By now it is being stored, and waits for an answer.
        time.sleep(2.5)
        os.chmod(table.at("one/file"), 0o600)
        write(table.at("one/other"), b"x")
        processes.wait_until(lambda: "one/" + ATTRIBUTES in table.keys(), 5, "the mode is stored")
        assert "slow/" + ATTRIBUTES not in table.keys()
        slow.flow()
        processes.wait_until(lambda: "slow/" + ATTRIBUTES in table.keys(), 10, "the other one too")
    finally:
        slow.stop()


def test_what_is_written_through_the_table_of_a_cluster_is_read_through_its_workers(workers, mounted, mount):
    first, second = (mount(None, sync="0s", **workers.client_settings) for _ in range(2))
    body = write(first.at("s3/file"), content.made("file", 12 << 20))
    assert content.sha256(read(second.at("s3/file"))) == content.sha256(body)
    assert second.statistic("alluxio_fuse_cluster_store_bytes_total") == 0
    # What is kept of it comes through the workers, too.
    with open(second.at("s3/file"), "r+b") as file:
        file.seek(5 << 20)
        file.write(b"edited")
    edited = body[: 5 << 20] + b"edited" + body[(5 << 20) + 6 :]
    assert content.sha256(read(first.at("s3/file"))) == content.sha256(edited)
    os.rename(first.at("s3/file"), first.at("s3/moved"))
    os.chmod(first.at("s3/moved"), 0o600)
    descriptor = os.open(first.at("s3"), os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    assert content.sha256(read(second.at("s3/moved"))) == content.sha256(edited)
    processes.wait_until(lambda: os.listdir(second.at("s3")) == ["moved"], 5, "no attribute object shows")
