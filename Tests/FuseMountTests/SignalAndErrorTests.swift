import FileSystem
import Glibc
import Logging
import Synchronization
import Testing
import Threading

@testable import FuseMount

struct CallerSignalsTests {
    private static let status = """
        Name:\tcat
        Pid:\t12
        SigQ:\t0/15000
        SigPnd:\t0000000000000100
        ShdPnd:\t0000000000004000
        SigBlk:\t0000000000000001
        SigIgn:\t0000000000001000
        SigCgt:\t0000000180004002
        """

    @Test("the masks are found in a status text")
    func parsing() {
        let signals = CallerSignals(status: Array(Self.status.utf8))
        #expect(
            signals
                == CallerSignals(
                    pending: 0x100,
                    processPending: 0x4000,
                    blocked: 1,
                    ignored: 0x1000,
                    caught: 0x1_8000_4002
                )
        )
    }

    @Test("a text without one of the masks is no answer")
    func incomplete() {
        #expect(CallerSignals(status: []) == nil)
        #expect(CallerSignals(status: Array(Self.status.utf8).dropLast(24)) == nil)
        #expect(CallerSignals(status: Array("SigPnd: xyz\nShdPnd:\n".utf8)) == nil)
    }

    @Test("this thread can be seen, none with number 0 or less")
    func visible() {
        #expect(CallerSignals.of(getpid())?.isDying == false)
        #expect(CallerSignals.of(0) == nil)
        #expect(CallerSignals.of(-1) == nil)
    }

    private func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

    @Test("SIGKILL is fatal whatever the masks say")
    func kill() {
        #expect(CallerSignals(pending: bit(SIGKILL)).isDying)
        #expect(CallerSignals(processPending: bit(SIGKILL), blocked: ~0, ignored: ~0, caught: ~0).isDying)
    }

    @Test("another signal is fatal only where it is neither blocked, ignored nor caught")
    func masks() {
        let term = bit(SIGTERM)
        #expect(CallerSignals(pending: term).isDying)
        #expect(CallerSignals(processPending: term).isDying)
        #expect(!CallerSignals(pending: term, blocked: term).isDying)
        #expect(!CallerSignals(pending: term, ignored: term).isDying)
        #expect(!CallerSignals(pending: term, caught: term).isDying)
        #expect(!CallerSignals().isDying)
    }

    @Test("signals that by default stop a process or do nothing are not fatal")
    func defaults() {
        for signal in [SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU] {
            #expect(!CallerSignals(pending: bit(signal)).isDying)
        }
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGPROF, SIGALRM, SIGUSR1, SIGPIPE, 34, 64] {
            #expect(CallerSignals(pending: bit(signal)).isDying)
        }
    }
}

struct ErrnoTests {
    @Test("each error has its errno, and none is one that callers take for their own")
    func table() {
        let expected: [(FileSystemError, Int32)] = [
            (.wouldWait, EAGAIN), (.notFound, ENOENT), (.stale, ESTALE), (.notDirectory, ENOTDIR),
            (.isDirectory, EISDIR), (.readOnly, EROFS), (.denied("x"), EACCES), (.nameTooLong, ENAMETOOLONG),
            (.invalid, EINVAL), (.noAttribute, ENODATA), (.noSuchOffset, ENXIO), (.tooMany("x"), ENFILE),
            (.unsupported, EOPNOTSUPP), (.inputOutput("x"), EIO), (.cancelled, EINTR),
        ]
        for (error, errno) in expected {
            #expect(Errno.of(error) == errno)
            #expect(errno != ENOMEM && errno != ENOSYS)
        }
    }
}

struct FailureLogTests {
    /// Collects lines.
    private final class Lines: Sendable {
        let all = Mutex<[Logger.Metadata]>([])
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            lines.all.withLock { $0.append(event.metadata ?? [:]) }
        }
    }

    @Test("a storm of failing reads writes a few lines, and the next window says how many were held back")
    func storm() {
        let lines = Lines()
        let log = FailureLog(
            logger: Logger(label: "test") { _ in Handler(lines: lines) },
            metrics: MountMetrics()
        )
        for _ in 0..<1000 { log.note(.read, .inputOutput("GET of s3://b/k failed")) }
        let written = lines.all.withLock { $0 }
        #expect(written.count == FailureLog.linesMaximum)
        #expect(written.first?["reason"] == "GET of s3://b/k failed")
        #expect(written.first?["operation"] == "read")
        #expect(log.admit(at: .now) == nil)
        #expect(log.admit(at: .now + FailureLog.window) == 1000 - FailureLog.linesMaximum + 1)
        #expect(log.admit(at: .now + FailureLog.window) == 0)
    }

    @Test("errors that tell their own story are not logged")
    func ordinary() {
        let lines = Lines()
        let log = FailureLog(
            logger: Logger(label: "test") { _ in Handler(lines: lines) },
            metrics: MountMetrics()
        )
        for error in [FileSystemError.notFound, .stale, .readOnly, .noAttribute] { log.note(.lookup, error) }
        #expect(lines.all.withLock { $0.isEmpty })
    }
}

struct MountOptionsTests {
    @Test("reads are no larger than half a pipe or 512 KiB")
    func readSize() {
        var options = MountOptions(mountpoint: "/mnt", fsname: "x")
        #expect(options.readBytes(pipeBytesMaximum: 1 << 20) == 512 << 10)
        #expect(options.readBytes(pipeBytesMaximum: 1 << 25) == 512 << 10)
        #expect(options.readBytes(pipeBytesMaximum: 512 << 10) == 256 << 10)
        #expect(options.readBytes(pipeBytesMaximum: 4096) == 128 << 10)
        options.maxReadBytes = 100_000
        #expect(options.readBytes(pipeBytesMaximum: 1 << 20) == 98_304)
        options.maxReadBytes = 1
        #expect(options.readBytes(pipeBytesMaximum: 1 << 20) == 4096)
    }

    @Test("options reach libfuse as words, commas in names escaped")
    func words() {
        var options = MountOptions(mountpoint: "/mnt", fsname: #"s3://b/a,b\c"#)
        options.allowsOthers = true
        options.checksPermissions = true
        options.allowsExecution = false
        options.isReadOnly = false
        options.libraryOptions = ["noatime"]
        #expect(
            options.arguments(readBytes: 4096) == [
                "alluxio-fuse", #"-ofsname=s3://b/a\,b\\c"#, "-omax_read=4096", "-osubtype=alluxio-fuse",
                "-orw",
                "-oallow_other", "-odefault_permissions", "-onosuid", "-onodev", "-onoexec", "-onoatime",
            ]
        )
    }

    @Test(
        "only /dev/fd/N is a descriptor",
        arguments: [("/dev/fd/7", true), ("/dev/fd/", false), ("/mnt", false)]
    )
    func descriptors(path: String, isDescriptor: Bool) {
        #expect(MountOptions(mountpoint: path, fsname: "x").isDescriptor == isDescriptor)
    }
}
