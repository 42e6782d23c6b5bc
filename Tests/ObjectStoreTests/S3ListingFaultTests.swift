import HTTPTransport
import Metadata
import Pages
import Testing
import TestServers

@testable import ObjectStore

/// Listings that are awkward or wrong, which no well-behaved server can be made to send.
extension S3FaultTests {
    static func list(_ connection: RawServer.Connection, _ entries: String) {
        let text =
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>\(entries)"
            + "</ListBucketResult>"
        connection.respond(200, [], Array(text.utf8))
    }

    static func object(_ key: String, etag: String = "&quot;e&quot;") -> String {
        "<Contents><Key>\(key)</Key><Size>1</Size><ETag>\(etag)</ETag>"
            + "<LastModified>2009-10-12T17:50:30.5Z</LastModified></Contents>"
    }

    static func prefix(_ text: String) -> String {
        "<CommonPrefixes><Prefix>\(text)</Prefix></CommonPrefixes>"
    }

    @Test func `keys that cannot be names are hidden and counted`() throws {
        let long = String(repeating: "x", count: 256)
        let fits = String(repeating: "y", count: 255)
        let server = try RawServer.answering { _, _, connection in
            let shown =
                Self.object("p/d/") + Self.object("p/d/a")
                + Self.object("p/d/%FF%00x".replacing("%00", with: "%01"))
            let files =
                Self.object("p/d/.") + Self.object("p/d/..") + Self.object("p/d/\(long)")
                + Self.object("p/d/nul%00") + Self.object("elsewhere") + Self.object("p/d/both")
                + Self.object("p/d/\(fits)")
            let directories = [
                Self.prefix("p/d//"), Self.prefix("p/d/./"), Self.prefix("p/d/../"),
                Self.prefix("p/d/\(long)/"), Self.prefix("p/d/both/"), Self.prefix("p/d/e%2Bf+g/"),
            ].joined()
            Self.list(connection, shown + files + directories)
            return true
        }
        let listed = try Listed(store(server), RelativePath("d"))
        #expect(
            Set(listed.entries.keys) == [
                Array("a".utf8), [0xFF, 1, 0x78], Array("both".utf8), Array("e+f g".utf8), Array(fits.utf8),
            ]
        )
        #expect(listed["both"]?.kind == .directory)
        #expect(listed["a"]?.modified == 1_255_369_830_000_000_000)
        #expect(listed.hidden == 10)
        #expect(listed.order.count == 5)
    }

    @Test func `a listing that does not say where it goes on, or goes in a circle, is corrupt`() throws {
        let server = try RawServer.answering { number, _, connection in
            let token = number == 0 ? "" : "<NextContinuationToken>same</NextContinuationToken>"
            let text =
                "<ListBucketResult><IsTruncated>true</IsTruncated>\(token)\(Self.object("p/a"))"
                + "</ListBucketResult>"
            connection.respond(200, [], Array(text.utf8))
            return true
        }
        let store = try store(server)
        #expect(throws: StoreError.self) { try Listed(store, .root) }
        #expect(throws: StoreError.self) { try Listed(store, .root) }
        #expect(server.requests.count == 3)
    }

    @Test(arguments: ["a&#13;&#10;X: y", "", "a\"b"])
    func `an ETag that cannot be sent back is corrupt`(etag: String) throws {
        let server = try RawServer.answering { _, _, connection in
            Self.list(connection, Self.object("p/a", etag: etag))
            return true
        }
        let store = try store(server)
        let error = #expect(throws: StoreError.self) { try Listed(store, .root) }
        guard case .corrupt? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `an address outside of the store is refused without a request`() throws {
        let server = try RawServer.answering { _, request, connection in Self.serve(request, connection) }
        let store = try store(server)
        for uri in ["s3://bucket/p", "s3://bucket/px/file", "s3://other/p/file", "s3://bucket/file"] {
            let version = FileVersion(uri: UFSURI(uri), etag: ETag("tag"), size: 1000)
            #expect(throws: StoreError.self) {
                try store.fetch(Span(offset: 0, count: 1), of: version) { _ in }
            }
        }
        #expect(server.requests.isEmpty)
    }
}
