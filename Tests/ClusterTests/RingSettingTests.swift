import Testing

@testable import Cluster

@Suite("Policy and virtual nodes as configured")
struct RingSettingTests {
    @Test(arguments: ["CONSISTENT", "CONSISTENT_HASH", "consistent_hash"])
    func theConsistentPolicyIsAccepted(name: String) throws {
        #expect(try SelectionPolicy(name: name) == .consistent)
    }

    @Test(arguments: ["JUMP", "KETAMA", "MULTI_PROBE", "MAGLEV", "LOCAL", "REMOTE_ONLY", "ketama"])
    func anotherPolicyIsRefusedByName(name: String) {
        let error = #expect(throws: RingSettingError.self) { try SelectionPolicy(name: name) }
        #expect(error == .otherPolicy(name.uppercased()))
        #expect(error.map { "\($0)".contains("=\(name.uppercased()) is not supported") } == true)
        #expect(error.map { "\($0)".contains("CONSISTENT_HASH") } == true)
    }

    @Test(arguments: ["", "CONSISTENT_HASHING", "RENDEZVOUS"])
    func anUnknownPolicyIsRefused(name: String) {
        #expect(throws: RingSettingError.unknownPolicy(name)) { try SelectionPolicy(name: name) }
    }

    @Test func providersAreKnownByName() throws {
        #expect(try VirtualNodeProvider(name: "DEFAULT") == .equal)
        #expect(try VirtualNodeProvider(name: "capacity") == .capacity)
        #expect(throws: RingSettingError.unknownProvider("WEIGHT")) {
            try VirtualNodeProvider(name: "WEIGHT")
        }
    }

    @Test func defaultGivesEveryWorkerTheSame() throws {
        let members = try VirtualNodeProvider.equal.members(of: candidates([1, nil, 1 << 50]), count: 300)
        #expect(members.map(\.virtualNodes) == [300, 300, 300])
        #expect(members.map(\.identity) == candidates([1, nil, 1 << 50]).map(\.identity))
    }

    @Test(
        arguments: [
            ([1, 1, 1], 2000, [2000, 2000, 2000]),
            ([100, 200, 300], 2000, [1000, 2000, 3000]),
            // Halves go up: 3 · 1 / 2 = 1.5 and 3 · 3 / 2 = 4.5.
            ([1, 7], 4, [1, 7]), ([1, 3], 3, [2, 5]),
            ([1, .max], 2000, [1, 4000]),
            ([.max, .max], 100_000, [100_000, 100_000]),
        ] as [([Int64], Int, [Int])]
    )
    func capacityGivesInProportionAndAtLeastOne(capacities: [Int64], count: Int, nodes: [Int]) throws {
        let members = try VirtualNodeProvider.capacity.members(of: candidates(capacities), count: count)
        #expect(members.map(\.virtualNodes) == nodes)
    }

    @Test func capacityIsRefusedIfOneWorkerDoesNotSayIt() {
        for missing in [nil, 0, -5] as [Int64?] {
            let candidates = candidates([1 << 30, missing, 1 << 30])
            let error = #expect(throws: RingSettingError.self) {
                try VirtualNodeProvider.capacity.members(of: candidates)
            }
            #expect(error == .capacityUnknown(candidates[1].identity))
            #expect(error.map { "\($0)".contains(candidates[1].identity.entityName) } == true)
        }
    }

    @Test func noWorkersGiveNoMembers() throws {
        #expect(try VirtualNodeProvider.capacity.members(of: []) == [])
        #expect(try VirtualNodeProvider.equal.members(of: []) == [])
    }

    @Test(arguments: [0, -1, 100_001]) func aNumberOutOfRangeIsRefused(count: Int) {
        for provider in [VirtualNodeProvider.equal, .capacity] {
            #expect(throws: RingSettingError.countOutOfRange(count)) {
                try provider.members(of: candidates([1]), count: count)
            }
        }
    }

    private func candidates(_ capacities: [Int64?]) -> [RingCandidate] {
        capacities.enumerated().map { index, capacity in
            RingCandidate(WorkerIdentity(hostName: "worker-\(index)"), capacityBytes: capacity)
        }
    }
}
