"""Random operations on a mount and on ext4, through the kernel: without faults, under kills, under
S3's errors."""

import os
import tempfile

from rig.model import Model, real_disk
from rig.model_faults import Ordeal

QUICK = {"alluxio.underfs.s3.request.timeout": "500ms"}
SEEDS = 12
OPERATIONS = 2000
# In all, over seeds of 25 kills each: a seed that breaks a promise does not hide the others.
KILLS = {("s3", "commit"): 200, ("s3", "stage"): 50, ("file", "commit"): 50, ("file", "stage"): 50}
KILLS_OF_A_SEED = 25
OPERATIONS_UNDER_ERRORS = 10_000
OPERATIONS_OF_A_SEED = 1000


class Place:
    """A store, a mount of it, and how to mount it again."""

    def __init__(self, ground, name, kind, **options):
        self.ground, self.options = ground, options
        if kind == "s3":
            self.uri = f"s3://{ground.bucket(name)}"
        else:
            self.uri = f"file://{tempfile.mkdtemp(prefix=name, dir=ground.folder)}"
            options["endpoint"] = None
        self.staging = self.new_staging()
        self.mounted = ground.mount(self.uri, **self.all_options())

    def new_staging(self):
        return tempfile.mkdtemp(prefix="staging-", dir=self.ground.folder)

    def all_options(self):
        return {**self.options, "alluxio.fuse.staging.dir": self.staging}

    def start(self):
        """Mounts again after a kill."""
        self.mounted.start(self.uri, {"endpoint": self.ground.proxy.endpoint, **self.all_options()})

    def remount(self):
        """Unmounts and mounts with the same local disk."""
        self.mounted.unmount()
        self.start()

    def move(self):
        """Unmounts and mounts as on another machine: nothing that lies on the local disk is there."""
        self.mounted.unmount()
        self.staging = self.new_staging()
        self.start()


def random_operations_agree(ground, facts):
    """12 seeds x 2000 operations on each store."""
    with real_disk(ground.folder) as disk:
        for kind in ("s3", "file"):
            without_faults(ground, facts, disk, kind)


def promises_outlive_kills(ground, facts):
    """200 kills on S3 with fsync=commit, 50 with stage, and 50 each on a directory."""
    with real_disk(ground.folder) as disk:
        for kind, durability in KILLS:
            under_kills(ground, facts, disk, kind, durability)


def errors_of_the_store_are_told(ground, facts):
    """10 000 operations while S3 answers 500 and 503, resets, stalls and cuts answers short."""
    with real_disk(ground.folder) as disk:
        under_errors(ground, facts, disk)


def without_faults(ground, facts, disk, kind):
    place = Place(ground, "model", kind)
    model, seeds, told = Model(disk, lambda: place.mounted.path, place.move), 0, []
    for seed in range(1, max(2, SEEDS // ground.scale) + 1):
        attempt(told, lambda seed=seed: model.run(seed, OPERATIONS // ground.scale))
        seeds += 1
    what = f"{kind}: seeds 1 to {seeds}, {OPERATIONS // ground.scale} operations each"
    report(facts, f"{what}: differences from ext4", told)


def under_kills(ground, facts, disk, kind, durability):
    kills, operations, told = 0, 0, []
    for seed in range(1, max(1, KILLS[kind, durability] // KILLS_OF_A_SEED // ground.scale) + 1):
        place = Place(ground, f"kills-{durability}-{seed}", kind, **{"alluxio.fuse.fsync": durability})
        ordeal = Ordeal(disk, place.mounted, seed)

        def run(place=place, ordeal=ordeal):
            in_place, stages = kind == "file", durability == "stage"
            ordeal.outlive_kills(place.start, KILLS_OF_A_SEED, changes_in_place=in_place, stages=stages)
            ordeal.end(place.move)

        attempt(told, run)
        kills, operations = kills + ordeal.counted["failures"], operations + ordeal.counted["operations"]
        ordeal.remote.stop()
        place.mounted.stop()
    what = f"{kind}, fsync={durability}"
    facts.append((f"{what}: kills", f"{kills} in {operations} operations", KILLS[kind, durability], None))
    report(facts, f"{what}: seeds with a broken promise", told)


def under_errors(ground, facts, disk):
    operations, failures, told = 0, {}, []
    for seed in range(1, max(1, OPERATIONS_UNDER_ERRORS // OPERATIONS_OF_A_SEED // ground.scale) + 1):
        place = Place(ground, f"errors-{seed}", "s3", **QUICK)
        ordeal = Ordeal(disk, place.mounted, seed)

        def run(place=place, ordeal=ordeal):
            ordeal.outlive_errors(ground.proxy, place.remount, OPERATIONS_OF_A_SEED)
            ordeal.end(place.move)

        attempt(told, run)
        ground.proxy.flow()
        operations += ordeal.counted["operations"]
        for name, count in ordeal.counted["errors"].items():
            failures[name] = failures.get(name, 0) + count
        ordeal.remote.stop()
        place.mounted.stop()
    facts.append(("operations under errors of S3", operations, OPERATIONS_UNDER_ERRORS, None))
    facts.append(("errors that reached the caller", str(failures), "–", None))
    report(facts, "seeds in which something was wrong or lost silently", told)


def attempt(told, run):
    """Runs; keeps what a difference says, and prints it whole."""
    try:
        run()
    except (AssertionError, OSError, TimeoutError) as problem:
        print(problem, flush=True)
        told.append(str(problem).split("\n")[0].replace("|", "/")[:300])


def report(facts, what, told):
    facts.append((what, len(told), 0, not told))
    facts += [("difference", line, "none", False) for line in told[:5]]
