"""Random operations give on a mount what they give on a local disk."""

import pytest

from rig.model import Model, real_disk

pytestmark = pytest.mark.ours

SEEDS = [1, 2, 3]
OPERATIONS = 400


@pytest.mark.seconds(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_operations_agree_with_a_local_disk(written, place, seed):
    with real_disk(place) as disk:
        Model(disk, lambda: written.mounted.path, written.remount).run(seed, OPERATIONS)
