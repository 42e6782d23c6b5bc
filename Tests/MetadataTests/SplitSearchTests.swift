import Pages
import SeededRandom
import Testing

@testable import Metadata

@Suite("The search for places to split a directory at")
struct SplitSearchTests {
    private func bytes(_ texts: some Sequence<String>) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    /// Answers a search from sorted names.
    /// - Returns: The search when it is over, and how many questions it asked in how many rounds.
    private func run(_ names: [String], read: Int, pages: Int = 2) throws -> (SplitSearch, questions: Int) {
        let names = bytes(names).sorted { $0.lexicographicallyPrecedes($1) }
        var search = try #require(SplitSearch(sample: Array(names[..<read]), pages: pages))
        var questions = 0
        while let question = search.takeQuestion() {
            questions += 1
            let found = names.first { question.name.lexicographicallyPrecedes($0) }
            search.take(found.map { .name($0) } ?? .nothing, to: question)
        }
        return (search, questions)
    }

    private func text(_ names: [[UInt8]]) -> [String] { names.map { String(decoding: $0, as: UTF8.self) } }

    @Test func `finds the end of a counter, however many digits it has`() throws {
        for digits in [6, 8, 12] {
            let names = (0..<40_000).map { number in
                "n-" + String(repeating: "0", count: digits - "\(number)".count) + "\(number)"
            }
            let (search, questions) = try run(names, read: 2000)
            #expect(search.isOver)
            #expect(questions <= NamespaceLimits.splitProbesMaximum)
            let splits = text(search.names)
            #expect(splits.count == 7)
            let inside = splits.filter { $0 < "n-" + String(repeating: "0", count: digits - 5) + "39000" }
            #expect(inside.count >= 4, "\(splits)")
            #expect(splits == splits.sorted())
        }
    }

    @Test func `splits a few pages into few parts, and almost nothing not at all`() throws {
        let names = (0..<12_000).map { "n-\(100_000 + $0)" }
        #expect(try run(names, read: 4000).0.names.count <= 4)
        #expect(try run(Array(names[..<4100]), read: 4000).0.names.isEmpty)
    }

    @Test func `leaves names of another kind to a part of their own`() throws {
        let names = (0..<30_000).map { "a-\(100_000 + $0)" } + (0..<100).map { "b-\($0)" }
        let splits = text(try run(names, read: 2000).0.names)
        #expect(splits.count == 7)
        #expect(splits.last.map { $0 > "a-130000" && $0 < "b" } == true)
    }

    @Test func `gives up on a server that answers with names before the question`() throws {
        let sample = bytes((0..<100).map { "n-\(100_000 + $0)" })
        var search = try #require(SplitSearch(sample: sample, pages: 1))
        let taken = search.takeQuestion()
        let question = try #require(taken)
        search.take(.name(Array("n-100000".utf8)), to: question)
        #expect(search.isOver)
        #expect(search.names.isEmpty)
        let another = search.takeQuestion()
        #expect(another == nil)
    }

    @Test func `is not begun for names without an order that could be guessed`() {
        #expect(SplitSearch(sample: [], pages: 1) == nil)
        #expect(SplitSearch(sample: [[0x61]], pages: 1) == nil)
        #expect(SplitSearch(sample: [[0xFF, 0x30], [0xFF, 0x31]], pages: 1) == nil)
        #expect(SplitSearch(sample: [[0x61, 0x80], [0x61, 0x81]], pages: 1) == nil)
    }

    @Test func `asks only for text without a slash that is UTF-8`() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let sample = (0..<40).map { _ in
                (0..<Int.random(in: 1...6, using: &random)).map { _ in
                    UInt8.random(in: 1...255, using: &random)
                }
            }
            guard var search = SplitSearch(sample: sample, pages: 1) else { continue }
            while let question = search.takeQuestion() {
                #expect(String(validating: question.name, as: UTF8.self) != nil)
                #expect(!question.name.contains(UInt8(ascii: "/")) && !question.name.isEmpty)
                search.take(.something, to: question)
            }
            #expect(search.isOver)
        }
    }

    @Test func `numbers go to names and back`() throws {
        let names = bytes((0..<3000).map { "f-\(10_000_000 + $0 * 7)" })
        let numerals = try #require(NameNumerals(least: names[0], greatest: names[2999], sample: names))
        for value in [0, 1, numerals.top / 3, numerals.top] {
            #expect(numerals.value(of: numerals.name(of: value)) == value)
        }
        let values = names.map { numerals.value(of: $0) }
        #expect(values == values.sorted())
    }
}

