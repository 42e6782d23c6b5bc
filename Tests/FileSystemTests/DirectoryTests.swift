import Metadata
import Pages
import SeededRandom
import Synchronization
import Testing

@testable import FileSystem

/// Directories while they are open.
struct DirectoryTests {
    struct Seen: Equatable {
        var name: String
        var cookie: UInt64
        var node: NodeID?
        var type: UInt32
    }

    /// A directory `d` with pages of entries, open.
    static func open(_ mount: TestMount, pages: [Int]) throws -> (
        node: NodeID, handle: HandleID, listing: ScriptedListing
    ) {
        mount.namespace.put("d", .directory)
        var first = 0
        let listing = ScriptedListing(
            pages: pages.map { count in
                defer { first += count }
                return (first..<first + count).map { (name: "f\($0)", attributes: Attributes.file("e\($0)")) }
            }
        )
        mount.namespace.setListing(listing, of: RelativePath("d"))
        let node = try mount.lookup("d").node
        return (node, try mount.fileSystem.openDirectory(node, .waiting), listing)
    }

    static func read(
        _ mount: TestMount,
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience = .waiting,
        plus: Bool = false,
        atMost: Int = .max
    ) throws -> [Seen] {
        var seen: [Seen] = []
        try mount.fileSystem.readDirectory(handle, from: cookie, patience, withAttributes: plus) {
            entry,
            attributes in
            guard seen.count < atMost else { return false }
            seen.append(
                Seen(
                    name: String(decoding: entry.name, as: UTF8.self),
                    cookie: entry.nextCookie,
                    node: attributes?.node,
                    type: entry.type
                )
            )
            return true
        }
        return seen
    }

    /// Reads to the end in steps.
    static func readAll(
        _ mount: TestMount,
        _ handle: HandleID,
        from start: UInt64 = 0,
        plus: Bool = false,
        step: Int = .max
    ) throws -> [Seen] {
        var all: [Seen] = []
        while true {
            let more = try read(mount, handle, from: all.last?.cookie ?? start, plus: plus, atMost: step)
            if more.isEmpty { return all }
            all += more
        }
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func everyEntryComesOnceWhateverTheStep(step: Int) throws {
        let mount = TestMount()
        let (_, handle, _) = try Self.open(mount, pages: [10, 5, 0, 20])
        let all = try Self.readAll(mount, handle, step: step)
        #expect(all.map(\.name) == [".", ".."] + (0..<35).map { "f\($0)" })
        #expect(all.map(\.cookie) == Array(1...37))
        #expect(all[0].type == 0o040000 && all[2].type == 0o100000)
    }

    @Test func seekdirIsExact() throws {
        let mount = TestMount()
        let (_, handle, _) = try Self.open(mount, pages: [10, 10, 10])
        let all = try Self.readAll(mount, handle)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<100 {
            let position = Int.random(in: 0..<all.count, using: &random)
            let rest = try Self.readAll(mount, handle, from: all[position].cookie, step: 4)
            #expect(rest == Array(all[(position + 1)...]), "seed 3")
        }
    }

    @Test func theRootOfAnEmptyBucketIsEmpty() throws {
        let mount = TestMount()
        let handle = try mount.fileSystem.openDirectory(1, .waiting)
        #expect(try Self.readAll(mount, handle).map(\.name) == [".", ".."])
        mount.fileSystem.releaseDirectory(handle)
        #expect(throws: FileSystemError.invalid) { try Self.readAll(mount, handle) }
    }

    @Test func entriesAtHandDoNotWaitForTheNextPage() throws {
        let mount = TestMount(ahead: 0)
        let (_, handle, listing) = try Self.open(mount, pages: [3, 3])
        #expect(try Self.read(mount, handle, from: 0, .immediate).count == 5)
        #expect(listing.fills == 0)
        #expect(throws: FileSystemError.wouldWait) { try Self.read(mount, handle, from: 5, .immediate) }
        #expect(try Self.read(mount, handle, from: 5, .waiting).count == 3)
    }

    @Test func theNextPageIsReadAhead() throws {
        let mount = TestMount()
        let (_, handle, listing) = try Self.open(mount, pages: [3, 3, 3])
        _ = try Self.read(mount, handle, from: 0, .immediate)
        try mount.settle()
        #expect(listing.fills == 1)
        #expect(try Self.read(mount, handle, from: 5, .immediate).count == 3)
    }

    @Test func aListingIsReadAheadByAsManyJobsAsItCanUseUntilItIsClosed() throws {
        let mount = TestMount()
        let (directory, first, _) = try Self.open(mount, pages: [3])
        mount.fileSystem.releaseDirectory(first)
        let listing = BusyListing(jobs: 4)
        mount.namespace.setListing(listing, of: RelativePath("d"))
        let handle = try mount.fileSystem.openDirectory(directory, .immediate)
        #expect(try Self.read(mount, handle, from: 0, .immediate).count == 3)
        #expect(eventually { listing.steps.most == 4 && listing.steps.all > 40 })
        mount.fileSystem.releaseDirectory(handle)
        try mount.settle()
        let steps = listing.steps.all
        pauseBriefly()
        #expect(listing.steps.all == steps)
    }

    @Test func aStoreThatFailsWithinAListingIsSeenAndTriedAgain() throws {
        let mount = TestMount(ahead: 0)
        let (_, handle, listing) = try Self.open(mount, pages: [3, 3])
        listing.state.withLock { $0.failure = .unavailable("down") }
        #expect(try Self.read(mount, handle, from: 0).count == 5)
        #expect(throws: FileSystemError.inputOutput("down")) { try Self.read(mount, handle, from: 5) }
        listing.state.withLock { $0.failure = nil }
        #expect(try Self.read(mount, handle, from: 5).count == 3)
    }

    @Test func rewinddirTakesTheNewListing() throws {
        let mount = TestMount()
        let (_, handle, _) = try Self.open(mount, pages: [3])
        #expect(try Self.readAll(mount, handle).count == 5)
        mount.namespace.setListing(
            ScriptedListing(pages: [[(name: "new", attributes: .file("n"))]]),
            of: RelativePath("d")
        )
        #expect(try Self.readAll(mount, handle, from: 2).count == 3)
        #expect(try Self.readAll(mount, handle).map(\.name) == [".", "..", "new"])
    }

    @Test func attributesMakeNodesThatLookupsFindAndForgetDrops() throws {
        let mount = TestMount()
        let (directory, handle, _) = try Self.open(mount, pages: [20])
        let all = try Self.readAll(mount, handle, plus: true, step: 7)
        #expect(all[0].node == nil && all[1].node == nil)
        let nodes = all.dropFirst(2).compactMap(\.node)
        #expect(Set(nodes).count == 20)
        // Root, directory, and only the entries that were taken.
        #expect(mount.fileSystem.inodes.count == 22)
        mount.namespace.put("d/f3", .file("e3"))
        #expect(try mount.lookup("f3", in: directory).node == nodes[3])
        for node in nodes { mount.fileSystem.forget(node, count: 1) }
        #expect(mount.fileSystem.inodes.count == 3)
    }

    @Test func anEntryThatDidNotFitIsNotCounted() throws {
        let mount = TestMount()
        let (_, handle, _) = try Self.open(mount, pages: [5])
        let seen = try Self.read(mount, handle, from: 2, plus: true, atMost: 2)
        #expect(seen.count == 2)
        #expect(mount.fileSystem.inodes.count == 4)
    }

    @Test func aSnapshotDoesNotReplaceANewerLookup() throws {
        let mount = TestMount()
        let (directory, handle, _) = try Self.open(mount, pages: [3])
        mount.namespace.put("d/f1", .file("newer"))
        let current = try mount.lookup("f1", in: directory).node
        let trusted = try Self.read(mount, handle, from: 2, plus: true)
        #expect(trusted[1].node == current)
        mount.namespace.expire()
        let unsure = try Self.read(mount, handle, from: 2, plus: true)
        #expect(unsure[1].node == nil)
        #expect(unsure[0].node != nil)
        _ = try mount.open(current)
    }

    @Test func onlyDirectoriesCanBeOpened() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        #expect(throws: FileSystemError.notDirectory) { try mount.fileSystem.openDirectory(node, .waiting) }
    }

