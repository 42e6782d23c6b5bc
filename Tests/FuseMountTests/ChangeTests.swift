import CFuse3
import CMountTestSupport
import FileSystem
import Glibc
import Metadata
import Testing

@testable import FuseMount

/// A mount that can be changed.
func withChanges(
    _ files: MemoryFileSystem,
    _ body: (MountFixture) throws -> Void
) throws {
    try withMount(files, { $0.isReadOnly = false }, body)
}

/// Opens a file or fails the test.
func opened(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws -> Int32 {
    let file = open(path, flags | O_CLOEXEC, mode)
    try #require(file >= 0, "\(path): \(errno)")
    return file
}

private func write(_ file: Int32, _ bytes: [UInt8]) -> Int { Glibc.write(file, bytes, bytes.count) }

func expectError(_ expected: Int32, _ result: some BinaryInteger) {
    let code = errno
    #expect(result == -1)
    #expect(code == expected)
}

@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)))
struct ChangeTests {
    @Test(
        "a file is made, written in whole requests of up to 1 MiB, and reads back",
        arguments: [false, true]
    )
    func writing(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        let bytes = pattern(3 << 20 + 1)
        try withChanges(files) { mount in
            let file = try opened(mount.at("a"), O_CREAT | O_EXCL | O_WRONLY, mode: 0o642)
            #expect(write(file, bytes) == bytes.count)
            #expect(close(file) == 0)
            try expectContents(of: mount.at("a"), bytes)
            let node = try #require(files.node("a"))
            #expect(node.bytes == bytes)
            #expect(node.mode & 0o170000 == 0o100000)
            let mask = umask(0)
            umask(mask)
            #expect(node.mode & 0o777 == 0o642 & ~mask)
            #expect(node.uid == geteuid())
            let sizes = files.notes.compactMap { $0.hasPrefix("write ") ? Int($0.dropFirst(6)) : nil }
            #expect(sizes.reduce(0, +) == bytes.count)
            // Not 128 KiB: each request may have cost a wait.
            #expect(sizes.count <= 4 + 3, "\(sizes)")
            #expect(mount.session.negotiated?.maxWriteBytes == 1 << 20)
            #expect(mount.session.negotiated?.maxReadBytes == 512 << 10)
        }
        #expect(files.openHandles == 0)
    }

    @Test("O_TRUNC and O_APPEND come with the open, and O_APPEND writes at the end")
    func openFlags() throws {
        let files = MemoryFileSystem()
        try withChanges(files) { mount in
            close(try opened(mount.at("a"), O_CREAT | O_WRONLY))
            let first = try opened(mount.at("a"), O_WRONLY | O_APPEND)
            #expect(write(first, [1, 2, 3]) == 3)
            #expect(write(first, [4]) == 1)
            close(first)
            #expect(files.node("a")?.bytes == [1, 2, 3, 4])
            close(try opened(mount.at("a"), O_WRONLY | O_TRUNC))
            #expect(files.node("a")?.bytes == [])
            #expect(files.notes.contains("open appending"))
            #expect(files.notes.contains("open truncating"))
            #expect(!files.notes.contains("change"), "the kernel truncates nothing by itself")
        }
    }

