"""The model while the daemon is killed, or its store answers with errors."""

import multiprocessing
import os
import random
import shutil
import tempfile
import threading

from rig import processes
from rig.model import Differs
from rig.model_operations import Operations
from rig.model_promises import Promises
from rig.model_side import OLD, Side, differences, shown, tree

ANSWER_SECONDS_MAX = 300
DEAD = ("ENOTCONN", "ECONNABORTED", "the process died")
# The second: a commit of which no answer came was made, so that the next one finds another version.
FAULTS = ("EIO", "ESTALE", "the process died")
SHOWN_OPERATIONS = 25
RULES_CHANGE_EVERY = 30


class Remote:
    """A side in a process of its own: a fault of a mapped page kills it."""

    def __init__(self, root):
        context = multiprocessing.get_context("fork")
        self.ours, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(root, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def apply(self, operation):
        try:
            self.ours.send(operation)
            if not self.ours.poll(ANSWER_SECONDS_MAX):
                raise TimeoutError(f"{operation} has not ended for {ANSWER_SECONDS_MAX} s")
            return self.ours.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return "error", "the process died"

    def stop(self):
        self.process.kill()
        self.process.join(30)
        self.ours.close()


def serve(root, connection):
    """Does operations until the other end is closed."""
    processes._die_with_parent()
    # What is the parent's alone must not be kept open here: its watcher waits for the end of a pipe.
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, 1 << 12)
    side = Side(root)
    while True:
        try:
            connection.send(side.apply(connection.recv()))
        except EOFError:
            os._exit(0)


class Ordeal:
    """The same operations on both sides, checked after each failure; it goes on from what is there."""

    def __init__(self, disk, mounted, seed):
        self.chance = random.Random(seed)
        self.seed = seed
        self.source = Operations(self.chance)
        self.disk, self.mounted = disk, mounted
        self.rounds = 0
        self.is_killed = False
        self.done = []
        self.ours = os.path.join(mounted.path, f"ordeal{seed}")
        os.mkdir(self.ours)
        self.counted = {"operations": 0, "failures": 0, "errors": {}}
        self.go_on({})

    def go_on(self, found):
        """Makes the real side what the mount shows."""
        self.rounds += 1
        folder = tempfile.mkdtemp(prefix="ordeal", dir=self.disk)
        rebuild(folder, found)
        # Symbolic links to "." lead chmod(2) to it, and directories inherit from it.
        os.chmod(folder, os.stat(self.ours).st_mode & 0o7777)
        if self.rounds > 1:
            shutil.rmtree(self.real.root)
        self.real = Side(folder)
        self.promises = Promises(self.real)
        self.promises.start(tree(folder))
        self.remote = Remote(self.ours)

    def until(self, fatal, limit=None):
        """Does operations until one ends with such an error, which is returned; nil at the limit."""
        while limit is None or limit > 0:
            limit = limit and limit - 1
            operation = self.source.next()
            found = self.remote.apply(operation)
            self.done = [*self.done[1 - SHOWN_OPERATIONS :], (operation, shown(found[1]))]
            if found[0] == "error" and (found[1] in fatal or found[1] == "EIO" and self.is_killed):
                self.counted["errors"][found[1]] = self.counted["errors"].get(found[1], 0) + 1
                return operation
            # A write that was cut short by a failure: the rest would have said so.
            if operation[0] in ("pwrite", "write") and found[1] != "no handle" and found[0] == "ok":
                if found[1] < operation[-1]:
                    return operation
            self.counted["operations"] += 1
            wanted = self.promises.apply(operation)
            if wanted != found:
                self.fail([f"{operation} gives {shown(found[1])}, not {shown(wanted[1])}"])
        return None

    def fail(self, lines):
        told = "\n".join(f"    {operation} -> {answer}" for operation, answer in self.done)
        raise Differs(f"seed {self.seed}, round {self.rounds}: {'; '.join(lines[:6])}\n  before it:\n{told}")

    def judge(self, *choices):
        """What the mount shows must be what was before the last operation, or what was after it."""
        self.counted["failures"] += 1
        found = tree(self.ours)
        complaints = [promises.broken(wanted, found) for promises, wanted in choices]
        if all(complaints):
            self.fail([*complaints[0][:3], "or, with the last operation done,", *complaints[1][:3]])
        self.go_on(found)

    def both(self, operation):
        """Promises and trees before and after an operation of which nobody knows whether it was done."""
        old = self.promises.copy(), tree(self.real.root)
        self.promises.apply(operation, succeeded=False)
        return old, (self.promises, tree(self.real.root))

    # Kills

    def kill(self):
        # A long write that is cut off in the middle says EIO.
        self.is_killed = True
        self.mounted.kill()

    def outlive_kills(self, start, rounds, changes_in_place, stages=False):
        """`start` mounts again after the daemon was killed; `stages`: fsync wants the local disk only."""
        for _ in range(rounds):
            killer = threading.Timer(self.chance.uniform(0.05, 1.2), self.kill)
            killer.start()
            operation = self.until(DEAD)
            killer.join()
            self.is_killed = False
            self.remote.stop()
            old, new = self.both(operation)
            if changes_in_place or stages:
                old[0].tear(synced_only=not changes_in_place)
                new[0].tear(synced_only=not changes_in_place)
            start()
            self.judge(old, new)

    # Errors of the store

    def outlive_errors(self, proxy, remount, count):
        """So many operations; `remount` unmounts and mounts again."""
        while self.counted["operations"] < count:
            set_faults(proxy, self.chance)
            operation = self.until(FAULTS, RULES_CHANGE_EVERY)
            proxy.flow()
            if operation is None:
                continue
            old, new = self.both(operation)
            for slot in list(self.real.slots):
                inode = self.promises.written_by(slot)
                closed = self.remote.apply(["close", slot])[0] == "ok"
                self.real.apply(["close", slot])
                if closed and inode:
                    old[0].state(inode).promise()
                    new[0].state(inode).promise()
            self.remote.stop()
            remount()
            self.judge(old, new, half_renamed(operation, old, new))

    def end(self, remount):
        """Nothing fails any more: the sides agree, also from another local disk."""
        self.remote.apply(["close_all"])
        self.real.apply(["close_all"])
        self.remote.stop()
        for how in ("now", "remounted"):
            lines = differences(tree(self.real.root), tree(self.ours))
            if lines:
                self.fail([how, *lines])
            remount()


