import Pages
import Synchronization
import Testing

@testable import Metadata

extension DirectoryView {
    /// All names at hand, in order.
    var names: [String] { entries.map(\.name) }

    /// All entries at hand, in order.
    var entries: [(name: String, attributes: Attributes)] {
        var entries: [(name: String, attributes: Attributes)] = []
        forEach(from: 0) { _, name, attributes in
            entries.append((String(decoding: name, as: UTF8.self), attributes))
            return true
        }
        return entries
    }
}

extension NamespaceFixture {
    /// A view whose listing has been read whole.
    func view(_ path: String) throws(StoreError) -> DirectoryView {
        let view = try cache.view(of: RelativePath(path), mayWait: true)
        while !view.isComplete { try view.fill(beyond: view.count) }
        return view
    }

    /// A change by this mount that is in the store at once.
    func settle(_ path: String, _ attributes: Attributes = ScriptedStore.file(1)) {
        store.put(path, attributes)
        cache.settle(RelativePath(path), attributes)
    }

    /// A removal by this mount.
    func remove(_ path: String) {
        store.remove(path)
        cache.remove(RelativePath(path))
    }
}

@Suite("What this mount did itself", .timeLimit(.minutes(10)))
struct OwnChangesTests {
    private static let intervals: [Duration?] = [.zero, .seconds(1), nil]

    @Test func `directories of a directory that is known whole are counted, with own changes`() throws {
        let fixture = NamespaceFixture(.seconds(60))
        let count = { (path: String) in fixture.cache.subdirectoryCount(of: RelativePath(path)) }
        for name in ["a", "b"] { fixture.store.put("d/\(name)", Listing.impliedDirectory) }
        fixture.store.put("d/file")
        #expect(count("d") == nil)
        _ = try fixture.view("d")
        #expect(count("d") == 2)
        fixture.cache.made(directory: RelativePath("d/new"), Listing.impliedDirectory)
        fixture.settle("d/other")
        #expect(count("d") == 3 && count("d/new") == 0)
        fixture.cache.move(RelativePath("d/a"), to: RelativePath("d/new/a"), Listing.impliedDirectory)
        #expect(count("d") == 2 && count("d/new") == 1)
        fixture.remove("d/b")
        fixture.remove("d/file")
        #expect(count("d") == 1)
        for index in 0..<300 { fixture.settle("d/file\(index)") }
        #expect(count("d") == nil)
        fixture.clock.advance(.seconds(61))
        #expect(count("d/new") == nil)
    }

    @Test(arguments: intervals)
    func `a pending name answers everything, for ever, and is not asked of the store`(
        _ interval: Duration?
    ) throws {
        let fixture = NamespaceFixture(interval)
        fixture.store.put("d/old")
        fixture.cache.pend(RelativePath("d/new"), ScriptedStore.file(7))
        fixture.clock.advance(.seconds(1_000))
        fixture.cache.sweep()
        #expect(try fixture.glance("d/new").attributes.size == 7)
        #expect(try fixture.glance("d/new").isFresh)
        #expect(try fixture.cache.revalidate(RelativePath("d/new"), known: .file).size == 7)
        #expect(fixture.requests() == 0)
        #expect(try fixture.view("d").names == ["old", "new"])
        fixture.cache.pend(RelativePath("d/new"), ScriptedStore.file(8))
        fixture.cache.invalidate(.root)
        #expect(try fixture.glance("d/new").attributes.size == 8)
        #expect(fixture.cache.entryCount == 1)
    }

    @Test func `a file that is being changed is shown with its new attributes, once, until it is dropped`()
        throws
    {
        let fixture = NamespaceFixture()
        for name in ["d/a", "d/b", "d/c"] { fixture.store.put(name) }
        fixture.cache.pend(RelativePath("d/b"), ScriptedStore.file(5))
        let view = try fixture.view("d")
        #expect(view.entries.map(\.attributes.size) == [1, 5, 1])
        fixture.cache.drop(RelativePath("d/b"))
        #expect(view.entries.map(\.attributes.size) == [1, 1, 1])
        #expect(try fixture.glance("d/b").attributes.size == 1)
    }

