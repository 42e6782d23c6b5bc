import Testing

@testable import Cluster

@Suite struct EtcdWireTests {
    @Test func `the end of a prefix is its last byte raised, past bytes that can't be`() {
        #expect(EtcdWire.end(ofPrefix: Array("/a/".utf8)) == Array("/a0".utf8))
        #expect(EtcdWire.end(ofPrefix: [1, 0xFF, 0xFF]) == [2])
        #expect(EtcdWire.end(ofPrefix: [0xFF]) == [0])
    }

    @Test func `a transaction has the gateway's JSON, byte for byte`() throws {
        let transaction = EtcdTransaction(
            if: [.absent("k"), .nothingPut(prefix: "p/", after: 41)],
            then: [.put(key: "k", value: [1, 2], lease: 7), .delete(.key("d"))],
            otherwise: [.get(.prefix("p/"))]
        )
        let json = String(decoding: try EtcdWire.encode(EtcdWire.Transaction(transaction)), as: UTF8.self)
        let expected = #"""
            {"compare":[{"key":"aw==","result":"EQUAL","target":"VERSION","version":"0"},\#
            {"key":"cC8=","mod_revision":"42","range_end":"cDA=","result":"LESS","target":"MOD"}],\#
            "failure":[{"request_range":{"key":"cC8=","range_end":"cDA="}}],\#
            "success":[{"request_put":{"key":"aw==","lease":"7","value":"AQI="}},\#
            {"request_delete_range":{"key":"ZA=="}}]}
            """#
        #expect(json == expected)
    }

    @Test(arguments: [1, 7, 4096]) func `messages of a watch are understood however they are cut`(_ size: Int)
    {
        let text = #"""
            {"result":{"header":{"revision":"4"},"created":true}}
            {"result":{"header":{"revision":"4"},"events":[\#
            {"kv":{"key":"YQ==","mod_revision":"3","value":"djM="}},\#
            {"type":"DELETE","kv":{"key":"YQ==","mod_revision":"4"}}]}}
            {"result":{"header":{"revision":"5"}}}
            {"result":{"canceled":true,"compact_revision":"2"}}

            """#
        var messages = WatchMessages()
        var events: [EtcdEvent] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            events += messages.take(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        #expect(messages.createdCount == 1)
        let entry = EtcdEntry(key: "a", value: Array("v3".utf8), modRevision: 3)
        #expect(events == [.put(entry), .delete(key: "a")])
        #expect(messages.end == .compacted)
    }

    @Test func `a watch that etcd refuses, or that is no JSON, is broken`() {
        var refused = WatchMessages()
        _ = refused.take(
            Array(#"{"result":{"created":true,"canceled":true,"cancel_reason":"no"}}"#.utf8) + [10]
        )
        #expect(refused.end == .broken("no"))
        var failed = WatchMessages()
        _ = failed.take(Array(#"{"error":{"grpc_code":14,"message":"etcdserver: no leader"}}"#.utf8) + [10])
        #expect(failed.end == .broken("etcdserver: no leader"))
        var foreign = WatchMessages()
        _ = foreign.take(Array("<html>\n".utf8))
        #expect(foreign.end != nil)
    }

    @Test func `errors are sorted into those that another try helps and those that it does not`() {
        func failure(_ status: Int, _ code: Int, _ message: String) -> EtcdFailure {
            EtcdFailure(status: status, body: Array(#"{"code":\#(code),"message":"\#(message)"}"#.utf8))
        }
        #expect(
            failure(401, 16, "etcdserver: invalid auth token")
                == .tokenRefused("etcdserver: invalid auth token")
        )
        #expect(
            failure(400, 3, "etcdserver: user name is empty")
                == .tokenRefused("etcdserver: user name is empty")
        )
        #expect(
            failure(403, 7, "etcdserver: permission denied")
                == .final(.notPermitted("etcdserver: permission denied"))
        )
        #expect(failure(404, 5, "etcdserver: requested lease not found") == .final(.leaseGone))
        #expect(failure(503, 14, "etcdserver: no leader") == .unavailable("etcdserver: no leader"))
        #expect(
            failure(400, 3, "key is not provided")
                == .final(.refused(code: 3, message: "key is not provided"))
        )
        #expect(EtcdFailure(status: 502, body: Array("<html>".utf8)) == .unavailable("HTTP status 502"))
        #expect(EtcdFailure(status: 404, body: Array("404".utf8)) == .final(.malformed("HTTP status 404")))
    }

    @Test(arguments: ["", "ftp://a:1", "http://", "http://a/b", "http://u:p@a", "a b"])
    func `an endpoint that is no base URL is refused by name`(_ endpoint: String) {
        #expect(throws: EtcdError.self) { try EtcdClient(options: EtcdOptions(endpoints: [endpoint])) }
        #expect(throws: EtcdError.self) { try EtcdClient(options: EtcdOptions(endpoints: [])) }
    }
}
