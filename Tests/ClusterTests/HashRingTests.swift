import Pages
import SeededRandom
import Testing

@testable import Cluster

@Suite("The ring's order, collisions and edges")
struct HashRingTests {
    private let key = RingKey(UFSURI("s3://bucket/key"))

    @Test func anEmptyRingFindsNothing() {
        let ring = HashRing(members: [])
        #expect(ring.workers(for: key, count: 3) == [])
        #expect(ring.shares.isEmpty)
    }

    @Test func nothingIsFoundWhenNothingIsWanted() {
        let ring = HashRing(members: hosts(3))
        #expect(ring.workers(for: key, count: 0) == [])
        #expect(ring.workers(for: key, count: -1) == [])
    }

    @Test func moreWorkersThanThereAreGiveEachOnce() {
        let members = hosts(7)
        let found = HashRing(members: members).workers(for: key, count: .max)
        #expect(found.sorted() == members.map(\.identity).sorted())
    }

    @Test func aShorterListIsTheBeginningOfALongerOne() {
        let ring = HashRing(members: hosts(9))
        let all = ring.workers(for: key, count: 9)
        for count in 1...9 { #expect(ring.workers(for: key, count: count) == Array(all.prefix(count))) }
    }

    @Test func aHundredAttemptsAreMadeAndNoMore() throws {
        // One node against 100 000: in 100 attempts it is practically never met.
        let rare = HashRing.Member(WorkerIdentity(hostName: "rare"), virtualNodes: 1)
        let frequent = HashRing.Member(WorkerIdentity(hostName: "frequent"), virtualNodes: 100_000)
        let ring = HashRing(members: [rare, frequent])
        #expect(ring.workers(for: key, count: 2) == [frequent.identity])
        // A key that meets a member at attempt 100 finds it, one that meets it at attempt 101 does not.
        let few = HashRing.Member(WorkerIdentity(hostName: "few"), virtualNodes: 1)
        let many = HashRing.Member(WorkerIdentity(hostName: "many"), virtualNodes: 90)
        let uneven = HashRing(members: [few, many])
        for (attempt, found) in [(100, [many.identity, few.identity]), (101, [many.identity])] {
            let key = try #require(someKey(thatMeets: few.identity, atAttempt: attempt, on: uneven))
            #expect(uneven.workers(for: key, count: 2) == found)
        }
    }

    @Test func aPlaceOnAPointBelongsToThatPoint() {
        let ring = HashRing(members: hosts(3, virtualNodes: 50))
        for (index, position) in ring.positions.enumerated() {
            #expect(found(ring, at: position) == index)
            #expect(found(ring, at: position &+ 1) == (index + 1) % ring.positions.count)
        }
    }

    @Test func aPlaceBehindTheLastPointBelongsToTheFirst() throws {
        let ring = HashRing(members: hosts(3))
        let last = try #require(ring.positions.last)
        #expect(last < .max)
        #expect(found(ring, at: .max) == 0)
        #expect(found(ring, at: .min) == 0)
    }

    @Test func theOrderOfMembersDoesNotMatter() {
        let members = hosts(12)
        let ring = HashRing(members: members)
        var generator = SeededGenerator.announced()
        let shuffled = HashRing(members: members.shuffled(using: &generator))
        #expect(shuffled.positions == ring.positions)
        #expect(shuffled.owners == ring.owners)
        #expect(shuffled.members == ring.members)
    }

    @Test func onACollisionTheGreatestNameWins() throws {
        let (low, high) = try collidingPair()
        #expect(low < high)
        for members in [[(low, 5), (high, 5)], [(high, 5), (low, 5)]] {
            let ring = HashRing(members: members.map { HashRing.Member($0.0, virtualNodes: $0.1) })
            #expect(ring.positions.count == 5)
            #expect(ring.shares == [low: 0, high: 1])
            #expect(ring.workers(for: key, count: 2) == [high])
        }
        let ring = HashRing(members: [.init(low, virtualNodes: 8), .init(high, virtualNodes: 3)])
        #expect(ring.positions.count == 8)
        #expect(ring.owners.filter { ring.members[Int($0)].identity == high }.count == 3)
    }

    @Test func aMemberThatComesTwiceCountsOnceWithMoreNodes() {
        let identity = WorkerIdentity(hostName: "a")
        let small = HashRing.Member(identity, virtualNodes: 3)
        let large = HashRing.Member(identity, virtualNodes: 9)
        for members in [[small, large], [large, small]] {
            let ring = HashRing(members: members)
            #expect(ring.members == [large])
            #expect(ring.positions.count == 9)
        }
    }

    @Test func aBlockIsFoundUnderThePathAndItsNumber() {
        let ring = HashRing(members: hosts(20))
        let uri = UFSURI("s3://bucket/key")
        for block: Int64 in [0, 9, 10, 123_456, .max] {
            let text = RingKey(UFSURI("s3://bucket/key\(block)"))
            #expect(RingKey(uri, block: block).position(attempt: 3) == text.position(attempt: 3))
        }
        let blocks = VirtualBlocks(sizeBytes: 1 << 20)
        #expect(place(blocks.key(of: uri, at: (3 << 20) - 1)) == place(RingKey(uri, block: 2)))
        #expect(place(blocks.key(of: uri, at: 3 << 20)) == place(RingKey(uri, block: 3)))
        #expect(place(blocks.attributesKey(of: uri)) == place(RingKey(uri, block: 0)))
        #expect(place(VirtualBlocks.none.key(of: uri, at: 3 << 20)) == place(RingKey(uri)))
        #expect(place(VirtualBlocks.none.attributesKey(of: uri)) == place(RingKey(uri)))
        let owners = Set((0..<64).flatMap { ring.workers(for: RingKey(uri, block: $0), count: 1) })
        #expect(owners.count > 10, "the blocks of one file are spread")
    }

    private func place(_ key: RingKey) -> Int32 { key.position(attempt: 1) }

    /// The index of a point by the definition, without a search.
    private func found(_ ring: HashRing, at place: Int32) -> Int? {
        let expected = ring.positions.firstIndex { $0 >= place } ?? 0
        return ring.successor(of: place) == expected ? expected : nil
    }

    /// A key none of whose earlier attempts meets a worker.
    private func someKey(thatMeets worker: WorkerIdentity, atAttempt attempt: Int, on ring: HashRing)
        -> RingKey?
    {
        (0..<20_000).lazy.map { RingKey(UFSURI("s3://bucket/\($0)")) }.first { key in
            let first = (1...attempt).first { number in
                let point = ring.successor(of: key.position(attempt: number))
                return ring.members[Int(ring.owners[point])].identity == worker
            }
            return first == attempt
        }
    }

    private func hosts(_ count: Int, virtualNodes: Int = HashRing.virtualNodesDefault) -> [HashRing.Member] {
        (0..<count).map { .init(WorkerIdentity(hostName: "worker-\($0)"), virtualNodes: virtualNodes) }
    }

    /// Two identities all of whose points collide: the fourth block of the second one is chosen so that it
    /// takes the hash to where the first one takes it.
    private func collidingPair() throws -> (low: WorkerIdentity, high: WorkerIdentity) {
        let first = [UInt8](repeating: 1, count: 16)
        let head = [UInt8](repeating: 2, count: 12)
        let wanted =
            state(Array(first[..<12]))
            ^ scrambled(first.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
        let block = unscrambled(wanted ^ state(head))
        let second = head + (0..<4).map { UInt8(truncatingIfNeeded: block >> (8 * $0)) }
        return (
            try WorkerIdentity(version: 1, identifier: first),
            try WorkerIdentity(version: 1, identifier: second)
        )
    }

    private func state(_ bytes: [UInt8]) -> UInt32 {
        stride(from: 0, to: bytes.count, by: 4).reduce(0) { state, index in
            let block = bytes[index..<index + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let mixed = state ^ scrambled(block)
            return (mixed << 13 | mixed >> 19) &* 5 &+ 0xE654_6B64
        }
    }

    private func scrambled(_ block: UInt32) -> UInt32 {
        let product = block &* 0xCC9E_2D51
        return (product << 15 | product >> 17) &* 0x1B87_3593
    }

    private func unscrambled(_ number: UInt32) -> UInt32 {
        let product = number &* inverse(0x1B87_3593)
        return (product >> 15 | product << 17) &* inverse(0xCC9E_2D51)
    }

    /// The number that an odd one is multiplied with to give 1 (Newton's iteration doubles the right bits).
    private func inverse(_ odd: UInt32) -> UInt32 {
        (0..<5).reduce(odd) { guess, _ in guess &* (2 &- odd &* guess) }
    }
}
