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
}


@pytest.mark.parametrize("sentence", TRACES)
def test_a_trace(sentence, written, place):
    ends = [["close_all"], ["compare"], ["remount"], ["compare"]]
    with real_disk(place) as disk:
        told = Model(disk, lambda: written.mounted.path, written.remount).play(TRACES[sentence] + ends)
    assert told is None, f"{sentence}: {told}"
