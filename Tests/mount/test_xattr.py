"""Extended attributes say where a file comes from."""

import errno
import os

import pytest

pytestmark = pytest.mark.ours


def attributes(path):
    return {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.alluxio.")}


def test_a_file_tells_its_address_and_etag(bucket, mount):
    bucket.put("dir/file", b"contents")
    etag = bucket.client.head_object(Bucket=bucket.name, Key="dir/file")["ETag"].strip('"')
    mounted = mount(bucket.uri)
    found = attributes(mounted.at("dir/file"))
    assert f"s3://{bucket.name}/dir/file".encode() in found.values()
    assert any(etag.encode() in value for value in found.values())


def test_cached_bytes_grow_with_reading(bucket, mount, place):
    bucket.put_made("file", 300_000)
    mounted = mount(bucket.uri, cache=os.path.join(place, "cache"), cache_size="16MB")
    with open(mounted.at("file"), "rb") as file:
        file.read()
        cached = [value for name, value in attributes(mounted.at("file")).items() if "cached" in name]
    assert len(cached) == 1
    assert int(cached[0]) >= 300_000


def test_a_directory_tells_its_address(bucket, mount):
    bucket.put("dir/file", b"contents")
    mounted = mount(bucket.uri)
    assert any(
        f"s3://{bucket.name}/dir".encode() in value for value in attributes(mounted.at("dir")).values()
    )


@pytest.mark.parametrize("name", ["user.mine", "user.alluxio.nothing", "security.selinux", "trusted.x"])
def test_other_names_have_no_value(bucket, mount, name):
    bucket.put("file", b"contents")
    mounted = mount(bucket.uri)
    with pytest.raises(OSError) as problem:
        os.getxattr(mounted.at("file"), name)
    assert problem.value.errno in (errno.ENODATA, errno.ENOTSUP)


def test_reading_the_names_costs_no_request(bucket, mount, proxy):
    bucket.put("file", b"contents")
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    with proxy.counting() as counted:
        os.listxattr(mounted.at("file"))
    assert counted["requests"] == 0
