import Cluster
import Glibc
import Metadata
import ObjectStore
import Pages
import Settings
import Testing

@testable import AlluxioFuse

@Suite struct MountedStoresTests {
    private let scratch = ScratchStores()

    private let file = NewEntry(mode: UInt32(S_IFREG) | 0o640, uid: geteuid(), gid: getegid(), time: 1)
    private let folder = NewEntry(mode: UInt32(S_IFDIR) | 0o750, uid: geteuid(), gid: getegid(), time: 1)

    private func namespace(_ table: StoreTable) -> MountedNamespace { MountedNamespace(table: table) }

    private func isThere(_ path: String) -> Bool { access("\(scratch.path)/\(path)", F_OK) == 0 }

    @Test func changesGoToTheStoreThatThePathLeadsTo() throws {
        let namespace = namespace(try scratch.table(scratch.mounts("a", "b")))
        let made = try namespace.make(RelativePath("a/new"), file)
        #expect(isThere("a/new") && !isThere("b/new"))
        #expect(try namespace.attributes(of: RelativePath("a/new"), known: nil) == made)
        let change = AttributeChange(changed: 1)
        let changed = try namespace.change(RelativePath("a/new"), change, known: made)
        #expect(changed.posix?.inode == made.posix?.inode)
        let moved = try namespace.rename(
            RelativePath("a/new"),
            to: RelativePath("a/d/moved"),
            .replace,
            known: (made, nil),
            siblings: .some
        )
        #expect(isThere("a/d/moved") && !isThere("a/new"))
        #expect(moved.posix?.inode == made.posix?.inode)
        try namespace.remove(RelativePath("a/d/moved"), known: moved, siblings: .some)
        #expect(!isThere("a/d/moved"))
        _ = try namespace.make(RelativePath("b/folder"), folder)
        try namespace.removeDirectory(RelativePath("b/folder"), siblings: .some)
        #expect(!isThere("b/folder"))
    }

    @Test func nothingLeadsFromOneStoreToAnother() throws {
        let namespace = namespace(try scratch.table(scratch.mounts("a", "b")))
        let (source, target) = (RelativePath("a/d/file"), RelativePath("b/new"))
        let known = try namespace.attributes(of: source, known: nil)
        #expect(throws: StoreError.otherStore) {
            try namespace.rename(source, to: target, .replace, known: (known, nil), siblings: .some)
        }
        #expect(throws: StoreError.otherStore) {
            try namespace.link(source, to: target, known: known, time: 1)
        }
        let home = try namespace.home(of: source, mayWait: true)
        #expect(home.holds(source) && !home.holds(target) && !home.holds(RelativePath("a")))
        #expect(home.address == UFSURI("file://\(scratch.path)/a"))
    }

    @Test func theRootAndItsMountPointsAreFixed() throws {
        let namespace = namespace(try scratch.table(scratch.mounts("a")))
        for path in [RelativePath.root, RelativePath("a"), RelativePath("new")] {
            let home = try namespace.home(of: path, mayWait: false)
            #expect(home.mutability == .fixed)
            #expect(throws: StoreError.self) { try home.make(path, folder) }
            #expect(throws: StoreError.self) { try home.removeDirectory(path, siblings: .some) }
        }
        try namespace.sync(RelativePath("a"))
        #expect(throws: StoreError.notFound) { try namespace.home(of: RelativePath("gone/x"), mayWait: true) }
    }

    @Test func aReadOnlyMountRefusesWhateverAsksForAChange() throws {
        let mount = try scratch.mount("a", isReadOnly: true)
        let namespace = namespace(try scratch.table(MountTable([mount])))
        let path = RelativePath("a/d/file")
        let known = try namespace.attributes(of: path, known: nil)
        #expect(try namespace.home(of: path, mayWait: true).mutability == .readOnly)
        let changes: [() throws -> Void] = [
            { _ = try namespace.make(RelativePath("a/new"), file) },
            { try namespace.permit(RelativePath("a/new")) },
            { try namespace.remove(path, known: known, siblings: .some) },
            { _ = try namespace.change(path, AttributeChange(changed: 1), known: known) },
            { _ = try namespace.link(path, to: RelativePath("a/new"), known: known, time: 1) },
            { _ = try namespace.upload(to: path).commit(nothing, if: .always, attributes: nil) },
            {
                try namespace.setExtendedAttribute(
                    Array("user.x".utf8),
                    to: [1],
                    .any,
                    of: path,
                    known: known,
                    time: 1
                )
            },
        ]
        for change in changes {
            #expect {
                try change()
            } throws: { error in
                if case .readOnly? = error as? StoreError { true } else { false }
            }
        }
        #expect(try namespace.extendedAttributes(of: path, known: known).isEmpty)
    }

    private var nothing: StagedContents {
        StagedContents(base: nil, kept: [], size: 0, staged: -1) { _, _ in }
    }

    @Test func aHomeStaysWhereItWasWhenItsNameLeadsElsewhere() throws {
        let table = try scratch.table(MountTable([scratch.mount("a", at: "/x")]))
        let namespace = namespace(table)
        let path = RelativePath("x/new")
        let home = try namespace.home(of: path, mayWait: true)
        table.take(try MountTable([scratch.mount("b", at: "/x")]))
        #expect(!home.holds(path))
        #expect(try namespace.home(of: path, mayWait: true).holds(path))
        _ = try home.make(path, file)
        #expect(isThere("a/new") && !isThere("b/new"))
        #expect(home.uri(of: path) == UFSURI("file://\(scratch.path)/a/new"))
        #expect(namespace.uri(of: path) == UFSURI("file://\(scratch.path)/b/new"))
    }

    @Test func eachStoreOfTheTableHasAChoreOfItsOwn() throws {
        let table = try scratch.table(scratch.mounts("a", "b"))
        let namespace = namespace(table)
        #expect(namespace.chores.isEmpty, "nobody has used them")
        for path in ["a/d", "b/d"] { _ = try namespace.attributes(of: RelativePath(path), known: nil) }
        #expect(Set(namespace.chores.map(\.id)) == Set(table.stores.mounted.map(\.id)))
        table.take(.empty)
        #expect(namespace.chores.isEmpty)
        try namespace.finish()
    }

    @Test func inodeNumbersComeBackAsTheyWereAndNoneStaysNone() throws {
        let numbers = InodeNumbers(of: "a")
        func native(_ inode: UInt64) -> POSIXAttributes {
            POSIXAttributes(
                mode: 0,
                uid: 0,
                gid: 0,
                linkCount: 1,
                inode: inode,
                device: 0,
                accessed: 0,
                changed: 0
            )
        }
        for inode: UInt64 in [0, 1, 77, .max, 0xCBF2_9CE4_8422_2325] {
            let stored = Attributes(kind: .file, size: 0, modified: 0, etag: nil, posix: native(inode))
            #expect(numbers.stored(numbers.shown(stored)) == stored)
            #expect((numbers.shown(stored).posix?.inode == 0) == (inode == 0))
        }
        let without = Attributes(kind: .file, size: 0, modified: 0, etag: nil)
        #expect(numbers.shown(without) == without)
    }
}

