"""Programs that people use do their work in a mount, and the store has what they made."""

import hashlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tarfile

import pytest

from rig import content
from rig.writable import read, write

pytestmark = pytest.mark.ours

MIB = 1 << 20


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=80, **options)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    return program


def git(path, *words):
    environment = {
        **os.environ,
        **{
            f"GIT_{who}_{what}": "a@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
    }
    return run("git", "-c", "safe.directory=*", "-C", path, *words, env=environment)


def test_git_makes_clones_and_checks_repositories(written):
    git(written.mounted.path, "init", "-q", "-b", "main", "work")
    for number in range(3):
        for index in range(5):
            write(written.at(f"work/file{index}"), f"line {number} of {index}\n".encode() * 20, "ab")
        git(written.at("work"), "add", "-A")
        git(written.at("work"), "commit", "-q", "-m", f"Change {number}")
    git(written.at("work"), "mv", "file0", "moved")
    git(written.at("work"), "commit", "-q", "-a", "-m", "Move")
    git(written.at("work"), "repack", "-q", "-a", "-d")
    git(written.mounted.path, "clone", "-q", "--no-local", "work", "clone")
    for folder in ("work", "clone"):
        git(written.at(folder), "fsck", "--strict")
        assert git(written.at(folder), "status", "--porcelain") == ""
        assert len(git(written.at(folder), "log", "--oneline").splitlines()) == 4
    written.remount()
    git(written.at("clone"), "fsck", "--strict")
    assert git(written.at("clone"), "status", "--porcelain") == ""
    assert written.stored("clone/moved") == read(written.at("work/moved"))


@pytest.fixture
def tree(place):
    """A few hundred files with odd modes and times, links among them."""
    path = os.path.join(place, "tree")
    for index in range(250):
        folder = os.path.join(path, f"d{index % 7}", f"e{index % 3}")
        os.makedirs(folder, exist_ok=True)
        name = os.path.join(folder, f"f{index}")
        write(name, content.made(index, index * 37))
        os.chmod(name, 0o400 | index % 0o400)
        os.utime(name, (1_000_000_000 + index, 1_100_000_000 + index))
    os.symlink("e0/f0", os.path.join(path, "d0", "link"))
    os.link(os.path.join(path, "d1/e1/f1"), os.path.join(path, "d1", "hard"))
    os.chmod(os.path.join(path, "d2"), 0o2750)
    return path


def facts(path):
    """What tar keeps of everything below a folder."""
    found = {}
    for base, folders, files in os.walk(path):
        for name in folders + files:
            full = os.path.join(base, name)
            status = os.lstat(full)
            is_folder = os.path.isdir(full) and not os.path.islink(full)
            links = 0 if is_folder else status.st_nlink
            found[os.path.relpath(full, path)] = (status.st_mode, int(status.st_mtime), links)
    return found


def test_tar_unpacks_what_it_packed(written, tree, place):
    archive = os.path.join(place, "tree.tar")
    run("tar", "-C", tree, "-cf", archive, ".")
    os.mkdir(written.at("unpacked"))
    run("tar", "-C", written.at("unpacked"), "-xpf", archive)
    wanted = facts(tree)
    for _ in range(2):
        assert facts(written.at("unpacked")) == wanted
        run("diff", "-r", "--no-dereference", tree, written.at("unpacked"))
        written.remount()
    assert os.path.samefile(written.at("unpacked/d1/e1/f1"), written.at("unpacked/d1/hard"))
    run("tar", "-C", written.at("unpacked"), "-cf", written.at("again.tar"), "d3")
    with tarfile.open(written.at("again.tar")) as packed:
        there = sum(len(files) for _, _, files in os.walk(f"{tree}/d3"))
        assert sum(member.isfile() for member in packed) == there


def test_rsync_copies_once(written, tree):
    needs("rsync")
    run("rsync", "-aH", tree + "/", written.at("copy/"))
    run("diff", "-r", "--no-dereference", tree, written.at("copy"))
    assert run("rsync", "-aH", "--itemize-changes", tree + "/", written.at("copy/")).strip() == ""
    written.remount()
    assert run("rsync", "-aH", "--itemize-changes", tree + "/", written.at("copy/")).strip() == ""
    write(os.path.join(tree, "d0/e0/f0"), b"changed")
    run("rsync", "-aH", "--delete", "--inplace", tree + "/", written.at("copy/"))
    assert written.stored("copy/d0/e0/f0") == b"changed"


def test_cp_and_mv_keep_what_they_should(written, tree):
    run("cp", "-a", tree, written.at("copy"))
    assert facts(written.at("copy")) == facts(tree)
    os.mkdir(written.at("below"))
    run("mv", written.at("copy"), written.at("below/moved"))
    assert facts(written.at("below/moved")) == facts(tree)
    run("rm", "-rf", written.at("below"))
    assert os.listdir(written.mounted.path) == []
    written.settle([])


def test_sed_and_vim_edit_in_place(written):
    text = "".join(f"old line {number}\n" for number in range(1000)).encode()
    write(written.at("sed"), text)
    os.chmod(written.at("sed"), 0o640)
    run("sed", "-i", "s/old/new/", written.at("sed"))
    assert written.stored("sed") == text.replace(b"old", b"new")
    assert os.stat(written.at("sed")).st_mode & 0o777 == 0o640
    if shutil.which("vim"):
        for how in ("set backupcopy=yes", "set backupcopy=no"):
            write(written.at("vim"), text)
            words = ["vim", "-es", "-N", "-u", "NONE", "-i", "NONE", "-c", "set backup swapfile", "-c", how]
            run(*words, "-c", "%s/old/new/", "-c", "wq", written.at("vim"))
            assert written.stored("vim") == text.replace(b"old", b"new")
            assert read(written.at("vim~")) == text
    written.settle(sorted(os.listdir(written.mounted.path)))


def transactions(path, count, every):
    """Runs transactions in WAL mode beside a reader; returns the connection."""
    writer, reader = sqlite3.connect(path), sqlite3.connect(path)
    assert writer.execute("pragma journal_mode = wal").fetchone() == ("wal",)
    writer.execute("pragma synchronous = " + every)
    writer.execute("create table numbers (n integer primary key, square integer)")
    for number in range(count):
        with writer:
            writer.execute("insert into numbers values (?, ?)", (number, number * number))
        if number % 50 == 7:
            assert reader.execute("select count(*) from numbers").fetchone() == (number + 1,)
    reader.close()
    return writer


@pytest.mark.parametrize("durability, count", [("stage", 500), ("commit", 60)])
def test_sqlite_works_in_wal_mode(written, durability, count):
    written.mount(**{"alluxio.fuse.fsync": durability})
    database = transactions(written.at("numbers.db"), count, "full")
    database.execute("pragma wal_checkpoint(truncate)")
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()
    assert os.listdir(written.mounted.path) == ["numbers.db"]
    written.remount()
    again = sqlite3.connect(written.at("numbers.db"))
    assert again.execute("select count(*), sum(square) from numbers").fetchone() == (
        count,
        sum(number * number for number in range(count)),
    )
    assert again.execute("pragma integrity_check").fetchone() == ("ok",)
    again.close()
    assert written.stored("numbers.db")[:15] == b"SQLite format 3"


def test_sqlite_works_with_a_rollback_journal(written):
    with sqlite3.connect(written.at("numbers.db")) as database:
        database.execute("create table numbers (n integer)")
    for number in range(15):
        with database:
            database.execute("insert into numbers values (?)", (number,))
    with pytest.raises(ZeroDivisionError), database:
        database.execute("delete from numbers")
        raise ZeroDivisionError
    assert database.execute("select count(*) from numbers").fetchone() == (15,)
    database.close()
    assert os.listdir(written.mounted.path) == ["numbers.db"]


def test_a_checkpoint_is_replaced_whole(written):
    """What safetensors and careful users of torch.save do: write beside, fsync, rename over."""
    for number in range(3):
        tensor = content.made(f"tensor {number}", 16 * MIB)
        header = json.dumps({"w": {"dtype": "U8", "shape": [len(tensor)], "data_offsets": [0, len(tensor)]}})
        with open(written.at("model.tmp"), "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header.encode())
            file.write(tensor)
            file.flush()
            os.fsync(file.fileno())
        os.replace(written.at("model.tmp"), written.at("model.safetensors"))
        body = read(written.at("model.safetensors"))
        assert hashlib.sha256(body).digest() == hashlib.sha256(written.stored("model.safetensors")).digest()
        assert body.endswith(tensor)
    written.settle(["model.safetensors"])


def test_a_zip_file_that_is_written_with_seeks_is_whole(written):
    """torch.save writes a zip file: it goes back to complete the headers."""
    import zipfile

    with zipfile.ZipFile(written.at("model.pt"), "w") as archive:
        for index in range(5):
            archive.writestr(f"data/{index}", content.made(index, 3 * MIB))
    with zipfile.ZipFile(written.at("model.pt")) as archive:
        assert archive.testzip() is None
        assert archive.read("data/3") == content.made(3, 3 * MIB)
    assert written.stored("model.pt") == read(written.at("model.pt"))


def test_logs_and_shells_append_and_redirect(written):
    script = (
        "set -e\ncd $1\necho start > log\nfor i in 1 2 3; do echo $i >> log; done\n"
        "cat < log > copy\ntee both < log > /dev/null\n"
        "head -c 1000000 /dev/zero | dd of=zeros bs=4096 2> /dev/null\n"
        "truncate -s 10 zeros\nln -s log latest\ncp log sub/ 2> /dev/null || mkdir sub\n"
        "cp log sub/\ninstall -m 600 log private"
    )
    run("sh", "-c", script, "sh", written.mounted.path)
    assert written.stored("log") == b"start\n1\n2\n3\n"
    assert {written.stored(name) for name in ("copy", "both", "sub/log", "private")} == {b"start\n1\n2\n3\n"}
    assert written.stored("zeros") == bytes(10)
    assert read(written.at("latest")) == b"start\n1\n2\n3\n"
    assert os.stat(written.at("private")).st_mode & 0o777 == 0o600
