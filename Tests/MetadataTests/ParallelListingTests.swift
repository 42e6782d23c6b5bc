import Pages
import SeededRandom
import Synchronization
import Testing

@testable import Metadata

@Suite("A directory that is read in several places", .timeLimit(.minutes(10)))
struct ParallelListingTests {
    private func listing(_ bucket: OrderedBucket) throws -> Listing {
        try NamespaceCache(source: bucket, options: NamespaceOptions()).listing(of: .root, mayWait: true)
    }

    /// How many pages a listing from beginning to end takes.
    private func pages(_ count: Int, _ size: Int) -> Int { max(1, (count + size - 1) / size) }

    @Test(arguments: OrderedBucket.Order.allCases, GeneratedNames.Kind.allCases)
    fileprivate func `is listed exactly, whatever its names`(
        order: OrderedBucket.Order,
        kind: GeneratedNames.Kind
    ) throws {
        for _ in 0..<8 {
            let seed = UInt64.random(in: .min ... .max)
            var random = SeededGenerator(seed: seed)
            let count = Int.random(in: 1...1500, using: &random)
            let pageSize = Int.random(in: 2...40, using: &random)
            let wanted = GeneratedNames.items(kind, count, &random)
            let bucket = OrderedBucket(wanted, order: order, pageSize: pageSize, delayMicroseconds: 20)
            let listing = try listing(bucket)
            let items = try readAhead(listing)
            let context: Comment = "\(kind), \(order), \(count) by \(pageSize), seed \(seed)"
            #expect(Set(items) == wanted, context)
            #expect(items.count == wanted.count, context)
            #expect(bucket.probes <= 8, context)
            #expect(bucket.pages + bucket.probes <= pages(wanted.count, pageSize) + 16, context)
            for item in items { #expect(listing.find(item.name) != nil, context) }
        }
    }

    @Test(arguments: ["counter", "hash"])
    func `of counted or hashed names is split evenly, and every index keeps its entry`(kind: String) throws {
        let count = 40_000
        let names = (0..<count).map { number in
            let hash = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
            return kind == "counter"
                ? "entry-with-a-usual-name-\(String(10_000_000 + number).dropFirst())"
                : String(String(hash, radix: 16).reversed()) + "-\(number)"
        }
        let bucket = OrderedBucket(files: names, pageSize: 1000)
        bucket.state.withLock { $0.change = { _ in usleepShort() } }
        let listing = try listing(bucket)
        let items = try readAhead(listing)
        #expect(items.map(\.name).elementsEqual(names.sorted().map { Array($0.utf8) }))
        var index = 0
        listing.forEach(from: 0) { position, name, _ in
            #expect(position == index && items[index].name.elementsEqual(name))
            index += 1
            return true
        }
        #expect(index == count)
        #expect(bucket.pages + bucket.probes <= 40 + 16)
        // The largest part decides how long it takes.
        let starts = bucket.starts.sorted()
        #expect(starts.count >= 4)
        let sorted = names.sorted()
        let bounds = starts.map { start in sorted.firstIndex { $0 > start } ?? count } + [count]
        let largest = zip(bounds, bounds.dropFirst()).map { $1 - $0 }.max() ?? 0
        print("\(kind): \(starts.count + 1) parts, the largest with \(largest) of \(count)")
        #expect(largest <= count / 4)
    }

    @Test(arguments: [1, 2])
    func `is read from beginning to end if the server ignores where to start`(ignoresStartFrom: Int) throws {
        let names = (0..<3000).map { "name-\(100_000 + $0)" }
        let items = names.map { OrderedBucket.Item(name: Array($0.utf8), isDirectory: false) }
        let bucket = OrderedBucket(
            items,
            pageSize: 20,
            ignoresStartFrom: ignoresStartFrom,
            delayMicroseconds: 50
        )
        let read = try readAhead(try listing(bucket))
        #expect(read.count == 3000)
        #expect(Set(read) == Set(items))
        if ignoresStartFrom == 1 { #expect(bucket.pages == 150) }
    }

    @Test(arguments: 0..<8)
    func `shows every name that is there all the time, though others come and go`(round: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let order = OrderedBucket.Order.allCases[round % 2]
        let kind = GeneratedNames.Kind.allCases[round % GeneratedNames.Kind.allCases.count]
        let stable = GeneratedNames.items(kind, 1500, &random)
        let passing = Array(GeneratedNames.items(kind, 600, &random).subtracting(stable))
            .filter { !stable.contains(.init(name: $0.name, isDirectory: !$0.isDirectory)) }
        let bucket = OrderedBucket(
            Array(stable) + passing.prefix(passing.count / 2),
            order: order,
            pageSize: 15,
            delayMicroseconds: 20
        )
        let moment = Mutex(SeededGenerator(seed: seed))
        bucket.state.withLock { state in
            state.change = { [unowned bucket] state in
                for _ in 0..<3 {
                    guard let item = moment.withLock({ passing.randomElement(using: &$0) }) else { return }
                    if let index = state.items.firstIndex(of: item) {
                        state.items.remove(at: index)
                    } else {
                        bucket.insert(item, in: &state)
                    }
                }
            }
        }
        let read = try readAhead(try listing(bucket))
        let names = Set(read.map(\.name))
        #expect(names.count == read.count, "a name came twice, seed \(seed)")
        #expect(Set(stable.map(\.name)).subtracting(names).isEmpty, "a name is missing, seed \(seed)")
        #expect(names.isSubset(of: stable.map(\.name) + passing.map(\.name)), "seed \(seed)")
    }

    @Test func `fails only when the reader comes to a part that fails, and goes on after that`() throws {
        let names = (0..<6000).map { "name-\(100_000 + $0)" }
        let bucket = OrderedBucket(files: names, pageSize: 50)
        let bad = Array("name-103000".utf8)
        bucket.state.withLock { state in
            state.change = { _ in usleepShort() }
            state.failure = { after in
                guard let after, bad.lexicographicallyPrecedes(after) else { return nil }
                return after.count == bad.count ? .unavailable("the end is out of order") : nil
            }
        }
        let listing = try listing(bucket)
        #expect(throws: StoreError.unavailable("the end is out of order")) { try readAhead(listing) }
        let count = listing.count
        #expect(count > 2900 && count < 6000)
        #expect(listing.names == Array(names.prefix(count)))
        bucket.state.withLock { $0.failure = nil }
        #expect(try readAhead(listing).map { String(decoding: $0.name, as: UTF8.self) } == names)
    }

    @Test func `stops a bounded way ahead of a reader who stops`() throws {
        let count = 400_000
        let bucket = OrderedBucket(files: (0..<count).map { "name-\(1_000_000 + $0)" }, pageSize: 1000)
        let listing = try listing(bucket)
        var steps = 0
        while listing.stepAhead(of: 3000) { steps += 1 }
        #expect(listing.state.withLock { $0.parts.isSplit })
        let held = listing.state.withLock { $0.table.count + $0.parts.waitingEntries }
        #expect(held >= NamespaceLimits.splitAheadEntries)
        #expect(held <= 3000 + NamespaceLimits.splitAheadEntries + 1000)
        #expect(listing.jobsAhead(of: 3000) == 0)
        #expect(listing.jobsAhead(of: 10_000) > 1)
        #expect(try readAhead(listing).count == count)
    }

    @Test func `of few pages asks no more than before`() throws {
        let bucket = OrderedBucket(files: (0..<4000).map { "name-\(10_000 + $0)" }, pageSize: 1000)
        #expect(try readAhead(try listing(bucket)).count == 4000)
        #expect(bucket.pages == 4)
        #expect(bucket.probes == 0)
    }

    @Test func `does not believe old pages that wait against a newer answer`() throws {
        let bucket = OrderedBucket(files: (0..<3000).map { "name-\(10_000 + $0)" }, pageSize: 20)
        let cache = NamespaceCache(source: bucket, options: NamespaceOptions())
        let listing = try cache.listing(of: .root, mayWait: true)
        while !listing.state.withLock({ $0.parts.isSplit }), listing.stepAhead(of: 90) {}
        // As long as the first part's page is under way, the others' pages wait.
        let first = listing.state.withLock { $0.parts.claimFirst() }
        while listing.stepAhead(of: 90) {}
        #expect(listing.state.withLock { $0.parts.waitingEntries > 500 })
        let name = Array("name-12999".utf8)
        #expect(listing.find(name) == nil)
        name.withUnsafeBytes { listing.note($0, is: nil, requested: listing.begun) }
        try listing.read(try #require(first))
        #expect(try readAhead(listing).count == 3000)
        guard case .unknown = name.withUnsafeBytes({ listing.answer($0, hash: NameHash.hash($0)) }) else {
            Issue.record("the listing contradicts a newer answer")
            return
        }
    }
}

/// Names of the kinds that buckets have.
private enum GeneratedNames {
    enum Kind: CaseIterable, Sendable {
        case counters
        case unpadded
        case hashes
        case dates
        case words
        case groups
        case awkward
        case outliers
    }

    /// Different names, one in eight of a directory, no name both.
    static func items(_ kind: Kind, _ count: Int, _ random: inout SeededGenerator) -> Set<OrderedBucket.Item>
    {
        var kinds: [[UInt8]: Bool] = [:]
        let origin = Int.random(in: 0..<1_000_000, using: &random)
        for number in 0..<count {
            kinds[name(kind, origin + number, &random)] = Int.random(in: 0..<8, using: &random) == 0
        }
        return Set(kinds.map { OrderedBucket.Item(name: $0.key, isDirectory: $0.value) })
    }

    private static func name(_ kind: Kind, _ number: Int, _ random: inout SeededGenerator) -> [UInt8] {
        switch kind {
        case .counters: return Array("part-\(String(100_000_000 + number).dropFirst()).bin".utf8)
        case .unpadded: return Array("img\(number).jpg".utf8)
        case .hashes: return Array(String(UInt64.random(in: .min ... .max, using: &random), radix: 16).utf8)
        case .dates:
            let (day, second) = (number / 700, number % 700)
            return Array("2024-\(10 + day / 28 % 3)-\(10 + day % 28)T\(100_000 + second).log".utf8)
        case .words:
            return (0..<Int.random(in: 1...6, using: &random)).map { _ in
                UInt8.random(in: 0x61...0x7A, using: &random)
            }
        case .groups:
            let group = ["a", "a-b", "a-b-", "b", "zz", "é"].randomElement(using: &random) ?? ""
            return Array("\(group)\(1_000_000 + number)".utf8)
        case .awkward:
            // Bytes about the slash, where servers differ in what comes first, and what is not UTF-8.
            let bytes: [UInt8] = [0x01, 0x20, 0x21, 0x2B, 0x2D, 0x2E, 0x30, 0x31, 0x41, 0x61, 0xC3, 0xFF]
            return [0x61]
                + (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    bytes.randomElement(using: &random) ?? 0x61
                } + [0x61]
        case .outliers:
            let isOutlier = number.isMultiple(of: 97)
            return Array(isOutlier ? "\(number)-x".utf8 : "sample \(10_000_000 + number)".utf8)
        }
    }
}
