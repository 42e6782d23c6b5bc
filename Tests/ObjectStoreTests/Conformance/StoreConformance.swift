import Glibc
import Metadata
import Pages
import SeededRandom
import Synchronization
import Testing

/// One promise of `SpanSource` or `MetadataSource`, checked against any store.
///
/// Each check works below a directory of its own name, so that all of them may run at once on one store.
enum StoreConformance: String, CaseIterable, Sendable {
    case spansAreExactAtTheirEdges
    case replacedFilesAreStale
    case removedFilesAreStale
    case filesReplacedWhileTheyAreReadNeverMix
    case sinksEndTransfersWithTheirOwnError
    case listingsAreCompleteAndWithoutDuplicates
    case listingsAndLookupsAgree
    case kindsAreTold
    case hintsDoNotMatter
    case absentNamesAreNotFound
    case namesAreCarriedByteForByte
    case addressesAreTheRootAndThePath
    case emptyFilesAreFiles
    case manyThreadsReadAtOnce
    case filesAreNoLinks

    private var directory: RelativePath { RelativePath(rawValue) }

    /// Makes the check.
    /// - Parameter fixture: The store; empty below the check's directory.
    /// - Throws: What the store or the fixture threw where it should not.
    func check(_ fixture: some StoreFixture) throws {
        switch self {
        case .spansAreExactAtTheirEdges: try checkSpans(fixture)
        case .replacedFilesAreStale: try checkReplaced(fixture)
        case .removedFilesAreStale: try checkRemoved(fixture)
        case .filesReplacedWhileTheyAreReadNeverMix: try checkReplacedMeanwhile(fixture)
        case .sinksEndTransfersWithTheirOwnError: try checkSinkErrors(fixture)
        case .listingsAreCompleteAndWithoutDuplicates: try checkListing(fixture)
        case .listingsAndLookupsAgree: try checkAgreement(fixture)
        case .kindsAreTold: try checkKinds(fixture)
        case .hintsDoNotMatter: try checkHints(fixture)
        case .absentNamesAreNotFound: try checkAbsent(fixture)
        case .namesAreCarriedByteForByte: try checkNames(fixture)
        case .addressesAreTheRootAndThePath: try checkAddresses(fixture)
        case .emptyFilesAreFiles: try checkEmpty(fixture)
        case .manyThreadsReadAtOnce: try checkThreads(fixture)
        case .filesAreNoLinks: try checkNoLink(fixture)
        }
    }

    private func path(_ name: String) -> RelativePath { directory.appending(name.utf8) }

