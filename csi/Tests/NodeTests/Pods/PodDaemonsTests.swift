import APIServerRig
import Kubernetes
import Testing

@testable import Node

@Suite(.timeLimit(.minutes(5)))
struct PodDaemonsTests {
    private static let namespace = "alluxio-operator"
    private let daemon = DaemonPod(key: "0a1b", node: APIServerRig.node, cluster: "ns-alluxio")

    /// A rig with a template whose container writes a line and sleeps.
    private func prepared(_ script: String = "echo \"$0 $*\"; exec sleep 600") throws -> (
        APIServerRig, PodDaemons
    ) {
        let rig = try APIServerRig(backOff: 0.2)
        let template = """
            spec:
              terminationGracePeriodSeconds: 5
              containers:
                - {name: alluxio-fuse, image: i, command: [sh, -c, \(JSON.string(script).text)]}
            """
        try rig.put(
            "configmaps",
            Self.namespace,
            ["metadata": ["name": "alluxio-csi-fuse-pod"], "data": ["pod.yaml": .string(template)]]
        )
        return (rig, PodDaemons(try rig.client(), namespace: Self.namespace, node: APIServerRig.node))
    }

    @Test func `a pod is made once, runs its keeper, is found, and goes`() throws {
        let (rig, pods) = try prepared()
        let made = try pods.ensure(daemon, directory: "/run/d", by: .seconds(20))
        let again = try pods.ensure(daemon, directory: "/run/d", by: .seconds(20))
        #expect(made.metadata.uid == again.metadata.uid && made.metadata.name == daemon.name)
        let running = try pods.waitUntilRunning(daemon, by: .seconds(20))
        #expect(running.phase == .running && running.trouble(of: "alluxio-fuse") == nil)
        #expect(try pods.all(by: .seconds(20)).map(\.key.key) == ["0a1b"])
        #expect(try rig.requests().count { $0.hasPrefix("POST") } == 1)
        try pods.remove(daemon, waits: true, by: .seconds(20))
        #expect(try pods.all(by: .seconds(20)).isEmpty)
        try pods.remove(daemon, waits: true, by: .seconds(20))
    }

    @Test func `a pod whose making was answered by nobody is taken for what it is`() throws {
        let (rig, pods) = try prepared()
        _ = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        try pods.remove(daemon, waits: true, by: .seconds(20))
        // The first look finds nothing, then somebody else is quicker.
        try rig.handle(
            "answer",
            ["status": 404, "reason": "NotFound", "path": .string("pods/\(daemon.name)")]
        )
        let other = try PodTemplate(
            yaml: "spec: {containers: [{name: alluxio-fuse, image: i, command: [sleep, '9']}]}"
        )
        try rig.put("pods", Self.namespace, other.pod(for: daemon, in: Self.namespace, directory: "/d"))
        let found = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        #expect(found.verdict(for: daemon) == .keeps)
        #expect(try rig.requests().contains { $0.hasPrefix("POST") && $0.hasSuffix("409") })
    }

