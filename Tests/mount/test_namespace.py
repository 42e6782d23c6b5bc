"""Names: what is listed, what is found, and how many requests it takes."""

import math
import os
import subprocess
import time

import pytest

from rig import processes

LISTED_AT_ONCE = 1000


def names(path):
    return sorted(os.listdir(path))


@pytest.mark.ours
def test_a_recursive_listing_costs_one_list_per_thousand_entries_and_no_head(bucket, mount, proxy):
    sizes = [250] * 4 + [1000]
    objects = [
        (f"d{number}/f{index:04}", b"x" * index) for number, size in enumerate(sizes) for index in range(size)
    ]
    bucket.put_many(objects)
    mounted = mount(bucket.uri, sync="60s")
    with proxy.counting() as counted:
        listing = subprocess.run(
            ["ls", "-lR", mounted.path], check=True, capture_output=True, text=True
        ).stdout
    assert sum(line.startswith("-") for line in listing.splitlines()) == len(objects)
    pages = 1 + sum(math.ceil((size + 1) / LISTED_AT_ONCE) for size in sizes)
    assert counted["kinds"].get("HEAD", 0) == 0
    assert counted["kinds"].get("GET", 0) == 0
    assert counted["kinds"]["LIST"] <= pages + 16


@pytest.mark.ours
def test_a_listing_fills_the_attributes_of_its_children(bucket, mount, proxy):
    bucket.put_many((f"f{index}", b"x" * index) for index in range(200))
    mounted = mount(bucket.uri, sync="60s")
    os.listdir(mounted.path)
    with proxy.counting() as counted:
        sizes = [os.stat(mounted.at(f"f{index}")).st_size for index in range(200)]
    assert sizes == list(range(200))
    assert counted["requests"] == 0


@pytest.mark.ours
def test_absent_names_in_a_listed_directory_cost_nothing(bucket, mount, proxy):
    bucket.put_many((f"dir/f{index}", b"x") for index in range(50))
    mounted = mount(bucket.uri, sync="60s")
    os.listdir(mounted.at("dir"))
    with proxy.counting() as counted:
        assert not any(os.path.exists(mounted.at("dir", f"absent{index}")) for index in range(100))
    assert counted["requests"] == 0


@pytest.mark.ours
def test_an_absent_name_is_asked_for_once(bucket, mount, proxy):
    bucket.put("dir/there", b"x")
    mounted = mount(bucket.uri, sync="60s")
    assert not os.path.exists(mounted.at("dir/absent"))
    with proxy.counting() as counted:
        assert not os.path.exists(mounted.at("dir/absent"))
    assert counted["requests"] == 0


@pytest.mark.ours
def test_a_deep_file_among_many_siblings_opens_with_few_requests(bucket, mount, proxy):
    bucket.put_many((f"a/b/c/d/sibling{index:05}", b"x") for index in range(2500))
    body = bucket.put_made("a/b/c/d/e", 8192)
    mounted = mount(bucket.uri, sync="60s")
    with proxy.counting() as counted:
        fd = os.open(mounted.at("a/b/c/d/e"), os.O_RDONLY)
        assert os.pread(fd, 4096, 0) == body[:4096]
        os.close(fd)
    assert counted["requests"] <= 12, counted["log"]
    assert all("max-keys=1000" not in entry["target"] for entry in counted["log"]), counted["log"]


@pytest.mark.ours
def test_a_deleted_object_is_gone_after_the_interval(bucket, mount):
    bucket.put("kept", b"1")
    bucket.put("gone", b"2")
    mounted = mount(bucket.uri, sync="1s")
    assert names(mounted.path) == ["gone", "kept"]
    bucket.delete("gone")
    processes.wait_until(lambda: names(mounted.path) == ["kept"], 10, "the deleted name is gone")


@pytest.mark.ours
def test_a_new_object_appears_after_the_interval(bucket, mount):
    bucket.put("dir/old", b"1")
    mounted = mount(bucket.uri, sync="1s")
    assert not os.path.exists(mounted.at("dir/new"))
    bucket.put("dir/new", b"22")
    processes.wait_until(lambda: os.path.exists(mounted.at("dir/new")), 5, "the new name is found")
    processes.wait_until(lambda: names(mounted.at("dir")) == ["new", "old"], 5, "the new name is listed")
    assert os.stat(mounted.at("dir/new")).st_size == 2


AWKWARD = {
    "a space": "a space",
    "plus+plus": "plus+plus",
    "per%cent": "per%cent",
    "per%2Fcent": "per%2Fcent",
    "am&per<sand>\"quote'": "am&per<sand>\"quote'",
    "question?hash#": "question?hash#",
    "semi;colon=equals@": "semi;colon=equals@",
    "ünïcødé-日本語-🙂": "ünïcødé-日本語-🙂",
    "star*(par)!~": "star*(par)!~",
    "tab\there": "tab\there",
    ".hidden": ".hidden",
    "...": "...",
    "x" * 255: "x" * 255,
}


