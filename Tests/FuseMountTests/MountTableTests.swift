import CFuse3
import CMountTestSupport
import Glibc
import Logging
import Testing

@testable import FuseMount

@Suite(.timeLimit(.minutes(10)))
struct MountTableTests {
    @Test("a line of mountinfo is read, escapes and optional fields included")
    func line() throws {
        let line =
            #"36 35 98:7 / /mnt/a\040b\134c\011d rw,noatime shared:1 master:2 "#
            + #"- fuse.alluxio-fuse s3://b/a\040b ro,user_id=0"#
        let entry = try #require(MountEntry(mountinfo: Array(line.utf8)))
        #expect(entry.id == 36)
        #expect(entry.device == "98:7")
        #expect(String(decoding: entry.mountpoint, as: UTF8.self) == "/mnt/a b\\c\td")
        #expect(entry.options == "rw,noatime")
        #expect(entry.type == "fuse.alluxio-fuse")
        #expect(entry.source == "s3://b/a b")
        #expect(entry.superOptions == "ro,user_id=0")
    }

    @Test(
        "lines without that form are no entries",
        arguments: ["", "36", "36 35 98:0 / /mnt rw", "a b c d e f - x y z"]
    )
    func badLines(line: String) {
        #expect(MountEntry(mountinfo: Array(line.utf8)) == nil)
    }

    @Test("cut lines never crash")
    func cutLines() {
        let line = Array(#"36 35 98:7 / /mnt/a\040 rw shared:1 - fuse s3:\134 ro"#.utf8)
        for count in 0...line.count { _ = MountEntry(mountinfo: Array(line[..<count])) }
    }

    @Test("the root is a mount of another kind, an ordinary directory none")
    func others() throws {
        guard case .other(let entry) = MountTable.state(of: "/proc") else {
            Issue.record("/proc is not seen as a mount")
            return
        }
        #expect(entry.type == "proc")
        try withDirectory { path in
            #expect(MountTable.state(of: path) == .none)
            #expect(MountTable.state(of: "\(path)/none") == .none)
            #expect(throws: UnmountError.notMounted(path)) { try MountTable.unmount(path, lazily: false) }
        }
    }

    @Test("a mount that answers is alive, also through a symbolic link", .enabled(if: canMount))
    func alive() throws {
        try withMount(FakeFileSystem()) { mount in
            guard case .alive(let entry) = MountTable.state(of: mount.path) else {
                Issue.record("\(MountTable.state(of: mount.path))")
                return
            }
            #expect(entry.source.hasPrefix("s3://"))
            let link = "\(mount.path).link"
            symlink(mount.path, link)
            defer { unlink(link) }
            #expect(MountTable.state(of: link) == .alive(entry))
        }
    }

    @Test(
        "a mount whose daemon is gone is dead, refused by a new session, and can be removed",
        .enabled(if: canMount)
    )
    func dead() throws {
        try withDirectory { path in
            let device = open("/dev/fuse", O_RDWR)
            try #require(test_mount_descriptor(device, path) == 0)
            defer { umount2(path, Int32(MNT_DETACH)) }
            // As if the daemon had crashed.
            close(device)
            guard case .dead = MountTable.state(of: path) else {
                Issue.record("\(MountTable.state(of: path))")
                return
            }
            let session = FuseSession(
                operations: FakeFileSystem(),
                options: MountOptions(mountpoint: path, fsname: "x"),
                logger: .init(label: "test") { _ in SwiftLogNoOpLogHandler() },
                handOver: { _ in false }
            )
            #expect(throws: MountError.dead(path)) { try session.mount() }
            try MountTable.unmount(path, lazily: true)
            #expect(MountTable.state(of: path) == .none)
        }
    }

    @Test("a mount whose daemon does not answer is hung, and found so in time", .enabled(if: canMount))
    func hung() throws {
        try withDirectory { path in
            let device = open("/dev/fuse", O_RDWR)
            try #require(test_mount_descriptor(device, path) == 0)
            defer {
                umount2(path, Int32(MNT_FORCE | MNT_DETACH))
                close(device)
            }
            let start = ContinuousClock.now
            let state = MountTable.state(of: path, within: .milliseconds(300))
            guard case .hung = state else {
                Issue.record("\(state)")
                return
            }
            #expect(ContinuousClock.now - start < .seconds(2))
        }
    }
}