    @Test func `a terminating pod is waited for, and another one is made after it`() throws {
        let (rig, pods) = try prepared("trap '' TERM; echo ready; while :; do sleep 0.1; done")
        defer { withExtendedLifetime(rig) {} }
        let first = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        _ = try pods.waitUntilRunning(daemon, by: .seconds(20))
        try rig.wait(forLine: "ready", of: daemon.name)
        try pods.remove(daemon, waits: false, by: .seconds(20))
        let late = #expect(throws: PodDaemonError.self) {
            try pods.ensure(daemon, directory: "/d", by: .seconds(2))
        }
        #expect(late?.description.contains("still terminating") == true, "\(String(describing: late))")
        let second = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        #expect(second.metadata.uid != first.metadata.uid)
        _ = try pods.waitUntilRunning(daemon, by: .seconds(20))
    }

    @Test func `an evicted pod is replaced`() throws {
        let (rig, pods) = try prepared()
        let first = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        _ = try pods.waitUntilRunning(daemon, by: .seconds(20))
        try rig.handle("evict", ["namespace": .string(Self.namespace), "name": .string(daemon.name)])
        let ended = #expect(throws: PodDaemonError.self) {
            try pods.waitUntilRunning(daemon, by: .seconds(20))
        }
        #expect(ended?.description.contains("Evicted: The node was low") == true)
        let second = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        #expect(second.metadata.uid != first.metadata.uid)
        _ = try pods.waitUntilRunning(daemon, by: .seconds(20))
    }

    @Test func `somebody else's pod of the name is left alone`() throws {
        let (rig, pods) = try prepared()
        let foreign: JSON = [
            "metadata": ["name": .string(daemon.name)],
            "spec": ["nodeName": "elsewhere", "containers": [["name": "c", "image": "i"]]],
        ]
        try rig.put("pods", Self.namespace, foreign)
        for error in [
            #expect(throws: PodDaemonError.self) {
                try pods.ensure(daemon, directory: "/d", by: .seconds(20))
            },
            #expect(throws: PodDaemonError.self) { try pods.remove(daemon, waits: true, by: .seconds(20)) },
            #expect(throws: PodDaemonError.self) { try pods.waitUntilRunning(daemon, by: .seconds(20)) },
        ] {
            #expect(error?.description.contains("not the plugin's") == true)
        }
        #expect(try pods.all(by: .seconds(20)).isEmpty)
    }

    @Test func `only pods of this node that were made for a key are the plugin's`() throws {
        let (rig, pods) = try prepared()
        _ = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        let template = try PodTemplate(yaml: "spec: {containers: [{name: alluxio-fuse, image: i}]}")
        let elsewhere = DaemonPod(key: "0a1b", node: "elsewhere")
        var byHand = try template.pod(for: elsewhere, in: Self.namespace, directory: "/d")
        try rig.put("pods", Self.namespace, byHand)
        byHand["metadata"]?["name"] = "by-hand"
        byHand["spec"]?["nodeName"] = .string(APIServerRig.node)
        try rig.put("pods", Self.namespace, byHand)
        #expect(try pods.all(by: .seconds(20)).values.map(\.metadata.name) == [daemon.name])
    }

    @Test func `what keeps a pod from running is told at the deadline`() throws {
        let (rig, pods) = try prepared()
        try rig.handle("break_images", ["reason": "ImagePullBackOff"])
        _ = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        let error = #expect(throws: PodDaemonError.self) {
            try pods.waitUntilRunning(daemon, by: .seconds(1))
        }
        #expect(error?.description.contains("ImagePullBackOff: Back-off pulling i") == true)
    }

    @Test func `a missing template and a forbidden call are told with their remedy`() throws {
        let rig = try APIServerRig()
        let pods = PodDaemons(try rig.client(), namespace: Self.namespace, node: APIServerRig.node)
        let missing = #expect(throws: PodDaemonError.self) {
            try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        }
        #expect(missing?.description.contains("install the chart with mode pod") == true)
        try rig.handle("forbid", ["verb": "list", "resource": "pods"])
        let forbidden = #expect(throws: PodDaemonError.self) { try pods.all(by: .seconds(20)) }
        #expect(forbidden?.description.contains("Role") == true)
    }

    @Test func `a keeper that ends is started again`() throws {
        let (rig, pods) = try prepared("sleep 0.3; exit 1")
        defer { withExtendedLifetime(rig) {} }
        _ = try pods.ensure(daemon, directory: "/d", by: .seconds(20))
        let end = ContinuousClock.Instant.seconds(20)
        var restarts = 0
        while restarts < 3, ContinuousClock.now < end {
            restarts =
                try pods.all(by: end)[DaemonPod(key: "0a1b", node: APIServerRig.node)]?.containers[0].restarts
                ?? 0
        }
        #expect(restarts >= 3)
    }
}

extension Pod {
    fileprivate func verdict(for daemon: DaemonPod) -> DaemonPod.Verdict { daemon.verdict(on: self) }
}
