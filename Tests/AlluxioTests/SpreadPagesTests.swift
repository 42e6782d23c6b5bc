import Pages
import Testing

@testable import Alluxio

@Suite("Files over several cache directories")
struct SpreadPagesTests {
    private final class Empty: PageSource {
        func open(_ version: FileVersion) -> any PageFile { fatalError("nothing is read here") }
        func cachedBytes(of version: FileVersion) -> Int64 { 0 }
        func adopt(_ version: FileVersion, from descriptor: Int32, spans: [Span]) {}
        func follow(from old: FileVersion, to new: FileVersion) {}
    }

    private let uris = (0..<20_000).map { UFSURI("s3://bucket/path/file-\($0).bin") }

    private func spread(_ parts: [(String, Int64)]) -> SpreadPages {
        SpreadPages(parts.map { SpreadPages.Part(name: $0, weight: $1, pages: Empty()) })
    }

    @Test func sharesAreInProportionToTheSizes() {
        let pages = spread([("/one", 100 << 30), ("/two", 300 << 30), ("/three", 600 << 30)])
        var counts = [0, 0, 0]
        for uri in uris { counts[pages.place(of: uri)] += 1 }
        for (count, share) in zip(counts, [0.1, 0.3, 0.6]) {
            let found = Double(count) / Double(uris.count)
            #expect(abs(found - share) < 0.01)
        }
    }

    @Test func anotherDirectoryTakesOnlyItsShare() {
        let before = spread([("/one", 1 << 30), ("/two", 1 << 30)])
        let after = spread([("/one", 1 << 30), ("/two", 1 << 30), ("/three", 1 << 30)])
        let moved = uris.filter { before.place(of: $0) != after.place(of: $0) }
        #expect(moved.allSatisfy { after.place(of: $0) == 2 })
        let share = Double(moved.count) / Double(uris.count)
        #expect(abs(share - 0.333) < 0.02)
    }

    @Test func thePlaceDoesNotDependOnTheOrderOrTheProcess() {
        let pages = spread([("/one", 1 << 30), ("/two", 1 << 30)])
        let turned = spread([("/two", 1 << 30), ("/one", 1 << 30)])
        for uri in uris.prefix(1000) { #expect(pages.place(of: uri) == 1 - turned.place(of: uri)) }
        // Worked out apart from this code; another answer would make every cache on a disk useless.
        let places = uris.prefix(16).map { pages.place(of: $0) }
        #expect(places == SpreadPagesTests.known)
    }

    private static let known = [0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0]
}
