import Glibc
import Settings

/// What a command says, whole or not at all.
enum StandardStreams {
    /// Writes text to standard output.
    /// - Throws: A ``Failure`` if it does not take all of it: a full disk must not look like a short answer.
    static func output(_ text: String) throws(Failure) {
        guard write(text, to: 1) else {
            throw Failure("cannot write to standard output: \(systemText(errno))")
        }
    }

    /// Writes one line for people under the program's name to standard error.
    static func complain(_ line: String) {
        _ = write("alluxio: \(line)\n", to: 2)
    }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
