import CFuse3
import CMountTestSupport
import Glibc
import Logging
import Testing

@testable import FuseMount

@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)))
struct SessionTests {
    private func session(_ path: String, _ change: (inout MountOptions) -> Void = { _ in }) -> FuseSession {
        var options = MountOptions(mountpoint: path, fsname: "s3://bucket")
        change(&options)
        return FuseSession(
            operations: FakeFileSystem(),
            options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            handOver: { _ in false }
        )
    }

    @Test("the mount table shows URI, type and flags")
    func table() throws {
        try withMount(FakeFileSystem()) { mount in
            let entry = try #require(MountTable.ours().last { $0.mountpoint == Array(mount.path.utf8) })
            #expect(entry.source == "s3://bucket/a,b c")
            #expect(entry.type == "fuse.alluxio-fuse")
            let options = entry.options.split(separator: ",")
            #expect(options.contains("ro") && options.contains("nosuid") && options.contains("nodev"))
            #expect(!options.contains("noexec"))
            #expect(entry.superOptions.contains("max_read=524288"))
        }
    }

    @Test("INIT agrees on what a reading mount needs and nothing that harms it")
    func negotiation() throws {
        try withMount(FakeFileSystem(), { $0.maxBackground = 77 }) { mount in
            let agreed = try #require(mount.session.negotiated)
            #expect(agreed.maxReadBytes == 512 << 10)
            #expect(agreed.maxBackground == 77)
            #expect(agreed.congestionThreshold == 57)
            for wanted in [
                "async_read", "splice_write", "parallel_dirops", "explicit_inval_data",
            ] {
                #expect(agreed.capabilities.contains(wanted))
            }
            #expect(!agreed.capabilities.contains("auto_inval_data"))
            #expect(agreed.acceptedFlags & (1 << 16) == 0, "no writeback cache")
        }
    }

    @Test("a mount point that cannot serve is refused with its reason")
    func badMountpoints() throws {
        try withDirectory { path in
            #expect(throws: MountError.missing("\(path)/none")) { try session("\(path)/none").mount() }
            let file = "\(path)/file"
            close(creat(file, 0o600))
            defer { unlink(file) }
            #expect(throws: MountError.notDirectory(file)) { try session(file).mount() }
            #expect(throws: MountError.notEmpty(path)) { try session(path).mount() }
        }
        #expect(MountTable.ours().isEmpty || !MountTable.ours().contains { $0.source == "s3://bucket" })
    }

    @Test("a mount point with entries is accepted with nonempty")
    func nonEmpty() throws {
        try withDirectory { path in
            close(creat("\(path)/file", 0o600))
            defer { unlink("\(path)/file") }
            let session = session(path) { $0.acceptsNonEmpty = true }
            try session.mount()
            session.requestExit()
            #expect(session.run() == .exitRequested)
            #expect(MountTable.state(of: path) == .none)
        }
    }

    @Test("an option that libfuse does not know is refused with its name")
    func badOption() throws {
        try withDirectory { path in
            let session = session(path) { $0.libraryOptions = ["no_such_option=3"] }
            let error = #expect(throws: MountError.self) { try session.mount() }
            #expect(error?.description.contains("no_such_option") == true)
            #expect(MountTable.state(of: path) == .none)
        }
    }

    @Test("every error is one line that says what to do")
    func errorTexts() {
        let errors: [MountError] = [
            .missing("/a"), .notDirectory("/a"), .notEmpty("/a"), .noPermission("/a", "why"), .dead("/a"),
            .noDevice,
            .deviceDenied, .noHelper, .helperPowerless("/b"), .othersNotAllowed, .badOption("x"),
            .refused("/a", "why"),
            .initFailed("why"), .alreadyMounted,
        ]
        for error in errors {
            #expect(!error.description.contains("\n"))
            #expect(error.description.count > 20)
        }
    }

    @Test("a session ends as unmounted when somebody unmounts it")
    func unmounting() throws {
        try withMount(FakeFileSystem()) { mount in
            let file = open(mount.path, O_RDONLY)
            #expect(throws: UnmountError.busy(mount.path)) { try mount.session.unmount() }
            close(file)
            #expect(eventually { (try? mount.session.unmount()) != nil })
            #expect(mount.ending.wait(atMost: .seconds(5)) == .unmounted)
            #expect(throws: UnmountError.notMounted(mount.path)) { try mount.session.unmount() }
        }
    }

    @Test("a lazy unmount hides the mount and serves open files until they are closed")
    func lazyUnmount() throws {
        let files = FakeFileSystem()
        let bytes = pattern(100_000)
        files.add("a", .memory(bytes))
        try withMount(files) { mount in
            let file = open(mount.at("a"), O_RDONLY)
            try mount.session.unmount(lazily: true)
            #expect(MountTable.state(of: mount.path) == .none)
            var buffer = [UInt8](repeating: 0, count: bytes.count)
            #expect(pread(file, &buffer, buffer.count, 0) == bytes.count)
            #expect(buffer == bytes)
            close(file)
            #expect(mount.ending.wait(atMost: .seconds(5)) == .unmounted)
        }
    }

    @Test("a session can be mounted once")
    func onlyOnce() throws {
        try withMount(FakeFileSystem()) { mount in
            let error = #expect(throws: MountError.self) { try mount.session.mount() }
            #expect(error == .alreadyMounted)
        }
    }

    @Test("a descriptor that a parent has mounted is served")
    func descriptor() throws {
        try withDirectory { path in
            let device = open("/dev/fuse", O_RDWR)
            try #require(device >= 0)
            try #require(test_mount_descriptor(device, path) == 0)
            defer { umount2(path, Int32(MNT_FORCE | MNT_DETACH)) }
            let session = session("/dev/fd/\(device)")
            try session.mount()
            let ending = Told<FuseSession.Ending>()
            startTestThread { ending.tell(session.run()) }
            var found = stat()
            #expect(stat(path, &found) == 0)
            #expect(found.st_ino == 1001)
            umount2(path, Int32(MNT_DETACH))
            #expect(ending.wait(atMost: .seconds(5)) == .unmounted)
        }
    }

    @Test("a descriptor that nobody mounts is an error in time")
    func descriptorWithoutMount() throws {
        let device = open("/dev/fuse", O_RDWR)
        try #require(device >= 0)
        let session = session("/dev/fd/\(device)") { $0.initTimeout = .seconds(1) }
        let error = #expect(throws: MountError.self) { try session.mount() }
        #expect(error?.description.contains("no INIT within") == true)
    }
}
