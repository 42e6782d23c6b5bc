import Testing
import TestServers

@testable import Cluster

@Suite(.timeLimit(.minutes(10)))
struct RegistrationTests {
    private func entries(_ client: EtcdClient, _ key: String) throws -> [EtcdEntry] {
        try client.read(.key(key)).entries
    }

    @Test func `a worker writes the documented JSON to both keys, and takes only the live one back`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        let registration = ClusterFixture.registration(client, keys, record)
        try registration.start()
        #expect(registration.isLive)
        let live = try #require(try entries(client, keys.live(record.identity)).first)
        let registered = try #require(try entries(client, keys.registered(record.identity)).first)
        #expect(live.value == record.json && registered.value == record.json)
        #expect(live.lease != 0 && registered.lease == 0)
        #expect(registration.stop(within: .seconds(5)))
        #expect(try entries(client, keys.live(record.identity)).isEmpty)
        #expect(try entries(client, keys.registered(record.identity)).count == 1)
        // The same bytes again are no conflict.
        let again = ClusterFixture.registration(client, keys, record)
        try again.start()
        #expect(
            try entries(client, keys.registered(record.identity)).first?.modRevision == registered.modRevision
        )
        again.stop(within: .seconds(5))
    }

    @Test func `another address with the same identity is refused, but not on Kubernetes`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        try client.register(WorkerRegistrationOptions(keys: keys, record: record))
        var moved = record
        moved.address.host = "node-2"
        let error = #expect(throws: MembershipError.self) {
            try ClusterFixture.registration(client, keys, moved).start()
        }
        #expect(error == .identityTaken(worker: record.identity, by: "node-1:29999"))
        #expect(try entries(client, keys.live(record.identity)).isEmpty)
        let pod = ClusterFixture.registration(client, keys, moved) { $0.overwritesOtherAddress = true }
        try pod.start()
        #expect(try entries(client, keys.registered(record.identity)).first?.value == moved.json)
        pod.stop(within: .seconds(5))
    }

    @Test func `a changed HTTP port or capacity at the same address is an update`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        var record = try ClusterFixture.record("node-1")
        try client.register(WorkerRegistrationOptions(keys: keys, record: record))
        record.address.httpServerPort = 28081
        record.capacityBytes = 1 << 40
        try client.register(WorkerRegistrationOptions(keys: keys, record: record))
        #expect(try entries(client, keys.registered(record.identity)).first?.value == record.json)
    }

    @Test func `a key that holds no worker is never overwritten outside Kubernetes`() throws {
        let record = try ClusterFixture.record("node-1")
        let foreign = Array("{}".utf8)
        #expect(RegistrationConflict(foreign, record, overwritesOtherAddress: true) == .update)
        guard case .taken = RegistrationConflict(foreign, record, overwritesOtherAddress: false) else {
            Issue.record("a foreign value was overwritten")
            return
        }
    }

    @Test func `a worker keeps its lease for longer than the lease lives`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        let registration = ClusterFixture.registration(client, keys, record)
        try registration.start()
        let lease = try entries(client, keys.live(record.identity)).first?.lease
        let end = ContinuousClock.now + .seconds(6)
        while ContinuousClock.now < end {
            #expect(try entries(client, keys.live(record.identity)).first?.lease == lease)
            _ = StopSignal().sleep(.milliseconds(200))
        }
        registration.stop(within: .seconds(5))
    }

    @Test func `a lost lease is replaced, and a deleted key is written again`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        let registration = ClusterFixture.registration(client, keys, record)
        try registration.start()
        let key = keys.live(record.identity)
        let first = try #require(try entries(client, key).first)
        try client.revoke(EtcdLease(id: first.lease, timeToLive: .seconds(2)))
        #expect(try ClusterFixture.eventually { try !entries(client, key).isEmpty })
        let second = try #require(try entries(client, key).first)
        #expect(second.lease != first.lease && second.value == record.json)
        try client.delete(.key(key))
        #expect(try ClusterFixture.eventually { try entries(client, key).first?.lease == second.lease })
        #expect(registration.stop(within: .seconds(5)))
        #expect(try entries(client, key).isEmpty)
    }

    @Test func `a worker is known again after etcd was away for longer than its lease`() throws {
        let server = try EtcdServer()
        let client = try ClusterFixture.client(server)
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        let registration = ClusterFixture.registration(client, keys, record)
        try registration.start()
        let key = keys.live(record.identity)
        let first = try #require(try entries(client, key).first)
        server.kill()
        #expect(ClusterFixture.eventually { !registration.isLive })
        try server.start()
        #expect(
            try ClusterFixture.eventually {
                try entries(client, key).first?.lease ?? first.lease != first.lease
            }
        )
        #expect(ClusterFixture.eventually { registration.isLive })
        server.kill()
        let start = ContinuousClock.now
        #expect(!registration.stop(within: .seconds(5)))
        #expect(start.duration(to: .now) < .seconds(8))
    }

    @Test func `only a worker that is not live can be removed`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        #expect(try client.remove(record.identity, from: keys) == .notRegistered)
        let registration = ClusterFixture.registration(client, keys, record)
        try registration.start()
        #expect(throws: MembershipError.workerIsLive(record.identity)) {
            try client.remove(record.identity, from: keys)
        }
        registration.stop(within: .seconds(5))
        #expect(try client.remove(record.identity, from: keys) == .removed)
        #expect(try entries(client, keys.registered(record.identity)).isEmpty)
    }

    @Test func `a service registry has live keys only`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("node-1")
        let registration = ClusterFixture.registration(client, keys, record) { $0.staysRegistered = false }
        try registration.start()
        #expect(try entries(client, keys.registered(record.identity)).isEmpty)
        #expect(try entries(client, keys.live(record.identity)).count == 1)
        registration.stop(within: .seconds(5))
    }
}
