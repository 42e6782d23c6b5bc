import Foundation
import Metadata
import Pages
import Synchronization
import Testing

@testable import ObjectStore

/// What a changed local directory promises beyond `WritableConformance`.
@Suite(.timeLimit(.minutes(10))) struct LocalChangeTests {
    private let fixture: LocalFixture
    private var store: LocalStore { fixture.local }

    init() throws {
        fixture = try LocalFixture()
    }

    private func absolute(_ path: String) -> String { "\(fixture.scratch.path)/\(path)" }

    private func status(_ path: String) -> stat {
        var status = stat()
        lstat(absolute(path), &status)
        return status
    }

    @Test func aCommitKeepsInodeOtherNamesAndOpenFiles() throws {
        try fixture.put(RelativePath("file"), [1, 2, 3])
        link(absolute("file"), absolute("second"))
        let reader = open(absolute("file"), O_RDONLY)
        defer { close(reader) }
        let before = status("file")
        let known = try fixture.look(RelativePath("file"))
        let etag = try #require(known.etag)
        let answer = try fixture.commit([4, 5, 6, 7], to: RelativePath("file"), if: .version(etag))
        #expect(status("file").st_ino == before.st_ino && status("file").st_nlink == 2)
        #expect(answer.posix?.linkCount == 2)
        #expect(try fixture.bytes(RelativePath("second")) == [4, 5, 6, 7])
        var bytes = [UInt8](repeating: 0, count: 8)
        #expect(pread(reader, &bytes, 8, 0) == 4)
        #expect(bytes.prefix(4) == [4, 5, 6, 7])
    }

    @Test func holesStayHolesAndBecomeHoles() throws {
        let path = RelativePath("file")
        try fixture.create(path, [UInt8](repeating: 1, count: 1 << 20))
        let staged = StagedFile()
        staged.write([9], at: 64 << 20)
        let etag = try #require(try fixture.look(path).etag)
        _ = try store.upload(to: path).commit(
            staged.contents(size: 128 << 20),
            if: .version(etag),
            attributes: nil
        )
        #expect(status("file").st_size == 128 << 20)
        #expect(status("file").st_blocks * 512 < 1 << 20)
        let version = try fixture.version(path)
        #expect(try fixture.fetch(Span(offset: 0, count: 1 << 20), of: version).allSatisfy { $0 == 0 })
        #expect(try fixture.fetch(Span(offset: (64 << 20) - 1, count: 3), of: version) == [0, 9, 0])
    }

    @Test func aCommitWaitsForAnotherOneOfTheSameFile() throws {
        let path = RelativePath("file")
        let known = try fixture.create(path, [1, 2, 3])
        let etag = try #require(known.etag)
        let other = open(absolute("file"), O_RDONLY)
        #expect(flock(other, LOCK_EX) == 0)
        let isCommitted = Atomic(false)
        let wasEarly = Atomic(false)
        let failures = Mutex<[StoreError]>([])
        concurrently(2) { thread in
            if thread == 0 {
                usleep(300_000)
                wasEarly.store(isCommitted.load(ordering: .acquiring), ordering: .relaxed)
                close(other)
            } else {
                do throws(StoreError) {
                    try fixture.commit([4], to: path, if: .version(etag))
                } catch {
                    failures.withLock { [error] in $0.append(error) }
                }
                isCommitted.store(true, ordering: .releasing)
            }
        }
        let hasNotWaited = wasEarly.load(ordering: .relaxed)
        #expect(!hasNotWaited)
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(try fixture.bytes(path) == [4])
    }

    // MARK: - Links, and the root

    @Test func linksThemselvesAreChanged() throws {
        let (link, file) = (RelativePath("link"), RelativePath("file"))
        try fixture.put(file, [1, 2, 3])
        let known = try store.make(link, fixture.entry(S_IFLNK | 0o777, target: "file"))
        let before = status("file")
        var change = AttributeChange(changed: 1)
        change.modified = 77
        change.uid = fixture.owner.uid
        let changed = try store.change(link, change, known: known)
        #expect(changed.modified == 77 && changed.kind == .symbolicLink)
        let after = status("file")
        #expect(after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_uid == before.st_uid)
        var mode = AttributeChange(changed: 1)
        mode.permissions = 0o600
        do throws(StoreError) {
            _ = try store.change(link, mode, known: known)
            Issue.record("changed the mode of a link")
        } catch {
            guard case .unsupported(let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(text.contains("/link"))
        }
        #expect(throws: StoreError.stale) {
            try fixture.commit([9], to: link, if: .version(ETag("x")))
        }
        _ = try store.link(link, to: RelativePath("second"), known: known, time: 1)
        #expect(try store.linkTarget(of: RelativePath("second")) == Array("file".utf8))
        try store.remove(link, known: changed, siblings: .some)
        #expect(try fixture.bytes(file) == [1, 2, 3])
    }

    @Test(arguments: [true, false])
    func noChangeLeavesTheRoot(_ withOpenat2: Bool) throws {
        let outside = try ScratchDirectory()
        try outside.write("kept", to: "file")
        let fixture = try LocalFixture(allowsOpenat2: withOpenat2)
        symlink(outside.path, "\(fixture.scratch.path)/out")
        let known = try fixture.create(RelativePath("mine"), [1])
        let upward = "../\(outside.path.split(separator: "/").last ?? "")"
        for directory in ["out", upward, "a/../out"] {
            let (new, old) = (RelativePath("\(directory)/new"), RelativePath("\(directory)/file"))
            for number in 0..<11 {
                do throws(StoreError) {
                    try Self.attempt(number, new, old, known, fixture)
                    Issue.record("attempt \(number) on \(directory) succeeded")
                } catch {
                    let isRefused = error == .notFound || error == .notDirectory || error == .otherStore
                    #expect(isRefused, "attempt \(number): \(error)")
                }
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["file"])
        #expect(try String(contentsOfFile: "\(outside.path)/file", encoding: .utf8) == "kept")
        #expect(try fixture.bytes(RelativePath("mine")) == [1])
    }

    /// One of the ways to change something under a name that leads out of the root.
    private static func attempt(
        _ number: Int,
        _ new: RelativePath,
        _ old: RelativePath,
        _ known: Attributes,
        _ fixture: LocalFixture
    ) throws(StoreError) {
        let (store, mine) = (fixture.local, RelativePath("mine"))
        switch number {
        case 0: _ = try store.make(new, fixture.entry(S_IFDIR | 0o755))
        case 1: _ = try store.make(new, fixture.entry(S_IFREG | 0o644))
        case 2: try store.remove(old, known: known, siblings: .unknown)
        case 3: try store.removeDirectory(old, siblings: .unknown)
        case 4: _ = try store.link(mine, to: new, known: known, time: 1)
        case 5: _ = try store.link(old, to: RelativePath("stolen"), known: known, time: 1)
        case 6: _ = try store.rename(mine, to: new, .replace, known: (known, nil), siblings: .unknown)
        case 7: _ = try store.change(old, AttributeChange(changed: 1), known: known)
        case 8: try store.sync(old)
        case 9: try fixture.overwrite(new, if: .absent)
        default: try fixture.overwrite(old, if: .always)
        }
    }

    @Test func namesBelowPathsLongerThanOneCallTakesAreChanged() throws {
        var directory = RelativePath.root
        for _ in 0..<20 {
            directory = directory.appending(String(repeating: "d", count: 250).utf8)
            try fixture.makeDirectory(directory)
        }
        #expect(directory.bytes.count > 4096)
        let (one, two) = (directory.appending("one".utf8), directory.appending("two".utf8))
        let known = try fixture.create(one, [1, 2, 3])
        _ = try store.rename(one, to: two, .replace, known: (known, nil), siblings: .some)
        try store.sync(two)
        #expect(try fixture.bytes(two) == [1, 2, 3])
    }

    @Test func noDescriptorIsLeftOpenByChanges() throws {
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
        let file = RelativePath("file")
        for _ in 0..<20 {
            let known = try fixture.create(file, [1, 2, 3])
            #expect(throws: StoreError.exists) { try store.make(file, fixture.entry(S_IFREG | 0o644)) }
            #expect(throws: StoreError.stale) { try fixture.commit([1], to: file, if: .version(ETag("x"))) }
            try store.setExtendedAttribute(
                Array("user.a".utf8),
                to: [1],
                .any,
                of: file,
                known: known,
                time: 1
            )
            _ = try store.extendedAttributes(of: file, known: known)
            try store.sync(file)
            try store.remove(file, known: try fixture.look(file), siblings: .none)
        }
        #expect(linked() == before)
    }

    // MARK: - Values

    @Test func whatIsNotKeptIsChanged() {
        let span = { (start: Int64, end: Int64) in Span(from: start, to: end) }
        #expect(LocalContents.changed(keeping: [], size: 0).isEmpty)
        #expect(LocalContents.changed(keeping: [], size: 10) == [0..<10])
        #expect(LocalContents.changed(keeping: [span(0, 10)], size: 10).isEmpty)
        #expect(
            LocalContents.changed(keeping: [span(2, 4), span(4, 5), span(7, 9)], size: 10) == [
                0..<2, 5..<7, 9..<10,
            ]
        )
        #expect(LocalContents.changed(keeping: [span(0, 0), span(3, 3)], size: 4) == [0..<4])
    }

    @Test func aChangeOfAttributesAloneIsNoOtherContents() {
        let same = { LocalAttributes.haveSameContents(ETag($0), ETag($1)) }
        #expect(same("1-2-3-4-5", "1-2-3-4-6"))
        #expect(!same("1-2-3-4-5", "1-2-3-5-5") && !same("1-2-3-4-5", "1-3-3-4-5"))
        #expect(!same("1-2-3-4-5", "1-2-3-4") && LocalAttributes.haveSameContents(nil, ETag("1")))
    }

    @Test(arguments: [
        (ENOENT, StoreError.notFound), (ELOOP, .notFound), (ENOTDIR, .notDirectory), (EISDIR, .isDirectory),
        (EEXIST, .exists), (ENOTEMPTY, .notEmpty), (ESTALE, .stale), (EXDEV, .otherStore),
        (EACCES, .denied("cannot make file:///x: Permission denied")),
        (EPERM, .denied("cannot make file:///x: Operation not permitted")),
        (ENAMETOOLONG, .nameTooLong("cannot make file:///x: File name too long")),
        (EROFS, .readOnly("cannot make file:///x: Read-only file system")),
        (ENOSPC, .noSpace("cannot make file:///x: No space left on device")),
        (EDQUOT, .quotaExceeded("cannot make file:///x: Disk quota exceeded")),
        (EFBIG, .tooLarge("cannot make file:///x: File too large")),
        (EMLINK, .tooManyLinks("cannot make file:///x: Too many links")),
        (EIO, .unavailable("cannot make file:///x: Input/output error")),
    ])
    func errorsOfChangesNameThePath(_ code: Int32, _ error: StoreError) {
        #expect(LocalStore.changeError(code, "cannot make file:///x") == error)
    }
}
