import CFuse3
import CMountTestSupport
import FileSystem
import Glibc
import Pages
import Testing

@testable import FuseMount

@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)))
struct OperationTests {
    @Test("stat shows what the file system says")
    func attributes() throws {
        let files = FakeFileSystem()
        let node = files.add("a", .memory(pattern(1000)))
        try withMount(files) { mount in
            var found = stat()
            try #require(stat(mount.at("a"), &found) == 0)
            #expect(found.st_ino == ino_t(node + 1000))
            #expect(found.st_mode == 0o100644)
            #expect(found.st_size == 1000)
            #expect(found.st_blocks == 2)
            #expect(found.st_uid == 7)
            #expect(found.st_gid == 8)
            #expect(found.st_mtim.tv_sec == 1_700_000_000)
            #expect(found.st_mtim.tv_nsec == 123_456_789)
            #expect(found.st_ctim.tv_sec == -1)
            #expect(found.st_ctim.tv_nsec == 999_999_999)
        }
    }

    @Test("a missing name is ENOENT, and asked again only when its validity is over")
    func missingNames() throws {
        for (valid, lookups) in [(Duration.zero, 3), (.seconds(60), 1)] {
            let files = FakeFileSystem(negativeValid: valid)
            try withMount(files) { mount in
                for _ in 0..<3 {
                    var found = stat()
                    #expect(stat(mount.at("none"), &found) == -1)
                    #expect(errno == ENOENT)
                }
                #expect(files.calls.lookups == lookups)
            }
        }
    }

    @Test(
        "a file of each size reads equal, buffered and direct",
        arguments: [0, 1, 4095, 4096, 131_073, 3_000_001]
    )
    func reading(size: Int) throws {
        let files = FakeFileSystem()
        let bytes = pattern(size)
        files.add("a", .memory(bytes))
        try withMount(files) { mount in
            try expectContents(of: mount.at("a"), bytes)
            try expectContents(of: mount.at("a"), bytes, direct: true)
            // RELEASE comes after close has returned.
            #expect(eventually { files.openHandles == 0 })
        }
    }

    @Test("every change answers EROFS if the file system refuses it, and with the read-only mount option")
    func mutations() throws {
        for isReadOnly in [true, false] {
            let files = FakeFileSystem()
            files.add("a", .memory([1, 2, 3]))
            files.add("d", .directory([]))
            try withMount(files, { $0.isReadOnly = isReadOnly }) { mount in
                let (a, b) = (mount.at("a"), mount.at("b"))
                func refuses(_ what: String, _ call: () -> Int32) {
                    #expect(call() == -1, "\(what)")
                    #expect(errno == EROFS, "\(what): \(errno)")
                }
                refuses("creat") { creat(b, 0o644) }
                refuses("open for writing") { open(a, O_WRONLY) }
                refuses("open to truncate") { open(a, O_RDWR | O_TRUNC) }
                refuses("truncate") { truncate(a, 0) }
                refuses("mkdir") { mkdir(b, 0o755) }
                refuses("rmdir") { rmdir(mount.at("d")) }
                refuses("unlink") { unlink(a) }
                refuses("rename") { rename(a, b) }
                refuses("link") { link(a, b) }
                refuses("symlink") { symlink("x", b) }
                refuses("chmod") { chmod(a, 0o600) }
                refuses("chown") { chown(a, 1, 1) }
                refuses("mkfifo") { mkfifo(b, 0o600) }
                refuses("utimes") { utimes(a, nil) }
                refuses("setxattr") { test_setxattr(a, "user.x", "y", 1) }
                refuses("removexattr") { test_removexattr(a, "user.alluxio.etag") }
                if isReadOnly { refuses("access") { access(a, W_OK) } }
                #expect(access(a, R_OK) == 0)
            }
        }
    }

    @Test("symbolic links lead where they point")
    func links() throws {
        let files = FakeFileSystem()
        files.add("a", .memory([7]))
        files.add("l", .link("a"))
        try withMount(files) { mount in
            try expectContents(of: mount.at("l"), [7])
            var target = [CChar](repeating: 0, count: 16)
            #expect(readlink(mount.at("l"), &target, target.count) == 1)
        }
    }

    @Test("extended attributes can be listed, probed for their size and read; too little room is ERANGE")
    func extendedAttributes() throws {
        let files = FakeFileSystem()
        files.add("a", .memory([7]))
        try withMount(files) { mount in
            let path = mount.at("a")
            var value = [UInt8](repeating: 0, count: 64)
            #expect(test_getxattr(path, "user.alluxio.etag", nil, 0) == 10)
            #expect(test_getxattr(path, "user.alluxio.etag", &value, value.count) == 10)
            #expect(Array(value.prefix(10)) == Array("0123456789".utf8))
            #expect(test_getxattr(path, "user.alluxio.etag", &value, 9) == -1)
            #expect(errno == ERANGE)
            #expect(test_getxattr(path, "user.none", &value, 9) == -1)
            #expect(errno == ENODATA)
            var names = [CChar](repeating: 0, count: 64)
            #expect(test_listxattr(path, nil, 0) == 35)
            #expect(test_listxattr(path, &names, names.count) == 35)
            #expect(test_listxattr(path, &names, 10) == -1)
            #expect(errno == ERANGE)
        }
    }

