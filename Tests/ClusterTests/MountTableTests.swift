import Testing

@testable import Cluster

@Suite struct MountTableTests {
    @Test(arguments: ["", "/", "//", "s3", "/a/b", "/a//", "/.", "/..", "/.alluxiocli.x", "/a\n"])
    func `only a direct child of the root can be a mount point`(_ path: String) {
        #expect(throws: MountTableError.self) { try MountEntry(path: path, ufs: "s3://bucket") }
    }

    @Test(arguments: [
        "", "bucket", "s3:/bucket", "s3://", "s3:///key", "file://", "file:///", "s3://k:s@bucket", "://x",
    ])
    func `only the URI of a store can be mounted, without keys in it`(_ ufs: String) {
        let error = #expect(throws: MountTableError.self) { try MountEntry(path: "/a", ufs: ufs) }
        #expect(error?.description.contains("k:s") != true)
    }

    @Test func `slashes at the end do not matter`() throws {
        let entry = try MountEntry(path: "/s3/", ufs: "s3://bucket/prefix//")
        #expect(entry.path == "/s3" && entry.ufs == "s3://bucket/prefix" && entry.name == "s3")
        #expect(try MountEntry(path: "/f", ufs: "file:///data/").ufs == "file:///data")
    }

    @Test func `neither paths nor stores may nest, however the store is spelt`() throws {
        let table = try MountTable([
            MountEntry(path: "/a", ufs: "s3://bucket/dir"), MountEntry(path: "/f", ufs: "file:///data"),
        ])
        for ufs in [
            "s3://bucket", "s3a://bucket/dir", "s3://bucket/dir/sub", "S3://bucket//dir", "file:///data/x",
        ] {
            let error = #expect(throws: MountTableError.self) {
                try table.adding(MountEntry(path: "/new", ufs: ufs))
            }
            #expect(error?.description.contains("mounted at /") == true)
        }
        #expect(throws: MountTableError.self) { try table.adding(MountEntry(path: "/a", ufs: "s3://other")) }
        let more = try table.adding(MountEntry(path: "/b", ufs: "s3://bucket/directory"))
        #expect(more.entries.map(\.path) == ["/a", "/b", "/f"])
        #expect(more.entry(named: "b")?.ufs == "s3://bucket/directory")
        #expect(more.entry(named: "c") == nil)
    }

    @Test func `a listing has no secrets`() throws {
        let options = [
            "s3a.accessKeyId": "AKIA", "s3a.secretKey": "hush", "alluxio.underfs.s3.endpoint": "http://e",
            "azure.account.key": "hush", "gcs.Token": "hush", "x.password": "hush",
        ]
        let table = try MountTable([MountEntry(path: "/s3", ufs: "s3://b", options: options)])
        let expected = """
            Listing all mount points
            s3://b on /s3 properties={alluxio.underfs.s3.endpoint=http://e, azure.account.key=******, \
            gcs.Token=******, s3a.accessKeyId=******, s3a.secretKey=******, x.password=******}
            """
        #expect(table.listing == expected)
        #expect(MountTable.empty.listing == "Listing all mount points")
        #expect(!"\(table.entries)".contains("hush"))
    }

    @Test func `a mount has the bytes that docs/membership.md shows`() throws {
        var document = MountDocument(
            try MountEntry(path: "/s3", ufs: "s3://bucket/prefix", options: ["s3a.accessKeyId": "k"])
        )
        #expect(document.id.utf8.count == 32)
        document.id = "3f0c6a52b8d94e1a9d7e2c41f5a6b708"
        let expected = #"""
            {"Id":"3f0c6a52b8d94e1a9d7e2c41f5a6b708","Options":{"s3a.accessKeyId":"k"},"Path":"/s3",\#
            "UfsUri":"s3://bucket/prefix","Version":1}
            """#
        #expect(String(decoding: document.json, as: UTF8.self) == expected)
        #expect(MountDocument(json: document.json) == document)
    }

    @Test func `a mount that nobody may write to says so, in etcd and in listings`() throws {
        let entry = try MountEntry(path: "/s3", ufs: "s3://bucket", isReadOnly: true)
        #expect("\(entry)" == "s3://bucket on /s3 properties={} readonly")
        #expect(try entry != MountEntry(path: "/s3", ufs: "s3://bucket"))
        var document = MountDocument(entry)
        document.id = "3f0c6a52b8d94e1a9d7e2c41f5a6b708"
        let json = String(decoding: document.json, as: UTF8.self)
        #expect(json.contains(#""Path":"/s3","ReadOnly":true,"UfsUri""#))
        let read = MountDocuments([EtcdEntry(key: "/p/s3", value: document.json)], prefix: "/p/")
        #expect(read.table.entries == [entry])
    }

    @Test func `what can't be mounted is left out, and the rest stays`() throws {
        func entry(_ name: String, _ ufs: String, version: Int = 1, path: String? = nil) throws -> EtcdEntry {
            var document = MountDocument(try MountEntry(path: path ?? "/\(name)", ufs: ufs))
            document.version = version
            return EtcdEntry(key: "/p/\(name)", value: document.json)
        }
        let entries = try [
            entry("a", "s3://a"), entry("b", "s3://a/in"), entry("c", "s3://c", version: 2),
            entry("d", "s3://d", path: "/other"), EtcdEntry(key: "/p/e", value: [1]), entry("f", "s3://f"),
        ]
        let documents = MountDocuments(entries, prefix: "/p/")
        #expect(documents.table.entries.map(\.path) == ["/a", "/f"])
        #expect(Set(documents.skipped.map(\.key)) == ["/p/b", "/p/c", "/p/d", "/p/e"])
    }

    @Test func `a file has one mount on a line, with quotes where blanks are`() throws {
        let text = #"""
            # stores
            /s3   s3://bucket/prefix  endpoint=http://e  "note=two words"

            /local "file:///data/a \"b\" \\c"
            /shelf file:///shelf note=1 readonly
            """#
        let table = try MountTableFile.parse(Array(text.utf8), "mounts")
        #expect(table.entries.map(\.path) == ["/local", "/s3", "/shelf"])
        #expect(table.entries.map(\.isReadOnly) == [false, false, true])
        #expect(table.entry(named: "shelf")?.options == ["note": "1"])
        #expect(table.entry(named: "s3")?.options == ["endpoint": "http://e", "note": "two words"])
        #expect(table.entry(named: "local")?.ufs == #"file:///data/a "b" \c"#)
    }

    @Test(arguments: [
        "/a", "/a s3://b x", "/a s3://b =x", "/a s3://b k=1 k=2", #"/a "s3://b"#, #"/a "s3://b\n""#,
        "a s3://b",
    ]) func `a line that is wrong is named, without its values`(_ line: String) {
        let error = #expect(throws: MountTableError.self) {
            try MountTableFile.parse(Array("/ok s3://ok\n\(line)\n".utf8), "mounts")
        }
        #expect(error?.description.hasPrefix("mounts:2: ") == true)
    }
}
