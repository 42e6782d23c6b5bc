"""Two mounts of one store: what one closed the other opens, and of two that replace a file one wins."""

import errno
import os
import tempfile
import threading
import time

from rig import content

ROUNDS = 1000


def two_mounts_agree(ground, facts):
    """1000 rounds close-to-open and 1000 of concurrent replacing, on each store, sync interval 0."""
    for kind in ("s3", "file"):
        options = {}
        if kind == "s3":
            uri = f"s3://{ground.bucket('coherence')}"
        else:
            uri = f"file://{tempfile.mkdtemp(prefix='coherence-', dir=ground.folder)}"
            options["endpoint"] = None
        mounts = [ground.mount(uri, sync="0s", **options) for _ in range(2)]
        close_to_open(facts, kind, mounts, ROUNDS // ground.scale)
        replacing(facts, kind, mounts, ROUNDS // ground.scale)
        ground.end_mounts()


def write(path, data):
    with open(path, "wb", buffering=0) as file:
        file.write(data)


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def close_to_open(facts, kind, mounts, rounds):
    """By turns one writes, and at once the other opens, looks and reads; sizes grow and shrink."""
    stale, began = 0, time.monotonic()
    for index in range(rounds):
        writer, reader = mounts[index % 2], mounts[(index + 1) % 2]
        body = content.made(index, 1 + index * 7919 % 200_000)
        write(writer.at("file"), body)
        status = os.stat(reader.at("file"))
        stale += read(reader.at("file")) != body or status.st_size != len(body)
    seconds = time.monotonic() - began
    facts.append((f"{kind}: {rounds} rounds close-to-open: stale reads", stale, 0, stale == 0))
    facts.append((f"{kind}: milliseconds a round", f"{seconds / rounds * 1000:.1f}", "–", None))


def replacing(facts, kind, mounts, rounds):
    """Both open the same version, both write, both close at once."""
    wrong, counted = [], {}
    write(mounts[0].at("shared"), b"the beginning")
    for index in range(rounds):
        bodies = [content.made(f"{index} {number}", 20_000 + number) for number in range(2)]
        handles = [os.open(mounted.at("shared"), os.O_WRONLY | os.O_TRUNC) for mounted in mounts]
        outcomes = at_once(handles, bodies)
        counted[" ".join(sorted(outcomes))] = counted.get(" ".join(sorted(outcomes)), 0) + 1
        if sorted(outcomes) != ["ESTALE", "won"]:
            wrong.append(f"round {index}: {outcomes}")
            continue
        winner = bodies[outcomes.index("won")]
        if [read(mounted.at("shared")) for mounted in mounts] != [winner, winner]:
            wrong.append(f"round {index}: not what the winner wrote")
    facts.append((f"{kind}: {rounds} rounds of replacing: outcomes", str(counted), "–", None))
    facts.append((f"{kind}: rounds without one winner and one ESTALE", len(wrong), 0, not wrong))
    facts += [("wrong", line, "none", False) for line in wrong[:3]]


def at_once(handles, bodies):
    """How the two closes end."""
    outcomes, start = [None, None], threading.Barrier(2)

    def replace(number):
        os.write(handles[number], bodies[number])
        start.wait(60)
        try:
            os.close(handles[number])
            outcomes[number] = "won"
        except OSError as problem:
            outcomes[number] = errno.errorcode[problem.errno]

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
