import CFuse3
import FileSystem
import Glibc
import Metadata
import Testing

@testable import FuseMount

/// Changes whose callers go away while they wait, and changes that nobody waits for.
@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)), .serialized)
struct WaitingChangeTests {
    @Test("a caller that is killed while it makes a file leaves neither a handle nor a reference behind")
    func killedCreator() throws {
        let files = MemoryFileSystem()
        try withChanges(files) { mount in
            files.stall("create")
            let child = try ChildProcess("perl", ["-e", "open(F, '>', $ARGV[0])", mount.at("a")])
            try #require(eventually { files.stallsBegun == ["create"] })
            child.send(SIGKILL)
            #expect(child.wait(atMost: .seconds(1)).map { $0 & 0x7f } == SIGKILL)
            files.go("create")
            #expect(eventually { files.notes == ["create a", "release"] }, "\(files.notes)")
            #expect(files.openHandles == 0)
            #expect(files.references == 0)
        }
    }

    @Test("a close whose caller is killed still flushes, even one that has not begun")
    func killedCloser() throws {
        let files = MemoryFileSystem(waits: true)
        let jobs = HeldJobs()
        try withMount(files, jobs: jobs, { $0.isReadOnly = false }) { mount in
            let child = try ChildProcess(
                "perl",
                ["-e", "open(F, '>', $ARGV[0]); syswrite(F, 'x'); close(F)", mount.at("a")]
            )
            // CREATE and WRITE; then FLUSH is held.
            for count in 1...2 {
                try #require(eventually { jobs.count == 1 }, "request \(count)")
                jobs.runAll()
                try #require(eventually { files.notes.count == count })
            }
            try #require(eventually { jobs.count == 1 })
            child.send(SIGKILL)
            #expect(child.wait(atMost: .seconds(1)).map { $0 & 0x7f } == SIGKILL)
            #expect(
                eventually {
                    jobs.runAll()
                    return files.notes.count >= 4
                }
            )
            // The kernel does not wait with the release, so either may be first.
            #expect(files.notes.prefix(2) == ["create a", "write 1"], "\(files.notes)")
            #expect(Set(files.notes.dropFirst(2)) == ["flush", "release"], "\(files.notes)")
        }
    }

    @Test("a file that has to wait to be closed is closed, even if the pool takes no more")
    func releaseAlways() throws {
        let files = MemoryFileSystem()
        files.stall("release")
        try withMount(files, threadsMaximum: 0, { $0.isReadOnly = false }) { mount in
            close(try opened(mount.at("a"), O_CREAT | O_WRONLY))
            try #require(eventually { files.stallsBegun == ["release"] })
            var found = stat()
            #expect(stat(mount.at("a"), &found) == 0, "other requests go on")
            files.go("release")
            #expect(eventually { files.openHandles == 0 })
        }
    }
}

@Suite("Changes as values")
struct ChangeValueTests {
    private static let handle: HandleID = 1

    @Test func `a read-only mount refuses what changes something, and nothing else`() {
        let name = RequestBytes.owned([97])
        let new = NewNode(mode: 0o100644, caller: Caller(uid: 0, gid: 0, pid: 0))
        let changes: [Change] = [
            .create(name, in: 1, new, flags: 0), .createUnnamed(in: 1, new, flags: 0),
            .make(name, in: 1, new, .mkdir), .link(2, to: name, in: 1), .unlink(name, in: 1),
            .removeDirectory(name, in: 1), .rename(name, in: 1, to: name, inNew: 1, .replace),
            .attributes(2, NodeChange(), handle: nil), .write(1, offset: 0, name),
            .allocate(1, mode: 0, offset: 0, count: 1),
            .copy(from: .init(handle: 1, offset: 0), to: .init(handle: 1, offset: 0), count: 1),
            .setExtendedAttribute("user.x", value: name, .any, of: 2),
            .removeExtendedAttribute("user.x", of: 2),
        ]
        for change in changes { #expect(Operation.change(change).isChange, "\(change)") }
        let others: [Operation] = [
            .open(2, flags: O_RDONLY), .release(1), .change(.flush(1)), .change(.sync(1, dataOnly: false)),
            .change(.syncDirectory(1)), .attributes(2), .lookup(name, in: 1),
            .change(.setExtendedAttribute("user.alluxio.invalidate", value: name, .any, of: 2)),
        ]
        for other in others { #expect(!other.isChange, "\(other)") }
        for flags in [O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC] {
            #expect(Operation.open(2, flags: flags).isChange)
        }
    }

    @Test func `no pointer into the request is left in a detached change`() {
        let bytes: [UInt8] = [97]
        bytes.withUnsafeBytes { raw in
            let lent = RequestBytes.lent(raw)
            let new = NewNode(mode: 0o100644, caller: Caller(uid: 0, gid: 0, pid: 0))
            let changes: [Change] = [
                .create(lent, in: 1, new, flags: 0), .make(lent, in: 1, new, .mkdir),
                .link(2, to: lent, in: 1),
                .unlink(lent, in: 1), .removeDirectory(lent, in: 1),
                .rename(lent, in: 1, to: lent, inNew: 1, .replace), .write(1, offset: 0, lent),
                .setExtendedAttribute("user.x", value: lent, .any, of: 2),
            ]
            for change in changes {
                #expect("\(change)".contains("lent"))
                #expect(!"\(change.detached())".contains("lent"), "\(change)")
            }
        }
    }

    @Test func `times that do not fit into 64 bits of nanoseconds are the nearest that do`() {
        #expect(timespec(tv_sec: 1, tv_nsec: 5).nanoseconds == 1_000_000_005)
        #expect(timespec(tv_sec: -2, tv_nsec: 999_999_999).nanoseconds == -1_000_000_001)
        #expect(timespec(tv_sec: .max, tv_nsec: 0).nanoseconds == .max)
        #expect(timespec(tv_sec: .min, tv_nsec: 0).nanoseconds == .min)
    }
}