    @Test func theLimitOfHandlesHasAName() throws {
        let mount = TestMount { $0.openFilesMaximum = 2 }
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        let first = try mount.open(node)
        _ = try mount.open(node)
        #expect(
            performing: { try mount.open(node) },
            throws: { error in
                guard case .tooMany(let text)? = error as? FileSystemError else { return false }
                return text.contains("openFilesMaximum")
            }
        )
        try mount.fileSystem.release(first, .waiting)
        _ = try mount.open(node)
    }
}

/// A complete listing whose later entries have been removed, and so only have an index.
private final class GappyListing: DirectoryListing {
    var count: Int { 9 }
    var isComplete: Bool { true }
    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) -> Int {
        guard index <= 2 else { return max(index, 9) }
        return [UInt8](arrayLiteral: 97).withUnsafeBytes { body(2, $0, .file("a")) ? 9 : 2 }
    }
    func fill(beyond count: Int) throws(StoreError) {}
    func touch() {}
}

extension DirectoryTests {
    @Test func namesThatAreLeftOutNeitherStopNorRepeatAReader() throws {
        let mount = TestMount()
        mount.namespace.put("d", .directory)
        mount.namespace.setListing(GappyListing(), of: RelativePath("d"))
        let handle = try mount.fileSystem.openDirectory(try mount.lookup("d").node, .waiting)
        let seen = try Self.read(mount, handle, from: 0)
        #expect(seen.map(\.name) == [".", "..", "a"])
        #expect(try Self.read(mount, handle, from: seen[2].cookie).isEmpty)
        #expect(try Self.read(mount, handle, from: 2, atMost: 0).isEmpty)
        #expect(try Self.read(mount, handle, from: 2).map(\.name) == ["a"])
    }
}

/// A listing of one entry that always finds something to read ahead.
private final class BusyListing: DirectoryListing {
    private let wanted: Int
    private let state = Mutex((running: 0, most: 0, all: 0))

    init(jobs: Int) { wanted = jobs }

    /// How many steps ran at a time at most, and how many there were.
    var steps: (most: Int, all: Int) { state.withLock { ($0.most, $0.all) } }

    var count: Int { 1 }
    var isComplete: Bool { false }
    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) -> Int {
        guard index == 0 else { return index }
        return [UInt8](arrayLiteral: 97).withUnsafeBytes { body(0, $0, .file("a")) ? 1 : 0 }
    }
    func fill(beyond count: Int) throws(StoreError) {}
    func touch() {}
    func jobsAhead(of position: Int) -> Int { wanted }
    func stepAhead(of position: Int) -> Bool {
        state.withLock { state in
            state.running += 1
            state.all += 1
            state.most = max(state.most, state.running)
        }
        pauseBriefly()
        state.withLock { $0.running -= 1 }
        return true
    }
}
