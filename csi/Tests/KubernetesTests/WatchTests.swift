import APIServerRig
import HTTPTransport
import Kubernetes
import Testing
import Threading

@Suite(.timeLimit(.minutes(5)))
struct WatchTests {
    private func settings(_ name: String, _ value: String = "") -> JSON {
        ["metadata": ["name": .string(name)], "data": ["k": .string(value)]]
    }

    /// What a watch hears while another thread acts; ends after `count` events.
    private func heard(
        _ client: KubernetesClient,
        from version: String,
        count: Int,
        seconds: Double = 20
    ) throws -> (events: [String], end: WatchEnd) {
        var events: [String] = []
        let end = try client.watch(.configMaps, in: "n", from: version, by: .seconds(seconds)) { event in
            switch event {
            case .added(let object): events.append("+\(ObjectMetadata(of: object).name)")
            case .modified(let object): events.append("~\(ObjectMetadata(of: object).name)")
            case .deleted(let object): events.append("-\(ObjectMetadata(of: object).name)")
            }
            return events.count < count
        }
        return (events, end)
    }

    @Test func `a watch tells what happened since its version, and goes on where it ended`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let version = try client.list(.configMaps, in: "n", by: .seconds(10)).resourceVersion
        try rig.put("configmaps", "n", settings("a"))
        try rig.put("configmaps", "other", settings("x"))
        try rig.put("configmaps", "n", settings("b"))
        try client.delete(.configMaps, "a", in: "n", by: .seconds(10))
        let first = try heard(client, from: version, count: 2)
        #expect(first.events == ["+a", "+b"] && first.end.wasStopped)
        let second = try heard(client, from: first.end.resourceVersion, count: 9, seconds: 1.2)
        #expect(second.events == ["-a"] && !second.end.wasStopped)
    }

    @Test func `a silent watch ends at its deadline, with the version of the last bookmark`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let version = try client.list(.configMaps, in: "n", by: .seconds(10)).resourceVersion
        try rig.put("configmaps", "other", settings("x"))
        let start = ContinuousClock.now
        let (events, end) = try heard(client, from: version, count: 1, seconds: 3.5)
        #expect(events.isEmpty && !end.wasStopped)
        #expect(ContinuousClock.now - start < .seconds(6))
        #expect(Int(end.resourceVersion) ?? 0 > Int(version) ?? 0)
    }

    @Test func `a watch from a forgotten version is gone`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let version = try client.list(.configMaps, in: "n", by: .seconds(10)).resourceVersion
        try rig.put("configmaps", "n", settings("a"))
        try rig.handle("forget")
        let error = #expect(throws: KubernetesError.self) { try heard(client, from: version, count: 1) }
        guard case .gone? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a watch is ended by another thread`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let version = try client.list(.configMaps, in: "n", by: .seconds(10)).resourceVersion
        let cancellation = HTTPCancellation()
        let thread = try NamedThread.startJoinable("test") {
            sleepThread(for: .milliseconds(300))
            cancellation.cancel()
        }
        let start = ContinuousClock.now
        let error = #expect(throws: KubernetesError.self) {
            try client.watch(
                .configMaps,
                in: "n",
                from: version,
                by: .seconds(60),
                cancellation: cancellation
            ) { _ in true }
        }
        #expect(error == .cancelled && ContinuousClock.now - start < .seconds(4))
        thread.join()
    }

    @Test func `a wait sees what is there, what comes, and what goes, over broken connections`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let thread = try NamedThread.startJoinable("test") {
            try? rig.put("configmaps", "n", settings("b"))
            sleepThread(for: .milliseconds(300))
            try? rig.put("configmaps", "n", settings("a", "one"))
            sleepThread(for: .milliseconds(300))
            _ = try? rig.handle("cut", ["count": 2])
            _ = try? rig.handle("forget")
            try? rig.put("configmaps", "n", settings("a", "two"))
            sleepThread(for: .milliseconds(300))
            try? client.delete(.configMaps, "a", in: "n", by: .seconds(10))
        }
        func wait(_ isEnough: (JSON?) -> Bool) throws -> JSON? {
            try client.wait(for: .configMaps, "a", in: "n", by: .seconds(20), until: isEnough)
        }
        let made = try wait { $0 != nil }
        #expect(made.map { ConfigMap($0).metadata.name } == "a")
        let changed = try wait { $0.map { ConfigMap($0).data["k"] == "two" } ?? false }
        #expect(changed != nil)
        #expect(try wait { $0 == nil } == nil)
        thread.join()
    }

    @Test func `a wait in vain ends at its deadline`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let start = ContinuousClock.now
        let error = #expect(throws: KubernetesError.self) {
            try client.wait(for: .configMaps, "a", in: "n", by: .seconds(1.5)) { $0 != nil }
        }
        guard case .unavailable? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(try rig.requests().count < 20)
    }
}
