"""Short traces of operations that a mount once did otherwise than a local disk; each on both stores."""

import os

import pytest

from rig.model import Model, real_disk

pytestmark = pytest.mark.ours

NEW, CHANGE = os.O_CREAT | os.O_RDWR, os.O_RDWR

# A name is a sentence about what must hold.
TRACES = {
    "a mode that is set through one name of a file shows under the other one": [
        ["mkdir", "d", 0o755],
        ["put", "a", 1, 0],
        ["link", "a", "d/b"],
        ["chmod", "a", 0o2746],
        ["compare"],
    ],
    "a file that an unfinished one replaced stays away when that one is removed": [
        ["put", "a", 1, 100],
        ["open", 0, "b", NEW, 0o644],
        ["pwrite", 0, 0, 2, 50],
        ["rename", "b", "a", "replace"],
        ["unlink", "a"],
        ["compare"],
        ["close", 0],
        ["compare"],
    ],
    "a file that an unfinished one replaced stays away when that one is renamed again": [
        ["put", "a", 1, 100],
        ["open", 0, "b", NEW, 0o644],
        ["pwrite", 0, 0, 2, 50],
        ["rename", "b", "a", "replace"],
        ["rename", "a", "c", "replace"],
        ["compare"],
        ["mkdir", "a", 0o755],
        ["close", 0],
        ["compare"],
    ],
    "a file that an unfinished one replaced keeps its other names": [
        ["put", "a", 1, 100],
        ["link", "a", "other"],
        ["open", 0, "b", NEW, 0o644],
        ["pwrite", 0, 0, 2, 50],
        ["rename", "b", "a", "replace"],
        ["compare"],
        ["close", 0],
        ["compare"],
    ],
    "a change that changes nothing does not make a file stale": [
        ["put", "a", 1, 0],
        ["open", 0, "a", CHANGE, 0],
        ["allocate", 0, "zero-keep", 2389, 4096],
        ["chmod", "a", 0o600],
        ["close", 0],
        ["put", "a", 2, 100],
        ["compare"],
    ],
    "a name that changes places with a further name of a file takes only that one": [
        ["mkdir", "d", 0o755],
        ["put", "a", 1, 5000],
        ["link", "a", "d/a"],
        ["put", "b", 2, 10],
        ["rename", "b", "d/a", "exchange"],
        ["link", "b", "c"],
        ["stat", "d/a"],
        ["compare"],
    ],
    "a file is not stale under its other name after one was renamed": [
        ["mkdir", "d", 0o755],
        ["open", 0, "a", NEW, 0o644],
        ["name", 0, "d/b"],
        ["rename", "a", "c", "replace"],
        ["compare"],
        ["put", "d/b", 1, 0],
        ["compare"],
    ],
    "a file without a name stays readable when its directory is renamed": [
        ["mkdir", "d", 0o755],
        ["unnamed", 0, "d", 0o644],
        ["pwrite", 0, 109908, 1, 1],
        ["rename", "d", "e", "replace"],
        ["compare"],
        ["pwrite", 0, 100, 2, 10],
        ["compare"],
        ["name", 0, "e/now"],
        ["compare"],
    ],
    "a file that got its name late has the same bytes under two names after a rename": [
        ["mkdir", "d", 0o755],
        ["unnamed", 0, "", 0o644],
        ["name", 0, "a"],
        ["write", 0, 1, 1],
        ["compare"],
        ["link", "a", "d/a"],
        ["rename", "a", "d/b", "replace"],
        ["compare"],
    ],
    "an extended attribute that is set through a further name is there": [
        ["mkdir", "d", 0o755],
        ["put", "d/a", 1, 5000],
        ["link", "d/a", "b"],
        ["setxattr", "b", "trusted.c", 2, 300, 0],
        ["compare"],
    ],
    "a file with three names is whole under all of them after one was renamed": [
        ["mkdir", "d", 0o755],
        ["open", 0, "a", NEW, 0o644],
        ["link", "a", "b"],
        ["link", "b", "d/a"],
        ["pwrite", 0, 109546, 1, 5000],
        ["close", 0],
        ["rename", "b", "c", "replace"],
        ["compare"],
    ],
    "a further name shows what was written through the first one, however late": [
        ["mkdir", "d", 0o755],
        ["put", "d/a", 1, 100],
        ["link", "d/a", "b"],
        ["pause", 1.1],
        ["put", "d/a", 2, 20_000],
        ["compare"],
    ],
    "an empty file that is emptied again has a new time": [
        ["put", "a", 1, 0],
        ["utime", "a", 1_297_209_634_452_430_908, 1_387_951_453_779_395_288],
        ["open", 0, "a", CHANGE | os.O_TRUNC, 0],
        ["close", 0],
        ["compare"],
    ],
    "a time of contents that are not stored yet survives a new mode and a new name": [
        ["put", "a", 1, 5000],
        ["utime", "a", 1_297_209_634_452_430_908, 1_387_951_453_779_395_288],
        ["open", 0, "a", CHANGE, 0],
        ["pwrite", 0, 10, 2, 1],
        ["chmod", "a", 0o711],
        ["stat", "a"],
        ["link", "a", "b"],
        ["compare"],
    ],
    "of two unfinished files over a stored one the last stays": [
        ["put", "a", 1, 100],
        ["open", 0, "b", NEW, 0o644],
        ["pwrite", 0, 0, 2, 50],
        ["rename", "b", "a", "replace"],
        ["open", 1, "c", NEW, 0o644],
        ["pwrite", 1, 0, 3, 60],
        ["rename", "c", "a", "replace"],
        ["close", 1],
        ["compare"],
        ["close", 0],
        ["compare"],
    ],
}


@pytest.mark.parametrize("sentence", TRACES)
def test_a_trace(sentence, written, place):
    ends = [["close_all"], ["compare"], ["remount"], ["compare"]]
    with real_disk(place) as disk:
        told = Model(disk, lambda: written.mounted.path, written.remount).play(TRACES[sentence] + ends)
    assert told is None, f"{sentence}: {told}"
