"""SQLite in WAL mode on a mount: time, integrity, and what other tools read."""

import os
import sqlite3
import subprocess
import tempfile
import time

from rig.mounts import tool

SECONDS_BAR = 120


def sqlite_keeps_what_it_committed(ground, facts):
    """10 000 transactions with fsync=stage in at most 120 s, 500 with fsync=commit."""
    for durability, count, bar in (("stage", 10_000, SECONDS_BAR), ("commit", 500, None)):
        count //= ground.scale
        bucket = ground.bucket(f"sqlite-{durability}")
        mounted = ground.mount(f"s3://{bucket}", **{"alluxio.fuse.fsync": durability})
        began = time.monotonic()
        left_open = transactions(mounted.at("numbers.db"), count)
        seconds = time.monotonic() - began
        what = f"fsync={durability}, {count} transactions"
        fits = bar and seconds <= bar // (1 if ground.scale == 1 else ground.scale)
        facts.append((f"{what}: seconds", f"{seconds:.1f}", bar or "–", fits if bar else None))
        facts.append((f"{what}: integrity_check in the mount", left_open, "ok", left_open == "ok"))
        # Removals reach the store within a second.
        time.sleep(2)
        outside(ground, facts, bucket, what, count)
        mounted.unmount()
        ground.made.clear()
        mounted = ground.mount(f"s3://{bucket}")
        found = checked(mounted.at("numbers.db"), count)
        facts.append((f"{what}: from another machine", found, "ok", found == "ok"))
        mounted.stop()


def transactions(path, count):
    """One row a transaction, each durable; a reader beside it sees every one. Closes the database."""
    writer, reader = sqlite3.connect(path, isolation_level=None), sqlite3.connect(path)
    writer.execute("pragma journal_mode = wal")
    writer.execute("pragma synchronous = full")
    writer.execute("create table numbers (n integer primary key, square integer, body blob)")
    for number in range(count):
        writer.execute("begin immediate")
        writer.execute("insert into numbers values (?, ?, randomblob(100))", (number, number * number))
        writer.execute("commit")
        if number % 500 == 7:
            assert reader.execute("select count(*) from numbers").fetchone() == (number + 1,)
    reader.close()
    found = writer.execute("pragma integrity_check").fetchone()[0]
    writer.close()
    return found


def checked(path, count):
    """`ok` if the database is whole and has every row."""
    with sqlite3.connect(path) as database:
        found = database.execute("pragma integrity_check").fetchone()[0]
        rows = database.execute("select count(*), sum(square) from numbers").fetchone()
    database.close()
    wanted = (count, sum(number * number for number in range(count)))
    return found if rows == wanted else f"{rows}, not {wanted}"


def outside(ground, facts, bucket, what, count):
    """The closed database is one object that awscli copies and SQLite opens."""
    keys = [item["Key"] for item in ground.client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    keys = [key for key in keys if ".alluxio.attributes" not in key]
    facts.append((f"{what}: objects", ", ".join(keys), "numbers.db", keys == ["numbers.db"]))
    copy = os.path.join(tempfile.mkdtemp(prefix="copy-", dir=ground.folder), "numbers.db")
    command = [tool("aws"), "--endpoint-url", ground.server.endpoint, "s3", "cp", "--quiet"]
    environment = ground.made[-1].environment()
    subprocess.run([*command, f"s3://{bucket}/numbers.db", copy], check=True, env=environment)
    found = checked(copy, count)
    facts.append((f"{what}: copied out with awscli", found, "ok", found == "ok"))
