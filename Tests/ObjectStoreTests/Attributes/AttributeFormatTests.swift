import Metadata
import Pages
import SeededRandom
import Testing

@testable import ObjectStore

/// Random entries and changes.
struct RandomAttributes {
    var random: SeededGenerator

    mutating func chance(_ part: Int) -> Bool { Int.random(in: 0..<part, using: &random) == 0 }

    mutating func bytes(_ maximum: Int) -> [UInt8] {
        (0..<Int.random(in: 1...maximum, using: &random)).map { _ in .random(in: 1...255, using: &random) }
    }

    mutating func name() -> [UInt8] { bytes(6).map { $0 == 0x2F ? 1 : $0 } }

    mutating func path() -> RelativePath { RelativePath(bytes: name() + [0x2F] + name()) }

    mutating func etag() -> ETag { ETag(["one", "two", "three"].randomElement(using: &random) ?? "") }

    mutating func field<Value>(_ value: Value) -> FieldChange<Value> {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: .kept
        case 1: .set(nil)
        default: .set(value)
        }
    }

    mutating func change() -> EntryChange {
        var change = EntryChange(startsAfresh: chance(6))
        change.permissions = field(UInt32.random(in: 0...0o7777, using: &random))
        change.uid = field(UInt32.random(in: 0 ... .max, using: &random))
        change.gid = field(7)
        change.inode = field(UInt64.random(in: 0 ... .max, using: &random))
        change.link = field(path())
        if chance(2) { change.bound = bound() }
        if chance(2) { change.extended[name()] = chance(3) ? .some(nil) : .some(bytes(300)) }
        if chance(2) { change.names[path()] = chance(2) }
        return change
    }

    private mutating func bound() -> EntryChange.BoundChange {
        EntryChange.BoundChange(
            etag: chance(4) ? nil : etag(),
            startsAfresh: chance(5),
            type: field(0o120000),
            target: field(bytes(40)),
            device: field(UInt64.random(in: 0 ... .max, using: &random)),
            accessed: field(Int64.random(in: .min ... .max, using: &random)),
            modified: field(Int64.random(in: 0...2_000_000_000_000_000_000, using: &random)),
            changed: field(-1)
        )
    }

    mutating func document(_ count: Int) -> AttributeDocument {
        var document = AttributeDocument()
        for _ in 0..<count { document.entries[name()] = change().applied(to: change().applied(to: nil)) }
        return document
    }
}

@Suite struct AttributeFormatTests {
    @Test func `a document reads back as it was written`() throws {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<300 {
            let document = random.document(20)
            let bytes = document.encoded(part: nil)
            let read = try AttributeDocument(decoding: bytes)
            #expect(read == document)
            #expect(read.encoded(part: nil) == bytes)
        }
    }

    @Test func `a byte that changed, or is missing, makes a document unreadable`() throws {
        var random = RandomAttributes(random: .announced())
        let bytes = random.document(5).encoded(part: nil)
        for index in bytes.indices {
            var broken = bytes
            broken[index] ^= 1 << Int.random(in: 0..<8, using: &random.random)
            #expect(throws: FormatError.self) { try AttributeDocument(decoding: broken) }
            #expect(throws: FormatError.self) { try AttributeDocument(decoding: Array(bytes[..<index])) }
        }
    }

    @Test func `bytes that only look like a document never crash the reader`() {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<3000 {
            var writer = ByteWriter()
            writer.raw(AttributeDocument.magic)
            var body = random.document(2).encoded(part: nil).dropFirst(8).dropLast(4)
            for _ in 0..<3 {
                guard let index = body.indices.randomElement(using: &random.random) else { break }
                body[index] = .random(in: 0...255, using: &random.random)
            }
            writer.raw(body)
            writer.checksum()
            guard let read = try? AttributeDocument(decoding: writer.bytes) else { continue }
            #expect((try? AttributeDocument(decoding: read.encoded(part: nil))) == read)
        }
    }

    @Test func `fields of a later version are kept`() throws {
        var document = AttributeDocument()
        var entry = AttributeEntry()
        entry.uid = 5
        entry.unknown = [AttributeEntry.UnknownField(tag: 99, bytes: [1, 2, 3])]
        document.entries[[65]] = entry
        let read = try AttributeDocument(decoding: document.encoded(part: nil))
        var change = EntryChange()
        change.uid = .set(6)
        let changed = read.applying([[65]: change], generation: 0)
        #expect(changed.entries[[65]]?.unknown == entry.unknown)
        #expect(changed.entries[[65]]?.uid == 6)
    }

