import SeededRandom
import Testing

@testable import ObjectStore

@Suite struct ProfileDocumentTests {
    private func document(_ text: String) -> ProfileDocument { ProfileDocument(bytes: Array(text.utf8)) }

    @Test func sectionsHoldNamesAndValues() {
        let read = document(
            "[default]\naws_access_key_id = AKIA\nAWS_Secret_Access_Key=a/b+c=\n\n[other]\nregion=x\n"
        )
        #expect(
            read.sections == [
                "default": ["aws_access_key_id": "AKIA", "aws_secret_access_key": "a/b+c="],
                "other": ["region": "x"],
            ]
        )
        #expect(read.unreadableLines.isEmpty)
    }

    @Test(arguments: [
        ("[profile dev]", "profile dev"), ("[ profile\t dev ]", "profile dev"),
        ("[profile \"dev\"]", "profile dev"),
        ("[profile 'two words']", "profile two words"), ("[profile dev] # mine", "profile dev"),
        ("[profile dev];mine", "profile dev"), ("[\"x\"]", "x"), ("[profile a\"b]", "profile a\"b"),
    ])
    func headersAreReadWithQuotesBlanksAndComments(_ line: String, _ title: String) {
        #expect(Array(document("\(line)\nregion = x").sections.keys) == [title])
    }

    @Test(arguments: [
        ("x # comment", "x"), ("x ; comment", "x"), ("x#y", "x#y"), ("x;y", "x;y"), ("# all", ""), ("", ""),
        ("  x  \r", "x"), ("a = b", "a = b"),
    ])
    func commentsBehindAValueNeedABlank(_ text: String, _ value: String) {
        #expect(document("[a]\nregion = \(text)").sections["a"]?["region"] == value)
    }

    @Test func aCommandKeepsItsSigns() {
        let read = document("[a]\ncredential_process = sh -c 'a ; b # c'")
        #expect(read.sections["a"]?["credential_process"] == "sh -c 'a ; b # c'")
    }

    @Test func indentedLinesAreNestedPropertiesOrContinuations() {
        let text = """
            [services dev]
            s3 =
              endpoint_url = http://127.0.0.1:9000
              # a comment
              other = 1
            sts =
            \tendpoint_url=http://127.0.0.1:9001
            [a]
            long = one
              two
            """
        let read = document(text)
        #expect(
            read.sections["services dev"] == [
                "s3": "", "s3.endpoint_url": "http://127.0.0.1:9000", "s3.other": "1", "sts": "",
                "sts.endpoint_url": "http://127.0.0.1:9001",
            ]
        )
        #expect(read.sections["a"] == ["long": "one\ntwo"])
    }

    @Test func theLastOfTwoEqualNamesWinsAndEqualSectionsAreOne() {
        let read = document("[a]\nx=1\ny=1\n[b]\n[a]\nx=2\nx=3")
        #expect(read.sections == ["a": ["x": "3", "y": "1"], "b": [:]])
    }

    @Test func unreadableLinesAreCountedAndSkipped() {
        let read = document("x=1\n[a]\nnonsense\n=2\n[broken\ny=1\n[]\n[b] trailing\n[c]\nz=1")
        #expect(read.unreadableLines == [1, 3, 4, 5, 6, 7, 8])
        #expect(read.sections == ["a": [:], "c": ["z": "1"]])
    }

    @Test func atMostSixteenUnreadableLinesAreKept() {
        #expect(document(String(repeating: "nonsense\n", count: 100)).unreadableLines == Array(1...16))
    }

    @Test func aByteOrderMarkAndLineEndsOfWindowsAreNoPartOfIt() {
        #expect(document("\u{FEFF}[a]\r\nx = 1\r\n").sections == ["a": ["x": "1"]])
    }

    @Test func bytesThatAreNoTextBecomeReplacementCharacters() {
        let read = ProfileDocument(bytes: Array("[a]\nx = ".utf8) + [0xFF, 0xFE])
        #expect(read.sections["a"]?["x"] == "\u{FFFD}\u{FFFD}")
    }

    @Test func anyBytesGiveADocument() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("ProfileDocument: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let pieces: [[UInt8]] = [
            "[", "]", "=", "\n", " ", "\t", "\r", "#", ";", "\"", "'", "profile", "s3", "\u{FEFF}", "é",
        ].map { Array($0.utf8) }
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<40, using: &random) {
                if Bool.random(using: &random) {
                    bytes += pieces.randomElement(using: &random) ?? []
                } else {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                }
            }
            let read = ProfileDocument(bytes: bytes)
            #expect(read.unreadableLines.count <= 16, "seed \(seed)")
            #expect(read.sections.values.allSatisfy { !$0.keys.contains("") }, "seed \(seed)")
        }
    }

    @Test func aLargeFileOfOneKindOfLineIsReadInReasonableTime() {
        for line in [" a\n", "[a]\n", "x=1\n", "\n", "[\n", "x=\n"] {
            let text = "[a]\nb=c\n" + String(repeating: line, count: (1 << 18) / line.utf8.count)
            let clock = ContinuousClock()
            #expect(clock.measure { _ = document(text) } < .seconds(10), "\(line.debugDescription)")
        }
    }
}
