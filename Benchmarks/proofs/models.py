"""Random operations on a mount and on ext4, through the kernel: without faults, under kills, under S3's errors."""

import os
import tempfile

from rig.model import Model, real_disk
from rig.model_faults import Ordeal

QUICK = {"alluxio.underfs.s3.request.timeout": "500ms"}
SEEDS = 20
OPERATIONS = 3000
KILLS = 200
OPERATIONS_UNDER_ERRORS = 10_000


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
    """20 seeds x 3000 operations on each store; 200 kills on each; 10 000 operations under errors of S3."""
    with real_disk(ground.folder) as disk:
        for kind in ("s3", "file"):
            without_faults(ground, facts, disk, kind)
            under_kills(ground, facts, disk, kind)
        under_errors(ground, facts, disk)


def without_faults(ground, facts, disk, kind):
    place = Place(ground, "model", kind)
    model, seeds, told = Model(disk, lambda: place.mounted.path, place.move), 0, []
    for seed in range(1, max(2, SEEDS // ground.scale) + 1):
        attempt(told, lambda seed=seed: model.run(seed, OPERATIONS // ground.scale))
        seeds += 1
    what = f"{kind}: seeds 1 to {seeds}, {OPERATIONS // ground.scale} operations each"
    report(facts, f"{what}: differences from ext4", told)


def under_kills(ground, facts, disk, kind):
    for durability in ("commit", "stage"):
        name, told = f"kills-{durability}", []
        place = Place(ground, name, kind, **{"alluxio.fuse.fsync": durability})
        ordeal = Ordeal(disk, place.mounted, 1)

        def run(place=place, ordeal=ordeal):
            ordeal.outlive_kills(place.start, KILLS // ground.scale, changes_in_place=kind == "file")
            ordeal.end(place.move)

        attempt(told, run)
        done = f"{ordeal.counted['failures']} kills in {ordeal.counted['operations']} operations"
        facts.append((f"{kind}, fsync={durability}", done, KILLS // ground.scale, None))
        report(facts, f"{kind}, fsync={durability}: broken promises", told)
        place.mounted.stop()


def under_errors(ground, facts, disk):
    place, told = Place(ground, "errors", "s3", **QUICK), []
    ordeal = Ordeal(disk, place.mounted, 1)

    def run():
        ordeal.outlive_errors(ground.proxy, place.remount, OPERATIONS_UNDER_ERRORS // ground.scale)
        ordeal.end(place.move)

    attempt(told, run)
    facts.append(("s3 with errors: operations", ordeal.counted["operations"], "–", None))
    facts.append(("s3 with errors: those that reached the caller", str(ordeal.counted["errors"]), "–", None))
    report(facts, "s3 with errors: wrong or lost silently", told)


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
