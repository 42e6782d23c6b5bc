import Glibc
public import Logging

/// Where finished log lines go: a descriptor (standard error, a file) or syslog.
///
/// Any thread may write. A line to a descriptor is one write(2), so lines of several threads never mix. A
/// line that cannot be written is dropped: a log must not stop the file system.
public final class LogSink: Sendable {
    private enum Target {
        case descriptor(Int32)
        case syslog
    }

    private let target: Target

    private init(_ target: Target) {
        self.target = target
    }

    /// Writes to standard error.
    public static let standardError = LogSink(.descriptor(2))

    /// Writes to the system's log as facility daemon, under the program's name.
    public static let systemLog: LogSink = {
        openlog(programName, LOG_PID | LOG_NDELAY, LOG_DAEMON)
        return LogSink(.syslog)
    }()

    // Safety: syslog(3) keeps the pointer, so it is a constant that lives as long as the process; nobody
    // writes it.
    private nonisolated(unsafe) static let programName: UnsafeMutablePointer<CChar>? = strdup("alluxio-fuse")

    /// Appends to a file, which is made with mode 0640 if it is missing.
    /// - Parameter path: The file; its directory exists.
    /// - Returns: The sink; its descriptor stays open until the process ends.
    /// - Throws: ``LogSinkError`` if the file cannot be opened.
    public static func file(_ path: String) throws(LogSinkError) -> LogSink {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0o640)
        guard descriptor >= 0 else {
            throw LogSinkError(path: path, reason: String(cString: strerror(errno)))
        }
        return LogSink(.descriptor(descriptor))
    }

    /// Writes to an open descriptor, which stays the caller's.
    /// - Parameter descriptor: Open for writing as long as the sink is used.
    /// - Returns: The sink.
    public static func descriptor(_ descriptor: Int32) -> LogSink {
        LogSink(.descriptor(descriptor))
    }

    /// The descriptor that lines go to; nil for syslog.
    public var descriptor: Int32? {
        guard case .descriptor(let descriptor) = target else { return nil }
        return descriptor
    }

    /// Writes one line.
    /// - Parameters:
    ///   - line: The line without its end; holds no control characters.
    ///   - level: For syslog's priority.
    public func write(_ line: String, level: Logger.Level) {
        switch target {
        case .descriptor(let descriptor): Self.append(line, to: descriptor)
        case .syslog:
            line.withCString { text in withVaList([text]) { vsyslog(Self.priority(of: level), "%s", $0) } }
        }
    }

    private static func append(_ line: String, to descriptor: Int32) {
        var text = line
        text.append("\n")
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }

    private static func priority(of level: Logger.Level) -> Int32 {
        switch level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }
}

/// A log file cannot be opened.
public struct LogSinkError: Error, CustomStringConvertible {
    /// The file.
    public let path: String
    /// What the system said.
    public let reason: String

    /// File and reason in one line.
    public var description: String { "cannot open log file '\(path)': \(reason)" }
}
