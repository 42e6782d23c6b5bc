import Pages
import Synchronization
import Testing
import Threading

@testable import Metadata

@Suite("A listing")
struct ListingTests {
    private static func fixture(entries: Int, pageSize: Int) -> NamespaceFixture {
        let fixture = NamespaceFixture(pageSize: pageSize)
        for number in 0..<entries { fixture.store.put("d/\(1_000_000 + number)", ScriptedStore.file(number)) }
        return fixture
    }

    @Test func `has its first page when it is given out, and reads on only when asked`() throws {
        let fixture = Self.fixture(entries: 25, pageSize: 10)
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        #expect(listing.count == 10)
        #expect(!listing.isComplete)
        try listing.fill(beyond: 9)
        #expect(fixture.requests() == 1)
        try listing.fill(beyond: 10)
        #expect(listing.count == 20)
        try listing.fill(beyond: 20)
        #expect(listing.count == 25)
        #expect(listing.isComplete)
        try listing.fill(beyond: 1000)
        #expect(fixture.requests() == 2)
    }

    @Test func `finds every name and only those, at every size`() throws {
        for count in [0, 1, 12, 13, 16, 17, 33, 1023, 2047, 2048, 2049, 5000] {
            let fixture = Self.fixture(entries: count, pageSize: 700)
            fixture.store.put("d", ScriptedStore.directory)
            let listing = try fixture.list("d")
            #expect(listing.count == count)
            for number in 0..<count {
                #expect(listing.find("\(1_000_000 + number)".utf8)?.etag == ETag("v\(number)"))
            }
            #expect(listing.find("999".utf8) == nil)
            #expect(listing.names == (0..<count).map { "\(1_000_000 + $0)" })
        }
    }

    @Test func `starts anywhere, also past the end, and stops when told`() throws {
        let fixture = Self.fixture(entries: 30, pageSize: 10)
        let listing = try fixture.list("d")
        var seen: [Int] = []
        listing.forEach(from: 27) { index, _, _ in
            seen.append(index)
            return index < 28
        }
        #expect(seen == [27, 28])
        listing.forEach(from: 30) { _, _, _ in
            Issue.record("there is no entry 30")
            return true
        }
        listing.forEach(from: .max) { _, _, _ in false }
    }

    @Test func `shows an object and a prefix of one name once, as a directory, in the first one's place`()
        throws
    {
        let fixture = NamespaceFixture()
        let (file, directory) = (ScriptedStore.file(7), ScriptedStore.directory)
        fixture.store.script(
            "d",
            pages: [
                [("a", file), ("b", file), ("c", directory)],
                [("b", directory), ("c", file), ("d", file), ("d", directory)],
                [("e", file)],
            ]
        )
        let listing = try fixture.list("d")
        #expect(listing.names == ["a", "b", "c", "d", "e"])
        for name in ["b", "c", "d"] {
            #expect(listing.find(name.utf8) == directory)
        }
        #expect(listing.hiddenCount == 3)
        var kinds: [EntryKind] = []
        listing.forEach(from: 0) { _, _, attributes in
            kinds.append(attributes.kind)
            return true
        }
        #expect(kinds == [.file, .directory, .directory, .directory, .file])
    }

    @Test func `throws away a page that failed, and reads it again`() throws {
        let source = HalfPageStore()
        let cache = NamespaceCache(source: source, options: NamespaceOptions())
        let listing = try cache.listing(of: .root, mayWait: true)
        #expect(throws: StoreError.unavailable("half")) { try listing.fill(beyond: 2) }
        #expect(listing.names == ["a", "b"])
        #expect(listing.find("c".utf8) == nil)
        try listing.fill(beyond: 2)
        #expect(listing.names == ["a", "b", "c", "d"])
        #expect(listing.isComplete)
    }

