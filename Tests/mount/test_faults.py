"""The store is slow, down, or wrong: readers wait, fail clearly or are served; the mount goes on."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from rig import content, processes

MIB = 1 << 20

pytestmark = pytest.mark.ours


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()


def reader_process(path, offset=0, count=4096):
    """A process that reads a few bytes and ends."""
    code = (
        "import os,sys; fd=os.open(sys.argv[1],os.O_RDONLY); os.pread(fd,int(sys.argv[3]),int(sys.argv[2]))"
    )
    return processes.spawn(
        [sys.executable, "-c", code, path, str(offset), str(count)], stderr=subprocess.DEVNULL
    )


def test_reads_wait_while_the_store_is_down_and_go_on_when_it_is_back(bucket, mount, proxy):
    body = bucket.put_made("file", 8 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    assert os.stat(mounted.at("file")).st_size == len(body)
    proxy.down()
    result = {}
    reader = threading.Thread(target=lambda: result.update(body=read(mounted.at("file"))))
    reader.start()
    time.sleep(2)
    assert "body" not in result
    proxy.flow()
    reader.join(30)
    assert result["body"] == body


def test_a_read_fails_with_eio_at_its_deadline_and_works_after_it(bucket, mount, proxy):
    body = bucket.put_made("file", MIB)
    mounted = mount(bucket.uri, sync="60s", **{"alluxio.underfs.s3.request.timeout": "2s"})
    assert os.stat(mounted.at("file")).st_size == len(body)
    proxy.down()
    began = time.monotonic()
    with pytest.raises(OSError) as problem:
        read(mounted.at("file"))
    assert problem.value.errno == errno.EIO
    assert 1 < time.monotonic() - began < 12
    proxy.flow()
    assert read(mounted.at("file")) == body


def test_cached_names_answer_fast_while_readers_are_stalled(bucket, mount, proxy):
    objects = {f"f{index}": content.made(index, 20_000) for index in range(150)}
    bucket.put_many(objects.items())
    mounted = mount(bucket.uri, sync="60s")
    os.listdir(mounted.path)
    [os.stat(mounted.at(key)) for key in objects]
    proxy.stall(kinds=("GET",))
    readers = [reader_process(mounted.at(key)) for key in list(objects)[:60]]
    try:
        processes.wait_until(lambda: proxy.counts()["stalled"] >= 32, 20, "readers are stalled")
        times = []
        for key in objects:
            began = time.perf_counter()
            os.stat(mounted.at(key))
            os.access(mounted.at(key), os.R_OK)
            times.append(time.perf_counter() - began)
        assert sorted(times)[int(len(times) * 0.99)] <= 0.010
        assert len(os.listdir(mounted.path)) == 150
    finally:
        proxy.flow()
        for reader in readers:
            reader.wait(30)
    assert [reader.returncode for reader in readers] == [0] * len(readers)


def test_a_killed_reader_is_gone_within_a_second(bucket, mount, proxy):
    bucket.put_made("file", 4 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    proxy.stall(kinds=("GET",))
    readers = [reader_process(mounted.at("file"), offset=index * 200_000) for index in range(10)]
    processes.wait_until(lambda: proxy.counts()["stalled"] >= 1, 10, "readers are stalled")
    time.sleep(0.5)
    for reader in readers:
        began = time.monotonic()
        reader.send_signal(signal.SIGKILL)
        reader.wait(10)
        assert time.monotonic() - began <= 1.0
    proxy.flow()
    assert len(read(mounted.at("file"))) == 4 * MIB


def test_a_flight_goes_on_for_others_when_one_reader_is_killed(bucket, mount, proxy):
    body = bucket.put_made("file", 100_000)
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    proxy.stall(kinds=("GET",))
    doomed = reader_process(mounted.at("file"))
    result = {}
    other = threading.Thread(target=lambda: result.update(body=read(mounted.at("file"))))
    processes.wait_until(lambda: proxy.counts()["stalled"] >= 1, 10, "the reader is stalled")
    other.start()
    time.sleep(0.3)
    doomed.kill()
    doomed.wait(5)
    proxy.flow()
    other.join(20)
    assert result["body"] == body


@pytest.mark.parametrize(
    "status, code", [(503, "SlowDown"), (500, "InternalError"), (503, "ServiceUnavailable")]
)
def test_a_storm_of_server_errors_is_ridden_out(bucket, mount, proxy, status, code):
    bodies = {f"f{index}": bucket.put_made(f"f{index}", 300_000) for index in range(10)}
    mounted = mount(bucket.uri, sync="60s")
    proxy.answer(status, code, probability=0.5)
    assert {key: read(mounted.at(key)) == body for key, body in bodies.items()} == dict.fromkeys(bodies, True)
    assert sorted(os.listdir(mounted.path)) == sorted(bodies)


def test_a_refusal_is_not_tried_again_and_says_so(bucket, mount, proxy):
    bucket.put_made("file", 300_000)
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    proxy.answer(403, "AccessDenied", kinds=("GET",))
    began = time.monotonic()
    with pytest.raises(OSError) as problem:
        read(mounted.at("file"))
    assert problem.value.errno in (errno.EACCES, errno.EPERM)
    assert time.monotonic() - began < 5


def test_an_archived_object_is_a_clear_error(bucket, mount, proxy):
    bucket.put_made("file", 300_000)
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    proxy.answer(403, "InvalidObjectState", kinds=("GET",))
    with pytest.raises(OSError):
        read(mounted.at("file"))
    proxy.flow()


@pytest.mark.parametrize("how", ["short", "long"])
def test_a_body_of_the_wrong_length_is_never_data(bucket, mount, proxy, how):
    body = bucket.put_made("file", 2 * MIB)
    mounted = mount(bucket.uri, sync="60s", **{"alluxio.underfs.s3.request.timeout": "10s"})
    os.stat(mounted.at("file"))
    proxy.corrupt(how, times=3)
    try:
        assert read(mounted.at("file")) == body
    except OSError as problem:
        assert problem.errno == errno.EIO
        proxy.flow()
        assert read(mounted.at("file")) == body


def test_connections_that_break_are_made_again(bucket, mount, proxy):
    body = bucket.put_made("file", 16 * MIB)
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    proxy.cut(after=100_000, times=6)
    assert read(mounted.at("file")) == body


def test_a_stalled_transfer_is_tried_again(bucket, mount, proxy):
    body = bucket.put_made("file", MIB)
    mounted = mount(bucket.uri, sync="60s", **{"alluxio.underfs.s3.socket.timeout": "1s"})
    os.stat(mounted.at("file"))
    proxy.stall(after=50_000, times=1)
    assert read(mounted.at("file")) == body


def test_a_listing_survives_server_errors(bucket, mount, proxy):
    bucket.put_many((f"dir/f{index:04}", b"") for index in range(2500))
    mounted = mount(bucket.uri, sync="60s")
    proxy.answer(503, "SlowDown", kinds=("LIST",), times=2)
    assert len(os.listdir(mounted.at("dir"))) == 2500


def test_a_missing_listing_page_is_an_error_not_an_empty_directory(bucket, mount, proxy):
    bucket.put("dir/file", b"x")
    mounted = mount(bucket.uri, sync="0s", **{"alluxio.underfs.s3.request.timeout": "2s"})
    proxy.answer(500, "InternalError", kinds=("LIST", "HEAD"))
    with pytest.raises(OSError) as problem:
        os.listdir(mounted.at("dir"))
    assert problem.value.errno == errno.EIO
    proxy.flow()
    assert os.listdir(mounted.at("dir")) == ["file"]


def test_a_program_under_a_storm_of_signals_sees_no_eintr(bucket, mount, proxy, c_program):
    objects = {f"f{index}": content.made(index, 200_000) for index in range(20)}
    bucket.put_many(objects.items())
    mounted = mount(bucket.uri, sync="0s")
    proxy.latency(0.05)
    done = subprocess.run(
        [c_program("signalled_reader"), *(mounted.at(key) for key in objects)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    signals, interrupted, count = map(int, done.stdout.split())
    assert signals > 30
    assert interrupted == 0
    assert count == 20 * 200_000


def test_unmounting_with_stalled_readers_does_not_hang(bucket, mount, proxy):
    bucket.put_made("file", MIB)
    mounted = mount(bucket.uri, sync="60s")
    os.stat(mounted.at("file"))
    proxy.stall(kinds=("GET",))
    reader = reader_process(mounted.at("file"))
    processes.wait_until(lambda: proxy.counts()["stalled"] >= 1, 10, "the reader is stalled")
    subprocess.run([mounted.binary, "umount", "-f", mounted.path], timeout=30, capture_output=True)
    reader.wait(15)
    processes.wait_until(lambda: not processes.alive(mounted.pid), 15, "the daemon has ended")
    assert not processes.is_mounted(mounted.path)
