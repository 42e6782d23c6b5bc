import Testing

@testable import Kubernetes

@Suite struct NamesTests {
    @Test func `labels and subdomains are those of RFC 1123`() {
        let longest = String(repeating: "a", count: 63)
        for good in ["a", "0", "a-b", longest] {
            #expect(KubernetesNames.isLabel(good) && KubernetesNames.isSubdomain(good))
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "..", "a%2f", "é", "a\n", longest + "a"] {
            #expect(!KubernetesNames.isLabel(bad))
        }
        for good in ["a.b-c.d", String(repeating: "ab.", count: 84) + "c"] {
            #expect(!KubernetesNames.isLabel(good) && KubernetesNames.isSubdomain(good))
        }
        for bad in [".a", "a.", "a..b", "a.-b", "", String(repeating: "a", count: 254)] {
            #expect(!KubernetesNames.isSubdomain(bad))
        }
    }

    @Test func `values of labels may be empty and have capitals`() {
        for good in ["", "a", "A.b_c-D9"] { #expect(KubernetesNames.isLabelValue(good)) }
        for bad in ["-a", "a.", "a,b", "a=b", "a b", String(repeating: "a", count: 64)] {
            #expect(!KubernetesNames.isLabelValue(bad))
        }
    }

    @Test func `paths lead where the kind and the names say`() throws {
        #expect(try KubernetesResource.pods.path("x", in: "n") == "/api/v1/namespaces/n/pods/x")
        #expect(try KubernetesResource.nodes.path("x.y", in: nil) == "/api/v1/nodes/x.y")
        let leases = KubernetesResource(group: "coordination.k8s.io", plural: "leases")
        #expect(
            try leases.path("x", in: "n", part: "status")
                == "/apis/coordination.k8s.io/v1/namespaces/n/leases/x/status"
        )
    }

    @Test(arguments: ["../secrets/x", "a/b", "..", ".", "", "a?b", "a%2fb", "a#b", "A"])
    func `no name leads out of its place`(name: String) {
        #expect(throws: KubernetesError.self) { try KubernetesResource.pods.path(name, in: "n") }
        #expect(throws: KubernetesError.self) { try KubernetesResource.pods.path("x", in: name) }
    }

    @Test func `selectors hold what they were given and nothing more`() throws {
        let selection = KubernetesSelection(
            labels: ["b": "2", "a": "1"],
            labelNames: ["c/d"],
            fields: ["spec.nodeName": "a,metadata.name=x"]
        )
        let query = try selection.query()
        #expect(query.map(\.name) == ["labelSelector", "fieldSelector"])
        #expect(query.map(\.value) == ["a=1,b=2,c/d", "spec.nodeName=a\\,metadata.name\\=x"])
        #expect(try KubernetesSelection().query().isEmpty)
        #expect(throws: KubernetesError.self) { try KubernetesSelection(labels: ["a": "1,b=2"]).query() }
    }

    @Test func `pauses double to the longest, never end before what the server asks, and fit the deadline`() {
        var pauses = RetryPauses(first: .milliseconds(100), longest: .milliseconds(300))
        let left = Duration.seconds(60)
        let found = (0..<4).map { _ in pauses.pause(asked: nil, left: left, spread: 1) }
        #expect(found == [.milliseconds(100), .milliseconds(200), .milliseconds(300), .milliseconds(300)])
        #expect(pauses.pause(asked: nil, left: left, spread: 0) == .milliseconds(150))
        #expect(pauses.pause(asked: .seconds(2), left: left, spread: 0) == .seconds(2))
        #expect(pauses.pause(asked: .seconds(2), left: left, spread: 0.5) == .milliseconds(2100))
        #expect(pauses.pause(asked: .seconds(2), left: .seconds(1), spread: 0) == nil)
    }

    @Test(arguments: [
        (404, "NotFound"), (409, "AlreadyExists"), (409, "Conflict"), (403, "Forbidden"), (401, ""),
        (410, "Expired"),
        (422, "Invalid"), (400, ""), (429, ""), (500, ""), (503, ""),
    ])
    func `each status is the error that its reason says`(code: Int, reason: String) {
        let body: JSON = [
            "kind": "Status", "code": .number("\(code)"), "reason": .string(reason), "message": "why\nx",
        ]
        let status = APIStatus(code: 500, body: body)
        #expect(status.isPassing == [429, 500, 503].contains(code))
        let error = status.error("get pods a/b", hiding: "")
        #expect(error.description.hasPrefix("get pods a/b: why x"))
        let isRight =
            switch error {
            case .notFound: code == 404
            case .alreadyExists: reason == "AlreadyExists"
            case .conflict: reason == "Conflict"
            case .forbidden: code == 403
            case .unauthorized: code == 401
            case .gone: code == 410
            case .invalid: [400, 422].contains(code)
            case .unavailable: [429, 500, 503].contains(code)
            default: false
            }
        #expect(isRight)
    }

    @Test func `a message is cut, and a token in it is not passed on`() {
        let long = String(repeating: "é", count: 2000)
        let body: JSON = ["kind": "Status", "code": 401, "message": .string("token abc is bad " + long)]
        let text = APIStatus(code: 401, body: body).error("get pods", hiding: "abc").description
        #expect(text.contains("token *** is bad") && text.utf8.count < 1200)
        let foreign = APIStatus(code: 502, body: ["message": "a proxy's"]).error("get pods", hiding: "")
        #expect(foreign == .unavailable("get pods: the API server answered 502"))
    }
}
