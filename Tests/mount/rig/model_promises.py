"""What a mount has promised of each file, when its daemon is killed or its store fails."""

import copy
import fcntl
import hashlib
import os
import stat

from rig.model_side import differences

CHANGES_SLOT = {"pwrite": 0, "write": 0, "ftruncate": 0, "allocate": 0, "mapped": 0, "copy": 2, "unnamed": 0}
CHANGES_PATH = ("put", "truncate", "mapped_after_close")


class FileState:
    """Contents that a file may have, by their digests."""

    def __init__(self):
        # After the last close or fsync that succeeded; none: it was never promised.
        self.durable = set()
        # After each change since.
        self.since = []
        # What had the name before an unfinished file got it.
        self.replaced = set()
        # A commit in place was under way.
        self.torn = False
        # The last promise was a sync, not a close.
        self.synced = False

    @property
    def possible(self):
        return self.durable | set(self.since) | self.replaced

    def promise(self, synced=False):
        """Closed or synced without an error."""
        self.synced = synced
        if self.since:
            self.durable = {self.since[-1]}
        self.since, self.replaced = [], set()


def digest(data):
    return hashlib.sha256(data).digest()


class Promises:
    """Watches operations on the real side."""

    def __init__(self, side):
        self.side = side
        self.files = {}

    def copy(self):
        """The promises of this moment."""
        result = Promises(self.side)
        result.files = copy.deepcopy(self.files)
        return result

    def start(self, found):
        """Everything of a tree is in the store."""
        self.files = {}
        for entry in found.values():
            if "contents" in entry:
                self.state(entry["inode"]).durable = {digest(entry["contents"])}

    def state(self, inode):
        return self.files.setdefault(inode, FileState())

    def apply(self, operation, succeeded=True):
        """Does an operation on the real side, of which a mount has said that it succeeded, or not."""
        verb, *arguments = operation
        closing = self.written_by(arguments[0]) if verb in ("close", "open") else None
        closing = self.inode_of(arguments[0]) if verb in ("fsync", "fdatasync") else closing
        before = self.at_target(arguments) if verb == "rename" and arguments[2] == "replace" else None
        path = {"put": 0, "open": 1}.get(verb)
        was_there = path is None or os.path.exists(self.side.at(arguments[path]))
        answer = self.side.apply(operation)
        if answer[0] == "error" and verb != "put":
            return answer
        if closing and succeeded:
            self.state(closing).promise(synced=verb in ("fsync", "fdatasync"))
        if verb == "name":
            self.look(f"/proc/self/fd/{self.side.slots.get(arguments[0], -1)}")
        if before:
            self.note_replaced(before, arguments[1])
        if not was_there or verb == "put" or (verb == "open" and arguments[2] & os.O_TRUNC):
            self.note_empty(verb, arguments, was_there)
        if verb == "unnamed":
            # Inode numbers of files that are gone are used again.
            self.files.pop(self.inode_of(arguments[0]), None)
        if verb in CHANGES_SLOT and (slot := arguments[CHANGES_SLOT[verb]]) in self.side.slots:
            self.look(f"/proc/self/fd/{self.side.slots[slot]}")
        if verb in CHANGES_PATH:
            inode = self.look(self.side.at(arguments[0]))
            if verb == "put" and inode and succeeded and answer[0] == "ok":
                self.state(inode).promise()
        return answer

    def note_empty(self, verb, arguments, was_there):
        """A file that is made, or cut, is empty first."""
        if verb == "open":
            path = f"/proc/self/fd/{self.side.slots[arguments[0]]}"
        else:
            path = self.side.at(arguments[0])
        if not was_there and os.path.exists(path):
            self.files.pop(os.stat(path).st_ino, None)
        if inode := self.look(path):
            self.state(inode).since.insert(-1, digest(b""))

    def note_replaced(self, before, target):
        """An unfinished file over another one: until it is finished, the other may come back."""
        inode = self.inode_at(self.side.at(target))
        if inode and inode in self.files and self.files[inode].since:
            self.files[inode].replaced |= before

    def at_target(self, arguments):
        inode = self.inode_at(self.side.at(arguments[1]))
        return set(self.files[inode].possible) if inode in self.files else set()

    def inode_of(self, slot):
        if slot not in self.side.slots:
            return None
        status = os.fstat(self.side.slots[slot])
        return status.st_ino if stat.S_ISREG(status.st_mode) else None

    def written_by(self, slot):
        """The file that a close of a slot stores: what is open for reading only stores nothing."""
        inode = self.inode_of(slot)
        if inode is None or fcntl.fcntl(self.side.slots[slot], fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            return None
        return inode

    def inode_at(self, path):
        try:
            status = os.lstat(path)
        except OSError:
            return None
        return status.st_ino if stat.S_ISREG(status.st_mode) else None

    def look(self, path):
        """Notes the contents of a regular file that was changed; returns its inode."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                self.state(status.st_ino).since.append(digest(file.readall()))
            return status.st_ino
        finally:
            os.close(descriptor)

    def tear(self, synced_only):
        """What is unfinished may be partly new: a commit in place was under way.

        With `synced_only` only what was synced before: bytes that are promised are changed where they lie,
        as on a disk.
        """
        for state in self.files.values():
            state.torn = bool(state.since) and (state.synced or not synced_only)

    def broken(self, wanted, found):
        """One line for each promise that a tree breaks, compared with that of the real side."""
        lines, wanted, found = [], dict(wanted), dict(found)
        for path, entry in list(wanted.items()):
            state = self.files.get(entry["inode"]) if "contents" in entry else None
            if not state or not state.since:
                continue
            del wanted[path]
            there = found.pop(path, None)
            if state.torn:
                continue
            if there is None:
                if state.durable:
                    lines.append(f"{path!r} is missing; it was closed or synced, and changed since")
            elif "contents" not in there:
                lines.append(f"{path!r} is no file: {there}")
            elif digest(there["contents"]) not in state.possible:
                count = len(there["contents"])
                lines.append(f"{path!r} is neither old nor new: {count} bytes, wanted {entry.get('size')}")
        return lines + differences(wanted, found)