    /// Bytes that differ at every offset from those of another salt.
    private func contents(_ count: Int, salt: UInt8 = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ $0 >> 16) ^ salt }
    }

    private func checkSpans(_ fixture: some StoreFixture) throws {
        let piece = 256 << 10
        let bytes = contents(3 * piece + 17)
        let version = try fixture.version(path("file"), bytes)
        #expect(version.size == Int64(bytes.count))
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var spans = [(0, 1), (bytes.count - 1, 1), (0, bytes.count), (1, bytes.count - 1), (piece - 1, 2)]
        spans += [(piece, piece), (piece, 1), (2 * piece, piece + 17), (0, piece), (0, piece + 1)]
        for _ in 0..<20 {
            let start = Int.random(in: 0..<bytes.count, using: &random)
            spans.append((start, Int.random(in: 1...(bytes.count - start), using: &random)))
        }
        for (offset, count) in spans {
            var got: [UInt8] = []
            try fixture.store.fetch(Span(offset: Int64(offset), count: count), of: version) {
                (piece) throws(StoreError) in
                #expect(!piece.isEmpty)
                got.append(contentsOf: piece)
            }
            let isExact = got == Array(bytes[offset..<(offset + count)])
            #expect(isExact, "\(offset)+\(count): got \(got.count) bytes, seed \(seed)")
        }
    }

    private func checkReplaced(_ fixture: some StoreFixture) throws {
        for (name, count) in [("same size", 5000), ("shorter", 100), ("longer", 9000), ("empty", 0)] {
            let old = try fixture.version(path(name), contents(5000))
            try fixture.put(path(name), contents(count, salt: 0xA5))
            for span in [
                Span(offset: 0, count: 5000), Span(offset: 0, count: 1), Span(offset: 4999, count: 1),
            ] {
                #expect(throws: StoreError.stale, "\(name)") { try fixture.fetch(span, of: old) }
            }
            let new = try fixture.version(path(name))
            #expect(new.etag != old.etag, "\(name)")
            guard count > 0 else { continue }
            #expect(try fixture.fetch(Span(offset: 0, count: count), of: new) == contents(count, salt: 0xA5))
        }
    }

    private func checkRemoved(_ fixture: some StoreFixture) throws {
        let old = try fixture.version(path("file"), contents(100))
        try fixture.remove(path("file"))
        #expect(throws: StoreError.stale) { try fixture.fetch(Span(offset: 0, count: 100), of: old) }
        #expect(throws: StoreError.notFound) { try fixture.store.attributes(of: path("file"), known: .file) }
    }

    private func checkReplacedMeanwhile(_ fixture: some StoreFixture) throws {
        let bytes = contents(8 << 20)
        let version = try fixture.version(path("file"), bytes)
        var got: [UInt8] = []
        var hasReplaced = false
        do throws(StoreError) {
            try fixture.store.fetch(Span(offset: 0, count: bytes.count), of: version) {
                (piece) throws(StoreError) in
                got.append(contentsOf: piece)
                guard !hasReplaced else { return }
                hasReplaced = true
                let replaced: Void? = try? fixture.put(path("file"), contents(8 << 20, salt: 0xA5))
                #expect(replaced != nil)
            }
            #expect(got.count == bytes.count)
        } catch {
            #expect(error == .stale)
        }
        #expect(hasReplaced)
        // As a value, since a failure would print megabytes.
        let isOld = got.elementsEqual(bytes.prefix(got.count))
        #expect(isOld, "bytes of two versions among \(got.count)")
    }

    private func checkSinkErrors(_ fixture: some StoreFixture) throws {
        let version = try fixture.version(path("file"), contents(2 << 20))
        for error in [StoreError.cancelled, .unavailable("the disk is full"), .corrupt("of the sink")] {
            for pieces in [1, 2] {
                var calls = 0
                #expect(throws: error) {
                    try fixture.store.fetch(Span(offset: 0, count: 2 << 20), of: version) {
                        (_) throws(StoreError) in
                        calls += 1
                        if calls >= pieces { throw error }
                    }
                }
                #expect(calls == pieces)
            }
        }
        let again = try fixture.fetch(Span(offset: 5, count: 5), of: version)
        #expect(again == Array(contents(10)[5...]))
    }

    private func checkListing(_ fixture: some StoreFixture) throws {
        var names: Set<[UInt8]> = []
        for index in 0..<fixture.filesOfSeveralPages {
            let name = "file \(index)"
            try fixture.put(path(name), Array("\(index)".utf8))
            names.insert(Array(name.utf8))
        }
        for index in 0..<5 {
            try fixture.put(path("dir \(index)/deep/file"), [1])
            names.insert(Array("dir \(index)".utf8))
        }
        let listed = try fixture.list(directory)
        #expect(listed.count == names.count)
        #expect(Set(listed.map(\.name)).symmetricDifference(names).isEmpty)
        #expect(listed.filter { $0.attributes.kind == .directory }.count == 5)
        #expect(try fixture.list(directory.appending("dir 0".utf8)).map(\.name) == [Array("deep".utf8)])
        #expect(try fixture.list(.root).contains { $0.name == Array(rawValue.utf8) })
    }

    private func checkAgreement(_ fixture: some StoreFixture) throws {
        for (index, name) in ["a", "b", "c/inner"].enumerated() {
            try fixture.put(path(name), contents(index * 1000))
        }
        let listed = try fixture.list(directory)
        #expect(listed.count == 3)
        for (name, seen) in listed {
            let asked = try fixture.store.attributes(of: directory.appending(name), known: nil)
            #expect(asked.kind == seen.kind && asked.size == seen.size && asked.etag == seen.etag)
            // A store may tell parts of a second in one answer and not in the other.
            #expect(asked.modified / 1_000_000_000 == seen.modified / 1_000_000_000)
        }
    }

    private func checkKinds(_ fixture: some StoreFixture) throws {
        let before = Int64(time(nil))
        try fixture.put(path("dir/file"), contents(77))
        let file = try fixture.store.attributes(of: path("dir/file"), known: nil)
        #expect(file.kind == .file && file.size == 77)
        #expect(file.etag?.text.isEmpty == false)
        #expect(abs(file.modified / 1_000_000_000 - before) < 120)
        let directory = try fixture.store.attributes(of: path("dir"), known: nil)
        #expect(directory.kind == .directory && directory.size == 0 && directory.etag == nil)
    }

    private func checkHints(_ fixture: some StoreFixture) throws {
        try fixture.put(path("dir/file"), contents(7))
        for hint in [nil, .file, .directory] as [EntryKind?] {
            #expect(try fixture.store.attributes(of: path("dir/file"), known: hint).kind == .file)
            #expect(try fixture.store.attributes(of: path("dir"), known: hint).kind == .directory)
            #expect(throws: StoreError.notFound) {
                try fixture.store.attributes(of: path("dir/absent"), known: hint)
            }
        }
    }

    private func checkAbsent(_ fixture: some StoreFixture) throws {
        try fixture.put(path("file"), contents(7))
        for name in ["absent", "fil", "file2", "absent/deep/path", "file/below"] {
            #expect(throws: StoreError.notFound, "\(name)") {
                try fixture.store.attributes(of: path(name), known: nil)
            }
            #expect(throws: StoreError.notFound, "\(name)") { try fixture.list(path(name)) }
        }
        let absent = FileVersion(uri: fixture.store.uri(of: path("absent")), etag: ETag("0"), size: 10)
        #expect(throws: StoreError.stale) { try fixture.fetch(Span(offset: 0, count: 10), of: absent) }
    }

    private static let names: [String] = [
        "with space", " leading", "trailing ", "plus+plus", "100%", "%2F", "%41", "a&b=c", "question?",
        "hash#",
        "semi;colon", "star*", "'single'", "\"double\"", "<tag>", "back\\slash", "tilde~", "a:b@c",
        "[1]{2}|^`", "comma,",
        "dollar$", "at@", ".hidden", "...", "ümlaut", "u\u{308}mlaut", "日本語", "👩‍👩‍👧", "\u{202E}rtl",
        String(repeating: "n", count: 255), String(repeating: "é", count: 127),
    ]

    private func checkNames(_ fixture: some StoreFixture) throws {
        let names = Self.names.filter(fixture.keeps).map { Array($0.utf8) } + fixture.furtherNames
        for (index, name) in names.enumerated() {
            try fixture.put(directory.appending(name), contents(index + 1))
        }
        let listed = try fixture.list(directory)
        let difference = Set(listed.map(\.name)).symmetricDifference(names)
        #expect(difference.isEmpty, "\(difference.map { String(decoding: $0, as: UTF8.self) })")
        #expect(listed.count == names.count)
        for (index, name) in names.enumerated() {
            let text = String(decoding: name, as: UTF8.self)
            let version = try fixture.version(directory.appending(name))
            #expect(version.size == Int64(index + 1), "\(text)")
            let bytes = try fixture.fetch(Span(offset: 0, count: index + 1), of: version)
            #expect(bytes == contents(index + 1), "\(text)")
        }
        for name in names where name.count < 200 {
            let inner = directory.appending("below".utf8).appending(name).appending("file".utf8)
            try fixture.put(inner, [1, 2, 3])
            #expect(try fixture.list(inner.parent ?? .root).map(\.name) == [Array("file".utf8)])
            #expect(try fixture.version(inner).size == 3)
        }
    }

    private func checkAddresses(_ fixture: some StoreFixture) throws {
        let root = fixture.store.uri(of: .root).bytes
        let slash: [UInt8] = root.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
        for name in ["a", "a/b", "%20 x", "ü"] {
            let path = RelativePath(name)
            #expect(fixture.store.uri(of: path).bytes == root + slash + path.bytes)
        }
    }

    private func checkEmpty(_ fixture: some StoreFixture) throws {
        try fixture.put(path("empty"), [])
        let attributes = try fixture.store.attributes(of: path("empty"), known: nil)
        #expect(attributes.kind == .file && attributes.size == 0 && attributes.etag != nil)
        #expect(try fixture.list(directory).map(\.attributes.kind) == [.file])
    }

    private func checkThreads(_ fixture: some StoreFixture) throws {
        let bytes = contents(1 << 20)
        let version = try fixture.version(path("file"), bytes)
        let seed = UInt64.random(in: 0...UInt64.max)
        let wrong = Atomic(0)
        concurrently(8) { thread in
            var random = SeededGenerator(seed: seed &+ UInt64(thread))
            for _ in 0..<20 {
                let start = Int.random(in: 0..<bytes.count, using: &random)
                let count = Int.random(in: 1...min(100_000, bytes.count - start), using: &random)
                let got = try? fixture.fetch(Span(offset: Int64(start), count: count), of: version)
                if got != Array(bytes[start..<(start + count)]) { wrong.wrappingAdd(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0, "seed \(seed)")
    }

    private func checkNoLink(_ fixture: some StoreFixture) throws {
        try fixture.put(path("file"), [1])
        do throws(StoreError) {
            _ = try fixture.store.linkTarget(of: path("file"))
            Issue.record("a file has no link target")
        } catch {
            guard case .unsupported = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
