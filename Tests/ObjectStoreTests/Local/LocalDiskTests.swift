import Foundation
import Metadata
import Pages
import Testing

@testable import ObjectStore

/// A changed local directory on a disk that is full or read-only, and as another user; needs root.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: geteuid() == 0)) struct LocalDiskTests {
    /// A directory with a small file system of its own.
    private final class SmallDisk {
        let scratch: ScratchDirectory
        let isMounted: Bool

        init() throws {
            scratch = try ScratchDirectory()
            isMounted = mount("tmpfs", scratch.path, "tmpfs", 0, "size=4m") == 0
        }

        func makeReadOnly() {
            _ = mount("tmpfs", scratch.path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil)
        }

        deinit {
            if isMounted { umount2(scratch.path, 2 /* MNT_DETACH */) }
        }
    }

    private func staged(_ count: Int) -> StagedFile { StagedFile([UInt8](repeating: 7, count: count)) }

    @Test func aFullDiskLeavesTheOldContentsAndTheSameCommitCanBeRepeated() throws {
        let disk = try SmallDisk()
        guard disk.isMounted else { return }
        let fixture = try LocalFixture(root: disk.scratch)
        let path = RelativePath("file")
        let old = [UInt8](repeating: 1, count: 1 << 20)
        let known = try fixture.create(path, old)
        let etag = try #require(known.etag)
        let upload = fixture.local.upload(to: path)
        let large = staged(8 << 20)
        for _ in 0..<2 {
            do throws(StoreError) {
                _ = try upload.commit(large.contents(size: 8 << 20), if: .version(etag), attributes: nil)
                Issue.record("8 MiB fit into 4")
            } catch {
                guard case .noSpace(let text) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(text.contains("/file"))
            }
            let isOld = try fixture.bytes(path) == old
            #expect(isOld)
        }
        let small = staged(2 << 20)
        let answer = try upload.commit(small.contents(size: 2 << 20), if: .version(etag), attributes: nil)
        #expect(answer.size == 2 << 20)
        // A new file is not there at all.
        #expect(throws: StoreError.self) {
            try fixture.local.upload(to: RelativePath("new")).commit(
                large.contents(size: 8 << 20),
                if: .absent,
                attributes: nil
            )
        }
        #expect(throws: StoreError.notFound) { try fixture.look(RelativePath("new")) }
    }

    @Test func aReadOnlyDiskSaysSo() throws {
        let disk = try SmallDisk()
        guard disk.isMounted else { return }
        let fixture = try LocalFixture(root: disk.scratch)
        let known = try fixture.create(RelativePath("file"), [1])
        disk.makeReadOnly()
        for number in 0..<3 {
            do throws(StoreError) {
                switch number {
                case 0: _ = try fixture.local.make(RelativePath("dir"), fixture.entry(S_IFDIR | 0o755))
                case 1: try fixture.overwrite(RelativePath("file"), if: .always)
                default: try fixture.local.remove(RelativePath("file"), known: known, siblings: .none)
                }
                Issue.record("changed a read-only disk")
            } catch {
                guard case .readOnly = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }

    // MARK: - As another user

    /// Runs as a user who is not root; ends the process.
    private static func asUser(_ path: String, _ body: (LocalStore) throws -> Void) throws {
        guard setgroups(0, nil) == 0, setgid(4712) == 0, setuid(4711) == 0 else { exit(2) }
        try body(try LocalStore(root: path, uri: "file://\(path)"))
    }

    private static func entry(_ mode: mode_t, uid: UInt32 = 4711) -> NewEntry {
        NewEntry(mode: UInt32(mode), uid: uid, gid: 4712, time: 5)
    }

    private static func check(_ isSo: Bool, _ code: Int32) {
        if !isSo { exit(code) }
    }

    private func openDirectory() throws -> ScratchDirectory {
        let scratch = try ScratchDirectory()
        chmod(scratch.path, 0o777)
        return scratch
    }

    @Test func aUsersOwnReadOnlyFileIsWrittenAndStaysReadOnly() async throws {
        let scratch = try openDirectory()
        let path = scratch.path
        await #expect(processExitsWith: .exitCode(77)) { [path = path as String] in
            try Self.asUser(path) { store in
                let made = try store.make(RelativePath("file"), Self.entry(S_IFREG | 0o444))
                let staged = StagedFile([1, 2, 3])
                let answer = try store.upload(to: RelativePath("file")).commit(
                    staged.contents(size: 3),
                    if: .version(made.etag ?? ETag("")),
                    attributes: nil
                )
                Self.check(answer.size == 3, 3)
                Self.check(answer.posix?.mode == UInt32(S_IFREG | 0o444), 4)
                let again = StagedFile([4, 5, 6])
                let second = try store.upload(to: RelativePath("file")).commit(
                    again.contents(size: 3),
                    if: .version(answer.etag ?? ETag("")),
                    attributes: nil
                )
                Self.check(second.etag != answer.etag, 5)
                try store.sync(RelativePath("file"))
                exit(77)
            }
        }
    }

    @Test func aUserMakesOnlyHisOwnFiles() async throws {
        let scratch = try openDirectory()
        let path = scratch.path
        await #expect(processExitsWith: .exitCode(77)) { [path = path as String] in
            try Self.asUser(path) { store in
                for type in [S_IFREG, S_IFDIR, S_IFIFO, S_IFLNK] {
                    var entry = Self.entry(type | 0o700, uid: 1)
                    entry.target = Array("x".utf8)
                    do throws(StoreError) {
                        _ = try store.make(RelativePath("other"), entry)
                        exit(3)
                    } catch {
                        guard case .denied = error else { exit(4) }
                    }
                    entry.uid = 4711
                    let made = try store.make(RelativePath("own \(type)"), entry)
                    Self.check(made.posix?.uid == 4711, 5)
                }
                do throws(StoreError) {
                    _ = try store.attributes(of: RelativePath("other"), known: nil)
                    exit(6)
                } catch {
                    Self.check(error == .notFound, 7)
                }
                exit(77)
            }
        }
    }
}
