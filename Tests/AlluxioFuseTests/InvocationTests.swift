import Settings
import Testing

@testable import AlluxioFuse

@Suite struct InvocationTests {
    @Test(arguments: [
        ["alluxio-fuse", "s3://b/p", "/mnt", "-o", "rw,noatime"],
        ["/sbin/mount.alluxio-fuse", "s3://b/p", "/mnt", "-orw,noatime"],
        [
            "mount.fuse.alluxio-fuse", "-nv", "-t", "fuse.alluxio-fuse", "-o", "rw,noatime", "s3://b/p",
            "/mnt",
        ],
    ])
    func aCallOfMountIsRecognised(arguments: [String]) throws {
        guard case .helper(let helper) = try Invocation(arguments) else {
            Issue.record("no helper call")
            return
        }
        #expect(helper.source == "s3://b/p")
        #expect(helper.target == "/mnt")
        #expect(helper.accepted == ["rw,noatime"])
        #expect(!helper.isFake)
    }

    @Test func aSloppyCallLeavesOutWhatIsUnknown() throws {
        let helper = try HelperArguments(["s3://b", "/m", "-s", "-o", #"ro,frobnicate=1,x-y,fsname=a\,b"#])
        #expect(helper.accepted == ["ro", "x-y", #"fsname=a\,b"#])
        #expect(throws: Never.self) { try OptionList(helper.accepted) }
    }

    @Test(arguments: [["s3://b"], ["s3://b", "/m", "/n"], ["s3://b", "/m", "-z"], ["s3://b", "/m", "-o"]])
    func aCallThatCannotBeReadIsRefused(arguments: [String]) {
        #expect(throws: Failure.self) { try HelperArguments(arguments) }
    }

    @Test func commandsAndDocumentsAreToldApart() throws {
        #expect(try Invocation(["alluxio-fuse"]) == .command([]))
        #expect(try Invocation(["x/alluxio-fuse", "mount", "-f"]) == .command(["mount", "-f"]))
        #expect(try Invocation(["a", "help", "properties", "--markdown"]) == .properties(markdown: true))
        #expect(try Invocation(["a", "help", "metrics"]) == .metrics)
        do {
            _ = try Invocation(["a", "unmount"])
            Issue.record("accepted")
        } catch {
            #expect(error.message.contains("did you mean 'umount'?"))
        }
    }

    @Test func reportsGoThroughTheirLine() {
        for report in [ReadyReport.ready, .failed(.usage("a 'b' c")), .failed(Failure("x"))] {
            #expect(ReadyReport(line: String(report.line.dropLast())) == report)
        }
        #expect(ReadyReport(line: "") == nil)
        #expect(ReadyReport(line: "failed 9 x") == nil)
        #expect(DaemonRequest.decode(DaemonRequest.encode(["a,b", "c=ä"])) == ["a,b", "c=ä"])
    }
}
