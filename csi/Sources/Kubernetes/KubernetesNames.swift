/// The forms of names that the API server accepts.
///
/// Checked before a name becomes part of a path, so that none leads to another object than it says. Pure
/// functions; any thread may call them.
public enum KubernetesNames {
    /// Whether text is a label of RFC 1123, as namespaces have: at most 63 of `a-z 0-9 -`, first and last no
    /// `-`.
    /// - Parameter text: Any text.
    /// - Returns: Whether it is one; `false` for no text.
    public static func isLabel(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
        return isLowerOrDigit(first) && isLowerOrDigit(last)
            && bytes.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    /// Whether text is a subdomain of RFC 1123, as most objects have: labels with `.` between, at most 253
    /// bytes.
    /// - Parameter text: Any text.
    /// - Returns: Whether it is one; `false` for no text. The labels may be longer than 63 bytes each, as the
    ///   API server has it.
    public static func isSubdomain(_ text: String) -> Bool {
        guard text.utf8.count <= 253 else { return false }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            guard let first = part.first, let last = part.last else { return false }
            return isLowerOrDigit(first) && isLowerOrDigit(last)
                && part.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// Whether text may be the value of a label: at most 63 of `A-Z a-z 0-9 - _ .`, first and last a letter
    /// or digit.
    /// - Parameter text: Any text.
    /// - Returns: Whether it may; `true` for no text.
    public static func isLabelValue(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, let last = bytes.last else { return true }
        return bytes.count <= 63 && isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || (byte >= 0x30 && byte <= 0x39)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerOrDigit(byte) || (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"))
    }
}
