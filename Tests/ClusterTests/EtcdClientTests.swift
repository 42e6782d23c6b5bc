import HTTPTransport
import Synchronization
import Testing
import TestServers

@testable import Cluster

@Suite(.timeLimit(.minutes(10)))
struct EtcdClientTests {
    @Test func `keys are written, read by prefix in order, and deleted`() throws {
        let client = try ClusterFixture.client(.shared())
        let prefix = try ClusterFixture.freshKeys().mountPrefix
        try client.put(prefix + "b", [0, 255])
        try client.put(prefix + "a", [])
        let snapshot = try client.read(.prefix(prefix))
        #expect(snapshot.entries.map(\.key) == [prefix + "a", prefix + "b"])
        #expect(snapshot.entries.map(\.value) == [[], [0, 255]])
        #expect(snapshot.revision > 0)
        #expect(try client.delete(.prefix(prefix)) == 2)
        #expect(try client.delete(.prefix(prefix)) == 0)
        #expect(try client.read(.prefix(prefix)).entries.isEmpty)
    }

    @Test func `a transaction does one side only, and reads what is there`() throws {
        let client = try ClusterFixture.client(.shared())
        let key = try ClusterFixture.freshKeys().mountPrefix + "k"
        let transaction = EtcdTransaction(
            if: [.absent(key)],
            then: [.put(key: key, value: [1], lease: 0)],
            otherwise: [.get(.key(key)), .delete(.key(key))]
        )
        #expect(try client.commit(transaction).succeeded)
        let second = try client.commit(transaction)
        #expect(!second.succeeded)
        #expect(second.reads.map { $0.map(\.value) } == [[[1]]])
        #expect(second.deletions == [1])
        #expect(try client.commit(transaction).succeeded)
    }

    @Test func `a lease takes its keys with it, and is gone for later keep-alives`() throws {
        let client = try ClusterFixture.client(.shared())
        let key = try ClusterFixture.freshKeys().mountPrefix + "k"
        let lease = try client.grantLease(.seconds(60))
        #expect(lease.timeToLive == .seconds(60))
        try client.put(key, [1], lease: lease)
        try client.keepAlive(lease)
        try client.revoke(lease)
        #expect(try client.read(.key(key)).entries.isEmpty)
        #expect(throws: EtcdError.leaseGone) { try client.keepAlive(lease) }
        #expect(throws: EtcdError.leaseGone) { try client.put(key, [1], lease: lease) }
        try client.revoke(lease)
    }

