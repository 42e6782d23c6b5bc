/// Why a command ends without success: one line for standard error and the exit code.
struct Failure: Error, Equatable {
    /// How a command can fail; the values of the usual exit codes.
    enum Kind: Int32, Sendable {
        /// Something did not work.
        case failed = 1
        /// The command line is wrong.
        case usage = 2
    }

    let kind: Kind
    /// Names thing and remedy.
    let message: String

    init(_ message: String, kind: Kind = .failed) {
        self.kind = kind
        // Whatever a file put into the text, it stays one line.
        self.message = String(message.map { $0.isNewline ? " " : $0 })
    }

    static func usage(_ message: String) -> Failure { Failure(message, kind: .usage) }
}
