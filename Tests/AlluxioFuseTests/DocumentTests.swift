import Glibc
import Settings
import SmallFiles
import Telemetry
import Testing

/// The repository's root, found from this file.
private let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

private func document(_ name: String) throws -> String {
    let bytes = try SmallFile.read("\(root)/docs/\(name)", atMostBytes: 1 << 20)
    return String(decoding: bytes, as: UTF8.self)
}

@Suite struct DocumentTests {
    @Test func theDocumentOfMetricsIsTheirCatalogue() throws {
        #expect(
            try document("metrics.md") == MetricCatalogue.markdown(),
            "run: alluxio-fuse help metrics > docs/metrics.md"
        )
    }

    @Test func theCatalogueOfMetricsHasTheNamesInTheSources() throws {
        var used: Set<String> = []
        let quoted = try Regex(#""(alluxio_[a-z0-9_]+)""#, as: (Substring, Substring).self)
        for path in swiftFiles("\(root)/Sources") where !path.contains("/MetricCatalogue") {
            let text = String(decoding: try SmallFile.read(path, atMostBytes: 1 << 20), as: UTF8.self)
            for line in text.split(separator: "\n") where !line.trimmingBlanks.hasPrefix("//") {
                used.formUnion(line.matches(of: quoted).map { String($0.output.1) })
            }
        }
        let known = Set(MetricCatalogue.all.map(\.name))
        // A field of /v1/ufsInfo, whose name is not ours.
        used.remove("alluxio_path")
        #expect(used.count > 20)
        let fieldsOfJSON: Set = ["alluxio_path"]
        #expect(used.subtracting(known).subtracting(fieldsOfJSON) == [], "not in the catalogue")
        #expect(known.subtracting(used) == [], "not in the sources")
    }

    private func swiftFiles(_ directory: String) -> [String] {
        DirectoryNames.read(directory).filter { !$0.hasPrefix(".") }.flatMap { name in
            let path = "\(directory)/\(name)"
            return name.hasSuffix(".swift") ? [path] : swiftFiles(path)
        }
    }

    @Test func theDocumentOfTheCommandNamesItsSubcommandsAndExitCodes() throws {
        let text = try document("cli.md")
        for word in [
            "alluxio-fuse mount", "alluxio-fuse umount", "alluxio-fuse stat", "help properties", "| 32 |",
            "alluxio process start worker", "alluxio info nodes", "alluxio mount add", "alluxio fs location",
        ] {
            #expect(text.contains(word), "\(word)")
        }
    }
}
