import Glibc
public import Logging

/// The daemon's log handler: one line per event to a ``LogSink``.
public struct LineLogHandler: LogHandler {
    /// The least level that is written.
    public var logLevel: Logger.Level
    /// Facts that every line of this logger carries.
    public var metadata: Logger.Metadata = [:]
    /// Facts that are asked for at each line.
    public var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let sink: LogSink

    /// Makes a handler for one logger.
    /// - Parameters:
    ///   - label: The logger's label.
    ///   - level: The least level that is written.
    ///   - format: Text or JSON.
    ///   - sink: Where the lines go.
    public init(label: String, level: Logger.Level, format: LogFormat, sink: LogSink) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.sink = sink
    }

    /// One of the facts that every line carries.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one event.
    /// - Parameter event: What happened; the logger has checked its level.
    public func log(event: LogEvent) {
        var facts = metadata
        if let provided = metadataProvider?.get() {
            facts.merge(provided) { _, new in new }
        }
        if let own = event.metadata {
            facts.merge(own) { _, new in new }
        }
        if let error = event.error {
            facts["error"] = "\(error)"
        }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let line = LogLine.make(
            format,
            time: now,
            level: event.level,
            label: label,
            message: event.message.description,
            metadata: facts
        )
        sink.write(line, level: event.level)
    }
}
