import Testing

@Suite("alluxio ring locate")
struct RingCommandTests {
    private let scratch: ScratchDirectory
    /// The ring `five-uuid4` of the vectors.
    private let ring: String
    private static let uuids = [
        "cb157baaafe04b988af01a4645d38456", "00000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffff", "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "3b8e9f5a7c2d4e1fa0b1c2d3e4f50617",
    ]
    private let uri = "s3://my-bucket/path/to/mount/file-000.bin"
    private let id = "b30c77870f021b8648ce062fce825dd98ab1160122930e93f243324da2bbf0eb"

    init() throws {
        scratch = try ScratchDirectory()
        let elements = Self.uuids.map { #"{"version":1,"identifier":"\#($0)"}"# }
        ring = try scratch.file("ring.json", "[\(elements.joined(separator: ",\n"))]\n")
    }

    @Test func aURIIsPrintedWithItsIdAndItsWorker() throws {
        let run = try AlluxioRun(["ring", "locate", "--ring", ring, uri])
        #expect(run.output == line(uri, id, ["cb157baaafe04b988af01a4645d38456"]))
        #expect(run.errors == "")
        #expect(run.code == 0)
    }

    @Test func theNumberOfVirtualNodesDecides() throws {
        let run = try AlluxioRun(["ring", "locate", "--ring", ring, "--virtual-nodes", "5", uri])
        #expect(run.output == line(uri, id, ["3b8e9f5a7c2d4e1fa0b1c2d3e4f50617"]))
    }

    @Test func severalWorkersComeInTheirOrderAndEachOnce() throws {
        let three = try AlluxioRun(["ring", "locate", "--ring", ring, "--count", "3", uri])
        let all = try AlluxioRun(["ring", "locate", "--ring", ring, "--count", "99", uri])
        #expect(all.output.hasPrefix(three.output.dropLast(3)))
        let order = identifiers(all.output)
        #expect(order.sorted() == Self.uuids.sorted())
        #expect(order.first == "cb157baaafe04b988af01a4645d38456")
        #expect(identifiers(three.output) == Array(order.prefix(3)))
    }

    @Test func everyURIHasOneLineInTheirOrder() throws {
        let odd = #"s3a://b/a "quoted"\ ü 🚀"#
        let run = try AlluxioRun(["ring", "locate", "--ring", ring, uri, odd, uri])
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0] == lines[2])
        #expect(lines[1].hasPrefix(#"{"uri":"s3a://b/a \"quoted\"\\ ü 🚀","fileId":""#))
    }

    @Test func anOldIdentityIsAWorkerToo() throws {
        let ring = try scratch.file(
            "old.json",
            #"[{"version":0,"identifier":"7fffffffffffffff","host":"a"}]"#
        )
        let run = try AlluxioRun(["ring", "locate", "--ring", ring, uri])
        #expect(run.output.hasSuffix(#""workers":[{"version":0,"identifier":"7fffffffffffffff"}]}"# + "\n"))
    }

    @Test func aRingWithoutWorkersFindsNone() throws {
        let run = try AlluxioRun(["ring", "locate", "--ring", scratch.file("none.json", "[]"), uri])
        #expect(run.output == line(uri, id, []))
        #expect(run.code == 0)
    }

    @Test(
        arguments: [
            ("", ["is not JSON", "write a list"]),
            ("[{]", ["is not JSON"]),
            (#"{"version":1}"#, ["is no JSON list", "write a list"]),
            ("[1]", ["element 1 is no object", "write {"]),
            (
                #"[{"version":1,"identifier":"00000000000000000000000000000000"},{"version":1}]"#,
                ["element 2 has no 'identifier'", "write {"]
            ),
            (#"[{"identifier":"00"}]"#, ["element 1 has no 'version'"]),
            (#"[{"version":"1","identifier":"00"}]"#, ["element 1: 'version' is no whole number"]),
            (#"[{"version":1.5,"identifier":"00"}]"#, ["element 1: 'version' is no whole number"]),
            (#"[{"version":null,"identifier":"00"}]"#, ["element 1: 'version' is no whole number"]),
            (#"[{"version":1,"identifier":7}]"#, ["element 1: 'identifier' is no text"]),
            (#"[{"version":1,"identifier":"0g"}]"#, ["element 1", "'0g'", "write 32 hexadecimal digits"]),
            (#"[{"version":2,"identifier":"00"}]"#, ["element 1", "version 2 is not known", "use 1"]),
            (
                #"[{"version":0,"identifier":"00000000000000AA"},"#
                    + #"{"version":0,"identifier":"00000000000000aa"}]"#,
                ["element 2 is the same worker as element 1", "remove one"]
            ),
        ] as [(String, [String])]
    )
    func aBadFileIsRefusedWithItsPlaceAndTheRemedy(text: String, parts: [String]) throws {
        let path = try scratch.file("bad.json", text)
        let run = try AlluxioRun(["ring", "locate", "--ring", path, uri])
        expectOneLine(run, code: 1, [path] + parts)
    }

    @Test func aFileThatCannotBeReadIsRefused() throws {
        let missing = scratch.path + "/missing.json"
        expectOneLine(
            try AlluxioRun(["ring", "locate", "--ring", missing, uri]),
            code: 1,
            [missing, "No such file"]
        )
        let folder = try AlluxioRun(["ring", "locate", "--ring", scratch.path, uri])
        expectOneLine(folder, code: 1, [scratch.path, "Is a directory"])
        let endless = try AlluxioRun(["ring", "locate", "--ring", "/dev/zero", uri])
        expectOneLine(endless, code: 1, ["/dev/zero", "larger than 16 MiB"])
    }

    @Test func anAnswerThatCannotBeWrittenIsAFailure() throws {
        let run = try AlluxioRun(["ring", "locate", "--ring", ring, uri], output: "/dev/full")
        expectOneLine(run, code: 1, ["cannot write", "No space left"])
    }

    @Test(arguments: [
        (["--virtual-nodes", "0", "s3://b/k"], "use 1...100000"),
        (["--virtual-nodes", "100001", "s3://b/k"], "use 1...100000"),
        (["--virtual-nodes", "many", "s3://b/k"], "many"),
        (["--count", "0", "s3://b/k"], "at least 1 worker"),
        (["/mnt/data/k"], "write the whole address"), (["://b/k"], "write the whole address"),
        ([], "uri"), (["--frobnicate", "s3://b/k"], "frobnicate"),
    ])
    func aWrongCommandLineIsRefused(arguments: [String], part: String) throws {
        expectOneLine(try AlluxioRun(["ring", "locate", "--ring", ring] + arguments), code: 2, [part])
    }

    @Test func theRingIsNotGuessed() throws {
        expectOneLine(try AlluxioRun(["ring", "locate", uri]), code: 2, ["--ring"])
        expectOneLine(try AlluxioRun(["ring", "locate", "--ring", "", uri]), code: 2, ["--ring"])
        expectOneLine(try AlluxioRun(["ring", "locate", "--ring", "etcd", uri]), code: 2, ["endpoints"])
    }

    @Test func anArgumentThatIsNotUTF8IsNotTakenForAnother() throws {
        let words = ["ring", "locate", "--ring", ring].map { Array($0.utf8) }
        let run = try AlluxioRun(words + [Array("s3://b/".utf8) + [0xFF]])
        expectOneLine(run, code: 2, ["argument 5", "not UTF-8"])
    }

    @Test func helpEndsWell() throws {
        let run = try AlluxioRun(["ring", "locate", "--help"])
        #expect(run.code == 0)
        #expect(run.output.contains("--virtual-nodes <n>"))
    }

    private func line(_ uri: String, _ id: String, _ workers: [String]) -> String {
        let workers = workers.map { #"{"version":1,"identifier":"\#($0)"}"# }.joined(separator: ",")
        return #"{"uri":"\#(uri)","fileId":"\#(id)","workers":[\#(workers)]}"# + "\n"
    }

    private func identifiers(_ line: String) -> [String] {
        var found: [String] = []
        var rest = line[...]
        let label = #""identifier":""#
        while let start = rest.firstRange(of: label) {
            rest = rest[start.upperBound...]
            found.append(String(rest.prefix { $0 != "\"" }))
        }
        return found
    }

    private func expectOneLine(_ run: AlluxioRun, code: Int32, _ parts: [String]) {
        #expect(run.code == code)
        #expect(run.output == "")
        #expect(run.errors.hasPrefix("alluxio: "))
        #expect(run.errors.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
        for part in parts { #expect(run.errors.contains(part), "\(run.errors)") }
    }
}