def half_renamed(operation, old, new):
    """After a rename that failed because no answer came, the file may be under both names."""
    tree_now = dict(new[1])
    if operation[0] == "rename" and operation[3] != "exchange" and operation[1] in old[1]:
        tree_now[operation[1]] = old[1][operation[1]]
    return new[0], tree_now


def set_faults(proxy, chance):
    """Some of the ways in which a store fails, each now and then."""
    changes = ("PUT", "POST", "DELETE")
    questions = ("GET", "HEAD", "LIST", "ATTRIBUTES")
    kinds = chance.choice([questions, changes, changes, changes + questions])
    probability = chance.choice([0.05, 0.2, 0.5, 0.9])
    match chance.randrange(6):
        case 0:
            proxy.answer(500, "InternalError", kinds=kinds, probability=probability)
        case 1:
            proxy.answer(503, "SlowDown", kinds=kinds, probability=probability)
        case 2:
            proxy.cut(kinds=kinds, after=chance.choice([0, 100]), probability=probability)
        case 3:
            proxy.stall(kinds=kinds, probability=probability / 4)
        case 4:
            proxy.corrupt("short", kinds=("GET",), by=chance.choice([1, 5000]), probability=probability)
        case 5:
            pass


def rebuild(root, found):
    """Makes a directory what a tree describes."""
    first = {}
    for path in sorted(found):
        entry, target = found[path], os.path.join(root, path)
        mode = int(entry["mode"], 8)
        if "links" in entry and entry["inode"] in first:
            os.link(first[entry["inode"]], target, follow_symlinks=False)
            continue
        first[entry["inode"]] = target
        if "contents" in entry:
            with open(target, "wb") as file:
                file.write(entry["contents"])
        elif "target" in entry:
            os.symlink(entry["target"], target)
        elif "links" in entry:
            os.mknod(target, mode)
        else:
            os.mkdir(target)
        os.chown(target, *entry["owner"], follow_symlinks=False)
        if "target" not in entry:
            os.chmod(target, mode & 0o7777)
        for name, value in entry["attributes"].items():
            os.setxattr(target, name, value, follow_symlinks=False)
        if entry.get("modified", "now") != "now":
            os.utime(target, ns=(OLD, entry["modified"]))
