import Metadata
import Testing

@Suite("A relative path")
struct RelativePathTests {
    @Test func `is put together and taken apart`() {
        let path = RelativePath.root.appending("a".utf8).appending("b c".utf8)
        #expect(path == RelativePath("a/b c"))
        #expect(path.parent == RelativePath("a"))
        #expect(path.parent?.parent == .root)
        #expect(RelativePath.root.parent == nil)
        #expect(Array(path.name) == Array("b c".utf8))
        #expect(RelativePath.root.name.isEmpty)
        #expect(RelativePath("").isRoot)
    }

    @Test func `keeps names that are not UTF-8 apart`() {
        let (one, other) = (RelativePath.root.appending([0xFF]), RelativePath.root.appending([0xFE]))
        #expect(one != other)
        #expect(one.description == other.description)
    }
}
