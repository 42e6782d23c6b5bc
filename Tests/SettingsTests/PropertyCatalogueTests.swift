import SmallFiles
import Testing

@testable import Settings

/// The repository's root, found from this file.
private let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

private func document(_ name: String) throws -> String {
    let bytes = try SmallFile.read("\(root)/docs/\(name)", atMostBytes: 1 << 20)
    return String(decoding: bytes, as: UTF8.self)
}

@Suite struct PropertyCatalogueTests {
    @Test func everyNameStandsForOneProperty() {
        let names = PropertyCatalogue.all.flatMap(\.names)
        #expect(Set(names).count == names.count)
        let words = Set(MountWords.passedOn)
        #expect(names.allSatisfy { !words.contains($0) && !MountWords.isIgnored($0) && !$0.contains(",") })
    }

    @Test func everyVariableStandsForOneName() {
        let names = PropertyCatalogue.all.flatMap(\.names).filter { $0.hasPrefix("alluxio.") }
        #expect(Set(names.map(EnvironmentSource.variable)).count == names.count)
    }

    @Test(arguments: PropertyCatalogue.all.map(\.key))
    func everyDefaultFitsItsProperty(key: String) throws {
        let property = try #require(PropertyCatalogue.find(key))
        #expect(!property.summary.isEmpty && property.summary.hasSuffix("."))
        guard let fallback = property.fallback else { return }
        #expect(throws: Never.self) { try property.kind.parse(fallback) }
    }

    @Test func theDocumentIsTheCatalogue() throws {
        #expect(
            try document("configuration.md") == ConfigurationDocument.markdown(),
            "run: alluxio-fuse help properties --markdown > docs/configuration.md"
        )
    }
}

@Suite struct PropertyValueTests {
    @Test(arguments: [
        ("0", 0), ("512MB", 512 << 20), ("1.5GB", 3 << 29), ("4k", 4096), ("2 TB", 2 << 40), ("7b", 7),
        ("1gib", 1 << 30),
    ])
    func sizesArePowersOf1024(text: String, bytes: Int) {
        #expect(PropertyKind.byteCount(text) == bytes)
    }

    @Test(arguments: ["", "MB", "-1", "1XB", "1e3", "99999999PB", "1.2.3MB", ".5MB", "٣MB"])
    func whatIsNoSizeIsNone(text: String) {
        #expect(PropertyKind.byteCount(text) == nil)
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("1s", .seconds(1)), ("10min", .seconds(600)),
        ("1.5h", .seconds(5400)),
        ("2d", .seconds(172_800)), ("1000", .seconds(1)), ("0", .zero),
    ])
    func timesHaveUnitsAndABareNumberIsMilliseconds(text: String, duration: Duration) {
        #expect(PropertyKind.duration(text, bareUnit: .milliseconds(1)) == duration)
    }

    @Test(arguments: ["", "s", "-1s", "1y", "1e9999s", "99999999999999999999d"])
    func whatIsNoTimeIsNone(text: String) {
        #expect(PropertyKind.duration(text, bareUnit: .seconds(1)) == nil)
    }

    @Test func minusOneIsForEverOnlyWhereThatIsAllowed() throws {
        #expect(try Property.syncInterval.kind.parse("-1") == .duration(nil))
        #expect(try Property.syncInterval.kind.parse("-1ms") == .duration(nil))
        #expect(throws: IllFormedValue.self) { try Property.connectTimeout.kind.parse("-1") }
    }

    @Test(arguments: ["http://a:1", "https://a.b/", "minio:9000", "http://a/b", "http://[::1]:9000"])
    func addressesAreTaken(text: String) throws {
        #expect(try PropertyKind.address.parse(text) == .text(text))
    }

    @Test(arguments: ["", "http://", "ftp://a", "a b", "http://a/b c", "http://u@h", "http://a/?b", ":80"])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(throws: IllFormedValue.self) { try PropertyKind.address.parse(text) }
    }

    @Test(arguments: [
        ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("ab", "ba", 1),
        ("attr_timout", "attr_timeout", 1),
    ])
    func distancesCountEdits(first: String, second: String, distance: Int) {
        #expect(NearestName.distance(Array(first.utf8), Array(second.utf8)) == distance)
    }
}
