import Glibc
import Logging
import Testing

@testable import Telemetry

@Suite struct LogLineTests {
    private func line(_ format: LogFormat, _ message: String, _ metadata: Logger.Metadata = [:]) -> String {
        LogLine.make(
            format,
            time: timespec(tv_sec: 1_769_903_998, tv_nsec: 7_000_000),
            level: .warning,
            label: "s3",
            message: message,
            metadata: metadata
        )
    }

    @Test func aTextLineHasTimeLevelLabelMessageAndSortedFacts() {
        #expect(
            line(.text, "request failed", ["status": "503", "key": "a b", "empty": ""])
                == #"2026-01-31T23:59:58.007Z warning s3: request failed empty="" key="a b" status=503"#
        )
    }

    @Test func whatAFactHoldsCannotForgeALine() {
        let text = line(.text, "x\ny", ["key": "a\n2026 error s3: forged", "k\n": "v"])
        #expect(!text.contains("\n"))
        #expect(text.contains(#"key="a\n2026 error s3: forged""#))
        #expect(!line(.json, "x\ny", ["k": "\u{0}\r\n"]).contains("\n"))
    }

    @Test func aJSONLineEscapesEverything() {
        #expect(
            line(.json, "a \"b\" \\", ["k": "\u{1}\t"])
                == #"{"time":"2026-01-31T23:59:58.007Z","level":"warning","label":"s3","#
                + #""message":"a \"b\" \\","metadata":{"k":"\u0001\t"}}"#
        )
    }

    @Test func aFileGetsWholeLinesFromManyThreads() async throws {
        let path = "/tmp/alluxio-fuse-log-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        let sink = try LogSink.file(path)
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let logger = Logger(label: "t\(index)") { label in
                        LineLogHandler(label: label, level: .info, format: .text, sink: sink)
                    }
                    for _ in 0..<200 {
                        logger.info("a line of some length", metadata: ["n": "\(index)"])
                        logger.debug("never written")
                    }
                }
            }
        }
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(descriptor, &bytes, bytes.count)
        let lines = String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 1600)
        #expect(lines.allSatisfy { $0.contains(" info t") && $0.contains(": a line of some length n=") })
    }

    @Test func aLogFileThatCannotBeOpenedIsNamed() {
        #expect(throws: LogSinkError.self) { try LogSink.file("/nonexistent/dir/log") }
        do {
            _ = try LogSink.file("/nonexistent/dir/log")
        } catch {
            #expect(
                error.description == "cannot open log file '/nonexistent/dir/log': No such file or directory"
            )
        }
    }
}
