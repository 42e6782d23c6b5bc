import Kubernetes
import Testing

@testable import Node

@Suite struct PodTemplateTests {
    private let daemon = DaemonPod(key: "0a1b", node: "node-a.example", cluster: "ns-alluxio")

    private func template(_ metadata: String = "{}", _ container: String = "") throws -> PodTemplate {
        try PodTemplate(
            yaml: """
                apiVersion: v1
                kind: Pod
                metadata: \(metadata)
                spec:
                  restartPolicy: Never
                  serviceAccountName: alluxio-csi-fuse
                  tolerations: [{operator: Exists}]
                  containers:
                    - {name: other, image: o, args: [x]}
                    - {name: alluxio-fuse, image: i, resources: {limits: {memory: 1Gi}}\(container)}
                """
        )
    }

    @Test func `the pod is the template's, with what the plugin knows better`() throws {
        let metadata =
            "{labels: {team: t, csi.alluxio.com/key: z}, annotations: {a: b}, generateName: g, uid: u}"
        let pod = try template(metadata).pod(for: daemon, in: "operator", directory: "/run/d")
        #expect(pod["apiVersion"] == "v1" && pod["kind"] == "Pod")
        #expect(
            pod["metadata"] == [
                "name": .string(daemon.name), "namespace": "operator", "annotations": ["a": "b"],
                "labels": [
                    "team": "t", "app.kubernetes.io/component": "csi-fuse", "csi.alluxio.com/key": "0a1b",
                    "csi.alluxio.com/cluster-name": "ns-alluxio", "csi.alluxio.com/node": "node-a.example",
                ],
            ]
        )
        #expect(
            pod["spec"] == [
                "restartPolicy": "Always", "nodeName": "node-a.example",
                "serviceAccountName": "alluxio-csi-fuse",
                "tolerations": [["operator": "Exists"]],
                "containers": [
                    ["name": "other", "image": "o", "args": ["x"]],
                    [
                        "name": "alluxio-fuse", "image": "i", "resources": ["limits": ["memory": "1Gi"]],
                        "command": ["alluxio-csi"], "args": ["keep", "/run/d"],
                        "env": [
                            ["name": "ALLUXIO_NODE_LABEL", "value": "node-a.example"],
                            ["name": "FUSE_IDENTIFIER", "value": .string(daemon.name)],
                        ],
                    ],
                ],
            ]
        )
    }

    @Test func `a program of the template stays, its arguments do not; variables are added once`() throws {
        let own =
            ", command: [/opt/csi], args: [x], env: [{name: A, value: b}, {name: FUSE_IDENTIFIER, value: z}]"
        let pod = try template("{}", own).pod(for: daemon, in: "operator", directory: "/run/d")
        let container = pod[path: "spec", "containers"]?.array?[1]
        #expect(container?["command"] == ["/opt/csi"] && container?["args"] == ["keep", "/run/d"])
        let names = container?["env"]?.array?.compactMap { $0["name"]?.string }
        #expect(names == ["A", "ALLUXIO_NODE_LABEL", "FUSE_IDENTIFIER"])
    }

    @Test func `a volume has the account it wants only if the template names it`() throws {
        let wanting = DaemonPod(key: "0a1b", node: "n", serviceAccount: "team-a")
        func account(_ metadata: String) throws -> String? {
            let pod = try template(metadata).pod(for: wanting, in: "operator", directory: "/d")
            return pod[path: "spec", "serviceAccountName"]?.string
        }
        #expect(
            try account("{annotations: {csi.alluxio.com/service-accounts: 'team-b, team-a'}}") == "team-a"
        )
        #expect(try account("{annotations: {csi.alluxio.com/service-accounts: '*'}}") == "team-a")
        for metadata in ["{}", "{annotations: {csi.alluxio.com/service-accounts: team-ab}}"] {
            let error = #expect(throws: PodDaemonError.self) { try account(metadata) }
            #expect(error?.description.contains("service-accounts must name it") == true)
        }
    }

    @Test(arguments: [
        "kind: Deployment", "apiVersion: apps/v1", "spec: {containers: [{name: other}]}", "a: [", "", "x",
        "spec: {containers: [{name: alluxio-fuse}, {name: alluxio-fuse}]}",
    ])
    func `what is no template is refused with its place`(yaml: String) {
        let error = #expect(throws: PodDaemonError.self) { try PodTemplate(yaml: yaml) }
        #expect(error?.description.contains("alluxio-csi-fuse-pod, key pod.yaml") == true)
    }

    @Test func `pods of one key on two nodes have two names, none longer than a host name`() {
        let key = String(repeating: "f", count: 32)
        let names = (0..<1000).map { DaemonPod(key: key, node: "node-\($0)").name }
        #expect(Set(names).count == 1000)
        #expect(names.allSatisfy { $0.utf8.count <= 63 && KubernetesNames.isLabel($0) })
        #expect(DaemonPod(key: key, node: "node-1").name == names[1])
    }

    @Test func `labels are such as Kubernetes takes`() {
        let long = DaemonPod(
            key: "k",
            node: String(repeating: "n.", count: 50) + "n",
            cluster: "-é" + String(repeating: "a", count: 70)
        )
        #expect(long.labels.values.allSatisfy { KubernetesNames.isLabelValue($0) })
        #expect(long.labels[DaemonPod.nodeLabel] == nil)
        #expect(long.labels[DaemonPod.clusterLabel]?.hasPrefix("aaa") == true)
    }

    @Test func `a pod of the name is judged by its labels, its node and its state`() {
        func verdict(_ change: (inout JSON) -> Void) -> DaemonPod.Verdict {
            var pod: JSON = [
                "metadata": [
                    "name": .string(daemon.name), "labels": .object(daemon.labels.mapValues { .string($0) }),
                ],
                "spec": ["nodeName": .string(daemon.node)], "status": ["phase": "Running"],
            ]
            change(&pod)
            return daemon.verdict(on: Pod(pod))
        }
        #expect(verdict { _ in } == .keeps)
        #expect(verdict { $0["status"] = nil } == .keeps)
        #expect(verdict { $0["status"] = ["phase": "Failed"] } == .isOver)
        #expect(verdict { $0["status"] = ["phase": "Succeeded"] } == .isOver)
        #expect(verdict { $0["metadata"]?["deletionTimestamp"] = "2026-11-26T00:00:00Z" } == .isTerminating)
        for foreign in [
            verdict { $0["metadata"]?["labels"]?["csi.alluxio.com/key"] = "zz" },
            verdict { $0["metadata"]?["labels"] = nil },
            verdict { $0["spec"]?["nodeName"] = "node-b" },
        ] {
            guard case .isForeign = foreign else {
                Issue.record("\(foreign)")
                continue
            }
        }
    }
}
