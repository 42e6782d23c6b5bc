extension VolumeError {
    /// Words of the daemon's own lines, and of the store's codes in them; the first that is found counts.
    private static let kindsByWords: [(words: String, kind: Kind)] = [
        ("no credentials", .unauthenticated), ("does not know the access key", .unauthenticated),
        ("secret key does not fit", .unauthenticated), ("InvalidAccessKeyId", .unauthenticated),
        ("SignatureDoesNotMatch", .unauthenticated), ("ExpiredToken", .unauthenticated),
        ("InvalidToken", .unauthenticated), ("access denied", .permissionDenied),
        ("AccessDenied", .permissionDenied), ("Forbidden", .permissionDenied), ("403", .permissionDenied),
        ("does not exist", .notFound), ("there is no such", .notFound),
    ]

    /// What a daemon's failure is to the orchestrator.
    /// - Parameter status: What its keeper says of it.
    package init(daemon status: DaemonStatus) {
        let reason = status.reason ?? "it does not say why"
        let known = Self.kindsByWords.first { reason.contains($0.words) }?.kind
        let kind = status.exitStatus == 2 ? .invalidArgument : known ?? .unavailable
        self.init(kind, "the daemon cannot mount: \(reason)")
    }
}
