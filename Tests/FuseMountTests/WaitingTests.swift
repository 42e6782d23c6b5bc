import CFuse3
import CMountTestSupport
import FileSystem
import Glibc
import Testing

@testable import FuseMount

/// What happens to requests that wait, and to their callers' signals.
@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)), .serialized)
struct WaitingTests {
    /// Reads a file in one sysread and says what came of it; counts the signals it handles.
    private static let reader = """
        my $caught = 0; $SIG{URG} = sub { $caught++ }; $SIG{PROF} = sub { $caught++ };
        open(my $file, '<', $ARGV[0]) or die "open: $!"; binmode $file;
        my $got = sysread($file, my $bytes, 4096);
        print defined $got ? "read $got caught $caught" : "failed: $!";
        """

    private func stalledFile(_ files: FakeFileSystem, bytes: Int = 4096) -> NodeID {
        let node = files.add("slow", .memory(pattern(bytes)))
        files.stall(node)
        return node
    }

    @Test("a reader that is killed while it waits is gone within a second, and the stall goes on")
    func killedReader() throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        try withMount(files) { mount in
            let child = try ChildProcess("cat", [mount.at("slow")])
            try #require(eventually { files.calls.waitingReads > 0 })
            child.send(SIGKILL)
            let status = child.wait(atMost: .seconds(1))
            #expect(status.map { $0 & 0x7f } == SIGKILL)
            #expect(files.calls.endedReads == 0, "the job goes on for others")
            files.releaseStalled()
            #expect(eventually { files.calls.endedReads == files.calls.waitingReads })
            #expect(eventually { files.openHandles == 0 })
        }
    }

    // A reader of the kernel's page cache waits for a page, not for us, and SIGQUIT does not end that wait.
    @Test(
        "signals that end a reader end its wait",
        arguments: [(SIGTERM, false), (SIGTERM, true), (SIGINT, true), (SIGQUIT, true), (SIGALRM, true)]
    )
    func fatalSignals(signal: Int32, isDirect: Bool) throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        try withMount(files, { $0.directIO = isDirect }) { mount in
            let child = try ChildProcess("cat", [mount.at("slow")])
            try #require(eventually { files.calls.waitingReads > 0 })
            child.send(signal)
            #expect(child.wait(atMost: .seconds(1)).map { $0 & 0x7f } == signal)
            files.releaseStalled()
        }
    }

    @Test("a storm of SIGURG and SIGPROF ends no read: no EINTR, and all bytes", arguments: [false, true])
    func harmlessSignals(isDirect: Bool) throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        try withMount(files, { $0.directIO = isDirect }) { mount in
            let child = try ChildProcess("perl", ["-e", Self.reader, mount.at("slow")])
            try #require(eventually { files.calls.waitingReads > 0 })
            for round in 0..<500 {
                child.send(round % 2 == 0 ? SIGURG : SIGPROF)
                usleep(1000)
            }
            files.releaseStalled()
            #expect(child.wait(atMost: .seconds(5)) == 0)
            let said = child.text()
            #expect(said.hasPrefix("read 4096 caught "), "\(said)")
            #expect(!said.hasSuffix("caught 0"), "\(said)")
        }
    }

    @Test("a reader that first got harmless signals and is killed later is gone within a second")
    func killedAfterHarmlessSignals() throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        try withMount(files, { $0.directIO = true }) { mount in
            let child = try ChildProcess("perl", ["-e", Self.reader, mount.at("slow")])
            try #require(eventually { files.calls.waitingReads > 0 })
            for _ in 0..<20 {
                child.send(SIGURG)
                usleep(20_000)
            }
            child.send(SIGKILL)
            #expect(child.wait(atMost: .seconds(1)).map { $0 & 0x7f } == SIGKILL)
            files.releaseStalled()
        }
    }

    @Test(
        "with 200 stalled readers stat of a known name stays fast, and all can be killed"
    )
    func manyStalledReaders() throws {
        let files = FakeFileSystem(valid: .zero)
        files.add("quick", .memory([1]))
        let bytes = 4096
        for index in 0..<200 { files.stall(files.add("slow-\(index)", .memory(pattern(bytes)))) }
        try withMount(files, { $0.directIO = true }) { mount in
            let children = try (0..<200).map { try ChildProcess("cat", [mount.at("slow-\($0)")]) }
            try #require(eventually(atMost: .seconds(30)) { files.calls.waitingReads >= 200 })
            #expect(mount.session.waitingRequests >= 200)
            var times: [Duration] = []
            for _ in 0..<200 {
                var found = stat()
                let start = ContinuousClock.now
                #expect(stat(mount.at("quick"), &found) == 0)
                times.append(ContinuousClock.now - start)
            }
            times.sort()
            // Wide, since other tests run beside this one.
            #expect(
                times[100] < .milliseconds(5) && times[197] < .milliseconds(100),
                "\(times[100]) \(times[197])"
            )
            children.forEach { $0.send(SIGKILL) }
            let start = ContinuousClock.now
            for child in children { #expect(child.wait(atMost: .seconds(5)) != nil) }
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(files.calls.endedReads == 0)
            files.releaseStalled()
        }
    }

    @Test("a job that is still queued when its caller dies does nothing")
    func queuedJob() throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        let jobs = HeldJobs()
        try withMount(files, jobs: jobs) { mount in
            let child = try ChildProcess("cat", [mount.at("slow")])
            try #require(eventually { jobs.count > 0 })
            child.send(SIGKILL)
            #expect(child.wait(atMost: .seconds(1)) != nil)
            // The kernel's own read-ahead has no caller who could die; its jobs run.
            jobs.runAll()
            files.releaseStalled()
        }
    }

    @Test("a full waiting pool answers EAGAIN, and the mount goes on")
    func refusedJob() throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        files.add("quick", .memory([1, 2]))
        try withMount(files, threadsMaximum: 0, { $0.directIO = true }) { mount in
            let file = open(mount.at("slow"), O_RDONLY)
            defer { close(file) }
            var byte: UInt8 = 0
            #expect(read(file, &byte, 1) == -1)
            #expect(errno == EAGAIN)
            try expectContents(of: mount.at("quick"), [1, 2])
        }
    }

    @Test("a name that needs a wait is copied, and found")
    func waitingLookup() throws {
        let files = FakeFileSystem()
        files.add("late-a", .memory([5]))
        try withMount(files) { mount in
            try expectContents(of: mount.at("late-a"), [5])
            var found = stat()
            #expect(stat(mount.at("late-b"), &found) == -1)
            #expect(errno == ENOENT)
        }
    }

    @Test("unmounting by force while readers wait ends them and the session")
    func forcedUnmount() throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        try withMount(files) { mount in
            let child = try ChildProcess("cat", [mount.at("slow")])
            try #require(eventually { files.calls.waitingReads > 0 })
            #expect(umount2(mount.path, Int32(MNT_FORCE | MNT_DETACH)) == 0)
            #expect(child.wait(atMost: .seconds(2)) != nil)
            #expect(mount.ending.wait(atMost: .seconds(2)) == .unmounted)
            files.releaseStalled()
        }
    }

    @Test("a request to exit ends the session although readers wait")
    func exitWithReaders() throws {
        let files = FakeFileSystem()
        _ = stalledFile(files)
        try withMount(files) { mount in
            let child = try ChildProcess("cat", [mount.at("slow")])
            try #require(eventually { files.calls.waitingReads > 0 })
            mount.session.requestExit()
            #expect(mount.ending.wait(atMost: .seconds(2)) == .exitRequested)
            #expect(child.wait(atMost: .seconds(2)) != nil)
            #expect(MountTable.state(of: mount.path) == .none)
            files.releaseStalled()
        }
    }
}
