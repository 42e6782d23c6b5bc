extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The last four characters of a long key name, and when the credentials end; no secret.
    public var description: String {
        let end = expires.map { ", expires: \($0)" } ?? ""
        return "Credentials(accessKeyID: \(maskedKeyID)\(end))"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without the secret half and the session token, so that `dump` does not print them.
    public var customMirror: Mirror {
        Mirror(self, children: ["accessKeyID": maskedKeyID, "expires": expires as Any])
    }

    /// Enough of the key's name to tell two keys apart.
    var maskedKeyID: String { accessKeyID.count >= 12 ? "****\(accessKeyID.suffix(4))" : "****" }
}