    @Test("setting user.alluxio.invalidate reaches the file system")
    func invalidation() throws {
        let files = FakeFileSystem()
        let node = files.add("a", .memory([7]))
        // The kernel itself refuses on a mount that is read-only.
        try withMount(files, { $0.isReadOnly = false }) { mount in
            #expect(test_setxattr(mount.at("a"), "user.alluxio.invalidate", "now", 3) == 0)
        }
        #expect(files.calls.attributesSet == ["\(node) now"])
    }

    @Test("statfs shows the totals")
    func totals() throws {
        try withMount(FakeFileSystem()) { mount in
            var totals = statvfs()
            try #require(statvfs(mount.path, &totals) == 0)
            #expect(totals.f_bsize == 4096)
            #expect(totals.f_blocks == 1 << 30)
            #expect(totals.f_namemax == 255)
        }
    }

    @Test("SEEK_DATA and SEEK_HOLE are the file system's, past the end ENXIO")
    func seeking() throws {
        let files = FakeFileSystem()
        files.add("a", .memory(pattern(10_000)))
        try withMount(files) { mount in
            let file = open(mount.at("a"), O_RDONLY)
            defer { close(file) }
            #expect(lseek(file, 5000, 3) == 5000)
            #expect(lseek(file, 5000, 4) == 10_000)
            #expect(lseek(file, 10_000, 3) == -1)
            #expect(errno == ENXIO)
        }
    }

    @Test("advisory locks, mmap and poll work without the file system")
    func kernelFallbacks() throws {
        let files = FakeFileSystem()
        let bytes = pattern(20_000)
        files.add("a", .memory(bytes))
        try withMount(files) { mount in
            let file = open(mount.at("a"), O_RDONLY)
            defer { close(file) }
            #expect(flock(file, LOCK_SH) == 0)
            var lock = flock()
            lock.l_type = Int16(F_RDLCK)
            #expect(fcntl(file, F_SETLK, &lock) == 0)
            var ready = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            #expect(poll(&ready, 1, 1000) == 1)
            let map = mmap(nil, bytes.count, PROT_READ, MAP_SHARED, file, 0)
            try #require(map != MAP_FAILED)
            #expect(Array(UnsafeRawBufferPointer(start: map, count: bytes.count)) == bytes)
            munmap(map, bytes.count)
        }
    }

    @Test("opened with direct_io every read reaches the file system, and the file can still be mapped")
    func directIO() throws {
        let files = FakeFileSystem()
        let bytes = pattern(8192)
        files.add("a", .memory(bytes))
        try withMount(files, { $0.directIO = true }) { mount in
            for _ in 0..<3 { try expectContents(of: mount.at("a"), bytes) }
            #expect(files.calls.reads >= 3)
            let file = open(mount.at("a"), O_RDONLY)
            defer { close(file) }
            let map = mmap(nil, bytes.count, PROT_READ, MAP_SHARED, file, 0)
            // FUSE_DIRECT_IO_ALLOW_MMAP, which older kernels do not offer.
            let maps = (mount.session.negotiated?.acceptedFlags ?? 0) & 1 << 36 != 0
            #expect((map != MAP_FAILED) == maps)
            if let map, map != MAP_FAILED {
                #expect(Array(UnsafeRawBufferPointer(start: map, count: bytes.count)) == bytes)
                munmap(map, bytes.count)
            }
        }
    }

    @Test("each error of the file system is its errno to the reader")
    func errors() throws {
        let files = FakeFileSystem()
        files.add("io", .memory([1]), error: .inputOutput("GET of x failed"))
        files.add("denied", .memory([1]), error: .denied("GET of x"))
        files.add("stale", .memory([1]), error: .stale)
        try withMount(files) { mount in
            for (name, expected) in [("io", EIO), ("denied", EACCES), ("stale", ESTALE)] {
                let file = test_open_direct(mount.at(name))
                defer { close(file) }
                let buffer = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
                defer { buffer.deallocate() }
                #expect(pread(file, buffer, 4096, 0) == -1)
                #expect(errno == expected)
            }
        }
    }

    @Test("what LOOKUP and READDIRPLUS counted is forgotten in full when a name leads elsewhere")
    func forgetting() throws {
        let files = FakeFileSystem(valid: .zero)
        let directory = files.add("d", .directory([]))
        let names = (0..<300).map { "f\($0)" }
        files.addMany(names, to: directory)
        let old = (directory + 1)...(directory + 300)
        try withMount(files, { $0.directoryAttributes = .always }) { mount in
            var found = stat()
            let child = try ChildProcess("ls", ["-l", mount.at("d")])
            try #require(child.wait(atMost: .seconds(10)) == 0)
            #expect(old.allSatisfy { files.references($0) > 0 })
            // A new version of each file: a new node under the same name.
            for name in names { files.add(name, .memory([1]), to: directory) }
            for name in names { #expect(stat(mount.at("d/\(name)"), &found) == 0) }
            #expect(eventually { old.allSatisfy { files.references($0) == 0 } })
            #expect(eventually { files.openHandles == 0 })
        }
    }
}
