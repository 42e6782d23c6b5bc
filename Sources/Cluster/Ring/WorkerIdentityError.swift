/// Why something is no identity of a worker; the description names it and the remedy.
public enum WorkerIdentityError: Error, Hashable, CustomStringConvertible {
    /// The version is neither 0 nor 1.
    case unknownVersion(Int)
    /// The identifier has a length that its version does not have.
    case wrongLength(version: Int, bytes: Int)
    /// The text of an identifier is not the hexadecimal digits that its version asks for.
    case notHexadecimal(version: Int, text: String)
    /// The text is no UUID.
    case notUUID(String)

    /// One line: what is wrong, and what to write instead.
    public var description: String {
        switch self {
        case .unknownVersion(let version):
            "identity version \(version) is not known; use 1 (a UUID) or 0 (a number of 8 bytes)"
        case .wrongLength(let version, let bytes):
            "an identifier of version \(version) has \(Self.length(version)) bytes, not \(bytes)"
        case .notHexadecimal(let version, let text):
            "identifier '\(Self.shown(text))' is no identifier of version \(version);"
                + " write \(2 * Self.length(version)) hexadecimal digits without hyphens"
        case .notUUID(let text):
            "'\(Self.shown(text))' is no UUID; write it as 8-4-4-4-12 hexadecimal digits"
        }
    }

    private static func length(_ version: Int) -> Int { WorkerIdentity.identifierBytes[version] ?? 16 }

    /// Foreign text for one line: printable, at most 80 characters.
    private static func shown(_ text: String) -> String {
        let limit = 80
        let start = text.unicodeScalars.prefix(limit).map { scalar in
            scalar.value < 0x20 || scalar.value == 0x7F ? " " : Character(scalar)
        }
        return String(start) + (text.unicodeScalars.count > limit ? "…" : "")
    }
}
