import Pages
import SeededRandom
import Testing

@testable import Metadata

@Suite("Pure state of the namespace cache")
struct PureStateTests {
    @Test(arguments: [
        "d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e-1",
        "d41d8cd98f00b204e9800998ecf8427e-10000",
        "d41d8cd98f00b204e9800998ecf8427e-999999999", "d41d8cd98f00b204e9800998ecf8427e-4294967296",
        "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e-",
        "d41d8cd98f00b204e9800998ecf8427e-0",
        "d41d8cd98f00b204e9800998ecf8427e-01", "d41d8cd98f00b204e9800998ecf8427e-1x",
        "d41d8cd98f00b204e9800998ecf8427e1",
        "d41d8cd98f00b204e9800998ecf8427", "", "W/x", "0x8D4BCC2E4835CD0", "ünï",
        "g41d8cd98f00b204e9800998ecf8427e",
    ])
    func `an etag comes back as it was`(_ text: String) {
        var table = EntryTable()
        let attributes = Attributes(kind: .file, size: 1, modified: 2, etag: ETag(text))
        let name: [UInt8] = [97]
        #expect(name.withUnsafeBytes { table.append($0, hash: 1, attributes) })
        #expect(table.attributes(at: 0) == attributes)
    }

    @Test func `an etag that is an MD5 takes 16 bytes`() {
        func form(_ text: String) -> PackedETag { Array(text.utf8).withUnsafeBufferPointer(PackedETag.init) }
        let digest = String(repeating: "0a", count: 16)
        #expect(form(digest) == .md5)
        #expect(form(digest + "-12") == .multipart(parts: 12))
        #expect(form(digest + "-12").storedBytes == 16)
        #expect(form(digest + "-012") == .raw(count: 36))
    }

    @Test(arguments: 0..<8) func `a listing's table and index agree with a dictionary`(_ round: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let fixture = NamespaceFixture()
        var expected: [String: EntryKind] = [:]
        var pages: [[(String, Attributes)]] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            pages.append(
                (0..<Int.random(in: 0...1500, using: &random)).map { _ in
                    let name = String(Int.random(in: 0..<3000, using: &random), radix: 36)
                    let isDirectory = Bool.random(using: &random)
                    if isDirectory || expected[name] == nil {
                        expected[name] = isDirectory ? .directory : .file
                    }
                    return (name, isDirectory ? ScriptedStore.directory : ScriptedStore.file(3))
                }
            )
        }
        fixture.store.script("d", pages: pages)
        let listing = try fixture.list("d")
        #expect(listing.count == expected.count, "seed \(seed)")
        for (name, kind) in expected { #expect(listing.find(name.utf8)?.kind == kind, "seed \(seed)") }
        #expect(Set(listing.names) == Set(expected.keys), "seed \(seed)")
    }

    @Test func `trust ends the interval after the request, for directories at the earliest after a second`() {
        let second = NamespaceLimits.second
        let zero = TrustPolicy(interval: .zero)
        #expect(zero.trustEnd(of: .file, requested: 5) == 5)
        #expect(zero.trustEnd(of: nil, requested: 5) == 5)
        #expect(zero.trustEnd(of: .directory, requested: 5) == 5 + second)
        let ten = TrustPolicy(interval: .seconds(10))
        #expect(ten.trustEnd(of: .directory, requested: 5) == 5 + 10 * second)
        #expect(ten.trustEnd(of: nil, requested: 5) == 5 + 10 * second)
        #expect(TrustPolicy(interval: nil).trustEnd(of: .file, requested: 5) == .max)
        #expect(TrustPolicy(interval: .seconds(Int64.max)).trustEnd(of: .file, requested: 5) == .max)
        #expect(TrustPolicy(interval: .seconds(-3)).asksEveryTime)
    }

    @Test func `no entry of a listing is trusted longer than a minute or the interval after it was begun`() {
        let second = NamespaceLimits.second
        var trust = ListingTrust(begun: 0)
        trust.pageArrived(first: 0, requested: 0)
        trust.touch(1000 * second)
        #expect(trust.end(of: .file, TrustPolicy(interval: .seconds(1))) == 60 * second)
        #expect(trust.end(of: .file, TrustPolicy(interval: .seconds(90))) == 90 * second)
        #expect(trust.endForAbsence(TrustPolicy(interval: .seconds(1))) == second)
    }

