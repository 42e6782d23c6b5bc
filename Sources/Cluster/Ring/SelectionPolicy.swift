/// How workers are chosen for a file: `alluxio.user.worker.selection.policy` and its `.type`.
///
/// There is one. Under another policy the rest of a cluster would look for files elsewhere, without an error
/// and with nothing cached, so the others are refused by name.
public enum SelectionPolicy: Hashable, Sendable {
    /// ``HashRing``: `CONSISTENT`, or `CONSISTENT_HASH` in newer versions.
    case consistent

    /// The policy with a name.
    /// - Parameter name: As properties have it, of either case.
    /// - Throws: ``RingSettingError/otherPolicy(_:)`` or ``RingSettingError/unknownPolicy(_:)``.
    public init(name: String) throws(RingSettingError) {
        switch name.uppercased() {
        case "CONSISTENT", "CONSISTENT_HASH": self = .consistent
        case "JUMP", "KETAMA", "MULTI_PROBE", "MAGLEV", "LOCAL", "REMOTE_ONLY":
            throw .otherPolicy(name.uppercased())
        default: throw .unknownPolicy(name)
        }
    }
}