@pytest.mark.ours
def test_awkward_keys_are_names_and_open(bucket, mount):
    for key in AWKWARD:
        bucket.put("awk/" + key, key.encode())
    mounted = mount(bucket.uri, sync="60s")
    assert names(mounted.at("awk")) == sorted(AWKWARD.values())
    for key, name in AWKWARD.items():
        with open(mounted.at("awk", name), "rb") as file:
            assert file.read() == key.encode()


@pytest.mark.ours
def test_awkward_keys_open_without_a_listing(bucket, mount):
    for key in AWKWARD:
        bucket.put("awk/" + key, key.encode())
    mounted = mount(bucket.uri, sync="0s")
    for key, name in AWKWARD.items():
        with open(mounted.at("awk", name), "rb") as file:
            assert file.read() == key.encode()


@pytest.mark.ours
def test_keys_that_cannot_be_names_are_hidden_and_counted(bucket, mount):
    bucket.put("dir/fine", b"1")
    kept = 0
    for key in ("dir/" + "y" * 256, "dir//double", "dir/./dot", "dir/../dotdot"):
        try:
            bucket.put(key, b"x")
            kept += 1
        except Exception as problem:  # the server itself refuses or normalises some of these
            print(key[:20], problem)
    mounted = mount(bucket.uri, sync="60s")
    assert "fine" in names(mounted.at("dir"))
    found = subprocess.run(["find", mounted.path], capture_output=True, text=True, timeout=20)
    assert found.returncode == 0, found.stderr
    assert all(len(os.path.basename(line)) <= 255 for line in found.stdout.splitlines())
    with pytest.raises(OSError, match="File name too long"):
        os.stat(mounted.at("dir", "y" * 256))


@pytest.mark.ours
def test_a_key_that_is_also_a_prefix_is_a_directory(bucket, mount):
    bucket.put("both/inside", b"inside")
    try:
        bucket.put("both", b"object")
    except Exception as problem:
        pytest.skip(f"this server refuses the object: {problem}")
    mounted = mount(bucket.uri, sync="60s")
    assert os.path.isdir(mounted.at("both"))
    assert names(mounted.path) == ["both"]
    assert names(mounted.at("both")) == ["inside"]
    with open(mounted.at("both/inside"), "rb") as file:
        assert file.read() == b"inside"


def test_a_directory_marker_is_an_empty_directory(bucket, mount):
    bucket.put("empty/", b"")
    bucket.put("full/", b"")
    bucket.put("full/file", b"1")
    mounted = mount(bucket.uri, sync="60s")
    assert os.path.isdir(mounted.at("empty"))
    assert names(mounted.path) == ["empty", "full"]
    assert names(mounted.at("empty")) == []
    assert names(mounted.at("full")) == ["file"]


@pytest.mark.ours
def test_a_mount_of_a_prefix_shows_what_is_below_it_only(bucket, mount):
    bucket.put("outside", b"1")
    bucket.put("pre/fix/inside", b"2")
    bucket.put("pre/fixture", b"3")
    mounted = mount(bucket.uri + "/pre/fix")
    assert names(mounted.path) == ["inside"]
    assert not os.path.exists(mounted.at("outside"))