@Suite("The parts of a directory")
struct ListingPartsTests {
    private func page(_ names: String..., misplaced: Bool = false) -> ReadPage {
        var page = ReadPage(requested: 0)
        for name in names {
            var name = name
            name.withUTF8 { bytes in
                _ = page.entries.append(UnsafeRawBufferPointer(bytes), hash: 0, ScriptedStore.file(1))
            }
        }
        page.greatest = page.entries.greatestName(from: 0)
        page.isMisplaced = misplaced
        return page
    }

    private func claimFirst(_ parts: inout ListingParts) throws -> PageClaim {
        let claim = parts.claimFirst()
        return try #require(claim)
    }

    private func claimAhead(_ parts: inout ListingParts) throws -> PageClaim {
        let claim = parts.claimAhead(onlyFirst: false)
        return try #require(claim)
    }

    /// How many more pages can be claimed now.
    private func claims(_ parts: inout ListingParts) -> Int {
        var count = 0
        while parts.claimAhead(onlyFirst: false) != nil { count += 1 }
        return count
    }

    private func greatest(_ parts: inout ListingParts) -> String? {
        parts.takePage().map { String(decoding: $0.greatest, as: UTF8.self) }
    }

    private func limit(_ parts: inout ListingParts) -> String? {
        parts.takePage()?.limit.map { String(decoding: $0, as: UTF8.self) }
    }

    private func split() throws -> ListingParts {
        var parts = ListingParts()
        parts.arrived(page("a", "b"), try claimFirst(&parts), next: ListingToken("b"))
        _ = parts.takePage()
        parts.split(at: [Array("a".utf8), Array("f".utf8), Array("m".utf8)], beyond: Array("b".utf8))
        return parts
    }

    @Test func `come out in order, each cut where the next begins`() throws {
        var parts = try split()
        let first = try claimAhead(&parts)
        let second = try claimAhead(&parts)
        let third = try claimAhead(&parts)
        #expect(claims(&parts) == 0)
        #expect(first.position == .token(ListingToken("b")))
        #expect(second.position == .after(Array("f".utf8)))
        #expect(third.position == .after(Array("m".utf8)))
        parts.arrived(page("x"), third, next: nil)
        parts.arrived(page("g", "n"), second, next: ListingToken("n"))
        #expect(greatest(&parts) == nil)
        #expect(parts.waitingEntries == 3)
        parts.arrived(page("c"), first, next: ListingToken("c"))
        #expect(greatest(&parts) == "c")
        #expect(greatest(&parts) == nil)
        parts.arrived(page("g"), try claimFirst(&parts), next: ListingToken("g"))
        #expect(limit(&parts) == "f")
        #expect(limit(&parts) == "m")
        #expect(!parts.isExhausted)
        #expect(greatest(&parts) == "x")
        #expect(parts.isExhausted)
        #expect(parts.waitingEntries == 0 && parts.waitingBytes == 0)
    }

    @Test func `become one again, which reads on where it was cut, if the server starts elsewhere`() throws {
        var parts = try split()
        let first = try claimAhead(&parts)
        let second = try claimAhead(&parts)
        let third = try claimAhead(&parts)
        parts.arrived(page("x"), third, next: nil)
        parts.arrived(page("c", "g"), first, next: ListingToken("g"))
        parts.arrived(page("a", "b", misplaced: true), second, next: ListingToken("b"))
        #expect(!parts.isSplit)
        #expect(greatest(&parts) == "g")
        #expect(greatest(&parts) == nil)
        #expect(!parts.isExhausted)
        #expect(try claimFirst(&parts).position == .token(ListingToken("b")))
    }

    @Test func `are left to the reader after a failure`() throws {
        var parts = ListingParts()
        parts.failed(try claimAhead(&parts))
        #expect(claims(&parts) == 0)
        #expect(parts.openParts == 0)
        let again = try claimFirst(&parts)
        parts.arrived(page("a"), again, next: ListingToken("a"))
        #expect(parts.openParts == 1)
    }
}
