/// Why a command ends without success: one line for standard error and the exit code.
struct Failure: Error, Equatable, CustomStringConvertible {
    /// How a command can fail; the values of the usual exit codes.
    enum Kind: Int32, Sendable {
        /// Something did not work.
        case failed = 1
        /// The command line or the configuration is wrong.
        case usage = 2
    }

    let kind: Kind
    /// Names thing and remedy.
    let message: String

    init(_ message: String, kind: Kind = .failed) {
        self.kind = kind
        // Whatever a server or a file name put into the text, it stays one line.
        self.message = String(message.map { $0.isNewline ? " " : $0 })
    }

    static func usage(_ message: String) -> Failure { Failure(message, kind: .usage) }

    var description: String { message }

    /// The exit code, as mount(8) wants it from a helper: 1 for usage, 32 for a failed mount.
    func exitCode(asMountHelper: Bool) -> Int32 {
        guard asMountHelper else { return kind.rawValue }
        return kind == .usage ? 1 : 32
    }
}

/// Something to tell the user that is no failure; logged once the log is there.
struct Notice: Equatable, Sendable {
    /// Constant text.
    let message: String
    /// The facts.
    let facts: [String: String]
}
