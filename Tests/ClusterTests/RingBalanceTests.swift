import Pages
import SeededRandom
import Testing

@testable import Cluster

@Suite("A ring is even, and a change of members moves only their share")
struct RingBalanceTests {
    @Test func twentyWorkersHaveEvenShares() {
        // Fixed seeds: the deviations are facts of the hash, and the bounds lie near its expected extremes.
        var squares = 0.0
        var worst = 0.0
        for seed in UInt64(1)...40 {
            var generator = SeededGenerator(seed: seed)
            let shares = HashRing(members: members(20, &generator)).shares
            #expect(shares.count == 20)
            #expect(abs(shares.values.reduce(0, +) - 1) < 1e-12)
            for share in shares.values {
                let deviation = share * 20 - 1
                squares += deviation * deviation
                worst = max(worst, abs(deviation))
            }
        }
        let deviation = (squares / 800).squareRoot()
        print("shares of 20 workers, seeds 1...40: standard deviation \(deviation), worst \(worst)")
        #expect(deviation <= 0.03)
        #expect(worst <= 0.08)
    }

    @Test func aWorkerThatComesOrGoesMovesOnlyItsOwnShare() throws {
        var generator = SeededGenerator.announced()
        for count in [2, 3, 5, 20] {
            let all = members(count, &generator)
            let leaving = try #require(all.randomElement(using: &generator)).identity
            let with = HashRing(members: all)
            let without = HashRing(members: all.filter { $0.identity != leaving })
            let shares = with.shares
            let own = try #require(shares[leaving])
            let keys = 3000
            var moved = 0
            for _ in 0..<keys {
                let key = RingKey(generator.bytes(24))
                let before = with.workers(for: key, count: 2)
                let after = without.workers(for: key, count: 2)
                if before.first == leaving { moved += 1 } else { #expect(before.first == after.first) }
                if !before.contains(leaving) { #expect(before == after) }
            }
            // Six standard deviations of what chance leaves.
            let expected = Double(keys) * own
            #expect(abs(Double(moved) - expected) <= 6 * expected.squareRoot() + 1)
            for (worker, share) in without.shares {
                #expect(share >= shares[worker] ?? 1, "only gains when another one goes")
            }
        }
    }

    @Test func keysFallOnWorkersAsTheArcsSay() throws {
        var generator = SeededGenerator.announced()
        let ring = HashRing(members: members(5, &generator, virtualNodes: 20))
        let keys = 20_000
        var counts: [WorkerIdentity: Int] = [:]
        for number in 0..<keys {
            let found = ring.workers(for: RingKey(UFSURI("s3://bucket/\(number)")), count: 1)
            counts[try #require(found.first), default: 0] += 1
        }
        for (worker, share) in ring.shares {
            let expected = share * Double(keys)
            #expect(abs(Double(counts[worker] ?? 0) - expected) <= 6 * expected.squareRoot() + 1)
        }
    }

    @Test func aRingOfAHundredWorkersHasAllItsPoints() {
        var generator = SeededGenerator.announced()
        let start = ContinuousClock.now
        let ring = HashRing(members: members(100, &generator))
        print("100 workers, 2000 virtual nodes each: built in \(ContinuousClock.now - start)")
        // Around five places of 2^32 are expected to be hit twice.
        #expect((199_900...200_000).contains(ring.positions.count))
        #expect(zip(ring.positions, ring.positions.dropFirst()).allSatisfy { $0 < $1 })
    }

    private func members(
        _ count: Int,
        _ generator: inout SeededGenerator,
        virtualNodes: Int = HashRing.virtualNodesDefault
    ) -> [HashRing.Member] {
        (0..<count).compactMap { _ in
            let identity = try? WorkerIdentity(version: 1, identifier: generator.bytes(16))
            return identity.map { HashRing.Member($0, virtualNodes: virtualNodes) }
        }
    }
}
