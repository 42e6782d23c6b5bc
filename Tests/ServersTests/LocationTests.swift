import Metadata
import NIOHTTP1
import ObjectStore
import Pages
import TestServers
import Testing

@testable import Servers

@Suite struct LocationTests {
    private let mounts: [MountedStore]

    init() throws {
        let store = try LocalStore(root: "/tmp", uri: "file:///tmp")
        mounts = [
            MountedStore(id: 1, path: "/s3", root: UFSURI("s3://bucket/base"), store: store),
            MountedStore(id: 2, path: "/all", root: UFSURI("s3://whole"), store: store),
            MountedStore(id: 3, path: "/tmp", root: UFSURI("file:///tmp"), store: store),
        ]
    }

    private func found(_ name: String) throws -> String {
        let location = try FileLocation(Array(name.utf8), in: mounts)
        return "\(location.mount.path):\(location.path)"
    }

    private func status(_ name: String) -> HTTPResponseStatus? {
        do throws(HTTPFailure) {
            _ = try FileLocation(Array(name.utf8), in: mounts)
            return nil
        } catch {
            guard case .refusal(let refusal) = error else { return nil }
            return refusal.status
        }
    }

    @Test(
        arguments: [
            ("s3://bucket/base/a/b", "/s3:a/b"), ("/s3/a/b", "/s3:a/b"), ("s3://bucket/base", "/s3:"),
            ("s3://bucket/base//a///b/", "/s3:a/b"), ("/s3/./a/../b", "/s3:b"), ("s3://whole/x", "/all:x"),
            ("s3://bucket/other/../base/y", "/s3:y"), ("file:///tmp/z", "/tmp:z"), ("/all", "/all:"),
        ]
    )
    func `a name is found by address or by Alluxio path`(_ name: String, _ place: String) throws {
        #expect(try found(name) == place)
    }

    @Test(
        arguments: [
            "s3://bucket/base/../secret", "s3://bucket/basement/x", "s3://other/x", "/nothing/x", "/",
            "s3://bucket/base/../../x", "/s3/../../etc/passwd", "file:///etc/passwd", "file:///tmp/../etc",
            "s3a://bucket/base/a", "/s3/../x",
        ]
    )
    func `what lies outside of the stores is refused`(_ name: String) {
        #expect(status(name) == .forbidden)
    }

    @Test(arguments: ["", "a/b", "s3:/bucket", "s3://whole/a\0b"])
    func `what is no name is a bad request`(_ name: String) {
        #expect(status(name) == .badRequest)
    }

    @Test func `a table forgets what was not used for the longest time`() {
        var table = AgedTable<Int, Int>(maximum: 8)
        for number in 0..<100 {
            table.insert(number, for: number)
            _ = table.find(0)
        }
        #expect(table.count <= 9)
        let (zero, young, old) = (table.find(0), table.find(99), table.find(50))
        #expect(zero == 0)
        #expect(young == 99)
        #expect(old == nil)
    }
}
