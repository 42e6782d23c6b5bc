import Pages
import Synchronization
import Testing
import Threading

@testable import Metadata

@Suite("Requests under way", .timeLimit(.minutes(10)))
struct NamespaceFlightTests {
    @Test func `one request answers all who ask meanwhile`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let good = Atomic<Int>(0)
        let threads = start(16) { _ in
            let answer = try? cache.attributes(of: RelativePath("d/a"), mayWait: true)
            if answer?.attributes.kind == .file { good.wrappingAdd(1, ordering: .relaxed) }
        }
        eventually("somebody asks") { fixture.store.requests.count == 1 }
        usleepShort()
        fixture.store.release(gate)
        join(threads)
        #expect(good.load(ordering: .relaxed) == 16)
        #expect(fixture.requests() == 1)
    }

    @Test func `all who wait get the error, and the next one asks again`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        fixture.store.fail(.unavailable("down"))
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let begun = Atomic<Int>(0)
        let threads = start(8) { _ in
            begun.wrappingAdd(1, ordering: .relaxed)
            _ = try? cache.attributes(of: RelativePath("d/a"), mayWait: true)
        }
        eventually("all ask") { begun.load(ordering: .relaxed) == 8 }
        usleepShort()
        fixture.store.release(gate)
        join(threads)
        #expect(fixture.store.requests.count <= 2)
        #expect(try fixture.look("d/a").attributes.kind == .file)
    }

    @Test(arguments: [Duration.zero, .seconds(1)])
    func `a request that is too old to be trusted is waited for, then asked anew, once for all`(
        _ interval: Duration
    ) throws {
        let fixture = NamespaceFixture(interval)
        fixture.store.put("d/a", ScriptedStore.file(1))
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let good = Atomic<Int>(0)
        let first = start(1) { _ in _ = try? cache.attributes(of: RelativePath("d/a"), mayWait: true) }
        eventually("the first asks") { fixture.store.requests.count == 1 }
        fixture.store.put("d/a", ScriptedStore.file(2))
        fixture.clock.advance(.seconds(1))
        let begun = Atomic<Int>(0)
        let others = start(8) { _ in
            begun.wrappingAdd(1, ordering: .relaxed)
            let answer = try? cache.attributes(of: RelativePath("d/a"), mayWait: true)
            if answer?.attributes.etag == ETag("v2") { good.wrappingAdd(1, ordering: .relaxed) }
        }
        eventually("all ask") { begun.load(ordering: .relaxed) == 8 }
        usleepShort()
        #expect(fixture.store.requests.count == 1)
        fixture.store.release(gate)
        join(first + others)
        #expect(good.load(ordering: .relaxed) == 8)
        #expect(fixture.store.doubled.isEmpty)
        // In mode 0 a thread that was late by those 20 ms has a right to a request of its own.
        #expect(fixture.requests() <= (interval == .zero ? 4 : 2))
    }

    @Test func `revalidation is never answered by something older than the call`() throws {
        let fixture = NamespaceFixture(.seconds(100))
        fixture.store.put("d/a", ScriptedStore.file(1))
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let first = start(1) { _ in _ = try? cache.attributes(of: RelativePath("d/a"), mayWait: true) }
        eventually("the first asks") { fixture.store.requests.count == 1 }
        fixture.store.put("d/a", ScriptedStore.file(2))
        fixture.clock.advance(.milliseconds(1))
        let seen = Mutex<ETag?>(nil)
        let second = start(1) { _ in
            let attributes = try? cache.revalidate(RelativePath("d/a"), known: .file)
            seen.withLock { $0 = attributes?.etag }
        }
        usleepShort()
        fixture.store.release(gate)
        join(first + second)
        #expect(seen.withLock { $0 } == ETag("v2"))
        #expect(try fixture.glance("d/a").attributes.etag == ETag("v2"))
    }

    @Test func `one listing is begun for all who open a directory`() throws {
        let fixture = NamespaceFixture(pageSize: 10)
        for number in 0..<100 { fixture.store.put("d/\(100 + number)") }
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let good = Atomic<Int>(0)
        let threads = start(16) { _ in
            let listing = try? cache.listing(of: RelativePath("d"), mayWait: true)
            if listing?.count == 10 { good.wrappingAdd(1, ordering: .relaxed) }
        }
        eventually("somebody asks") { fixture.store.requests.count == 1 }
        usleepShort()
        fixture.store.release(gate)
        join(threads)
        #expect(good.load(ordering: .relaxed) == 16)
        #expect(fixture.requests() == 1)
    }

    @Test func `a wait has an end`() {
        let flight = Flight<Int>()
        let error = #expect(throws: StoreError.self) {
            try flight.wait(atMost: .milliseconds(20), for: RelativePath("d/a"))
        }
        guard case .unavailable(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("d/a"))
    }
}

