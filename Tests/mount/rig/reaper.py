"""Waits for the run to end, then removes its mounts, its processes and its folder."""

import os
import shutil
import sys

from rig.processes import clean_below, mounts_below

if __name__ == "__main__":
    folder = os.environ["RIG_FOLDER"]
    sys.stdin.read()
    clean_below(folder)
    if not mounts_below(folder):
        shutil.rmtree(folder, ignore_errors=True)
