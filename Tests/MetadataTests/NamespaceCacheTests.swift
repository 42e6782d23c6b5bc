import Pages
import Synchronization
import Testing
import Threading

@testable import Metadata

@Suite("The namespace cache")
struct NamespaceCacheTests {
    @Test func `trusts a single answer for the interval, from the moment of the request`() throws {
        let fixture = NamespaceFixture(.seconds(2))
        fixture.store.put("d/a")
        let first = try fixture.look("d/a")
        #expect(first.isFresh)
        #expect(first.validFor == .seconds(2))
        fixture.clock.advance(.milliseconds(1500))
        let second = try fixture.glance("d/a")
        #expect(!second.isFresh)
        #expect(second.validFor == .milliseconds(500))
        fixture.clock.advance(.milliseconds(500))
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/a") }
        #expect(try fixture.look("d/a").isFresh)
        #expect(fixture.requests() == 2)
    }

    @Test func `trusts for ever when told so`() throws {
        let fixture = NamespaceFixture(nil)
        fixture.store.put("d/a")
        #expect(try fixture.look("d/a").validFor == nil)
        fixture.clock.advance(.seconds(1_000_000))
        fixture.cache.sweep()
        #expect(try fixture.glance("d/a").validFor == nil)
        #expect(throws: StoreError.notFound) { try fixture.look("d/b") }
        #expect(throws: StoreError.notFound) { try fixture.glance("d/b") }
        #expect(fixture.requests() == 2)
    }