    @Test("directories, links and special files are made and removed", arguments: [false, true])
    func names(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        try withChanges(files) { mount in
            #expect(mkdir(mount.at("d"), 0o750) == 0)
            #expect(symlink("where/ever", mount.at("l")) == 0)
            #expect(mkfifo(mount.at("f"), 0o600) == 0)
            #expect(mknod(mount.at("n"), S_IFCHR | 0o600, 0x1_0203) == 0)
            close(try opened(mount.at("a"), O_CREAT | O_WRONLY))
            #expect(link(mount.at("a"), mount.at("b")) == 0)
            #expect(files.node("d").map { $0.mode & ~0o22 } == 0o40750)
            #expect(files.node("l").map { String(decoding: $0.bytes, as: UTF8.self) } == "where/ever")
            #expect(files.node("l")?.mode == 0o120777)
            #expect(files.node("f").map { $0.mode & 0o170000 } == 0o10000)
            #expect(files.node("n")?.device == 0x1_0203)
            #expect(files.node("b")?.links == 2)
            expectError(EEXIST, mkdir(mount.at("d"), 0o750))
            close(try opened(mount.at("d/x"), O_CREAT | O_WRONLY))
            expectError(ENOTEMPTY, rmdir(mount.at("d")))
            for name in ["d/x", "l", "f", "n", "a", "b"] { #expect(unlink(mount.at(name)) == 0, "\(name)") }
            #expect(rmdir(mount.at("d")) == 0)
            for name in ["d", "l", "f", "n", "a", "b"] { #expect(files.node(name) == nil, "\(name)") }
        }
    }

    @Test(
        "rename replaces, exchanges, or refuses to replace, and knows no other flags",
        arguments: [false, true]
    )
    func renaming(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        try withChanges(files) { mount in
            for name in ["a", "b"] {
                let file = try opened(mount.at(name), O_CREAT | O_WRONLY)
                #expect(write(file, Array(name.utf8)) == 1)
                close(file)
            }
            #expect(test_renameat2(mount.at("a"), mount.at("b"), 2) == 0)
            try expectContents(of: mount.at("a"), Array("b".utf8))
            expectError(EEXIST, test_renameat2(mount.at("a"), mount.at("b"), 1))
            expectError(EINVAL, test_renameat2(mount.at("a"), mount.at("b"), 4))
            #expect(rename(mount.at("a"), mount.at("b")) == 0)
            try expectContents(of: mount.at("b"), Array("b".utf8))
            #expect(access(mount.at("a"), F_OK) == -1)
            #expect(
                files.notes.filter { $0.hasPrefix("rename") } == [
                    "rename a b exchange", "rename a b replace",
                ]
            )
        }
    }

    @Test("mode, owner, length and times are changed, each alone", arguments: [false, true])
    func attributes(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        try withChanges(files) { mount in
            let path = mount.at("a")
            let file = try opened(path, O_CREAT | O_RDWR)
            #expect(write(file, [1, 2, 3, 4]) == 4)
            #expect(chmod(path, 0o4711) == 0)
            #expect(files.node("a")?.mode == 0o104711)
            #expect(chown(path, 12, uid_t.max) == 0)
            #expect(files.node("a")?.uid == 12)
            #expect(files.node("a")?.gid == getegid())
            #expect(truncate(path, 2) == 0)
            #expect(files.node("a")?.bytes == [1, 2])
            #expect(ftruncate(file, 3) == 0)
            #expect(files.node("a")?.bytes == [1, 2, 0])
            #expect(files.notesBesidesFlush.last == "change of an open file")
            var times = [
                timespec(tv_sec: -5, tv_nsec: 999_999_999), timespec(tv_sec: 0, tv_nsec: 1_073_741_822),
            ]
            #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
            #expect(files.node("a")?.accessed == -4_000_000_001)
            #expect(files.node("a")?.modified != -1, "UTIME_OMIT")
            times = [
                timespec(tv_sec: 0, tv_nsec: 1_073_741_822), timespec(tv_sec: 0, tv_nsec: 1_073_741_823),
            ]
            #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
            #expect(files.node("a")?.accessed == -4_000_000_001)
            #expect(files.node("a")?.modified == -1, "UTIME_NOW")
            close(file)
        }
    }

    @Test(
        "fsync of files and directories and fdatasync arrive; close flushes, and says what that said"
    )
    func durability() throws {
        let files = MemoryFileSystem()
        try withChanges(files) { mount in
            let file = try opened(mount.at("a"), O_CREAT | O_RDWR)
            #expect(fsync(file) == 0)
            #expect(fdatasync(file) == 0)
            let directory = try opened(mount.path, O_RDONLY | O_DIRECTORY)
            #expect(fsync(directory) == 0)
            close(directory)
            #expect(Array(files.notesBesidesFlush.suffix(3)) == ["fsync", "fdatasync", "fsyncdir"])
            files.fail("fsync", with: .noSpace("the staging directory is full"))
            expectError(ENOSPC, fsync(file))
            files.fail("flush", with: .stale)
            expectError(ESTALE, close(file))
            files.fail("flush", with: nil)
            // RELEASE comes after close has returned.
            try #require(eventually { files.openHandles == 0 })
            let count = files.notes.count
            let reader = try opened(mount.at("a"), O_RDONLY)
            #expect(close(reader) == 0)
            #expect(eventually { files.openHandles == 0 })
            #expect(Array(files.notes[count...]) == ["open", "release"], "a reader has nothing to flush")
        }
    }

    @Test("what a store refuses is the errno of the write")
    func refusals() throws {
        let files = MemoryFileSystem()
        try withChanges(files) { mount in
            let file = try opened(mount.at("a"), O_CREAT | O_WRONLY)
            let errors: [(FileSystemError, Int32)] = [
                (.noSpace("x"), ENOSPC), (.quotaExceeded("x"), EDQUOT), (.tooLarge, EFBIG),
                (.denied("x"), EACCES),
                (.inputOutput("x"), EIO), (.stale, ESTALE), (.badHandle, EBADF), (.readOnly, EROFS),
            ]
            for (error, code) in errors {
                files.fail("write", with: error)
                expectError(code, write(file, [1]))
            }
            close(file)
        }
    }

    @Test(
        "fallocate and copy_file_range reach the file system, or the kernel copies by itself",
        arguments: [false, true]
    )
    func extents(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        try withChanges(files) { mount in
            let source = try opened(mount.at("a"), O_CREAT | O_RDWR)
            let target = try opened(mount.at("b"), O_CREAT | O_RDWR)
            #expect(write(source, [1, 2, 3, 4]) == 4)
            #expect(test_fallocate(target, 3, 4096, 8192) == 0)
            #expect(files.notesBesidesFlush.last == "allocate 3 4096 8192")
            files.fail("allocate", with: .unsupported)
            expectError(EOPNOTSUPP, test_fallocate(target, 0, 0, 10))
            files.fail("allocate", with: nil)
            #expect(test_fallocate(target, 0, 0, 10) == 0, "the kernel asks again")
            #expect(test_copy_file_range(source, 1, target, 0, 2) == 2)
            #expect(files.node("b")?.bytes == [2, 3])
            #expect(files.notesBesidesFlush.last == "copy 2")
            files.fail("copy", with: .unsupported)
            #expect(test_copy_file_range(source, 0, target, 0, 4) == 4)
            #expect(files.node("b")?.bytes == [1, 2, 3, 4])
            close(source)
            close(target)
        }
    }

    @Test("extended attributes are set, replaced and removed as asked", arguments: [false, true])
    func extendedAttributes(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        try withChanges(files) { mount in
            let path = mount.at("a")
            close(try opened(path, O_CREAT | O_WRONLY))
            expectError(ENODATA, test_setxattr_flags(path, "user.x", "1", 1, 2))
            #expect(test_setxattr_flags(path, "user.x", "1", 1, 1) == 0)
            expectError(EEXIST, test_setxattr_flags(path, "user.x", "2", 1, 1))
            #expect(test_setxattr_flags(path, "user.x", "23", 2, 2) == 0)
            #expect(test_setxattr_flags(path, "user.alluxio.invalidate", "", 0, 0) == 0)
            var value = [UInt8](repeating: 0, count: 8)
            #expect(test_getxattr(path, "user.x", &value, 8) == 2)
            #expect(test_removexattr(path, "user.x") == 0)
            expectError(ENODATA, test_removexattr(path, "user.x"))
            // It would not come back as it was.
            let name = Array("user.".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
            expectError(EOPNOTSUPP, test_setxattr_flags(path, name, "", 0, 0))
            expectError(ENODATA, test_removexattr(path, name))
        }
    }

    @Test("a file without a name can be opened, written and given a name", arguments: [false, true])
    func unnamed(waits: Bool) throws {
        let files = MemoryFileSystem(waits: waits)
        try withChanges(files) { mount in
            let file = test_open_unnamed(mount.path, 0o600)
            try #require(file >= 0, "\(errno)")
            #expect(files.notes.contains("tmpfile"))
            #expect(write(file, [1, 2, 3]) == 3)
            var found = stat()
            #expect(fstat(file, &found) == 0)
            #expect(found.st_nlink == 0)
            #expect(test_name_file(file, mount.at("a")) == 0)
            close(file)
            try expectContents(of: mount.at("a"), [1, 2, 3])
        }
    }

    @Test("a file system without unnamed files says EOPNOTSUPP, and is asked again")
    func noUnnamed() throws {
        let files = MemoryFileSystem()
        files.fail("tmpfile", with: .unsupported)
        try withChanges(files) { mount in
            expectError(EOPNOTSUPP, test_open_unnamed(mount.path, 0o600))
            files.fail("tmpfile", with: nil)
            let file = test_open_unnamed(mount.path, 0o600)
            #expect(file >= 0)
            close(file)
        }
    }

    @Test("what is written into a shared mapping is written to the file")
    func mapping() throws {
        let files = MemoryFileSystem(waits: true)
        try withChanges(files) { mount in
            let file = try opened(mount.at("a"), O_CREAT | O_RDWR)
            #expect(ftruncate(file, 8192) == 0)
            let map = try #require(mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
            try #require(map != MAP_FAILED)
            let bytes = pattern(8192)
            map.copyMemory(from: bytes, byteCount: 8192)
            #expect(msync(map, 8192, Int32(MS_SYNC)) == 0)
            #expect(files.node("a")?.bytes == bytes)
            munmap(map, 8192)
            close(file)
        }
    }
}