    @Test func `what was settled is trusted for the interval, then asked for`() throws {
        let fixture = NamespaceFixture(.seconds(2))
        fixture.store.put("d/x")
        fixture.cache.pend(RelativePath("d/a"), ScriptedStore.file(1))
        fixture.settle("d/a", ScriptedStore.file(2))
        fixture.clock.advance(.milliseconds(500))
        #expect(try fixture.glance("d/a").attributes.size == 2)
        #expect(try fixture.glance("d/a").validFor == .milliseconds(1500))
        fixture.clock.advance(.milliseconds(1500))
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/a") }
        fixture.remove("d/x")
        #expect(throws: StoreError.notFound) { try fixture.glance("d/x") }
        fixture.clock.advance(.seconds(2))
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/x") }
    }

    @Test func `trust counts from the moment of the request, when that is given`() throws {
        let fixture = NamespaceFixture(.seconds(2))
        let requested = fixture.clock.now
        fixture.clock.advance(.milliseconds(1500))
        fixture.cache.settle(RelativePath("d/a"), ScriptedStore.file(1), requested: requested)
        #expect(try fixture.glance("d/a").validFor == .milliseconds(500))
    }

    @Test func `in mode 0 a settled file is asked for at once`() throws {
        let fixture = NamespaceFixture(.zero)
        fixture.settle("d/a")
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/a") }
        #expect(try fixture.look("d/a").isFresh)
    }