    @Test func `keeps native attributes of local stores`() throws {
        let fixture = NamespaceFixture(pageSize: 7)
        func native(_ number: Int) -> Attributes {
            let posix = POSIXAttributes(
                mode: 0o100644,
                uid: UInt32(number),
                gid: 2,
                linkCount: 3,
                inode: 4,
                device: 5,
                accessed: 6,
                changed: 7
            )
            let kind: EntryKind = number.isMultiple(of: 3) ? .symbolicLink : .special
            return Attributes(
                kind: kind,
                size: 1,
                modified: -5,
                etag: nil,
                posix: number % 2 == 0 ? posix : nil
            )
        }
        for number in 0..<50 { fixture.store.put("d/\(100 + number)", native(number)) }
        let listing = try fixture.list("d")
        for number in 0..<50 { #expect(listing.find("\(100 + number)".utf8) == native(number)) }
    }

    @Test
    func `keeps names that are not UTF-8 and names of any length, and counts what is too long as hidden`()
        throws
    {
        let fixture = NamespaceFixture()
        let odd: [UInt8] = [0xFF, 0x00, 0x0A]
        let long = [UInt8](repeating: 120, count: 1024)
        let tooLong = [UInt8](repeating: 121, count: 70_000)
        for name in [odd, long, tooLong] { fixture.store.put(RelativePath("d").appending(name)) }
        let listing = try fixture.list("d")
        #expect(listing.find(odd) != nil)
        #expect(listing.find(long) != nil)
        #expect(listing.find(tooLong) == nil)
        #expect(listing.hiddenCount == 1)
        #expect(listing.find(AnyCollection(odd)) != nil)
    }

    @Test func `refuses a store that goes in circles`() throws {
        let cache = NamespaceCache(source: CircularStore(), options: NamespaceOptions())
        let listing = try cache.listing(of: .root, mayWait: true)
        #expect {
            try listing.fill(beyond: 1)
        } throws: { error in
            guard case .corrupt? = error as? StoreError else { return false }
            return true
        }
    }

    @Test func `asks for a page once however many wait for it, and tells all of them of a failure`() throws {
        let fixture = Self.fixture(entries: 30, pageSize: 10)
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        let gate = fixture.store.hold()
        fixture.store.fail(.denied("no"))
        let failures = Atomic<Int>(0)
        let begun = Atomic<Int>(0)
        let threads = start(8) { _ in
            begun.wrappingAdd(1, ordering: .relaxed)
            do { try listing.fill(beyond: 10) } catch { failures.wrappingAdd(1, ordering: .relaxed) }
        }
        eventually("all ask") { begun.load(ordering: .relaxed) == 8 && fixture.store.requests.count == 2 }
        usleepShort()
        fixture.store.release(gate)
        join(threads)
        // A thread that came only after the failure has asked again, and had success.
        #expect(failures.load(ordering: .relaxed) >= 1)
        #expect(fixture.store.doubled.isEmpty)
        try listing.fill(beyond: 20)
        #expect(listing.isComplete)
        #expect(listing.count == 30)
    }

    @Test func `is read by many while it grows`() throws {
        let fixture = Self.fixture(entries: 20_000, pageSize: 100)
        let listing = try fixture.cache.listing(of: RelativePath("d"), mayWait: true)
        concurrently(6) { thread in
            var seen = 0
            repeat {
                listing.forEach(from: seen) { index, name, attributes in
                    #expect(index == seen)
                    let number = Int(String(decoding: name, as: UTF8.self)).map { $0 - 1_000_000 }
                    #expect(number == index && attributes.size == Int64(index))
                    seen += 1
                    return true
                }
                if seen > 0 { #expect(listing.find("\(1_000_000 + seen / 2)".utf8)?.size == Int64(seen / 2)) }
                do { try listing.fill(beyond: seen) } catch { Issue.record(error) }
            } while seen < 20_000
        }
        #expect(fixture.store.doubled.isEmpty)
        #expect(fixture.requests() == 200)
    }

    @Test func `takes less than 150 bytes an entry`() throws {
        let store = GeneratedDirectory(entries: 200_000)
        let cache = NamespaceCache(source: store, options: NamespaceOptions())
        let listing = try cache.listing(of: .root, mayWait: true)
        while !listing.isComplete { try listing.fill(beyond: listing.count) }
        #expect(listing.count == 200_000)
        let perEntry = Double(listing.memoryBytes) / 200_000
        print("bytes per entry of a listing: \(perEntry)")
        #expect(perEntry < 150)
        #expect(cache.environment.holdings.bytes == listing.memoryBytes)
        #expect(cache.environment.holdings.entries == 200_000)
    }

    @Test func `of a few entries takes less than 3 KiB`() throws {
        let fixture = Self.fixture(entries: 5, pageSize: 10)
        #expect(try fixture.list("d").memoryBytes < 3 << 10)
    }
}

/// Fails in the middle of its second page, once.
private final class HalfPageStore: ListedStore {
    private let hasFailed = Atomic<Bool>(false)

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        func give(_ name: String) { Array(name.utf8).withUnsafeBytes { sink($0, ScriptedStore.file(1)) } }
        guard token != nil else {
            give("a")
            give("b")
            return ListingPage(next: ListingToken("2"), hidden: 0)
        }
        give("c")
        if !hasFailed.exchange(true, ordering: .relaxed) { throw .unavailable("half") }
        give("d")
        return ListingPage(next: nil, hidden: 0)
    }
}

/// Always goes on where it is.
private struct CircularStore: ListedStore {
    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        [UInt8](arrayLiteral: 97).withUnsafeBytes { sink($0, ScriptedStore.file(1)) }
        return ListingPage(next: ListingToken("x"), hidden: 0)
    }
}
