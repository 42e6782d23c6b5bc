import APIServerRig
import FoundationEssentials
import Kubernetes
import Logging
import Testing
import Volumes

@testable import Node

@Suite(.timeLimit(.minutes(5)))
struct PodRunnerTests {
    private static let namespace = "alluxio-operator"

    private struct Parts {
        var rig: APIServerRig
        var pods: PodDaemons
        var files: StateFiles
        var runner: PodRunner
    }

    private func specification(_ key: String) throws -> DaemonSpecification {
        let text =
            #"{"key":"\#(key)","mountPoint":"/m","options":[],"environment":{},"cluster":"ns-alluxio"}"#
        return try JSONDecoder().decode(DaemonSpecification.self, from: Data(text.utf8))
    }

    /// A node of which nothing is mounted: its state is plain files, with a template for its pods.
    private func prepared(withTemplate: Bool = true) throws -> Parts {
        let rig = try APIServerRig()
        let template = """
            spec:
              terminationGracePeriodSeconds: 1
              containers: [{name: alluxio-fuse, image: i, command: [sh, -c, exec sleep 600]}]
            """
        if withTemplate {
            try rig.put(
                "configmaps",
                Self.namespace,
                ["metadata": ["name": "alluxio-csi-fuse-pod"], "data": ["pod.yaml": .string(template)]]
            )
        }
        let pods = PodDaemons(try rig.client(), namespace: Self.namespace, node: APIServerRig.node)
        let files = try StateFiles(directories: NodePlaces(mounts: "\(rig.folder)/node"))
        let runner = PodRunner(pods: pods, files: files, logger: Logger(label: "test"))
        return Parts(rig: rig, pods: pods, files: files, runner: runner)
    }

    /// Somebody wants a daemon.
    private func wants(_ parts: Parts, _ key: String) throws -> DaemonSpecification {
        let wanted = try specification(key)
        try parts.files.keep(wanted, identity: .driver, properties: "")
        return wanted
    }

    /// Checks as the plugin does, often, until something holds of the keys that have a pod.
    private func check(
        _ parts: Parts,
        _ wanted: [DaemonSpecification],
        until holds: ([String: Pod]) -> Bool
    ) throws {
        let end = ContinuousClock.Instant.seconds(30)
        while true {
            parts.runner.check(wanted)
            let found = try parts.pods.all(by: end).map { ($0.key.key, $0.value) }
            if holds(Dictionary(uniqueKeysWithValues: found)) { return }
            try #require(ContinuousClock.now < end, "\(found)")
        }
    }

    @Test func `a daemon's pod is made and ended, and made again when somebody deletes it`() throws {
        let parts = try prepared()
        let wanted = [try wants(parts, "aa")]
        try parts.runner.start(wanted[0])
        let first = try #require(try parts.pods.all(by: .seconds(20)).first)
        #expect(first.key.key == "aa" && first.value.metadata.labels[DaemonPod.clusterLabel] == "ns-alluxio")
        try check(parts, wanted) { $0["aa"]?.metadata.uid == first.value.metadata.uid }
        let client = try parts.rig.client()
        try client.delete(.pods, first.key.name, in: Self.namespace, by: .seconds(20))
        try check(parts, wanted) { pods in
            pods["aa"].map { $0.metadata.uid != first.value.metadata.uid } ?? false
        }
        #expect(parts.runner.stop("aa", within: .seconds(20)))
        #expect(try parts.pods.all(by: .seconds(20)).isEmpty)
        #expect(parts.runner.stop("aa", within: .seconds(20)))
    }

    @Test func `an evicted pod is replaced, and one that nobody wants goes`() throws {
        let parts = try prepared()
        let wanted = [try wants(parts, "aa")]
        for key in ["aa", "bb"] { try parts.runner.start(try specification(key)) }
        let name = DaemonPod(key: "aa", node: APIServerRig.node).name
        _ = try parts.pods.waitUntilRunning(DaemonPod(key: "aa", node: APIServerRig.node), by: .seconds(20))
        try parts.rig.handle("evict", ["namespace": .string(Self.namespace), "name": .string(name)])
        try check(parts, wanted) { $0["bb"] == nil && $0["aa"]?.isOver == false }
    }

    @Test func `a quiet node asks the API server nothing`() throws {
        let parts = try prepared()
        let wanted = [try wants(parts, "aa")]
        try parts.runner.start(wanted[0])
        _ = try parts.pods.waitUntilRunning(DaemonPod(key: "aa", node: APIServerRig.node), by: .seconds(20))
        for _ in 0..<100 { parts.runner.check(wanted) }
        let before = try parts.rig.requests().count
        for _ in 0..<1000 { parts.runner.check(wanted) }
        #expect(try parts.rig.requests().count <= before + 2)
    }

    @Test func `a missing template is told to who waits for the volume`() throws {
        let parts = try prepared(withTemplate: false)
        let error = #expect(throws: VolumeError.self) { try parts.runner.start(try specification("aa")) }
        #expect(
            error?.kind == .unavailable && error?.description.contains("install the chart") == true
        )
        try parts.rig.handle("forbid", ["verb": "get", "resource": "pods"])
        let forbidden = #expect(throws: VolumeError.self) { try parts.runner.start(try specification("aa")) }
        #expect(forbidden?.kind == .unavailable && forbidden?.description.contains("Role") == true)
    }
}