    @Test func `two hundred files made in a listed directory cost no request`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/x")
        let listing = try fixture.list("d")
        _ = fixture.requests()
        for number in 0..<200 {
            #expect(throws: StoreError.notFound) { try fixture.look("d/\(number)") }
            fixture.cache.pend(RelativePath("d/\(number)"), ScriptedStore.file(0))
            fixture.settle("d/\(number)", ScriptedStore.file(number))
            #expect(fixture.cache.siblings(of: RelativePath("d/\(number)")) == .some)
        }
        #expect(try fixture.view("d").names.count == 201)
        #expect(fixture.requests() == 0)
        // Nor does the store's confirmation of what we did.
        #expect(try fixture.cache.revalidate(RelativePath("d/7"), known: .file).size == 7)
        #expect(try fixture.list("d") === listing)
    }

    @Test func `a listing that was begun later needs the changes no more`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/x")
        try fixture.list("d")
        fixture.settle("d/a")
        fixture.remove("d/x")
        #expect(fixture.cache.state.withLock { $0.own.settledCount } == 2)
        fixture.clock.advance(.seconds(2))
        #expect(try fixture.view("d").names == ["a"])
        #expect(fixture.cache.state.withLock { $0.own.settledCount } == 0)
        #expect(fixture.cache.state.withLock { $0.own.directories.isEmpty })
    }

    @Test func `a reader of an older listing goes on seeing it without what was removed`() throws {
        let fixture = NamespaceFixture(pageSize: 3)
        for number in 0..<9 { fixture.store.put("d/\(number)") }
        let old = try fixture.view("d")
        fixture.remove("d/8")
        fixture.settle("d/new")
        fixture.clock.advance(.seconds(2))
        #expect(try fixture.view("d").names == ["0", "1", "2", "3", "4", "5", "6", "7", "new"])
        fixture.cache.sweep()
        #expect(old.names == ["0", "1", "2", "3", "4", "5", "6", "7"])
    }

    @Test func `what is under way brings nothing back that was removed, and hides nothing that was made`()
        throws
    {
        let fixture = NamespaceFixture(.seconds(10))
        for name in ["d/gone", "d/stays"] { fixture.store.put(name) }
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let threads = start(3) { number in
            switch number {
            case 0: _ = try? cache.attributes(of: RelativePath("d/gone"), mayWait: true)
            case 1: _ = try? cache.attributes(of: RelativePath("d/made"), mayWait: true)
            default: _ = try? cache.listing(of: RelativePath("d"), mayWait: true)
            }
        }
        eventually("all are under way") { fixture.store.requests.count == 3 }
        fixture.remove("d/gone")
        fixture.settle("d/made")
        fixture.store.release(gate)
        join(threads)
        #expect(throws: StoreError.notFound) { try fixture.glance("d/gone") }
        #expect(try fixture.glance("d/made").attributes.size == 1)
        #expect(try fixture.view("d").names == ["stays", "made"])
    }

    @Test func `somebody else's newer change goes before ours`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/x")
        let listing = try fixture.list("d")
        fixture.settle("d/a", ScriptedStore.file(1))
        fixture.clock.advance(.seconds(1))
        fixture.store.put("d/a", ScriptedStore.file(2))
        #expect(try fixture.cache.revalidate(RelativePath("d/a"), known: .file).size == 2)
        #expect(try fixture.glance("d/a").attributes.size == 2)
        #expect(try fixture.list("d") !== listing)
        #expect(try fixture.view("d").entries.map(\.attributes.size) == [2, 1])
    }

    @Test func `a new directory is known to be empty`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/x")
        fixture.cache.made(directory: RelativePath("d/new"), ScriptedStore.directory)
        #expect(try fixture.glance("d/new").attributes.kind == .directory)
        #expect(throws: StoreError.notFound) { try fixture.glance("d/new/a") }
        #expect(try fixture.cache.isEmpty(RelativePath("d/new"), mayWait: false))
        #expect(fixture.cache.siblings(of: RelativePath("d/new/a")) == .none)
        fixture.cache.pend(RelativePath("d/new/a"), ScriptedStore.file(1))
        // The store has nothing there yet.
        #expect(fixture.cache.siblings(of: RelativePath("d/new/b")) == .none)
        #expect(try !fixture.cache.isEmpty(RelativePath("d/new"), mayWait: false))
        fixture.cache.settle(RelativePath("d/new/a"), ScriptedStore.file(1))
        #expect(fixture.cache.siblings(of: RelativePath("d/new/b")) == .some)
        #expect(fixture.cache.siblings(of: RelativePath("d/new/a")) == .none)
        #expect(try !fixture.cache.isEmpty(RelativePath("d/new"), mayWait: false))
        #expect(fixture.requests() == 0)
        fixture.cache.invalidate(.root)
        #expect(fixture.cache.environment.holdings.bytes == 0)
    }

    @Test func `removing a whole directory's names ends with an empty one, without looking at each again`()
        throws
    {
        let fixture = NamespaceFixture(nil)
        for number in 0..<5_000 { fixture.store.put("d/\(number)") }
        for name in try fixture.view("d").names {
            #expect(fixture.cache.siblings(of: RelativePath("d/\(name)")) != .unknown)
            fixture.cache.remove(RelativePath("d/\(name)"))
        }
        #expect(fixture.cache.siblings(of: RelativePath("d/x")) == .none)
        #expect(try fixture.cache.isEmpty(RelativePath("d"), mayWait: false))
        #expect(try fixture.view("d").names.isEmpty)
    }

    @Test func `a directory of pending names alone can be listed although the store has none`() throws {
        let fixture = NamespaceFixture()
        fixture.cache.pend(RelativePath("d/a"), ScriptedStore.file(1))
        #expect(try fixture.view("d").names == ["a"])
        fixture.cache.drop(RelativePath("d/a"))
        #expect(throws: StoreError.notFound) { try fixture.view("d") }
    }

    @Test func `a moved tree takes along what is pending, and leaves nothing behind`() throws {
        let fixture = NamespaceFixture(nil)
        for name in ["d/sub/x", "e/y", "e/f/z"] { fixture.store.put(name) }
        for name in ["", "d", "d/sub", "e", "e/f"] { try fixture.list(name) }
        fixture.cache.pend(RelativePath("d/sub/new"), ScriptedStore.file(3))
        fixture.store.remove("d")
        fixture.store.put("e/f/sub/x")
        fixture.cache.move(RelativePath("d"), to: RelativePath("e/f"), ScriptedStore.directory)
        #expect(throws: StoreError.notFound) { try fixture.glance("d") }
        for name in ["d/sub", "d/sub/x", "d/sub/new", "e/f/z"] {
            #expect(throws: StoreError.wouldWait) { try fixture.glance(name) }
        }
        #expect(try fixture.glance("e/f").attributes.kind == .directory)
        #expect(try fixture.glance("e/f/sub/new").attributes.size == 3)
        #expect(try fixture.view("").names == ["e"])
        #expect(try fixture.view("e/f/sub").names == ["x", "new"])
    }

    @Test func `a name that is moved while it is pending is pending under the new name`() throws {
        let fixture = NamespaceFixture()
        fixture.cache.pend(RelativePath("d/a"), ScriptedStore.file(3))
        fixture.cache.move(RelativePath("d/a"), to: RelativePath("d/b"), nil)
        #expect(throws: StoreError.notFound) { try fixture.glance("d/a") }
        #expect(try fixture.glance("d/b").attributes.size == 3)
        fixture.cache.pend(RelativePath("d/b"), ScriptedStore.file(4))
        fixture.cache.exchange(
            RelativePath("d/a"),
            RelativePath("d/b"),
            (path: ScriptedStore.file(1), target: ScriptedStore.file(2))
        )
        #expect(try fixture.glance("d/a").attributes.size == 4)
        #expect(try fixture.glance("d/b").attributes.size == 2)
        fixture.cache.drop(RelativePath("d/a"))
        #expect(try fixture.glance("d/a").attributes.size == 1)
    }

    @Test func `a reader does not get stuck at names that were removed at the end`() throws {
        let fixture = NamespaceFixture(nil)
        for number in 0..<9 { fixture.store.put("d/\(number)") }
        let view = try fixture.view("d")
        for number in 5..<9 { fixture.remove("d/\(number)") }
        var seen = 0
        let end = view.forEach(from: 0) { _, _, _ in
            seen += 1
            return true
        }
        #expect(seen == 5)
        #expect(end == view.count)
        #expect(view.forEach(from: end) { _, _, _ in false } == end)
    }

    @Test func `beyond their limit settled changes go, with the listings that lack them`() throws {
        let fixture = NamespaceFixture(nil) { $0.ownChangesMaximum = 100 }
        fixture.store.put("d/x")
        let listing = try fixture.list("d")
        fixture.cache.pend(RelativePath("d/pending"), ScriptedStore.file(1))
        for number in 0..<150 {
            fixture.settle("d/\(number)")
            #expect(fixture.cache.state.withLock { $0.own.settledCount } <= 100)
        }
        #expect(try fixture.list("d") !== listing)
        #expect(try fixture.view("d").names.count == 152)
        #expect(try fixture.glance("d/pending").attributes.size == 1)
    }

    @Test(arguments: intervals)
    func `nothing is left of a path that was abandoned, not even what was pending`(
        _ interval: Duration?
    ) throws {
        let fixture = NamespaceFixture(interval)
        fixture.store.put("s/d/old")
        fixture.store.put("sibling/x")
        _ = try fixture.view("s/d")
        fixture.cache.pend(RelativePath("s/d/new"), ScriptedStore.file(7))
        fixture.cache.pend(RelativePath("sibling/new"), ScriptedStore.file(7))
        fixture.settle("s/settled")
        fixture.store.remove("s/settled")
        fixture.store.remove("s/d/old")
        fixture.store.put("s/d/other")
        fixture.cache.abandon(RelativePath("s"))
        #expect(throws: StoreError.notFound) {
            try fixture.cache.attributes(of: RelativePath("s/d/new"), mayWait: true)
        }
        #expect(throws: StoreError.notFound) {
            try fixture.cache.attributes(of: RelativePath("s/settled"), mayWait: true)
        }
        #expect(try fixture.view("s/d").names == ["other"])
        #expect(try fixture.glance("sibling/new").attributes.size == 7)
    }
}
