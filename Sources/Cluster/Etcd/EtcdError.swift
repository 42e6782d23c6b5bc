/// Why etcd did not do what was asked.
public enum EtcdError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A setting can't be used; trying again does not help.
    case invalid(String)
    /// No member answered in all tries; the text tells the last failure.
    case unreachable(String)
    /// User, password or certificate were refused, or the user lacks a permission.
    case notPermitted(String)
    /// The lease has expired or was revoked.
    case leaseGone
    /// etcd understood and refused: its status code (gRPC's numbers) and its words.
    case refused(code: Int, message: String)
    /// The answer was not etcd's JSON; the endpoint is probably not etcd, or a proxy stands before it.
    case malformed(String)
    /// The caller's thread is to end.
    case stopped

    /// What went wrong and what to do.
    public var description: String {
        switch self {
        case .invalid(let text): text
        case .unreachable(let text): "no etcd member answered (\(text)); check alluxio.etcd.endpoints"
        case .notPermitted(let text):
            "etcd refused: \(text); check alluxio.etcd.username and alluxio.etcd.password"
        case .leaseGone: "the lease has expired or was revoked"
        case .refused(let code, let message): "etcd refused (code \(code)): \(message)"
        case .malformed(let text): "the answer is not etcd's (\(text)); check alluxio.etcd.endpoints"
        case .stopped: "stopped"
        }
    }
}
