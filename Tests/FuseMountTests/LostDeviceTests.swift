import CMountTestSupport
import Glibc
import Logging
import Synchronization
import Testing

@testable import FuseMount

/// A thread that libfuse cancels at a session's end must first come to the end of what it tells.
///
/// Each test has a process of its own, since the log of libfuse and stderr belong to a process.
@Suite("A device that fails", .timeLimit(.minutes(2)))
struct LostDeviceTests {
    @Test func `leaves nobody holding stderr`() async {
        await #expect(processExitsWith: .success) {
            guard let kernel = FakeKernel(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            else { return stop("no session") }
            guard kernel.askAttributes(), kernel.hasReply() else { return stop("no reply") }
            // The thread that finds the error has to wait before it can print it.
            var pipe: [Int32] = [0, 0]
            guard test_pipe_cloexec(&pipe) == 0, test_fill_pipe(pipe[1]) == 0 else { return stop("no pipe") }
            let stderrBefore = dup(2)
            dup2(pipe[1], 2)
            test_use_stderr()
            kernel.hangUp()
            usleep(300_000)
            dup2(stderrBefore, 2)
            close(pipe[1])
            var part = [UInt8](repeating: 0, count: 65536)
            while read(pipe[0], &part, part.count) > 0 {}
            guard case .failed = kernel.ending.wait(atMost: .seconds(10)) else { return stop("no end") }
            guard test_stderr_is_free() else { return stop("a thread has died with the lock of stderr") }
        }
    }

    @Test func `has every message of libfuse logged to the end`() async {
        await #expect(processExitsWith: .success) {
            let handler = SlowHandler()
            guard let kernel = FakeKernel(logger: Logger(label: "test") { _ in handler }) else {
                return stop("no session")
            }
            kernel.hangUp()
            guard case .failed = kernel.ending.wait(atMost: .seconds(10)) else { return stop("no end") }
            let (started, finished) = handler.counts.messages.withLock { $0 }
            guard started > 0, started == finished else {
                return stop("\(started) messages, \(finished) logged")
            }
        }
    }
}

/// Logs the first message at once and takes time for the others.
private struct SlowHandler: LogHandler {
    final class Counts: Sendable {
        let messages = Mutex((started: 0, finished: 0))
    }

    let counts = Counts()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let number = counts.messages.withLock { messages in
            messages.started += 1
            return messages.started
        }
        // A point where a thread can be cancelled.
        usleep(number == 1 ? 50_000 : 300_000)
        counts.messages.withLock { $0.finished += 1 }
    }
}

/// Ends the process at once: exit(3) would wait for stderr too.
private func stop(_ reason: String) {
    let line = reason + "\n"
    _ = write(1, line, line.utf8.count)
    _exit(1)
}
