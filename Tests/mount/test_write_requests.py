"""What changes cost: the requests and bytes that reach the store."""

import os
import shutil
import subprocess

import pytest

from rig import content
from rig.writable import read, write

pytestmark = pytest.mark.ours

MIB = 1 << 20
KIB = 1 << 10
LARGE = 64 * MIB


@pytest.fixture(scope="module")
def large():
    """64 MiB."""
    return content.made("large", LARGE)


def warm(store):
    """Makes a first change and lists the root, as whoever works in it has done."""
    store.mount(sync="60s")
    write(store.at("warm"), b"x")
    os.unlink(store.at("warm"))
    store.settle([name for name in store.names() if name != "warm"])
    os.listdir(store.mounted.path)


def spent(counts):
    """The requests, without those that find out once a mount what the server can do, and what others left."""
    return [
        f"{entry['method']} {entry['target']}"
        for entry in counts["log"]
        if not (".alluxio.attributes.pro" in entry["target"] or entry["target"].endswith("&uploads="))
    ]


def elapsed(counts):
    """Seconds from the first request to the last."""
    times = [entry["t"] for entry in counts["log"]]
    return max(times) - min(times)


def test_making_small_files_costs_one_request_each(on_s3, proxy):
    body = content.made("small", 10 * KIB)
    on_s3.mount()
    with proxy.counting() as counts:
        for index in range(200):
            write(on_s3.at(f"f{index}"), body)
    seconds = elapsed(counts)
    listings = [request for request in spent(counts) if "delimiter=" in request]
    # A listing is trusted for the sync interval, a second, and says that the next names are free.
    assert len(listings) <= seconds + 2, listings
    # The first name is asked for, and so is the root's attribute object, every 30 s.
    assert len(spent(counts)) - len(listings) <= 203 + seconds // 30, spent(counts)
    assert on_s3.stored("f199") == body


def test_editing_a_small_file_again_and_again_reads_nothing_of_it(on_s3, proxy):
    body = bytearray(content.made("edited", 200 * KIB))
    warm(on_s3)
    write(on_s3.at("edited"), body)
    with proxy.counting() as counts:
        for round in range(3):
            with open(on_s3.at("edited"), "r+b", buffering=0) as file:
                for offset in (50_000 + round, 70_000 + round):
                    file.seek(offset)
                    file.write(b"!")
                    os.fsync(file.fileno())
                    body[offset] = ord("!")
    assert counts["kinds"].get("GET", 0) == 0, spent(counts)
    assert on_s3.stored("edited") == body


def test_writing_a_large_file_costs_its_parts(on_s3, proxy, large):
    warm(on_s3)
    with proxy.counting() as counts:
        write(on_s3.at("large"), large)
    assert len(spent(counts)) <= 10, spent(counts)
    assert counts["up"] < LARGE + 256 * KIB
    assert on_s3.stored("large") == large
    assert on_s3.uploads() == []


def test_appending_a_byte_to_a_large_file_sends_next_to_nothing(on_s3, proxy, large):
    on_s3.put("large", large)
    warm(on_s3)
    with proxy.counting() as counts:
        write(on_s3.at("large"), b"!", "ab")
    assert len(spent(counts)) <= 5, spent(counts)
    assert counts["up"] < 64 * KIB
    assert on_s3.stored("large") == large + b"!"


