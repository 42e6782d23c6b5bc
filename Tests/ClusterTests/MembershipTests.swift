import Logging
import Synchronization
import Testing
import TestServers

@testable import Cluster

@Suite(.timeLimit(.minutes(10)))
struct MembershipTests {
    private func membership(
        _ client: EtcdClient,
        _ keys: ClusterKeys,
        _ kind: MembershipKind = .etcd,
        _ lines: LogLines = LogLines(),
        _ change: (inout MembershipOptions) -> Void = { _ in }
    ) throws -> Membership {
        var options = MembershipOptions()
        options.ring.virtualNodes = 20
        options.firstBackoff = .milliseconds(50)
        options.backoffMaximum = .milliseconds(200)
        change(&options)
        let membership = try Membership(
            client: client,
            keys: keys,
            kind: kind,
            options: options,
            logger: lines.logger
        )
        try membership.start()
        return membership
    }

    private func put(_ record: WorkerRecord, _ client: EtcdClient, _ keys: [String]) throws {
        for key in keys { try client.put(key, record.json) }
    }

    @Test func `workers that come and go are seen within a second by watching`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let membership = try membership(client, keys)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        #expect(membership.view.members.isEmpty && membership.view.generation == 1)
        let record = try ClusterFixture.record("node-1", capacityBytes: 5)
        let worker = ClusterFixture.registration(client, keys, record)
        try worker.start()
        #expect(
            ClusterFixture.eventually(.seconds(1)) { membership.view.member(record.identity)?.state == .live }
        )
        #expect(membership.view.ring.members.map(\.identity) == [record.identity])
        #expect(membership.view.address(of: record.identity)?.host == "node-1")
        #expect(membership.view.member(record.identity)?.isRegistered == true)
        worker.stop(within: .seconds(5))
        #expect(
            ClusterFixture.eventually(.seconds(1)) { membership.view.member(record.identity)?.state == .lost }
        )
        #expect(membership.view.ring.members.isEmpty)
        _ = try client.remove(record.identity, from: keys)
        #expect(ClusterFixture.eventually(.seconds(1)) { membership.view.members.isEmpty })
        #expect(membership.stop(within: .seconds(3)))
    }

    @Test func `without a watch changes are seen at the next read`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let membership = try membership(client, keys) {
            $0.watches = false
            $0.refreshInterval = .seconds(2)
        }
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        let record = try ClusterFixture.record("node-1")
        try put(record, client, [keys.live(record.identity)])
        _ = StopSignal().sleep(.milliseconds(500))
        #expect(membership.view.members.isEmpty)
        #expect(ClusterFixture.eventually(.seconds(4)) { membership.view.members.count == 1 })
        membership.stop(within: .seconds(3))
    }

    @Test func `a static ring keeps the workers that are lost`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let (a, b) = (try ClusterFixture.record("a"), try ClusterFixture.record("b"))
        try put(a, client, [keys.registered(a.identity), keys.live(a.identity)])
        try put(b, client, [keys.registered(b.identity)])
        let membership = try membership(client, keys) { $0.ring.isDynamic = false }
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        let before = membership.view
        #expect(Set(before.ring.members.map(\.identity)) == [a.identity, b.identity])
        try client.delete(.key(keys.live(a.identity)))
        #expect(ClusterFixture.eventually { membership.view.member(a.identity)?.state == .lost })
        #expect(membership.view.generation > before.generation)
        #expect(membership.view.ringGeneration == before.ringGeneration)
        #expect(membership.view.ring.members.count == 2)
        membership.stop(within: .seconds(3))
    }

    @Test func `a cluster does not see the workers of one whose name begins with its own`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let longer = try ClusterKeys(cluster: keys.cluster + "b")
        let record = try ClusterFixture.record("other")
        try put(record, client, [longer.live(record.identity), longer.registered(record.identity)])
        let membership = try membership(client, keys)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        #expect(membership.view.members.isEmpty)
        membership.stop(within: .seconds(3))
    }

    @Test func `a service registry shows live workers, whoever is registered`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let (a, b) = (try ClusterFixture.record("a"), try ClusterFixture.record("b"))
        try put(a, client, [keys.live(a.identity)])
        try put(b, client, [keys.registered(b.identity)])
        let membership = try membership(client, keys, .serviceRegistry)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        #expect(membership.view.members.map(\.identity) == [a.identity])
        membership.stop(within: .seconds(3))
        #expect(throws: MembershipError.self) {
            try self.membership(client, keys, .serviceRegistry) { $0.ring.isDynamic = false }
        }
    }

    @Test func `a value that is no worker is skipped, with a warning, and the others stay`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("a")
        try put(record, client, [keys.live(record.identity)])
        try client.put(keys.livePrefix + "worker-broken", Array("{".utf8))
        let lines = LogLines()
        let membership = try membership(client, keys, .etcd, lines)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        #expect(membership.view.members.map(\.identity) == [record.identity])
        #expect(lines.count(.warning, "holds no worker") == 1)
        membership.stop(within: .seconds(3))
    }

    @Test func `capacity decides the virtual nodes, and a worker without one leaves the last ring in use`()
        throws
    {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let (a, b) = (
            try ClusterFixture.record("a", capacityBytes: 1), try ClusterFixture.record("b", capacityBytes: 3)
        )
        for each in [a, b] { try put(each, client, [keys.live(each.identity)]) }
        let lines = LogLines()
        let membership = try membership(client, keys, .etcd, lines) { $0.ring.provider = .capacity }
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        #expect(membership.view.ring.members.map(\.virtualNodes).sorted() == [10, 30])
        let foreign = try ClusterFixture.record("c")
        try put(foreign, client, [keys.live(foreign.identity)])
        #expect(ClusterFixture.eventually { membership.view.members.count == 3 })
        #expect(membership.view.ringProblem == .capacityUnknown(foreign.identity))
        #expect(membership.view.ring.members.count == 2)
        #expect(lines.count(.error, "ring can't follow") == 1)
        membership.stop(within: .seconds(3))
    }

    @Test func `the last view outlives etcd, with one warning, and follows again after it is back`() throws {
        let server = try EtcdServer()
        let client = try ClusterFixture.client(server)
        let keys = try ClusterFixture.freshKeys()
        let record = try ClusterFixture.record("a")
        try put(record, client, [keys.live(record.identity)])
        let lines = LogLines()
        let membership = try membership(client, keys, .etcd, lines)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        server.kill()
        #expect(ClusterFixture.eventually { lines.count(.warning, "does not answer") > 0 })
        _ = StopSignal().sleep(.seconds(2))
        #expect(lines.count(.warning, "does not answer") == 1)
        #expect(membership.view.members.map(\.identity) == [record.identity])
        #expect(membership.age ?? .zero > .seconds(2))
        try server.start()
        let second = try ClusterFixture.record("b")
        try put(second, client, [keys.live(second.identity)])
        #expect(ClusterFixture.eventually { membership.view.members.count == 2 })
        #expect(lines.count(.info, "answers again") == 1)
        #expect(membership.stop(within: .seconds(3)))
    }

    @Test func `changes made while a watch was broken are not missed`() throws {
        let server = try EtcdServer()
        let client = try ClusterFixture.client(server)
        let keys = try ClusterFixture.freshKeys()
        let (a, b) = (try ClusterFixture.record("a"), try ClusterFixture.record("b"))
        try put(a, client, [keys.live(a.identity)])
        let membership = try membership(client, keys)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        server.kill()
        try server.start()
        try client.delete(.key(keys.live(a.identity)))
        try put(b, client, [keys.live(b.identity)])
        let revision = try client.read(.key("/none")).revision
        try server.ask("/v3/kv/compaction", #"{"revision":"\#(revision)"}"#)
        #expect(ClusterFixture.eventually { membership.view.members.map(\.identity) == [b.identity] })
        membership.stop(within: .seconds(3))
    }

    @Test func `a membership that never finds etcd has no members, and ends when told`() throws {
        let dead = SupervisedProcess.freePorts(1)[0]
        let client = try EtcdClient(options: EtcdOptions(endpoints: ["http://127.0.0.1:\(dead)"]))
        let membership = try membership(client, ClusterFixture.freshKeys())
        #expect(!membership.waitForFirstView(atMost: .milliseconds(300)))
        #expect(membership.view.generation == 0 && membership.view.ring.members.isEmpty)
        #expect(membership.age == nil)
        #expect(membership.stop(within: .seconds(3)))
    }

    @Test func `listeners get every view in order`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let membership = try membership(client, keys)
        #expect(membership.waitForFirstView(atMost: .seconds(5)))
        let seen = Generations()
        membership.onChange { view in seen.add(view.generation) }
        for index in 0..<5 {
            let record = try ClusterFixture.record("node-\(index)")
            try put(record, client, [keys.live(record.identity)])
        }
        #expect(ClusterFixture.eventually { membership.view.members.count == 5 })
        #expect(ClusterFixture.eventually { seen.all.last == membership.view.generation })
        #expect(seen.all == seen.all.sorted() && Set(seen.all).count == seen.all.count)
        membership.stop(within: .seconds(3))
    }

    @Test func `a list of hosts is a membership without etcd`() throws {
        let membership = Membership(list: try WorkerList("localhost:1, other"))
        try membership.start()
        #expect(membership.waitForFirstView(atMost: .zero))
        #expect(membership.view.members.map(\.state) == [.live, .live])
        #expect(membership.view.ring.members.count == 2)
        #expect(membership.stop(within: .zero))
    }
}

/// Numbers that another thread notes.
final class Generations: Sendable {
    private let seen = Mutex<[UInt64]>([])
    func add(_ generation: UInt64) { seen.withLock { $0.append(generation) } }
    var all: [UInt64] { seen.withLock { $0 } }
}

/// Identities that several threads found.
final class Found: Sendable {
    private let seen = Mutex<Set<WorkerIdentity>>([])
    func add(_ identity: WorkerIdentity) { _ = seen.withLock { $0.insert(identity) } }
    var identities: Set<WorkerIdentity> { seen.withLock { $0 } }
}
