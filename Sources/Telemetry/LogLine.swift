public import Glibc
public import Logging

/// How a log line looks.
public enum LogFormat: String, CaseIterable, Sendable {
    /// `time level label: message key=value …`
    case text
    /// One JSON object a line, metadata flat under `metadata`.
    case json
}

/// Turns one log event into one line.
///
/// Pure, apart from the time it is given.
public enum LogLine {
    /// Formats an event.
    /// - Parameters:
    ///   - format: Text or JSON.
    ///   - time: Seconds and nanoseconds since 1970.
    ///   - level: The event's level.
    ///   - label: The logger's label.
    ///   - message: The constant message.
    ///   - metadata: The facts, in any order; they are sorted by key.
    /// - Returns: One line without its end; control characters are escaped.
    public static func make(
        _ format: LogFormat,
        time: timespec,
        level: Logger.Level,
        label: String,
        message: String,
        metadata: Logger.Metadata
    ) -> String {
        let facts = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            var line = "\(timestamp(time)) \(level.rawValue) \(label): \(escaped(message))"
            for (key, value) in facts {
                line += " \(escaped(key))=\(quoted(value.description))"
            }
            return line
        case .json:
            var line = "{\"time\":\"\(timestamp(time))\",\"level\":\"\(level.rawValue)\""
            line += ",\"label\":\(JSONText.string(label)),\"message\":\(JSONText.string(message))"
            if !facts.isEmpty {
                let pairs = facts.map {
                    "\(JSONText.string($0.key)):\(JSONText.string($0.value.description))"
                }
                line += ",\"metadata\":{\(pairs.joined(separator: ","))}"
            }
            return line + "}"
        }
    }

    /// A point in time as RFC 3339 in UTC with milliseconds.
    /// - Parameter time: Seconds and nanoseconds since 1970.
    /// - Returns: For example `2026-01-31T23:59:58.007Z`.
    public static func timestamp(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "-" }
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        let milliseconds = String(time.tv_nsec / 1_000_000 + 1000).dropFirst()
        return "\(date)T\(clock).\(milliseconds)Z"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// Quotes a value when a reader could not tell where it ends.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.unicodeScalars.allSatisfy { $0 > " " && $0 != "\"" && $0 != "=" }
        return isPlain ? escaped(value) : JSONText.string(value)
    }

    /// Keeps a line one line whatever a key or an error text holds.
    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            return text
        }
        return String(JSONText.string(text).dropFirst().dropLast())
    }
}