@Suite struct JournalDirectoriesTests {
    private let scratch = ScratchStores()

    private func entry(_ path: String, _ ufs: String = "s3://bucket") throws -> MountEntry {
        try MountEntry(path: path, ufs: ufs)
    }

    @Test func aMountFindsItsDirectoryAgainAndNoOtherOneHasIt() throws {
        let directories = JournalDirectories(root: scratch.path)
        let first = try directories.lease(for: entry("/a")).path
        #expect(try JournalDirectories(root: scratch.path).lease(for: entry("/a")).path == first)
        #expect(try directories.lease(for: entry("/b")).path != first)
        #expect(try directories.lease(for: entry("/a", "s3://other")).path != first)
        let long = try directories.lease(for: entry("/" + String(repeating: "é", count: 127)))
        #expect(long.path.utf8.count - scratch.path.utf8.count < 80)
    }

    @Test func aSecondStoreOfAMountHasADirectoryBesideTheFirst() throws {
        let directories = JournalDirectories(root: scratch.path)
        var first: JournalLease? = try directories.lease(for: entry("/a"))
        let path = try #require(first?.path)
        let second = try directories.lease(for: entry("/a"))
        #expect(second.path == path + ".1")
        first = nil
        #expect(try directories.lease(for: entry("/a")).path == path)
    }

    @Test func whatIsLeftIsFoundAndNamed() throws {
        let directories = JournalDirectories(root: scratch.path)
        do {
            let leases = [try directories.lease(for: entry("/a")), try directories.lease(for: entry("/a"))]
            #expect(leases.allSatisfy { $0.isSettled })
            for lease in leases { scratch.write("records", to: "\(lease.path)/attributes.journal") }
            #expect(leases.allSatisfy { !$0.isSettled })
            #expect(try directories.leftovers(of: entry("/a")).isEmpty, "both are in use")
        }
        #expect(directories.unsettled.count == 2)
        let own = try directories.lease(for: entry("/a"))
        #expect(try directories.leftovers(of: entry("/a")).map(\.path) == [own.path + ".1"])
        #expect(try directories.orphans(besides: [entry("/a")]).isEmpty)
        let orphans = try directories.orphans(besides: [entry("/b")])
        #expect(orphans.map(\.mount) == ["/a s3://bucket", "/a s3://bucket"])
    }
}
