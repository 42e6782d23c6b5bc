"""Programs that people use find in the mount what was put into the bucket."""

import os
import shutil
import sqlite3
import subprocess
import tarfile

import pytest

from rig import content


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def upload(bucket, folder):
    """Stores a folder's files under their relative paths."""
    pairs = []
    for base, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                pairs.append((os.path.relpath(path, folder), file.read()))
    bucket.put_many(pairs)


@pytest.fixture
def tree(place):
    """A small repository with history."""
    path = os.path.join(place, "repository")
    os.makedirs(os.path.join(path, "sources"))
    environment = {
        **os.environ,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
    }
    run("git", "init", "-q", "-b", "main", path, env=environment)
    for number in range(5):
        for index in range(8):
            with open(os.path.join(path, "sources", f"file{index}.txt"), "a") as file:
                file.write(f"line {number} of file {index}: needle{number}\n" * 50)
        run("git", "-C", path, "add", "-A", env=environment)
        run("git", "-C", path, "commit", "-q", "-m", f"Change {number}", env=environment)
    return path


def git(path, *words):
    environment = {
        **os.environ,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    return run("git", "-C", path, *words, env=environment)


@pytest.mark.ours
def test_git_reads_a_mounted_repository(bucket, mount, tree):
    upload(bucket, tree)
    for empty in ("refs/heads/", "refs/tags/", "objects/info/"):
        bucket.put(".git/" + empty, b"")
    mounted = mount(bucket.uri, sync="60s", umask="022")
    assert git(mounted.path, "log", "--oneline") == git(tree, "log", "--oneline")
    assert git(mounted.path, "diff", "--stat", "HEAD~3", "HEAD") == git(
        tree, "diff", "--stat", "HEAD~3", "HEAD"
    )
    git(mounted.path, "fsck", "--strict")
    assert "nothing to commit" in git(mounted.path, "-c", "core.fileMode=false", "status")


def test_tar_packs_what_was_put(bucket, mount, tree, place):
    upload(bucket, tree)
    mounted = mount(bucket.uri, sync="60s")
    packed = os.path.join(place, "all.tar")
    run("tar", "-C", mounted.path, "-cf", packed, "sources")
    with tarfile.open(packed) as archive:
        names = sorted(member.name for member in archive if member.isfile())
        assert names == sorted(f"sources/file{index}.txt" for index in range(8))
        for name in names:
            with open(os.path.join(tree, name), "rb") as file:
                assert archive.extractfile(name).read() == file.read()


def test_grep_and_find_agree_with_the_original(bucket, mount, tree):
    upload(bucket, tree)
    mounted = mount(bucket.uri, sync="60s")
    wanted = sorted(run("grep", "-rc", "needle3", "sources", cwd=tree).splitlines())
    assert sorted(run("grep", "-rc", "needle3", "sources", cwd=mounted.path).splitlines()) == wanted
    found = run("find", "sources", "-type", "f", "-size", "+1k", cwd=mounted.path)
    assert sorted(found.split()) == sorted(
        run("find", "sources", "-type", "f", "-size", "+1k", cwd=tree).split()
    )


def test_diff_and_cp_agree_with_the_original(bucket, mount, tree, place):
    upload(bucket, tree)
    mounted = mount(bucket.uri, sync="60s")
    run("diff", "-r", os.path.join(tree, "sources"), mounted.at("sources"))
    run("cp", "-r", mounted.at("sources"), os.path.join(place, "copy"))
    run("diff", "-r", os.path.join(tree, "sources"), os.path.join(place, "copy"))


def test_rsync_sees_no_difference(bucket, mount, tree):
    if not shutil.which("rsync"):
        pytest.skip("rsync is not installed")
    upload(bucket, tree)
    mounted = mount(bucket.uri, sync="60s")
    done = run("rsync", "-rcn", "--itemize-changes", mounted.at("sources/"), os.path.join(tree, "sources/"))
    assert done.strip() == ""


def test_sqlite_reads_a_database(bucket, mount, place):
    path = os.path.join(place, "numbers.db")
    with sqlite3.connect(path) as database:
        database.execute("create table numbers (n integer primary key, square integer, padding text)")
        database.executemany(
            "insert into numbers values (?, ?, ?)", ((n, n * n, "p" * 100) for n in range(20_000))
        )
    database.close()
    with open(path, "rb") as file:
        bucket.put("numbers.db", file.read())
    mounted = mount(bucket.uri, sync="60s")
    reader = sqlite3.connect(f"file:{mounted.at('numbers.db')}?mode=ro&immutable=1", uri=True)
    assert reader.execute("select square from numbers where n = 12345").fetchone() == (12345 * 12345,)
    assert reader.execute("select count(*), sum(n) from numbers").fetchone() == (20_000, 20_000 * 19_999 // 2)
    assert reader.execute("pragma integrity_check").fetchone() == ("ok",)
    reader.close()


def test_shell_tools_see_head_and_tail(bucket, mount):
    body = bucket.put_made("file", 3 << 20)
    mounted = mount(bucket.uri)
    head = subprocess.run(["head", "-c", "1000", mounted.at("file")], check=True, capture_output=True).stdout
    tail = subprocess.run(["tail", "-c", "1000", mounted.at("file")], check=True, capture_output=True).stdout
    assert (head, tail) == (body[:1000], body[-1000:])
    assert run("sha256sum", mounted.at("file")).split()[0] == content.sha256(body)
    assert run("du", "-sb", mounted.at("file")).split()[0] == str(len(body))


def test_a_go_program_reads_every_byte(bucket, mount, place):
    """rclone is a Go program: its runtime sends itself SIGURG all the time."""
    from rig.mounts import tool

    try:
        rclone = tool("rclone")
    except FileNotFoundError:
        pytest.skip("rclone is not installed")
    bucket.put_many((f"dir/f{index}", content.made(index, 150_000)) for index in range(60))
    mounted = mount(bucket.uri, sync="0s")
    target = os.path.join(place, "copied")
    run(rclone, "copy", "--config", "/dev/null", "--checkers", "8", "--transfers", "8", mounted.path, target)
    for index in range(60):
        assert content.file_sha256(os.path.join(target, f"dir/f{index}")) == content.sha256(
            content.made(index, 150_000)
        )
