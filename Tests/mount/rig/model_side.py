"""One directory that operations of the model are done in: a mount, or a local file system to compare with."""

import ctypes
import errno
import os
import random
import stat
import time

RENAME_FLAGS = {"replace": 0, "noreplace": 1, "exchange": 2}
ALLOCATIONS = {"room": 0, "keep": 1, "punch": 3, "zero": 16, "zero-keep": 17}
PAGE = 4096
OLD = 1_500_000_000 * 10**9

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
for _name in ("munmap", "msync"):
    getattr(_libc, _name).argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * (_name == "msync")


def body(number, length):
    """Bytes that are named by a number."""
    return random.Random(number).randbytes(length)


def checked(result):
    """The result of a call of the C library, or its error."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


class NoHandle(Exception):
    """The slot is empty: on both sides nothing is done."""


class Side:
    """Does operations below `root`; each returns ("ok", value) or ("error", name of the errno)."""

    def __init__(self, root):
        self.root = root
        self.slots = {}

    def apply(self, operation):
        """Does one operation: a verb and its arguments."""
        verb, *arguments = operation
        try:
            return "ok", getattr(self, "do_" + verb)(*arguments)
        except NoHandle:
            return "ok", "no handle"
        except OSError as problem:
            return "error", errno.errorcode.get(problem.errno, str(problem.errno))

    def at(self, path):
        return os.path.join(self.root, path) if path else self.root

    def slot(self, number):
        if number not in self.slots:
            raise NoHandle
        return self.slots[number]

    # Open files

    def do_open(self, slot, path, flags, mode):
        if slot in self.slots:
            self.do_close(slot)
        self.slots[slot] = os.open(self.at(path), flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)

    def do_unnamed(self, slot, path, mode):
        self.do_open(slot, path, os.O_RDWR | os.O_TMPFILE, mode)

    def do_close(self, slot):
        descriptor = self.slot(slot)
        del self.slots[slot]
        os.close(descriptor)

    def do_pwrite(self, slot, offset, number, length):
        return os.pwrite(self.slot(slot), body(number, length), offset)

    def do_write(self, slot, number, length):
        return os.write(self.slot(slot), body(number, length))

    def do_pread(self, slot, offset, length):
        return os.pread(self.slot(slot), length, offset)

    def do_ftruncate(self, slot, size):
        os.ftruncate(self.slot(slot), size)

    def do_allocate(self, slot, how, offset, length):
        checked(_libc.fallocate(self.slot(slot), ALLOCATIONS[how], offset, length))

    def do_copy(self, source, offset, target, target_offset, length):
        done = 0
        while done < length:
            count = os.copy_file_range(
                self.slot(source), self.slot(target), length - done, offset + done, target_offset + done
            )
            if count == 0:
                break
            done += count
        return done

    def do_fsync(self, slot):
        os.fsync(self.slot(slot))

    def do_fdatasync(self, slot):
        os.fdatasync(self.slot(slot))

    def do_fstat(self, slot):
        return facts(os.fstat(self.slot(slot)))

    def do_fchmod(self, slot, mode):
        os.fchmod(self.slot(slot), mode)

    def do_mapped(self, slot, offset, number, length, synced):
        descriptor = self.slot(slot)
        self.store(descriptor, offset, number, length, synced, closes=False)

    def do_mapped_after_close(self, path, offset, number, length):
        descriptor = os.open(self.at(path), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.store(descriptor, offset, number, length, False, closes=True)

    def store(self, descriptor, offset, number, length, synced, closes):
        """Stores bytes through a shared mapping, inside of the file."""
        status = os.fstat(descriptor)
        length = min(length, status.st_size - offset) if stat.S_ISREG(status.st_mode) else 0
        if length <= 0:
            return os.close(descriptor) if closes else None
        start = offset // PAGE * PAGE
        whole = offset + length - start
        # PROT_READ | PROT_WRITE, MAP_SHARED; Python's own mapping would keep a duplicate of the descriptor.
        address = checked_map(_libc.mmap(None, whole, 3, 1, descriptor, start))
        if closes:
            os.close(descriptor)
        ctypes.memmove(address + offset - start, body(number, length), length)
        if synced:
            checked(_libc.msync(address, whole, 4))
        checked(_libc.munmap(address, whole))

    # Names

    def do_put(self, path, number, length):
        descriptor = os.open(self.at(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o644)
        try:
            os.write(descriptor, body(number, length))
        finally:
            os.close(descriptor)

    def do_get(self, path):
        descriptor = os.open(self.at(path), os.O_RDONLY | os.O_NONBLOCK)
        try:
            found = b""
            while part := os.read(descriptor, 1 << 20):
                found += part
            return found
        finally:
            os.close(descriptor)

    def do_stat(self, path):
        return facts(os.stat(self.at(path), follow_symlinks=False))

    def do_list(self, path):
        return sorted(os.listdir(self.at(path)))

    def do_syncdir(self, path):
        descriptor = os.open(self.at(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def do_truncate(self, path, size):
        # open(2) of a fifo would wait, and truncate(2) does not take one.
        os.truncate(self.at(path), size)

    def do_rename(self, path, target, how):
        source, target = os.fsencode(self.at(path)), os.fsencode(self.at(target))
        checked(_libc.renameat2(-100, source, -100, target, RENAME_FLAGS[how]))

    def do_link(self, path, target):
        os.link(self.at(path), self.at(target), follow_symlinks=False)

    def do_name(self, slot, target):
        """Names an open file, such as one of O_TMPFILE."""
        source = f"/proc/self/fd/{self.slot(slot)}".encode()
        checked(_libc.linkat(-100, source, -100, os.fsencode(self.at(target)), 0x400))

    def do_symlink(self, text, path):
        os.symlink(text, self.at(path))

    def do_readlink(self, path):
        return os.readlink(self.at(path))

    def do_unlink(self, path):
        os.unlink(self.at(path))

    def do_mkdir(self, path, mode):
        os.mkdir(self.at(path), mode)

    def do_rmdir(self, path):
        os.rmdir(self.at(path))

    def do_mknod(self, path, mode):
        os.mknod(self.at(path), mode)

    def do_chmod(self, path, mode):
        os.chmod(self.at(path), mode)

    def do_chown(self, path, uid, gid):
        os.chown(self.at(path), uid, gid, follow_symlinks=False)

    def do_utime(self, path, accessed, modified):
        os.utime(self.at(path), ns=(accessed, modified), follow_symlinks=False)

    def do_setxattr(self, path, name, number, length, flags):
        os.setxattr(self.at(path), name, body(number, length), flags, follow_symlinks=False)

    def do_getxattr(self, path, name):
        return os.getxattr(self.at(path), name, follow_symlinks=False)

    def do_removexattr(self, path, name):
        os.removexattr(self.at(path), name, follow_symlinks=False)

    def do_listxattr(self, path):
        return listed_attributes(self.at(path))

    # The whole

    def do_pause(self, seconds):
        time.sleep(seconds)

    def do_close_all(self):
        """Closes every slot; returns how each ended."""
        ends = {}
        for number in sorted(self.slots):
            ends[number] = self.apply(["close", number])
        return ends


def checked_map(address):
    """The address of a mapping, or the error."""
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "")
    return address


def listed_attributes(path):
    """The names of extended attributes that somebody set."""
    names = os.listxattr(path, follow_symlinks=False)
    return sorted(name for name in names if not name.startswith(("user.alluxio.", "security.", "system.")))


def facts(status):
    """What stat(2) says that both sides must agree on."""
    kind = stat.S_IFMT(status.st_mode)
    found = {"mode": oct(status.st_mode), "owner": (status.st_uid, status.st_gid)}
    if kind != stat.S_IFDIR:
        found["links"] = status.st_nlink
    if kind in (stat.S_IFREG, stat.S_IFLNK):
        found["size"] = status.st_size
    if kind == stat.S_IFREG:
        # Times that were set lie in the past; the clock's own differ between the sides.
        found["modified"] = status.st_mtime_ns if status.st_mtime_ns < OLD else "now"
    return found


def tree(root):
    """Everything below a directory, by path: facts, contents or target, attributes, and the inode."""
    found = {}
    for base, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(base, name)
            status = os.lstat(path)
            entry = facts(status)
            if stat.S_ISREG(status.st_mode):
                entry["contents"] = contents(path)
            if stat.S_ISLNK(status.st_mode):
                entry["target"] = os.readlink(path)
            names = listed_attributes(path)
            entry["attributes"] = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
            entry["inode"] = status.st_ino
            found[os.path.relpath(path, root)] = entry
    return found


def contents(path):
    """A file's bytes; the name of an error in their place."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as problem:
        return errno.errorcode[problem.errno].encode()


def differences(wanted, found):
    """One line for each path of two trees that differs; inodes do not count."""
    lines = []
    for path in sorted(set(wanted) | set(found)):
        if path not in found or path not in wanted:
            lines.append(f"{path!r} is {'missing' if path in wanted else 'there although it should not be'}")
            continue
        for what in sorted(set(wanted[path]) | set(found[path])):
            one, other = wanted[path].get(what), found[path].get(what)
            if what != "inode" and one != other:
                lines.append(f"{path!r}: {what} is {shown(other)}, not {shown(one)}")
    return lines


def shown(value):
    """A value in a line."""
    if isinstance(value, bytes) and len(value) > 24:
        return f"{len(value)} bytes {value[:8].hex()}…"
    return repr(value)
