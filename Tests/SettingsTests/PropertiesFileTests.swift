import SeededRandom
import Testing

@testable import Settings

@Suite struct PropertiesFileTests {
    private func parse(_ text: String) throws(PropertiesError) -> [String] {
        try PropertiesFile.parse(Array(text.utf8)).map { "\($0.line) [\($0.key)] [\($0.value)]" }
    }

    @Test(arguments: [
        ("a=b", ["1 [a] [b]"]), ("a:b", ["1 [a] [b]"]), ("a b", ["1 [a] [b]"]),
        ("a = b = c", ["1 [a] [b = c]"]),
        ("a", ["1 [a] []"]), ("  a\t:  b ", ["1 [a] [b ]"]), ("# x\n! y\n\n  # z\na=1", ["5 [a] [1]"]),
        ("a=1\r\nb=2\rc=3", ["1 [a] [1]", "2 [b] [2]", "3 [c] [3]"]),
        ("a=1,\\\n   2,\\\n  3\nb=x", ["1 [a] [1,2,3]", "4 [b] [x]"]),
        ("a=x\\\\\nb=y", ["1 [a] [x\\]", "2 [b] [y]"]),
        ("a\\=b\\ c=d", ["1 [a=b c] [d]"]), ("a=\\t\\n\\u00e4\\ud83d\\ude00\\q", ["1 [a] [\t\nä😀q]"]),
        ("a=b\\", ["1 [a] [b]"]),
        ("a=ä", ["1 [a] [ä]"]), ("", []), ("\n\n#", []), ("a=1\na=2", ["1 [a] [1]", "2 [a] [2]"]),
        ("a=\\\n# no comment", ["1 [a] [# no comment]"]),
    ])
    func javaSyntaxIsRead(text: String, entries: [String]) throws {
        #expect(try parse(text) == entries)
    }

    @Test(arguments: [
        ("x=1\n=2", 2), ("a=\\u12", 1), ("a=\\u+123", 1), ("\n\na=\\ud800", 3), ("a=\\ud800\\u0041", 1),
        ("a=\\uzzzz", 1),
    ])
    func anErrorNamesItsLine(text: String, line: Int) {
        do {
            _ = try parse(text)
            Issue.record("no error")
        } catch {
            #expect(error.line == line)
        }
    }

    @Test func bytesThatAreNoUTF8AreAnError() {
        #expect(throws: PropertiesError.self) { try PropertiesFile.parse([0x61, 0x3D, 0xFF]) }
    }

    @Test func aFileThatIsTooLargeIsAnError() {
        #expect(throws: PropertiesError.self) {
            try PropertiesFile.parse([UInt8](repeating: 0x61, count: PropertiesFile.sizeMaximum + 1))
        }
    }

    @Test func anyBytesAreReadWithoutATrap() {
        var generator = SeededGenerator.announced()
        let likely = Array("ab=: \\\n\r\tu0dD8#!".utf8) + [0, 0xC3, 0xA4, 0xFF]
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? likely.randomElement(using: &generator) ?? 0
                    : UInt8.random(in: 0...255, using: &generator)
            }
            _ = try? PropertiesFile.parse(bytes)
            _ = try? PropertiesSource(path: "/f", contents: bytes)
        }
    }
}

@Suite struct PropertiesSourceTests {
    private func load(_ text: String) throws(Failure) -> PropertiesSource {
        try PropertiesSource(path: "/etc/x", contents: Array(text.utf8))
    }

    @Test func aliasesAndReferencesAreResolved() throws {
        let source = try load(
            "alluxio.home=/opt\nalluxio.work.dir=${alluxio.home}/w\n"
                + "alluxio.user.client.cache.dirs=${alluxio.work.dir}/c\n"
                + "alluxio.underfs.s3.endpoint.region=eu-west-1"
        )
        #expect(
            source.values == [
                "alluxio.user.client.cache.dirs": "/opt/w/c", "alluxio.underfs.s3.region": "eu-west-1",
            ]
        )
    }

    @Test(arguments: ["a=${b}\nb=${a}", "b=${nothing}"])
    func aReferenceThatLeadsNowhereIsAnErrorWhereItMatters(text: String) {
        do {
            _ = try load(text + "\nalluxio.user.client.cache.dirs=/${b}")
            Issue.record("accepted")
        } catch {
            #expect(error.message.hasPrefix("/etc/x:"))
            #expect(error.message.contains("refers to a key that the file does not have"))
        }
        #expect(throws: Never.self) { try load(text) }
    }

    @Test func anIllFormedValueNamesFileAndLine() {
        do {
            _ = try load("\nalluxio.user.client.cache.size=big")
            Issue.record("accepted")
        } catch {
            #expect(
                error.message.hasPrefix("/etc/x:2: 'alluxio.user.client.cache.size': 'big' is not a size")
            )
        }
    }

    @Test func unknownNamesOfOursAreWarnedAboutAndOthersAreNot() throws {
        let source = try load(
            "alluxio.user.client.cache.sise=1\nalluxio.master.hostname=x\nlog4j.x=y\nallow_other=true"
        )
        #expect(source.notices.map { $0.facts["property"] } == ["alluxio.user.client.cache.sise"])
        #expect(source.notices.first?.facts["nearest"] == "alluxio.user.client.cache.size")
        #expect(source.values.isEmpty)
    }
}
