"""A daemon that is killed again and again while programs write."""

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time

LOAD = """
import os, random, sys
sys.path.insert(0, sys.argv[3])
from kills import body
root, seed = sys.argv[1], int(sys.argv[2])
chance = random.Random(seed)
number = seed * 100_000
while True:
    number += 1
    name, size = f"f{chance.randrange(12)}", chance.choice([100, 5_000, 70_000, 1_000_000])
    print("begin", name, number, size, flush=True)
    way = chance.randrange(3)
    target = f"{root}/{name}"
    if way == 2:
        target += ".tmp"
    with open(target, "wb") as file:
        file.write(body(name, number, size))
        if way == 1:
            file.flush()
            os.fsync(file.fileno())
    if way == 2:
        os.rename(target, f"{root}/{name}")
    print("end", name, number, size, flush=True)
"""


def body(name, number, size):
    digest = hashlib.sha256(f"{name} {number}".encode()).digest()
    return (digest * (size // len(digest) + 1))[:size]


def closed_files_outlive_the_daemon(ground, facts):
    """200 kills at random moments: what was closed or renamed is whole, all else is old, new, or absent."""
    bucket = ground.bucket("kills")
    staging = tempfile.mkdtemp(prefix="staging-", dir=ground.folder)
    options = {"alluxio.fuse.staging.dir": staging}
    mounted = ground.mount(f"s3://{bucket}", **options)
    chance = random.Random(1)
    rounds = 200 // ground.scale
    possible, wrong = {}, []
    for seed in range(1, rounds + 1):
        for name, number, size, is_whole in written_until_killed(mounted, seed, chance):
            told = (number, size)
            possible[name] = [told] if is_whole else possible.get(name, [None]) + [told]
        mounted.start(f"s3://{bucket}", {"endpoint": ground.proxy.endpoint, **options})
        for name in possible:
            found = contents(mounted.at(name))
            fitting = [told for told in possible[name] if found == (told and body(name, *told))]
            if not fitting:
                length = None if found is None else len(found)
                stored = ground.client.head_object(Bucket=bucket, Key=name)["ContentLength"]
                wrong.append(
                    f"round {seed}: {name} has {length} bytes (the store {stored}), "
                    f"of none of {possible[name]}"
                )
            possible[name] = fitting[-1:] or possible[name]
    kept = len([name for name in os.listdir(f"{staging}/lost") if not name.endswith(".path")])
    facts.append(("kills of the daemon while programs write", rounds, "–", None))
    facts.append(("files that are neither old, new nor absent", len(wrong), 0, not wrong))
    facts += [("wrong", told, "none", False) for told in wrong[:5]]
    facts.append(("unfinished files kept aside and reported", kept, "–", None))


def written_until_killed(mounted, seed, chance):
    here = os.path.dirname(os.path.abspath(__file__))
    load = subprocess.Popen(
        [sys.executable, "-c", LOAD, mounted.path, str(seed), here],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    time.sleep(chance.uniform(0.05, 0.6))
    mounted.kill()
    lines = load.communicate(timeout=30)[0].splitlines()
    for word, name, number, size in (line.split() for line in lines if len(line.split()) == 4):
        yield name, int(number), int(size), word == "end"


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
