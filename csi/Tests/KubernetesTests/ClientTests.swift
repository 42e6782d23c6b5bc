import APIServerRig
import HTTPTransport
import Kubernetes
import Testing
import TestServers
import Threading

@Suite(.timeLimit(.minutes(5)))
struct ClientTests {
    private func settings(_ name: String, _ data: [String: String] = [:]) -> JSON {
        ["metadata": ["name": .string(name)], "data": .object(data.mapValues { .string($0) })]
    }

    private func pod(_ name: String, node: String = APIServerRig.node, label: String = "x") -> JSON {
        [
            "metadata": ["name": .string(name), "labels": ["app": .string(label)]],
            "spec": [
                "nodeName": .string(node), "terminationGracePeriodSeconds": 1,
                "containers": [["name": "c", "image": "i", "command": ["sleep", "60"]]],
            ],
        ]
    }

    @Test func `objects are made, read, and deleted, each error by its kind`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let made = try client.create(settings("a", ["k": "v"]), .configMaps, in: "n", by: .seconds(10))
        let read = ConfigMap(try client.get(.configMaps, "a", in: "n", by: .seconds(10)))
        #expect(read == ConfigMap(made) && read.data == ["k": "v"] && !read.metadata.uid.isEmpty)
        let again = #expect(throws: KubernetesError.self) {
            try client.create(settings("a"), .configMaps, in: "n", by: .seconds(10))
        }
        #expect(again == .alreadyExists(#"create configmaps n/a: configmaps "a" already exists"#))
        let other = #expect(throws: KubernetesError.self) {
            try client.delete(.configMaps, "a", in: "n", uid: "other", by: .seconds(10))
        }
        guard case .conflict? = other else {
            Issue.record("\(String(describing: other))")
            return
        }
        try client.delete(.configMaps, "a", in: "n", uid: read.metadata.uid, by: .seconds(10))
        let gone = #expect(throws: KubernetesError.self) {
            try client.get(.configMaps, "a", in: "n", by: .seconds(10))
        }
        #expect(gone == .notFound(#"get configmaps n/a: configmaps "a" not found"#))
        try rig.handle("forbid", ["verb": "get", "resource": "secrets"])
        let refused = #expect(throws: KubernetesError.self) {
            try client.get(.secrets, "a", in: "n", by: .seconds(10))
        }
        guard case .forbidden(let text)? = refused else {
            Issue.record("\(String(describing: refused))")
            return
        }
        #expect(text.contains("cannot get resource") && text.contains("Role"))
    }

    @Test func `a status is changed and the rest stays`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        _ = try client.create(pod("p", node: "elsewhere"), .pods, in: "n", by: .seconds(10))
        let status: JSON = ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]]
        let found = Pod(try client.patchStatus(status, .pods, "p", in: "n", by: .seconds(10)))
        #expect(
            found.phase == .running && found.conditions.first?.isTrue == true && found.nodeName == "elsewhere"
        )
    }

    @Test func `a list comes in pages, and again from its beginning if they are forgotten`() throws {
        let rig = try APIServerRig()
        let client = try rig.client { $0.pageCount = 3 }
        for index in 0..<8 { try rig.put("configmaps", "n", settings("m\(index)")) }
        try rig.put("configmaps", "other", settings("x"))
        let all = try client.list(.configMaps, in: "n", by: .seconds(10))
        #expect(all.items.map { ObjectMetadata(of: $0).name } == (0..<8).map { "m\($0)" })
        #expect(try rig.requests().count { $0.contains("continue=") } == 2)
        #expect(try client.list(.configMaps, in: nil, by: .seconds(10)).items.count == 9)
        try rig.handle("answer", ["status": 410, "reason": "Expired", "path": "continue="])
        #expect(try client.list(.configMaps, in: "n", by: .seconds(10)).items.count == 8)
        #expect(try rig.requests().last?.contains("limit") == false)
        let few = try rig.client { $0.listMaximumCount = 7 }
        #expect(throws: KubernetesError.self) { try few.list(.configMaps, in: "n", by: .seconds(10)) }
    }

    @Test func `labels and fields choose`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        for (name, node, label) in [("a", "one", "x"), ("b", "two", "x"), ("c", "one", "y")] {
            try rig.put("pods", "n", pod(name, node: node, label: label))
        }
        func names(_ selection: KubernetesSelection) throws -> [String] {
            try client.list(.pods, in: "n", selection, by: .seconds(10)).items.map {
                ObjectMetadata(of: $0).name
            }
        }
        #expect(try names(KubernetesSelection(labels: ["app": "x"])) == ["a", "b"])
        #expect(
            try names(KubernetesSelection(labels: ["app": "x"], fields: ["spec.nodeName": "one"])) == ["a"]
        )
        #expect(try names(KubernetesSelection(labelNames: ["app"])) == ["a", "b", "c"])
        #expect(try names(.named("c")) == ["c"])
    }

    @Test func `429, 5xx and broken connections are tried again, as late as the server asks`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        try rig.put("configmaps", "n", settings("a"))
        for status in [429, 500, 503] { try rig.handle("answer", ["status": .number("\(status)")]) }
        try rig.handle("cut", ["count": 3])
        _ = try client.get(.configMaps, "a", in: "n", by: .seconds(20))
        #expect(
            try rig.requests().suffix(7).map { $0.suffix(3) } == [
                "429", "500", "503", "cut", "cut", "cut", "200",
            ]
        )
        try rig.handle("answer", ["status": 429, "retry_after": 1])
        let start = ContinuousClock.now
        _ = try client.get(.configMaps, "a", in: "n", by: .seconds(20))
        #expect(ContinuousClock.now - start >= .seconds(1))
    }

    @Test func `what stays broken is told at the deadline, and what is wrong at once`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        try rig.handle("answer", ["status": 503, "count": 10_000, "message": "not now", "path": "/slow"])
        let start = ContinuousClock.now
        let late = #expect(throws: KubernetesError.self) {
            try client.get(.configMaps, "slow", in: "n", by: .seconds(1))
        }
        #expect(late == .unavailable("get configmaps n/slow: not now"))
        #expect(ContinuousClock.now - start < .seconds(3))
        let past = #expect(throws: KubernetesError.self) {
            try client.get(.configMaps, "a", in: "n", by: .seconds(-1))
        }
        #expect(past == .unavailable("get configmaps n/a: the time for it is over"))
        let before = try rig.requests().count
        for bad in ["../x", ""] {
            #expect(throws: KubernetesError.self) { try client.get(.pods, bad, in: "n", by: .seconds(10)) }
            #expect(throws: KubernetesError.self) { try client.delete(.pods, bad, in: "n", by: .seconds(10)) }
            #expect(throws: KubernetesError.self) {
                try client.create(["metadata": ["name": .string(bad)]], .pods, in: "n", by: .seconds(10))
            }
        }
        #expect(try rig.requests().count == before)
    }

    @Test func `an answer over the limit is an error and not kept`() throws {
        let rig = try APIServerRig()
        try rig.put("configmaps", "n", settings("a", ["k": String(repeating: "x", count: 5000)]))
        let client = try rig.client { $0.answerMaximumBytes = 4096 }
        let error = #expect(throws: KubernetesError.self) {
            try client.get(.configMaps, "a", in: "n", by: .seconds(10))
        }
        #expect(error == .unusable("get configmaps n/a: the answer is larger than 4096 bytes"))
    }

    @Test func `a rotated token is used at once, and no error repeats one`() throws {
        let rig = try APIServerRig()
        let client = try rig.client()
        let old = String(
            decoding: SupervisedProcess.read("\(rig.folder)/serviceaccount/token") ?? [],
            as: UTF8.self
        )
        try rig.put("configmaps", "n", settings("a"))
        _ = try client.get(.configMaps, "a", in: "n", by: .seconds(10))
        try rig.handle("rotate")
        _ = try client.get(.configMaps, "a", in: "n", by: .seconds(10))
        var access = try ServerAccess.kubeconfig("\(rig.folder)/kubeconfig")
        access.identity = .token(old)
        var options = KubernetesClientOptions()
        options.usesProxies = false
        let error = #expect(throws: KubernetesError.self) {
            try KubernetesClient(access, options: options).get(.configMaps, "a", in: "n", by: .seconds(10))
        }
        guard case .unauthorized(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("***") && !text.contains(old))
    }

    @Test func `a kubeconfig with certificates, in files or in itself, opens the door`() throws {
        let rig = try APIServerRig()
        try rig.put("configmaps", "n", settings("a"))
        var options = KubernetesClientOptions()
        options.usesProxies = false
        func text(_ name: String) -> ServerAccess.PEM {
            .text(SupervisedProcess.read("\(rig.folder)/\(name)") ?? [])
        }
        func file(_ name: String) -> ServerAccess.PEM { .file("\(rig.folder)/\(name)") }
        for pem in [text, file] {
            let access = try ServerAccess(
                server: rig.url,
                trust: .authorities(pem("ca.crt")),
                identity: .certificate(pem("client.crt"), key: pem("client.key"))
            )
            let client = KubernetesClient(access, options: options)
            #expect(
                ConfigMap(try client.get(.configMaps, "a", in: "n", by: .seconds(10))).metadata.name == "a"
            )
        }
        var access = try ServerAccess(server: rig.url, trust: .system, identity: .anonymous)
        let untrusted = #expect(throws: KubernetesError.self) {
            try KubernetesClient(access, options: options).get(.configMaps, "a", in: "n", by: .seconds(10))
        }
        guard case .configuration(let why)? = untrusted else {
            Issue.record("\(String(describing: untrusted))")
            return
        }
        #expect(why.contains("certificate authority"))
        access.trust = .unchecked
        let anonymous = #expect(throws: KubernetesError.self) {
            try KubernetesClient(access, options: options).get(.configMaps, "a", in: "n", by: .seconds(10))
        }
        guard case .unauthorized? = anonymous else {
            Issue.record("\(String(describing: anonymous))")
            return
        }
    }

    @Test func `a cancellation ends a call that waits between its tries`() throws {
        let rig = try APIServerRig()
        let client = try rig.client { $0.firstPause = .seconds(30) }
        try rig.handle("answer", ["status": 503, "count": 100])
        let cancellation = HTTPCancellation()
        let thread = try NamedThread.startJoinable("test") {
            sleepThread(for: .milliseconds(300))
            cancellation.cancel()
        }
        let start = ContinuousClock.now
        let error = #expect(throws: KubernetesError.self) {
            try client.get(.configMaps, "a", in: "n", by: .seconds(60), cancellation: cancellation)
        }
        #expect(error == .cancelled && ContinuousClock.now - start < .seconds(3))
        thread.join()
    }
}