    @Test func `a later major version is refused by name`() throws {
        var bytes = AttributeDocument().encoded(part: nil)
        bytes[7] = 2
        let error = #expect(throws: FormatError.self) { try AttributeDocument(decoding: bytes) }
        #expect(error?.description.contains("version 2") == true)
    }

    @Test func `the example of the design page is what is written`() {
        var document = AttributeDocument()
        var script = AttributeEntry()
        script.permissions = 0o755
        document.entries[Array("run.sh".utf8)] = script
        var link = AttributeEntry()
        link.bound = BoundAttributes(
            etag: ETag("d41d8cd98f00b204e9800998ecf8427e"),
            type: 0o120000,
            target: Array("run.sh".utf8),
            modified: 1_700_000_000_000_000_000
        )
        document.entries[Array("go".utf8)] = link
        let written = document.encoded(part: nil).map {
            String(decoding: AttributeNames.hexadecimal(UInt64($0), 2), as: UTF8.self)
        }
        let example = """
            41 4c 58 41 54 54 52 01 00 02 02 67 6f 3a 04 20
            64 34 31 64 38 63 64 39 38 66 30 30 62 32 30 34
            65 39 38 30 30 39 39 38 65 63 66 38 34 32 37 65
            05 03 80 c0 02 06 06 72 75 6e 2e 73 68 09 09 80
            80 d0 e2 c6 bf ce 97 2f 06 72 75 6e 2e 73 68 04
            01 02 ed 03 af ea a1 43
            """
        #expect(written == example.split(whereSeparator: \.isWhitespace).map(String.init))
    }

    @Test func `the parts of a split document have every entry once`() throws {
        var random = RandomAttributes(random: .announced())
        var document = random.document(500)
        document.generation = 77
        var merged = try AttributeDocument(decoding: document.encoded(part: nil))
        #expect(merged.generation == 77)
        #expect(merged.entries.isEmpty)
        for part in 0..<AttributeDocument.partCount {
            let read = try AttributeDocument(decoding: document.encoded(part: part))
            #expect(!read.entries.isEmpty)
            merged.entries.merge(read.entries) { _, _ in
                Issue.record("a name is in two parts")
                return AttributeEntry()
            }
        }
        #expect(merged == document)
    }
}

@Suite struct EntryChangeTests {
    @Test func `two changes one after the other are what both together are`() {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<20_000 {
            let entry = random.chance(4) ? nil : random.change().applied(to: nil)
            let (first, second) = (random.change(), random.change())
            let both = first.followed(by: second).applied(to: entry)
            #expect(both == second.applied(to: first.applied(to: entry)))
        }
    }

    @Test func `a change made twice is made once`() {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<5000 {
            let change = random.change()
            let once = change.applied(to: random.change().applied(to: nil))
            #expect(change.applied(to: once) == once)
        }
    }

    @Test func `changes of different names do not know each other`() {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<500 {
            let document = random.document(5)
            let (one, two) = (random.change(), random.change())
            let forth = document.applying([[1]: one], generation: 0).applying([[2]: two], generation: 0)
            let back = document.applying([[2]: two], generation: 0).applying([[1]: one], generation: 0)
            #expect(forth == back)
        }
    }

    @Test func `replacing by an entry gives exactly that entry`() {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<2000 {
            guard let entry = random.change().applied(to: nil) else { continue }
            #expect(EntryChange.replaced(by: entry).applied(to: random.change().applied(to: nil)) == entry)
        }
    }

    @Test func `what belongs to one version is void for another`() {
        var first = EntryChange()
        first.permissions = .set(0o600)
        first.bound = EntryChange.BoundChange(etag: ETag("a"), modified: .set(5))
        var second = EntryChange()
        second.bound = EntryChange.BoundChange(etag: ETag("b"), accessed: .set(6))
        let entry = second.applied(to: first.applied(to: nil))
        #expect(entry?.permissions == 0o600)
        #expect(entry?.bound == BoundAttributes(etag: ETag("b"), accessed: 6))
    }

    @Test func `a change reads back from the journal as it was written`() throws {
        var random = RandomAttributes(random: .announced())
        for _ in 0..<3000 {
            let noted = JournalRecord.NotedChange(path: random.path(), change: random.change())
            let record = JournalRecord.changes(7, [noted, noted])
            #expect(JournalRecord.records(in: record.encoded).records == [record])
        }
    }
}