@Suite("Forgetting", .timeLimit(.minutes(10)))
struct NamespaceForgettingTests {
    @Test func `a path takes everything below it along, and its parent's listing, and nothing else`() throws {
        let fixture = NamespaceFixture(nil)
        for path in ["a/b/c", "a/b/d/e", "a/bb", "x/y"] { fixture.store.put(path) }
        for path in ["", "a", "a/b", "a/b/d", "x"] { try fixture.list(path) }
        for path in ["a/b/c", "a/bb", "x/y"] {
            _ = try fixture.cache.revalidate(RelativePath(path), known: .file)
        }
        fixture.cache.invalidate(RelativePath("a/b"))
        for path in ["a/b", "a/b/c", "a/b/d", "a/b/d/e"] {
            #expect(throws: StoreError.wouldWait) { try fixture.glance(path) }
        }
        for path in ["a/bb", "x/y", "a", "x"] { _ = try fixture.glance(path) }
        #expect(throws: StoreError.wouldWait) {
            try fixture.cache.listing(of: RelativePath("a"), mayWait: false)
        }
        _ = try fixture.cache.listing(of: .root, mayWait: false)
        fixture.cache.invalidate(.root)
        for path in ["a/bb", "x/y", "a", "x"] {
            #expect(throws: StoreError.wouldWait) { try fixture.glance(path) }
        }
        #expect(fixture.cache.entryCount == 0)
    }

    @Test func `an answer that was under way is not kept`() throws {
        let fixture = NamespaceFixture(nil)
        fixture.store.put("d/a", ScriptedStore.file(1))
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let threads = start(2) { number in
            if number == 0 {
                _ = try? cache.attributes(of: RelativePath("d/a"), mayWait: true)
            } else {
                _ = try? cache.listing(of: RelativePath("d"), mayWait: true)
            }
        }
        eventually("both are under way") { fixture.store.requests.count == 2 }
        fixture.store.put("d/a", ScriptedStore.file(2))
        fixture.cache.invalidate(RelativePath("d/a"))
        fixture.store.release(gate)
        join(threads)
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/a") }
        #expect(throws: StoreError.wouldWait) {
            try fixture.cache.listing(of: RelativePath("d"), mayWait: false)
        }
        #expect(try fixture.look("d/a").attributes.etag == ETag("v2"))
    }

    @Test func `a page that was under way makes nothing trusted again`() throws {
        let fixture = NamespaceFixture(nil, pageSize: 10)
        for number in 0..<20 { fixture.store.put("d/\(100 + number)") }
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        let gate = fixture.store.hold()
        let threads = start(1) { _ in try? listing.fill(beyond: 10) }
        eventually("the page is under way") { fixture.store.requests.count == 2 }
        fixture.cache.invalidate(RelativePath("d/105"))
        fixture.store.release(gate)
        join(threads)
        #expect(listing.count == 20)
        #expect(listing.validFor == .zero)
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/105") }
    }

    @Test func `single answers stay within their limit, those in use longest`() throws {
        let fixture = NamespaceFixture(nil) { $0.lookupsMaximum = 100 }
        fixture.store.put("in/use")
        _ = try fixture.look("in/use")
        for number in 0..<1000 {
            #expect(throws: StoreError.notFound) { try fixture.look("d\(number)/absent") }
            _ = try fixture.glance("in/use")
            #expect(fixture.cache.entryCount <= 100)
        }
    }

    @Test func `listings that nobody has open stay within their limit, the open ones stay`() throws {
        let fixture = NamespaceFixture(nil) { $0.listingBytesMaximum = 100_000 }
        for directory in 0..<200 {
            for file in 0..<20 { fixture.store.put("d\(directory)/\(file)") }
        }
        let open = try fixture.list("d0")
        for directory in 1..<200 {
            fixture.clock.advance(.milliseconds(1))
            try fixture.list("d\(directory)")
        }
        fixture.cache.sweep()
        #expect(fixture.cache.environment.holdings.bytes <= 100_000 + open.memoryBytes)
        #expect(fixture.cache.environment.holdings.bytes > 50_000)
        #expect(try fixture.cache.listing(of: RelativePath("d0"), mayWait: false) === open)
        #expect(throws: StoreError.wouldWait) {
            try fixture.cache.listing(of: RelativePath("d1"), mayWait: false)
        }
        _ = try fixture.cache.listing(of: RelativePath("d199"), mayWait: false)
    }

    @Test func `a sweep drops what expired and nobody has open`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        fixture.store.put("e/a")
        let open = try fixture.list("d")
        try fixture.list("e")
        _ = try fixture.look("e")
        #expect(fixture.cache.entryCount == 3)
        fixture.clock.advance(.seconds(30))
        fixture.cache.sweep()
        #expect(fixture.cache.entryCount == 3)
        fixture.clock.advance(.seconds(2))
        fixture.cache.sweep()
        #expect(fixture.cache.entryCount == 2)
        #expect(open.names == ["a"])
        fixture.clock.advance(.seconds(600))
        fixture.cache.sweep()
        #expect(fixture.cache.entryCount == 1)
    }
}