    @Test func `tells the store what an expired name was, from a lookup and from a listing`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        fixture.store.put("d/sub/x")
        fixture.store.put("e/b")
        try fixture.list("d")
        _ = try fixture.look("e/b")
        fixture.clock.advance(.seconds(2))
        _ = fixture.store.takeRequests()
        _ = try fixture.look("e/b")
        _ = try fixture.look("d/a")
        _ = try fixture.look("d/sub")
        #expect(
            fixture.store.takeRequests() == [
                .attributes(RelativePath("e/b"), known: .file),
                .attributes(RelativePath("d/a"), known: .file),
                .attributes(RelativePath("d/sub"), known: .directory),
            ]
        )
    }

    @Test func `answers absent names of a complete listing without a request`() throws {
        let fixture = NamespaceFixture(pageSize: 10)
        for number in 0..<25 { fixture.store.put("d/\(100 + number)") }
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/absent") }
        while !listing.isComplete { try listing.fill(beyond: listing.count) }
        for number in 0..<100 {
            #expect(throws: StoreError.notFound) { try fixture.look("d/absent\(number)") }
        }
        #expect(fixture.requests() == 3)
        fixture.clock.advance(.seconds(1))
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/absent") }
    }

    @Test func `trusts an absence for the interval`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        for _ in 0..<3 { #expect(throws: StoreError.notFound) { try fixture.look("d/b") } }
        #expect(fixture.requests() == 1)
        fixture.store.put("d/b")
        fixture.clock.advance(.seconds(1))
        #expect(try fixture.look("d/b").attributes.kind == .file)
    }

    @Test func `keeps no error but an absence`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        fixture.store.fail(.unavailable("down"), .denied("no"))
        #expect(throws: StoreError.unavailable("down")) { try fixture.look("d/a") }
        #expect(throws: StoreError.denied("no")) {
            try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        }
        #expect(try fixture.look("d/a").attributes.size == 1)
        #expect(try fixture.list("d").names == ["a"])
    }

    @Test func `never asks when it must not wait`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/a") }
        #expect(throws: StoreError.wouldWait) { try fixture.cache.listing(of: .root, mayWait: false) }
        #expect(fixture.requests() == 0)
        try fixture.list("d")
        #expect(try fixture.cache.listing(of: RelativePath("d"), mayWait: false).count == 1)
    }

    @Test func `knows the root without asking`() throws {
        let fixture = NamespaceFixture(.zero)
        #expect(try fixture.glance("").attributes.kind == .directory)
        #expect(try fixture.cache.revalidate(.root, known: nil).kind == .directory)
        #expect(fixture.requests() == 0)
    }

    // MARK: Mode 0

    @Test func `in mode 0 asks for every file and every absence, and for directories once a second`() throws {
        let fixture = NamespaceFixture(.zero)
        fixture.store.put("d/a")
        for _ in 0..<3 {
            let answer = try fixture.look("d/a")
            #expect(answer.isFresh)
            #expect(answer.validFor == .zero)
            #expect(throws: StoreError.notFound) { try fixture.look("d/b") }
        }
        #expect(fixture.requests() == 6)
        for _ in 0..<3 { #expect(try fixture.look("d").attributes.kind == .directory) }
        #expect(fixture.requests() == 1)
        #expect(try fixture.look("d").validFor == .seconds(1))
        fixture.clock.advance(.seconds(1))
        _ = try fixture.look("d")
        #expect(fixture.requests() == 1)
    }

    @Test func `in mode 0 a listing gives kinds, not answers, and every reader a new one`() throws {
        let fixture = NamespaceFixture(.zero)
        fixture.store.put("d/a")
        fixture.store.put("d/sub/x")
        let first = try fixture.list("d")
        let second = try fixture.list("d")
        #expect(first !== second || fixture.clock.now == first.begun)
        fixture.clock.advance(.milliseconds(1))
        #expect(try fixture.list("d") !== second)
        _ = fixture.store.takeRequests()
        _ = try fixture.look("d/a")
        #expect(fixture.store.takeRequests() == [.attributes(RelativePath("d/a"), known: .file)])
        #expect(throws: StoreError.notFound) { try fixture.look("d/absent") }
        #expect(try fixture.look("d/sub").attributes.kind == .directory)
        #expect(fixture.requests() == 1)
    }

    // MARK: Listings

    @Test func `answers lookups from a listing until the interval after its last page's request`() throws {
        let fixture = NamespaceFixture(pageSize: 10)
        for number in 0..<15 { fixture.store.put("d/\(100 + number)") }
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        fixture.clock.advance(.milliseconds(900))
        try listing.fill(beyond: 10)
        fixture.clock.advance(.milliseconds(999))
        #expect(try fixture.glance("d/100").validFor == .milliseconds(1))
        #expect(try fixture.cache.listing(of: RelativePath("d"), mayWait: false) === listing)
        fixture.clock.advance(.milliseconds(1))
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/100") }
        #expect(throws: StoreError.wouldWait) {
            try fixture.cache.listing(of: RelativePath("d"), mayWait: false)
        }
    }

    @Test func `trusts the names of a listing that is being read, for a minute at most`() throws {
        let fixture = NamespaceFixture()
        fixture.store.put("d/a")
        let listing = try fixture.list("d")
        for _ in 0..<119 {
            fixture.clock.advance(.milliseconds(500))
            listing.touch()
            #expect(try fixture.glance("d/a").attributes.kind == .file)
        }
        #expect(listing.validFor == .milliseconds(500))
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/absent") }
        #expect(throws: StoreError.wouldWait) {
            try fixture.cache.listing(of: RelativePath("d"), mayWait: false)
        }
        fixture.clock.advance(.milliseconds(500))
        listing.touch()
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/a") }
        #expect(listing.validFor == .zero)
    }

    @Test func `a listing goes on when its trust is over, and when it was forgotten`() throws {
        let fixture = NamespaceFixture(pageSize: 10)
        for number in 0..<30 { fixture.store.put("d/\(100 + number)") }
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        fixture.clock.advance(.seconds(100))
        fixture.cache.sweep()
        try listing.fill(beyond: 10)
        fixture.cache.invalidate(RelativePath("d"))
        try listing.fill(beyond: 20)
        #expect(listing.isComplete)
        #expect(listing.names.count == 30)
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/100") }
    }

    @Test func `a newer single answer goes before an older listing`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/a", ScriptedStore.file(1))
        fixture.store.put("d/b", ScriptedStore.file(1))
        let listing = try fixture.list("d")
        fixture.clock.advance(.seconds(1))
        fixture.store.put("d/a", ScriptedStore.file(2))
        #expect(try fixture.cache.revalidate(RelativePath("d/a"), known: .file).etag == ETag("v2"))
        #expect(try fixture.glance("d/a").attributes.etag == ETag("v2"))
        #expect(try fixture.glance("d/b").attributes.etag == ETag("v1"))
        #expect(try fixture.list("d") !== listing)
        #expect(try fixture.glance("d/a").attributes.etag == ETag("v2"))
    }

    @Test func `a name that appeared or went is not hidden by an older listing`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/a")
        try fixture.list("d")
        fixture.clock.advance(.seconds(1))
        fixture.store.put("d/new")
        fixture.store.remove("d/a")
        #expect(try fixture.cache.revalidate(RelativePath("d/new"), known: nil).kind == .file)
        #expect(throws: StoreError.notFound) {
            try fixture.cache.revalidate(RelativePath("d/a"), known: .file)
        }
        #expect(try fixture.glance("d/new").attributes.kind == .file)
        #expect(throws: StoreError.notFound) { try fixture.glance("d/a") }
    }

    @Test func `a page that was on its way does not undo a newer single answer`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/a", ScriptedStore.file(1))
        let gate = fixture.store.hold()
        let cache = fixture.cache
        let threads = start(1) { _ in _ = try? cache.listing(of: RelativePath("d"), mayWait: true) }
        eventually("the page is asked for") { fixture.store.requests.count == 1 }
        fixture.store.state.withLock { $0.gate = nil }
        fixture.store.put("d/a", ScriptedStore.file(2))
        _ = try cache.revalidate(RelativePath("d/a"), known: .file)
        gate.open()
        join(threads)
        #expect(try fixture.glance("d/a").attributes.etag == ETag("v2"))
    }

    @Test func `a directory that turns out to be none is forgotten`() throws {
        let fixture = NamespaceFixture(.seconds(10))
        fixture.store.put("d/sub/x")
        fixture.store.put("d/a")
        try fixture.list("d")
        _ = try fixture.cache.revalidate(RelativePath("d/sub"), known: .directory)
        fixture.store.remove("d/sub")
        #expect(throws: StoreError.notFound) { try fixture.list("d/sub") }
        #expect(throws: StoreError.wouldWait) { try fixture.glance("d/sub") }
        #expect(throws: StoreError.notFound) { try fixture.look("d/sub") }
        #expect(try fixture.glance("d/a").attributes.kind == .file)
    }

    // MARK: Listing because of lookups

    @Test func `lists a small directory again when its expired names are looked up one after the other`()
        throws
    {
        let fixture = NamespaceFixture()
        for number in 0..<900 { fixture.store.put("d/\(100 + number)") }
        try fixture.list("d")
        fixture.clock.advance(.seconds(5))
        _ = fixture.store.takeRequests()
        for number in 0..<900 { #expect(try fixture.look("d/\(100 + number)").attributes.kind == .file) }
        let requests = fixture.store.takeRequests()
        #expect(requests.count == 4)
        #expect(requests.last == .page(RelativePath("d"), token: nil))
    }

    @Test func `does not list again for few names, for slow ones, or for the same one`() throws {
        let fixture = NamespaceFixture()
        for number in 0..<20 { fixture.store.put("d/\(100 + number)") }
        try fixture.list("d")
        _ = fixture.store.takeRequests()
        for round in 0..<20 {
            fixture.clock.advance(.milliseconds(1100))
            _ = try fixture.look("d/\(100 + round % 3)")
            _ = try fixture.look("d/\(100 + round % 3)")
        }
        for request in fixture.store.takeRequests() {
            guard case .attributes = request else {
                Issue.record("\(request)")
                continue
            }
        }
    }

    @Test func `never lists a big directory again because of lookups`() throws {
        let fixture = NamespaceFixture(pageSize: 10)
        for number in 0..<50 { fixture.store.put("d/\(100 + number)") }
        try fixture.list("d")
        fixture.clock.advance(.seconds(5))
        _ = fixture.store.takeRequests()
        for number in 0..<50 { _ = try fixture.look("d/\(100 + number)") }
        #expect(fixture.store.takeRequests().allSatisfy { if case .attributes = $0 { true } else { false } })
    }

    @Test func `tries one page of a directory in which sixteen names were looked up`() throws {
        let fixture = NamespaceFixture()
        for number in 0..<200 { fixture.store.put("d/\(100 + number)") }
        for number in 0..<200 { #expect(try fixture.look("d/\(100 + number)").attributes.kind == .file) }
        #expect(fixture.requests() == 16)
    }

    @Test func `tries directories after fewer names when they prove small, until one is big`() throws {
        let fixture = NamespaceFixture()
        func requests(in directory: String, of count: Int) throws -> Int {
            for number in 0..<count { fixture.store.put("\(directory)/\(10_000 + number)") }
            for number in 0..<40 { _ = try fixture.look("\(directory)/\(10_000 + number)") }
            return fixture.requests()
        }
        let small = try ["a", "b", "c", "d", "e"].map { try requests(in: $0, of: 40) }
        #expect(small == [16, 8, 4, 2, 2])
        #expect(try requests(in: "big", of: 1100) == 2)
        #expect(try requests(in: "f", of: 40) == 16)
    }

    @Test func `does not try a directory of many pages again for ten minutes`() throws {
        let fixture = NamespaceFixture(pageSize: 10)
        for number in 0..<500 { fixture.store.put("d/\(1000 + number)") }
        func pages() -> Int {
            fixture.store.takeRequests().filter { if case .page = $0 { true } else { false } }.count
        }
        for round in 0..<9 {
            for number in 0..<500 { _ = try fixture.look("d/\(1000 + number)") }
            #expect(pages() == (round == 0 ? 1 : 0))
            fixture.clock.advance(.seconds(60))
            fixture.cache.sweep()
        }
        fixture.clock.advance(.seconds(61))
        fixture.cache.sweep()
        for number in 0..<500 { _ = try fixture.look("d/\(1000 + number)") }
        #expect(pages() == 1)
    }

    @Test func `asks for the one name when the store refuses to list`() throws {
        let fixture = NamespaceFixture()
        for number in 0..<20 { fixture.store.put("d/\(100 + number)") }
        for number in 0..<15 { _ = try fixture.look("d/\(100 + number)") }
        fixture.store.fail(.denied("no ListBucket"))
        for number in 15..<20 { #expect(try fixture.look("d/\(100 + number)").isFresh) }
        #expect(fixture.requests() == 21)
    }

    @Test func `in mode 0 never lists because of lookups`() throws {
        let fixture = NamespaceFixture(.zero)
        for number in 0..<40 { fixture.store.put("d/\(100 + number)") }
        try fixture.list("d")
        _ = fixture.store.takeRequests()
        fixture.clock.advance(.milliseconds(1))
        for number in 0..<40 { _ = try fixture.look("d/\(100 + number)") }
        #expect(fixture.requests() == 40)
    }
}