def test_editing_a_byte_of_a_large_file_sends_a_few_parts(on_s3, proxy, large):
    on_s3.put("large", large)
    warm(on_s3)
    with proxy.counting() as counts, open(on_s3.at("large"), "r+b", buffering=0) as file:
        file.seek(LARGE // 2 + 12_345)
        file.write(b"!")
    assert len(spent(counts)) <= 8, spent(counts)
    assert counts["up"] <= 12 * MIB
    middle = LARGE // 2 + 12_345
    assert on_s3.stored("large") == large[:middle] + b"!" + large[middle + 1 :]


def test_a_renamed_large_file_is_copied_by_the_store_and_read_from_the_cache(on_s3, proxy, large):
    warm(on_s3)
    write(on_s3.at("old"), large)
    on_s3.settle(["old"])
    with proxy.counting() as counts:
        os.rename(on_s3.at("old"), on_s3.at("new"))
        assert read(on_s3.at("new")) == large
        on_s3.settle(["new"])
    assert len(spent(counts)) <= 3, spent(counts)
    assert counts["kinds"].get("GET", 0) == 0
    assert on_s3.stored("new") == large


def test_a_checkpoint_that_is_written_and_renamed_costs_the_upload_and_three(on_s3, proxy, large):
    on_s3.put("model.pt", b"the one before")
    warm(on_s3)
    with proxy.counting() as counts:
        with open(on_s3.at("model.pt.tmp"), "wb") as file:
            for start in range(0, LARGE, 3 * MIB):
                file.write(large[start : start + 3 * MIB])
            file.flush()
            os.fsync(file.fileno())
        os.replace(on_s3.at("model.pt.tmp"), on_s3.at("model.pt"))
        on_s3.settle(["model.pt"])
    assert len(spent(counts)) <= 10 + 3, spent(counts)
    assert on_s3.stored("model.pt") == large


def test_a_file_that_is_renamed_before_it_is_committed_costs_nothing_more(on_s3, proxy):
    warm(on_s3)
    with proxy.counting() as counts:
        with open(on_s3.at("temporary"), "wb", buffering=0) as file:
            file.write(b"x" * 10_000)
            os.rename(on_s3.at("temporary"), on_s3.at("final"))
    assert counts["kinds"].get("PUT", 0) == 1
    assert len(spent(counts)) <= 3, spent(counts)
    on_s3.settle(["final"])


def test_attributes_of_a_large_file_change_without_its_data(on_s3, proxy, large):
    on_s3.put("large", large)
    warm(on_s3)
    with proxy.counting() as counts:
        os.chmod(on_s3.at("large"), 0o600)
        os.chown(on_s3.at("large"), 1, 2)
        os.utime(on_s3.at("large"), (1, 2))
        descriptor = os.open(on_s3.mounted.path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    assert counts["up"] + counts["down"] < 64 * KIB
    assert len(spent(counts)) <= 8, spent(counts)
    assert not any(request.endswith("/large") for request in spent(counts)), spent(counts)
    assert os.stat(on_s3.at("large")).st_mode & 0o777 == 0o600


def test_a_long_listing_of_odd_files_costs_two_requests(on_s3, proxy):
    on_s3.bucket.put_many((f"dir/f{index:03}", b"x" * index) for index in range(200))
    for index in range(200):
        path = on_s3.at(f"dir/f{index:03}")
        os.chmod(path, 0o600 | index % 64)
        os.utime(path, ns=(1, 1_500_000_000_000_000_001 + index))
    os.sync()
    on_s3.remount()
    os.stat(on_s3.at("dir"))
    with proxy.counting() as counts:
        listed = subprocess.run(
            ["ls", "-ln", "--time-style=+%s", on_s3.at("dir")], check=True, capture_output=True, text=True
        ).stdout.splitlines()[1:]
    assert [line.split()[5] for line in listed] == [str(1_500_000_000)] * 200
    assert len({line.split()[0] for line in listed}) > 10
    assert len(spent(counts)) <= 2, spent(counts)


def test_renaming_a_directory_costs_two_requests_a_file(on_s3, proxy):
    on_s3.bucket.put_many((f"old/f{index:03}", content.made(index, 1000)) for index in range(200))
    warm(on_s3)
    with proxy.counting() as counts:
        os.rename(on_s3.at("old"), on_s3.at("new"))
        wanted = [f"new/f{index:03}" for index in range(200)]
        assert sorted(os.listdir(on_s3.at("new"))) == [name[4:] for name in wanted]
    assert len(spent(counts)) <= 410, spent(counts)
    assert [name for name in on_s3.names() if not name.endswith("/")] == wanted
    assert on_s3.stored("new/f007") == content.made(7, 1000)


def test_removing_a_tree_costs_a_few_requests(on_s3, proxy):
    on_s3.bucket.put_many((f"tree/{index % 10}/f{index}", b"x") for index in range(1000))
    warm(on_s3)
    with proxy.counting() as counts:
        shutil.rmtree(on_s3.at("tree"))
        on_s3.settle([])
    # 11 directories are listed; names go in batches.
    assert len(spent(counts)) <= 60, spent(counts)


def test_unpacking_odd_files_costs_little_more_than_one_request_each(on_s3, proxy):
    warm(on_s3)
    os.mkdir(on_s3.at("dir"))
    with proxy.counting() as counts:
        for index in range(200):
            path = on_s3.at(f"dir/f{index}")
            write(path, b"x" * index)
            os.chmod(path, 0o600 | index % 64)
            os.chown(path, 1000 + index % 3, 1000)
            os.utime(path, ns=(1, 1_500_000_000_000_000_001 + index))
        on_s3.remount()
    assert len(spent(counts)) <= 220 + 5, spent(counts)
    assert os.stat(on_s3.at("dir/f7")).st_mtime_ns == 1_500_000_000_000_000_008
