"""Random operations for the model: few names and few slots, so that they meet often."""

import os
import stat

FOLDERS = ["", "d0", "d1", "d0/s0", "d1/s0", "d0/s0/t0"]
NAMES = ["a", "b", "c d", "é", "e+%20f=", "n" * 60]
# None leads out of where the model runs.
TARGETS = ["a", "b", ".", "d0", "d0/a", "nowhere", "é", "s0/a"]
ATTRIBUTES = ["user.a", "user.b", "trusted.c"]
SLOTS = 5
KIB = 1 << 10

ACCESS = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR]
EXTRAS = [os.O_CREAT, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_TRUNC, os.O_CREAT | os.O_TRUNC, os.O_APPEND]

WEIGHTS = {
    "open": 14, "close": 9, "pwrite": 12, "write": 3, "pread": 6, "ftruncate": 4, "allocate": 5, "copy": 5,
    "mapped": 5, "mapped_after_close": 2, "fsync": 3, "fdatasync": 1, "fstat": 2, "fchmod": 1, "unnamed": 2,
    "name": 3, "put": 9, "get": 4, "stat": 4, "list": 4, "syncdir": 1, "truncate": 3, "rename": 8,
    "rename_folder": 4, "link": 4, "symlink": 3, "readlink": 1, "unlink": 7, "mkdir": 7, "rmdir": 3,
    "mknod": 1, "chmod": 3, "chown": 1, "utime": 3, "setxattr": 3, "getxattr": 1, "removexattr": 1,
    "listxattr": 1,
}  # fmt: skip


class Operations:
    """An endless source of operations; each is a list of a verb and its arguments, as JSON has them."""

    def __init__(self, chance):
        self.chance = chance
        self.number = 0

    def next(self):
        verb = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        self.number += 1
        made = getattr(self, verb, None)
        return made() if made else [verb, *self.arguments(verb)]

    def arguments(self, verb):
        """Of the verbs that take a slot, or a path, and no more."""
        by_slot = ("close", "fsync", "fdatasync", "fstat")
        if verb in by_slot:
            return [self.slot()]
        if verb == "rmdir":
            return [self.below()]
        return [self.folder() if verb in ("list", "syncdir") else self.path()]

    # Parts

    def slot(self):
        return self.chance.randrange(SLOTS)

    def folder(self):
        return self.chance.choice(FOLDERS)

    def below(self):
        return self.chance.choice(FOLDERS[1:])

    def path(self):
        """Mostly a file's; sometimes a directory's."""
        if self.chance.random() < 0.12:
            return self.below()
        return os.path.join(self.chance.choice(FOLDERS[:4] + [""]), self.chance.choice(NAMES))

    def offset(self):
        """Around the ends of pages and granules, and rarely far away."""
        if self.chance.random() < 0.03:
            return self.chance.randrange(12_000 * KIB)
        near = self.chance.choice([0, 0, 1, 4096, 32 * KIB, 100 * KIB])
        return max(0, near + self.chance.randrange(-200, 9000))

    def length(self):
        """Mostly short; rarely more than a part of an upload may be short."""
        if self.chance.random() < 0.02:
            return self.chance.randrange(6_000 * KIB)
        return self.chance.choice([0, 1, 100, 4096, 5000, 20_000, 70_000])

    def mode(self):
        return self.chance.randrange(0o1000) | 0o600

    # Verbs

    def open(self):
        flags = self.chance.choice(ACCESS)
        for _ in range(self.chance.randrange(3)):
            flags |= self.chance.choice(EXTRAS)
        return ["open", self.slot(), self.path(), flags, self.mode()]

    def unnamed(self):
        return ["unnamed", self.slot(), self.folder(), self.mode()]

    def pwrite(self):
        return ["pwrite", self.slot(), self.offset(), self.number, self.length()]

    def write(self):
        return ["write", self.slot(), self.number, self.length()]

    def pread(self):
        return ["pread", self.slot(), self.offset(), self.length()]

    def ftruncate(self):
        return ["ftruncate", self.slot(), self.offset()]

    def truncate(self):
        return ["truncate", self.path(), self.offset()]

    def allocate(self):
        how = self.chance.choice(["room", "keep", "punch", "punch", "zero", "zero-keep"])
        return ["allocate", self.slot(), how, self.offset(), max(1, self.length())]

    def copy(self):
        return ["copy", self.slot(), self.offset(), self.slot(), self.offset(), self.length()]

    def mapped(self):
        synced = self.chance.random() < 0.4
        return ["mapped", self.slot(), self.offset(), self.number, self.length(), synced]

    def mapped_after_close(self):
        return ["mapped_after_close", self.path(), self.offset(), self.number, self.length()]

    def fchmod(self):
        return ["fchmod", self.slot(), self.mode()]

    def name(self):
        return ["name", self.slot(), self.path()]

    def put(self):
        return ["put", self.path(), self.number, self.length()]

    def rename(self):
        return ["rename", self.path(), self.path(), self.how()]

    def rename_folder(self):
        return ["rename", self.below(), self.below(), self.how()]

    def how(self):
        return self.chance.choice(["replace", "replace", "replace", "noreplace", "exchange"])

    def link(self):
        return ["link", self.path(), self.path()]

    def symlink(self):
        return ["symlink", self.chance.choice(TARGETS), self.path()]

    def mkdir(self):
        return ["mkdir", self.below(), self.mode() | 0o700]

    def mknod(self):
        return ["mknod", self.path(), stat.S_IFIFO | self.mode()]

    def chmod(self):
        return ["chmod", self.path(), self.mode() | self.chance.choice([0, 0, 0o4000, 0o2000])]

    def chown(self):
        return ["chown", self.path(), self.chance.randrange(3), self.chance.randrange(3)]

    def utime(self):
        times = [self.chance.randrange(10**9, 1_400_000_000 * 10**9) for _ in range(2)]
        return ["utime", self.path(), *times]

    def setxattr(self):
        name, flags = self.chance.choice(ATTRIBUTES), self.chance.choice([0, 0, 1, 2])
        return ["setxattr", self.path(), name, self.number, self.chance.choice([0, 1, 30, 300]), flags]

    def getxattr(self):
        return ["getxattr", self.path(), self.chance.choice(ATTRIBUTES)]

    def removexattr(self):
        return ["removexattr", self.path(), self.chance.choice(ATTRIBUTES)]