    @Test func `one watch follows several prefixes from the revision that was read`() throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let before = try client.read(.prefix(keys.livePrefix)).revision
        try client.put(keys.livePrefix + "a", [1])
        try TestThreads.start {
            _ = try? client.put(keys.registeredPrefix + "b", [2])
            _ = try? client.delete(.key(keys.livePrefix + "a"))
        }
        var seen: [EtcdEvent] = []
        let prefixes: [EtcdKeys] = [.prefix(keys.livePrefix), .prefix(keys.registeredPrefix)]
        let end = client.watch(prefixes, after: before, for: .seconds(20)) { events in
            seen += events
            return seen.count < 3
        }
        #expect(end == .stopped)
        let names = seen.map { event in
            switch event {
            case .put(let entry): "+\(entry.key)"
            case .delete(let key): "-\(key)"
            }
        }
        let expected: Set = ["+\(keys.livePrefix)a", "+\(keys.registeredPrefix)b", "-\(keys.livePrefix)a"]
        #expect(Set(names) == expected)
    }

    @Test func `a watch ends when its time is up, and says so when its revision was compacted`() throws {
        let server = try EtcdServer()
        let client = try ClusterFixture.client(server)
        try client.put("/k", [1])
        let revision = try client.read(.key("/k")).revision
        let start = ContinuousClock.now
        #expect(client.watch([.prefix("/")], after: revision, for: .seconds(1)) { _ in true } == .timeUp)
        #expect(start.duration(to: .now) < .seconds(3))
        try client.put("/k", [2])
        try server.ask("/v3/kv/compaction", #"{"revision":"\#(revision + 1)"}"#)
        #expect(client.watch([.prefix("/")], after: 0, for: .seconds(10)) { _ in true } == .compacted)
    }

    @Test func `a watch and a pause end within two seconds of the signal`() throws {
        let signal = StopSignal()
        let client = try ClusterFixture.client(.shared()).bound(to: signal, oneRound: true)
        try TestThreads.start {
            _ = signal.sleep(.milliseconds(300))
            signal.raise()
        }
        let start = ContinuousClock.now
        #expect(client.watch([.prefix("/none")], after: 0, for: .seconds(60)) { _ in true } == .stopped)
        #expect(start.duration(to: .now) < .seconds(2.3))
        #expect(throws: EtcdError.stopped) { try client.read(.key("/none")) }
        #expect(!signal.sleep(.seconds(60)))
    }

    @Test func `a member that is down costs one try, wherever a client starts`() throws {
        let server = try EtcdServer.shared()
        let dead = SupervisedProcess.freePorts(1)[0]
        for _ in 0..<8 {
            let client = try ClusterFixture.client(server) {
                $0.endpoints.append("http://127.0.0.1:\(dead)")
                $0.firstBackoff = .seconds(30)
                $0.backoffMaximum = .seconds(30)
            }
            let start = ContinuousClock.now
            for _ in 0..<3 { _ = try client.read(.key("/none")) }
            #expect(start.duration(to: .now) < .seconds(5))
        }
    }

    @Test func `without any member an operation ends after its tries and names the setting`() throws {
        let dead = SupervisedProcess.freePorts(1)[0]
        let client = try ClusterFixture.client(.shared()) { $0.endpoints = ["127.0.0.1:\(dead)"] }
        let error = #expect(throws: EtcdError.self) { try client.read(.key("/none")) }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error)) is not unreachable")
            return
        }
        #expect(error?.description.contains("alluxio.etcd.endpoints") == true)
    }

    @Test func `user and password open etcd, and a token that is no longer good is renewed`() throws {
        let server = try EtcdServer()
        try server.enableAuthentication(user: "worker", password: "s3cret")
        let client = try ClusterFixture.client(server) {
            $0.login = EtcdOptions.Login(username: "worker", password: "s3cret")
        }
        try client.put("/k", [1])
        // A password that is set anew, even to the same one, ends the user's tokens.
        try server.changePassword(of: "worker", to: "s3cret", rootPassword: "s3cret")
        #expect(try client.read(.key("/k")).entries.count == 1)
        let revision = try client.read(.key("/k")).revision
        #expect(
            client.watch([.prefix("/")], after: revision - 1, for: .seconds(10)) { _ in false } == .stopped
        )
        for login in [EtcdOptions.Login(username: "worker", password: "wrong"), nil] {
            let refused = try ClusterFixture.client(server) { $0.login = login }
            let error = #expect(throws: EtcdError.self) { try refused.put("/k", [2]) }
            guard case .notPermitted(let text) = error else {
                Issue.record("\(String(describing: error)) is not about permission")
                continue
            }
            #expect(!text.contains("wrong"))
        }
    }

    @Test func `a login is no error where etcd asks for none`() throws {
        let client = try ClusterFixture.client(.shared()) {
            $0.login = EtcdOptions.Login(username: "worker", password: "s3cret")
        }
        _ = try client.read(.key("/none"))
    }

    @Test func `TLS needs the authority's file and the client's certificate`() throws {
        let server = try EtcdServer(.mutualTLS)
        let client = try ClusterFixture.client(server) {
            $0.certificateAuthorityFile = server.certificateAuthorityFile
            $0.clientCertificateFile = server.clientCertificateFile
            $0.clientKeyFile = server.clientKeyFile
        }
        try client.put("/k", [1])
        #expect(try client.read(.key("/k")).entries.count == 1)
        #expect(client.watch([.prefix("/")], after: 1, for: .seconds(10)) { _ in false } == .stopped)
        let stranger = try ClusterFixture.client(server) {
            $0.certificateAuthorityFile = server.certificateAuthorityFile
        }
        #expect(throws: EtcdError.self) { try stranger.read(.key("/k")) }
        let distrustful = try ClusterFixture.client(server)
        let error = #expect(throws: EtcdError.self) { try distrustful.read(.key("/k")) }
        #expect(error?.description.contains("certificate") == true)
    }
}