    @Test func `a listing knows when the page of an entry was requested`() {
        var trust = ListingTrust(begun: 1)
        #expect(trust.requested(entry: 0) == 1)
        trust.pageArrived(first: 0, requested: 2)
        trust.pageArrived(first: 10, requested: 3)
        trust.pageArrived(first: 10, requested: 4)
        trust.pageArrived(first: 20, requested: 5)
        #expect([0, 9, 10, 19, 20, 99].map { trust.requested(entry: $0) } == [2, 2, 4, 4, 5, 5])
    }

    @Test func `too many contradictions end a listing's trust`() {
        var trust = ListingTrust(begun: 0)
        for name in 0..<UInt32(NamespaceLimits.supersededMaximum) {
            trust.supersede(name, isContradiction: true)
        }
        #expect(!trust.isVoid)
        #expect(!trust.speaks(for: 7) && trust.speaks(for: .max))
        trust.supersede(.max, isContradiction: true)
        #expect(trust.isVoid && !trust.speaks(for: .max - 1))
    }

    @Test func `a walk is a number of distinct names within the window`() {
        let rule = WalkTracker.Rule(lookups: 3, window: 100)
        let directory = PathKey(RelativePath("d"))
        var walks = WalkTracker()
        #expect([1, 1, 2, 1].allSatisfy { !walks.isWalk($0, in: directory, at: 0, by: rule) })
        let isWalk = walks.isWalk(3, in: directory, at: 100, by: rule)
        #expect(isWalk)
        let isLate = walks.isWalk(4, in: directory, at: 101, by: rule)
        #expect(!isLate)
        walks.pause(directory, until: 1000)
        #expect((5...50).allSatisfy { !walks.isWalk($0, in: directory, at: 999, by: rule) })
        #expect((5...6).allSatisfy { !walks.isWalk($0, in: directory, at: 1000, by: rule) })
        let isWalkAgain = walks.isWalk(7, in: directory, at: 1000, by: rule)
        #expect(isWalkAgain)
    }

    @Test func `walks are watched in a bounded number of directories`() {
        var walks = WalkTracker(maximum: 10)
        let rule = WalkTracker.Rule(lookups: 2, window: 100)
        for number in 0..<1000 {
            _ = walks.isWalk(1, in: PathKey(RelativePath("d\(number)")), at: 0, by: rule)
            walks.pause(PathKey(RelativePath("p\(number)")), until: 1 << 60)
            #expect(walks.count <= 10)
        }
    }

    @Test func `an older answer never replaces a newer one`() {
        var table = LookupTable(maximum: 10)
        let path = PathKey(RelativePath("a"))
        table.insert(Lookup(attributes: nil, requested: 5), for: path)
        table.insert(Lookup(attributes: ScriptedStore.file(1), requested: 4), for: path)
        #expect(table.find(path)?.requested == 5)
        table.remove(path)
        #expect(table.find(path) == nil)
    }

    @Test func `a path is at or below itself, its ancestors and the root only`() {
        func key(_ path: String) -> PathKey { PathKey(RelativePath(path)) }
        #expect(key("a/b").isAtOrBelow(key("a/b")))
        #expect(key("a/b").isAtOrBelow(key("a")))
        #expect(key("a/b").isAtOrBelow(key("")))
        #expect(key("").isAtOrBelow(key("")))
        #expect(!key("a/bb").isAtOrBelow(key("a/b")))
        #expect(!key("a").isAtOrBelow(key("a/b")))
        #expect(!key("").isAtOrBelow(key("a")))
    }

    @Test func `a place is taken apart into parent and name`() {
        for (path, parent, name) in [("a", "", "a"), ("a/b", "a", "b"), ("a/b/c", "a/b", "c")] {
            let place = Place(RelativePath(path))
            #expect(place.parent == PathKey(RelativePath(parent)))
            #expect(Array(place.name) == Array(name.utf8))
        }
    }
}
