import Foundation
import Metadata
import Pages
import Synchronization
import Testing

@testable import ObjectStore

@Suite(.timeLimit(.minutes(10))) struct LocalStoreTests {
    private let fixture: LocalFixture
    private var store: LocalStore { fixture.local }

    init() throws {
        fixture = try LocalFixture()
    }

    private func kind(_ path: String) throws -> EntryKind {
        try store.attributes(of: RelativePath(path), known: nil).kind
    }

    private func absolute(_ path: String) -> String { "\(fixture.scratch.path)/\(path)" }

    @Test func nativeAttributesAreThoseOfStat() throws {
        try fixture.put(RelativePath("file"), [1, 2, 3])
        link(absolute("file"), absolute("second"))
        chmod(absolute("file"), 0o4751)
        var status = stat()
        lstat(absolute("file"), &status)
        let attributes = try store.attributes(of: RelativePath("file"), known: nil)
        let posix = try #require(attributes.posix)
        #expect(posix.mode == status.st_mode && posix.mode & 0o7777 == 0o4751)
        #expect(posix.uid == status.st_uid && posix.gid == status.st_gid)
        #expect(posix.linkCount == 2 && posix.inode == UInt64(status.st_ino))
        let nanoseconds = { (time: timespec) in Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }
        #expect(attributes.modified == nanoseconds(status.st_mtim))
        #expect(posix.changed == nanoseconds(status.st_ctim) && posix.accessed == nanoseconds(status.st_atim))
    }

    @Test func linksAreShownAndNotFollowed() throws {
        try fixture.put(RelativePath("dir/file"), [1])
        symlink("dir", absolute("link"))
        symlink("/etc", absolute("out"))
        symlink("nowhere/\u{FC}", absolute("broken"))
        #expect(try kind("link") == .symbolicLink)
        #expect(try store.linkTarget(of: RelativePath("link")) == Array("dir".utf8))
        #expect(try store.linkTarget(of: RelativePath("broken")) == Array("nowhere/\u{FC}".utf8))
        let kinds = try fixture.list(.root).map(\.attributes.kind)
        #expect(kinds.filter { $0 == .symbolicLink }.count == 3)
    }

    @Test(arguments: [true, false])
    func noLinkLeadsAnywhere(_ withOpenat2: Bool) throws {
        let fixture = try LocalFixture(allowsOpenat2: withOpenat2)
        try fixture.put(RelativePath("dir/file"), [1])
        for (target, name) in [("dir", "inside"), ("/etc", "out"), ("../..", "up"), ("loop", "loop")] {
            symlink(target, "\(fixture.scratch.path)/\(name)")
        }
        symlink("/etc/passwd", "\(fixture.scratch.path)/dir/passwd")
        for path in ["inside/file", "out/passwd", "up/etc", "loop/x", "dir/passwd/x"] {
            #expect(throws: StoreError.notFound, "\(path)") {
                try fixture.local.attributes(of: RelativePath(path), known: nil)
            }
        }
        for path in ["inside", "out", "up", "loop"] {
            #expect(throws: StoreError.notFound, "\(path)") { try fixture.list(RelativePath(path)) }
        }
        let uri = fixture.local.uri(of: RelativePath("dir/passwd"))
        let version = FileVersion(uri: uri, etag: ETag("x"), size: 1)
        #expect(throws: StoreError.stale) { try fixture.fetch(Span(offset: 0, count: 1), of: version) }
    }

    @Test(arguments: [true, false])
    func pathsThatAreNoneDoNotLeaveTheRoot(_ withOpenat2: Bool) throws {
        let fixture = try LocalFixture(allowsOpenat2: withOpenat2)
        for bytes in [
            Array("../x".utf8), Array("..".utf8), Array("/etc".utf8), [0x61, 0, 0x62], Array("a//b".utf8),
        ] {
            #expect(throws: StoreError.notFound, "\(String(decoding: bytes, as: UTF8.self))") {
                try fixture.local.attributes(of: RelativePath(bytes: bytes), known: nil)
            }
        }
        let foreign = FileVersion(uri: UFSURI("file:///etc/passwd"), etag: ETag("x"), size: 1)
        do throws(StoreError) {
            _ = try fixture.fetch(Span(offset: 0, count: 1), of: foreign)
            Issue.record("read a foreign file")
        } catch {
            guard case .unsupported = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func everyKindOfChangeMakesANewVersion() throws {
        let path = RelativePath("file")
        let changes: [(String, () throws -> Void)] = [
            ("in place", { try fixture.put(path, [4, 5, 6]) }),
            (
                "renamed over",
                {
                    try fixture.put(RelativePath("new"), [7, 8, 9])
                    rename(absolute("new"), absolute("file"))
                }
            ),
            (
                "in place, time put back",
                {
                    var status = stat()
                    lstat(absolute("file"), &status)
                    try fixture.put(path, [1, 1, 1])
                    utimensat(AT_FDCWD, absolute("file"), [status.st_atim, status.st_mtim], 0)
                }
            ),
        ]
        for (name, change) in changes {
            let old = try fixture.version(path, [1, 2, 3])
            try change()
            #expect(throws: StoreError.stale, "\(name)") {
                try fixture.fetch(Span(offset: 0, count: 3), of: old)
            }
            #expect(try fixture.version(path).etag != old.etag, "\(name)")
        }
    }

    @Test func aFIFOIsSpecialAndIsNeverWaitedFor() throws {
        let path = RelativePath("file")
        let old = try fixture.version(path, [1, 2, 3])
        try fixture.remove(path)
        mkfifo(absolute("file"), 0o644)
        #expect(try kind("file") == .special)
        #expect(try fixture.list(.root).map(\.attributes.kind) == [.special])
        #expect(throws: StoreError.stale) { try fixture.fetch(Span(offset: 0, count: 3), of: old) }
        try fixture.remove(path)
        mkdir(absolute("file"), 0o755)
        #expect(throws: StoreError.stale) { try fixture.fetch(Span(offset: 0, count: 3), of: old) }
    }

    @Test func aDirectoryThatGoesWhileItIsListedIsNotFound() throws {
        for index in 0..<10 { try fixture.put(RelativePath("dir/\(index)"), [1]) }
        #expect(throws: StoreError.notFound) {
            try store.list(RelativePath("dir"), from: nil) { _, _ in
                try? FileManager.default.removeItem(atPath: absolute("dir"))
            }
        }
    }

    @Test func timesThatNanosecondsCannotHoldAreClamped() throws {
        try fixture.put(RelativePath("file"), [1])
        for seconds in [Int(1) << 40, -(Int(1) << 40), .max / 2] {
            let time = timespec(tv_sec: seconds, tv_nsec: 5)
            utimensat(AT_FDCWD, absolute("file"), [time, time], 0)
            _ = try store.attributes(of: RelativePath("file"), known: nil)
        }
        var status = stat()
        status.st_mode = S_IFREG
        status.st_mtim = timespec(tv_sec: .max, tv_nsec: 999_999_999)
        status.st_ctim = timespec(tv_sec: .min, tv_nsec: 0)
        #expect(LocalAttributes.attributes(status).modified == .max)
        #expect(LocalAttributes.attributes(status).posix?.changed == .min)
    }

    @Test func pathsLongerThanOneCallTakesAreReached() throws {
        let name = String(repeating: "d", count: 250)
        var directory = open(fixture.scratch.path, O_RDONLY | O_DIRECTORY)
        var path = RelativePath.root
        for _ in 0..<20 {
            mkdirat(directory, name, 0o755)
            let next = openat(directory, name, O_RDONLY | O_DIRECTORY)
            close(directory)
            directory = next
            path = path.appending(name.utf8)
        }
        let file = openat(directory, "file", O_WRONLY | O_CREAT, 0o644)
        #expect(write(file, "abc", 3) == 3)
        close(file)
        close(directory)
        #expect(path.bytes.count > 4096)
        let version = try fixture.version(path.appending("file".utf8))
        #expect(try fixture.fetch(Span(offset: 1, count: 2), of: version) == Array("bc".utf8))
        #expect(try fixture.list(path).map(\.name) == [Array("file".utf8)])
    }

    @Test func directoriesThatMoveAboutAreFoundOrNotFound() throws {
        try fixture.put(RelativePath("a/b/c/file"), [1, 2, 3])
        let isDone = Atomic(false)
        let wrong = Mutex<[String]>([])
        concurrently(3) { thread in
            if thread == 0 {
                for _ in 0..<2000 {
                    rename(absolute("a/b"), absolute("other"))
                    rename(absolute("other"), absolute("a/b"))
                }
                isDone.store(true, ordering: .relaxed)
            }
            while !isDone.load(ordering: .relaxed) {
                do throws(StoreError) {
                    _ = try store.attributes(of: RelativePath("a/b/c/file"), known: nil)
                } catch {
                    if error != .notFound { wrong.withLock { $0.append("\(error)") } }
                }
            }
        }
        #expect(wrong.withLock { $0 }.isEmpty, "\(wrong.withLock { $0.first ?? "" })")
    }

    @Test func theRootMustBeADirectoryThatCanBeListed() throws {
        func error(_ root: String) -> LocalStoreError? {
            do throws(LocalStoreError) {
                _ = try LocalStore(root: root, uri: "file://\(root)")
                return nil
            } catch {
                return error
            }
        }
        let file = try fixture.scratch.write("x", to: "file")
        symlink(fixture.scratch.path, absolute("link"))
        #expect(error("relative") == .notAbsolute("relative"))
        #expect(error("/no/such/directory") == .missing("/no/such/directory"))
        #expect(error(file) == .notDirectory(file))
        #expect(error(absolute("link")) == nil)
        #expect(LocalStoreError(code: EACCES, path: "/x") == .denied("/x"))
        #expect("\(LocalStoreError.missing("/x"))".contains("file:///x") == true)
    }

    @Test(arguments: [
        (ENOENT, StoreError.notFound), (ENOTDIR, .notFound), (ELOOP, .notFound), (ESTALE, .stale),
        (EACCES, .denied("open file:///x: Permission denied")),
        (EIO, .unavailable("open file:///x: Input/output error")),
        (EMFILE, .unavailable("open file:///x: Too many open files")),
        (ENAMETOOLONG, .unsupported("open file:///x: File name too long")),
    ])
    func errorsNameThePath(_ code: Int32, _ error: StoreError) {
        #expect(LocalStore.storeError(code, "open file:///x") == error)
    }

    @Test func aNameTooLongIsUnsupported() {
        do throws(StoreError) {
            _ = try store.attributes(of: RelativePath(String(repeating: "n", count: 256)), known: nil)
            Issue.record("found it")
        } catch {
            guard case .unsupported = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func theAddressOfARootMayEndInASlash() throws {
        let store = try LocalStore(root: fixture.scratch.path, uri: "file:///data/")
        #expect(store.uri(of: RelativePath("a")).description == "file:///data/a")
        #expect(store.uri(of: .root).description == "file:///data/")
    }

    @Test func noDescriptorIsLeftOpen() throws {
        try fixture.put(RelativePath("dir/file"), [1, 2, 3])
        let version = try fixture.version(RelativePath("dir/file"))
        func linked() -> Int {
            let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return open.filter { descriptor in
                let target = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/self/fd/\(descriptor)"
                )
                return target?.hasPrefix(fixture.scratch.path) ?? false
            }.count
        }
        let before = linked()
        for _ in 0..<50 {
            _ = try fixture.list(RelativePath("dir"))
            _ = try fixture.fetch(Span(offset: 0, count: 3), of: version)
            _ = try? store.linkTarget(of: RelativePath("dir/file"))
            _ = try? store.attributes(of: RelativePath("dir/none"), known: nil)
        }
        #expect(linked() == before && before == 1)
    }
}
