import Metadata
import Pages
import Testing
import Threading

@testable import ObjectStore

@Suite(.serialized, .timeLimit(.minutes(5)))
struct AttributeCheckTests {
    private func findings(_ bucket: AttributedBucket, repairing: Bool) throws -> [String] {
        var found: [String] = []
        try bucket.mount(bucket.objects()).check(repairing: repairing) { finding in
            let path = finding.uri.description.split(separator: "here").last ?? ""
            found.append("\(finding.kind.rawValue) \(path) \(finding.isRepaired)")
        }
        return found.sorted()
    }

    @Test func `a bucket that is in order has nothing to be found`() throws {
        let bucket = try AttributedBucket("inorder")
        for key in ["a", "d/f", "d/g"] { try bucket.put("text", key) }
        let store = try bucket.mount(bucket.objects())
        try store.symlink("a", "d/link")
        _ = try store.hardlink("a", "d/other")
        try store.chmod("d", 0o700)
        try store.chmod("d/f", 0o600)
        #expect(try findings(bucket, repairing: true).isEmpty)
        #expect(try bucket.mount(bucket.objects()).shown("d").count == 4)
    }

    @Test func `what other tools left behind is found, and repaired`() throws {
        let bucket = try AttributedBucket("outoforder")
        for key in ["d/f", "d/g", "d/h"] { try bucket.put("text", key) }
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        for name in ["d/f", "d/g"] { try store.chmod(name, 0o600) }
        _ = try store.hardlink("d/h", "d/other")
        try objects.delete(RelativePath("d/f"), if: .always)
        try objects.delete(RelativePath("d/h"), if: .always)
        let part = AttributeNames.document(of: RelativePath("d"), part: 3, generation: 7)
        _ = try objects.put([1], at: part, if: .always, metadata: [])
        let kinds = ["dangling-link /d/other", "leftover /d/\(String(decoding: part.name, as: UTF8.self))"]
        let stray = ["stray-entry /d/f", "stray-entry /d/h"]
        #expect(try findings(bucket, repairing: false) == (kinds + stray).map { "\($0) false" })
        #expect(try findings(bucket, repairing: true) == (kinds + stray).map { "\($0) true" })
        #expect(try findings(bucket, repairing: false).isEmpty)
        #expect(try bucket.mount(bucket.objects()).shown("d").mapValues { $0.posix?.mode } == ["g": 0o100600])
    }

    @Test func `a rename that was cut short is finished if its mount is gone`() throws {
        let bucket = try AttributedBucket("cutshort")
        for key in ["d/f", "d/g"] { try bucket.put("text", key) }
        let objects = try bucket.objects()
        let old = Intent(source: RelativePath("d"), target: RelativePath("new"), phase: .copying, begun: 1)
        let young = Intent(
            source: RelativePath("x"),
            target: RelativePath("y"),
            phase: .copying,
            begun: unixTime()
        )
        for intent in [old, young] {
            _ = try objects.put(intent.encoded, at: intent.location, if: .always, metadata: [])
        }
        let found = try findings(bucket, repairing: true)
        #expect(found.count == 2)
        #expect(found.filter { $0.hasSuffix("true") }.count == 1)
        let other = try bucket.mount(bucket.objects())
        #expect(try Set(other.shown().keys) == ["new"])
        #expect(try Set(other.shown("new").keys) == ["f", "g"])
    }

    @Test func `an attribute object that is broken is left alone, and its directory readable`() throws {
        let bucket = try AttributedBucket("broken")
        try bucket.put("text", "d/f")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        try store.chmod("d/f", 0o600)
        let path = AttributeNames.document(of: RelativePath("d"))
        _ = try objects.put(Array("nonsense".utf8), at: path, if: .always, metadata: [])
        let other = try bucket.mount(bucket.objects())
        #expect(try other.shown("d")["f"]?.posix == nil)
        #expect {
            try other.chmod("d/f", 0o640)
        } throws: { if case .readOnly = $0 as? StoreError { true } else { false } }
        #expect(try findings(bucket, repairing: true) == ["unreadable /d/.alluxio.attributes false"])
        #expect(try objects.read(path, limit: 100).bytes == Array("nonsense".utf8))
    }
}