@pytest.mark.ours
@pytest.mark.parametrize("count", [0, 10, 2500])
def test_seekdir_is_exact(bucket, mount, c_program, count):
    bucket.put("many/", b"")
    bucket.put_many((f"many/entry-{index}", b"") for index in range(count))
    mounted = mount(bucket.uri, sync="60s")
    done = subprocess.run(
        [c_program("seekdir"), mounted.at("many")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == count + 2


@pytest.mark.ours
def test_a_big_directory_is_listed_in_parallel_with_few_more_requests(bucket, mount, proxy, c_program):
    count = 9000
    bucket.put_many((f"many/entry-{index:07}", b"") for index in range(count))
    mounted = mount(bucket.uri, sync="60s")
    os.listdir(mounted.path)
    proxy.latency(0.05)
    try:
        with proxy.counting() as counted:
            listed = os.listdir(mounted.at("many"))
    finally:
        proxy.flow()
    assert sorted(listed) == [f"entry-{index:07}" for index in range(count)]
    assert any("start-after" in entry["target"] for entry in counted["log"])
    assert counted["kinds"]["LIST"] <= math.ceil(count / LISTED_AT_ONCE) + 16
    assert counted["kinds"].get("HEAD", 0) == 0
    # The same listing, whose indices are the cookies.
    done = subprocess.run(
        [c_program("seekdir"), mounted.at("many")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == count + 2


@pytest.mark.ours
def test_every_name_is_listed_once_whatever_the_buffer(bucket, mount):
    wanted = {f"n{index:05}-{'z' * (index % 200)}" for index in range(2100)}
    bucket.put_many((f"dir/{name}", b"") for name in wanted)
    mounted = mount(bucket.uri, sync="60s")
    listed = os.listdir(mounted.at("dir"))
    assert len(listed) == len(wanted)
    assert set(listed) == wanted


@pytest.mark.ours
def test_an_inode_number_is_stable_and_the_same_in_stat_and_listing(bucket, mount):
    bucket.put_many((f"dir/f{index}", b"x") for index in range(20))
    mounted = mount(bucket.uri, sync="60s")
    first = {entry.name: entry.inode() for entry in os.scandir(mounted.at("dir"))}
    assert len(set(first.values())) == 20
    assert {name: os.stat(mounted.at("dir", name)).st_ino for name in first} == first
    assert {entry.name: entry.inode() for entry in os.scandir(mounted.at("dir"))} == first


def test_attributes_say_what_the_object_is(bucket, mount):
    bucket.put("dir/file", b"x" * 1234)
    modified = bucket.client.head_object(Bucket=bucket.name, Key="dir/file")["LastModified"].timestamp()
    mounted = mount(bucket.uri)
    status = os.stat(mounted.at("dir/file"))
    assert status.st_size == 1234
    assert abs(status.st_mtime - modified) < 1
    assert os.path.isfile(mounted.at("dir/file"))
    assert os.stat(mounted.at("dir")).st_mode & 0o111


@pytest.mark.ours
def test_an_empty_bucket_and_an_empty_prefix_are_empty_directories(bucket, mount):
    assert names(mount(bucket.uri).path) == []
    assert names(mount(f"{bucket.uri}/nothing/here").path) == []


@pytest.mark.ours
def test_times_are_those_of_the_objects_and_of_the_mount(bucket, mount):
    bucket.put("dir/file", b"x")
    bucket.put("marked/", b"")
    marker = bucket.client.head_object(Bucket=bucket.name, Key="marked/")["LastModified"].timestamp()
    time.sleep(1.5)
    began = time.time()
    mounted = mount(bucket.uri)
    status = os.stat(mounted.at("dir/file"))
    assert status.st_atime_ns == status.st_mtime_ns == status.st_ctime_ns
    assert abs(os.stat(mounted.at("marked")).st_mtime - marker) < 1
    assert began - 0.1 <= os.stat(mounted.at("dir")).st_mtime <= time.time()


@pytest.mark.ours
def test_the_kernel_keeps_what_it_was_told_for_its_timeouts(bucket, mount):
    bucket.put("file", b"old")
    mounted = mount(bucket.uri, sync="0s", attr_timeout=2, entry_timeout=2)
    assert os.stat(mounted.at("file")).st_size == 3
    told = time.monotonic()
    bucket.put("file", b"new and longer")
    kept = os.stat(mounted.at("file")).st_size
    assert kept == 3 or time.monotonic() - told > 2
    processes.wait_until(lambda: os.stat(mounted.at("file")).st_size == 14, 4, "the kernel asks again")
    assert time.monotonic() - told >= 1.9


@pytest.mark.ours
def test_owner_and_masks_are_as_asked(bucket, mount):
    bucket.put("dir/file", b"x")
    mounted = mount(bucket.uri, uid=1234, gid=2345, umask="027")
    status = os.stat(mounted.at("dir/file"))
    assert (status.st_uid, status.st_gid) == (1234, 2345)
    assert status.st_mode & 0o027 == 0


@pytest.mark.ours
def test_statfs_answers(bucket, mount):
    mounted = mount(bucket.uri)
    status = os.statvfs(mounted.path)
    assert status.f_namemax == 255
    assert status.f_blocks > 0


@pytest.mark.ours
@pytest.mark.ours
def test_access_denies_writing_and_allows_reading(bucket, mount):
    bucket.put("file", b"x")
    mounted = mount(bucket.uri, ro=True)
    assert os.access(mounted.at("file"), os.R_OK)
    assert not os.access(mounted.at("file"), os.W_OK)


@pytest.mark.ours
def test_a_policy_that_allows_only_the_prefix_is_enough(client, s3, mount):
    from rig import mounts, weed

    if "narrow" not in [entry["Name"] for entry in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket="narrow")
    client.put_object(Bucket="narrow", Key="shared/dir/file", Body=b"seen")
    client.put_object(Bucket="narrow", Key="other/file", Body=b"unseen")
    environment = mounts.AlluxioFuse.environment(weed.NARROW_ACCESS_KEY, weed.NARROW_SECRET_KEY)
    mounted = mount("s3://narrow/shared", environment=environment)
    assert names(mounted.path) == ["dir"]
    with open(mounted.at("dir/file"), "rb") as file:
        assert file.read() == b"seen"
