"""Random operations give on a mount what they give on a local disk, also when daemon and store fail."""

import os

import pytest

from rig.model import Model, real_disk
from rig.model_faults import Ordeal

pytestmark = pytest.mark.ours

SEEDS = [1, 2, 3]
OPERATIONS = 400
KILLS = 8
QUICK = {"alluxio.underfs.s3.request.timeout": "500ms"}


@pytest.mark.seconds(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_operations_agree_with_a_local_disk(written, place, seed):
    with real_disk(place) as disk:
        Model(disk, lambda: written.mounted.path, written.remount).run(seed, OPERATIONS)


@pytest.mark.seconds(200)
def test_what_was_promised_outlives_kills_at_random_moments(written, proxy, place):
    staging = {"alluxio.fuse.staging.dir": os.path.join(place, "staging")}
    mounted = written.mount(**staging)

    def start():
        mounted.start(written.uri, {"endpoint": proxy.endpoint, **written.fixed, **staging})

    with real_disk(place) as disk:
        ordeal = Ordeal(disk, mounted, 1)
        ordeal.outlive_kills(start, KILLS, changes_in_place=written.uri.startswith("file:"))
        ordeal.end(lambda: again(mounted, start))


@pytest.mark.seconds(200)
def test_errors_of_the_store_reach_the_caller_and_nothing_else_changes(on_s3, proxy, place):
    mounted = on_s3.mount(**QUICK)

    def start():
        mounted.start(on_s3.uri, {"endpoint": proxy.endpoint, **QUICK})

    with real_disk(place) as disk:
        ordeal = Ordeal(disk, mounted, 1)
        ordeal.outlive_errors(proxy, lambda: again(mounted, start), OPERATIONS)
        ordeal.end(lambda: again(mounted, start))


def again(mounted, start):
    mounted.unmount()
    start()
