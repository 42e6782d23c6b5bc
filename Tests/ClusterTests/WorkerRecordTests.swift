import Glibc
import Testing
import TestServers

@testable import Cluster

@Suite struct WorkerRecordTests {
    private let uuid = "cb157baa-afe0-4b98-8af0-1a4645d38456"

    @Test func `a record has the bytes that docs/membership.md shows`() throws {
        var record = WorkerRecord(
            identity: try WorkerIdentity(uuid: uuid),
            address: WorkerAddress(host: "node-1"),
            capacityBytes: 1 << 40
        )
        let expected = #"""
            {"CapacityBytes":1099511627776,"GenerationNumber":-1,\#
            "Identity":{"identifier":"cb157baaafe04b988af01a4645d38456","version":1},\#
            "ServiceEntityName":"worker-cb157baa-afe0-4b98-8af0-1a4645d38456","State":"AUTHORIZED",\#
            "WorkerNetAddress":{"ContainerHost":"","DataPort":29997,"DomainSocketPath":"","Host":"node-1",\#
            "HttpServerPort":28080,"NettyDataPort":29997,"RpcPort":29999,"SecureRpcPort":0,"WebPort":30000}}
            """#
        #expect(String(decoding: record.json, as: UTF8.self) == expected)
        #expect(WorkerRecord(json: record.json) == record)
        record.capacityBytes = nil
        #expect(!String(decoding: record.json, as: UTF8.self).contains("Capacity"))
    }

    @Test func `unknown fields are ignored, and missing ports are the usual ones`() throws {
        let text = #"""
            {"Identity":{"version":0,"identifier":"0000000000000005","x":1},"Extra":[1],
             "WorkerNetAddress":{"Host":"h","WebPort":0,"Other":{}},"State":"JOINED"}
            """#
        let record = try #require(WorkerRecord(json: Array(text.utf8)))
        #expect(record.identity.entityName == "worker-5")
        #expect(record.address.rpcPort == 29999 && record.address.httpServerPort == 28080)
        #expect(record.address.webPort == 0 && record.state == "JOINED")
        #expect(record.capacityBytes == nil)
    }

    @Test(arguments: [
        "", "{}", "null", #"{"Identity":{"version":1,"identifier":"00"},"WorkerNetAddress":{"Host":"h"}}"#,
        #"{"Identity":{"version":1,"identifier":"cb157baaafe04b988af01a4645d38456"},"WorkerNetAddress":{}}"#,
    ]) func `what is no worker is skipped`(_ text: String) {
        #expect(WorkerRecord(json: Array(text.utf8)) == nil)
    }

    @Test func `a list of workers is read from text with ports, comments and both kinds of address`() throws {
        let list = try WorkerList("localhost, node-2:1234 # two\n[::1]:9\n\n::2\n")
        #expect(list.workers.map(\.address.host) == ["localhost", "node-2", "::1", "::2"])
        #expect(list.workers.map(\.address.httpServerPort) == [28080, 1234, 9, 28080])
        #expect(list.workers[0].identity.entityName == "worker-421aa90e-079f-3326-b649-4f812ad13e79")
        for bad in ["", "# none", "a,a:1", "a:0", "a:x", ":1", "http://a", "[::1"] {
            #expect(throws: MembershipError.self) { try WorkerList(bad) }
        }
        #expect(throws: MembershipError.self) { try WorkerList(file: "/nothing/there") }
    }

    @Test func `an identity is made once, written, and found again`() throws {
        let place = try SupervisedProcess(["sleep", "60"])
        let path = place.directory + "/worker_identity"
        let first = try IdentityFile.identity(uuid: nil, path: path)
        #expect(try IdentityFile.identity(uuid: nil, path: path) == first)
        let text = String(decoding: try #require(SupervisedProcess.read(path)), as: UTF8.self)
        #expect(text.hasPrefix("# ") && text.hasSuffix("\(first.entityName.dropFirst(7))\n"))
        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & 0o777 == 0o444)
        #expect(try IdentityFile.identity(uuid: uuid, path: path).entityName == "worker-\(uuid)")
        #expect(throws: MembershipError.self) { try IdentityFile.identity(uuid: "x", path: path) }
        #expect(throws: MembershipError.self) { try IdentityFile.identity(uuid: nil, path: "/nothing/there") }
    }

    @Test func `a file that is no identity is refused, not replaced`() throws {
        let place = try SupervisedProcess(["sleep", "60"])
        let path = place.directory + "/worker_identity"
        for text in ["", "# only\n", "\(uuid)\n\(uuid)\n", "worker-1\n"] {
            try SupervisedProcess.write(text, to: path)
            #expect(throws: MembershipError.self) { try IdentityFile.identity(uuid: nil, path: path) }
            #expect(SupervisedProcess.read(path) == Array(text.utf8))
        }
        try SupervisedProcess.write("  # a\n\n  \(uuid.uppercased())  \n", to: path)
        #expect(try IdentityFile.identity(uuid: nil, path: path).entityName == "worker-\(uuid)")
    }

    @Test func `many processes that start at once agree on one identity`() throws {
        let place = try SupervisedProcess(["sleep", "60"])
        let path = place.directory + "/worker_identity"
        let found = Found()
        try TestThreads.run(8) { _ in found.add(try IdentityFile.identity(uuid: nil, path: path)) }
        #expect(found.identities.count == 1)
    }

    @Test func `MASTER is refused with what to set instead`() throws {
        #expect(try MembershipKind(name: "etcd") == .etcd)
        #expect(try MembershipKind(name: "STATIC") == .list)
        #expect(try MembershipKind(name: "SERVICE_REGISTRY") == .serviceRegistry)
        let error = #expect(throws: MembershipError.self) { try MembershipKind(name: "MASTER") }
        #expect(error?.description.contains("set ETCD") == true)
        #expect(throws: MembershipError.self) { try MembershipKind(name: "ZOOKEEPER") }
        #expect(throws: MembershipError.self) { try ClusterKeys(cluster: "a/b") }
        #expect(throws: MembershipError.self) { try ClusterKeys(cluster: "") }
    }
}
