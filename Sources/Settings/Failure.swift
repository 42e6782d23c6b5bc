/// Why a command ends without success: one line for standard error and the exit code.
package struct Failure: Error, Equatable, CustomStringConvertible {
    /// How a command can fail; the values of the usual exit codes.
    package enum Kind: Int32, Sendable {
        /// Something did not work.
        case failed = 1
        /// The command line or the configuration is wrong.
        case usage = 2
    }

    /// Whose fault it is; decides about the exit code.
    package let kind: Kind
    /// Names thing and remedy.
    package let message: String

    /// Makes a failure of one line.
    /// - Parameters:
    ///   - message: Names thing and remedy; line breaks become blanks.
    ///   - kind: Whose fault it is.
    package init(_ message: String, kind: Kind = .failed) {
        self.kind = kind
        // Whatever a server or a file name put into the text, it stays one line.
        self.message = String(message.map { $0.isNewline ? " " : $0 })
    }

    /// A wrong command line or configuration.
    package static func usage(_ message: String) -> Failure { Failure(message, kind: .usage) }

    /// The message.
    package var description: String { message }

    /// The exit code, as mount(8) wants it from a helper: 1 for usage, 32 for a failed mount.
    package func exitCode(asMountHelper: Bool) -> Int32 {
        guard asMountHelper else { return kind.rawValue }
        return kind == .usage ? 1 : 32
    }
}

/// Something to tell the user that is no failure; logged once the log is there.
package struct Notice: Equatable, Sendable {
    /// Constant text.
    package let message: String
    /// The facts.
    package let facts: [String: String]

    /// Something to tell.
    /// - Parameters:
    ///   - message: Constant text.
    ///   - facts: What varies, by name.
    package init(message: String, facts: [String: String]) {
        self.message = message
        self.facts = facts
    }
}
