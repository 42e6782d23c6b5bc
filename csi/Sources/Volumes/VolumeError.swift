/// Why a volume cannot be had: what the caller is told, and under which gRPC code.
package struct VolumeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is; the names are those of gRPC's codes.
    package enum Kind: Hashable, Sendable {
        /// The request is wrong, and will be so next time.
        case invalidArgument
        /// What the request names is not there.
        case notFound
        /// The volume is there in another shape.
        case alreadyExists
        /// The node is not in the state that the call needs.
        case failedPrecondition
        /// The credentials are missing or wrong.
        case unauthenticated
        /// The identity may not do this.
        case permissionDenied
        /// Another call for the same volume is under way.
        case aborted
        /// It may work later.
        case unavailable
        /// It took too long.
        case deadlineExceeded
        /// Anything else.
        case `internal`
    }

    /// What kind of failure it is.
    package let kind: Kind
    /// One line: the thing and the remedy; no secrets.
    package let description: String

    /// Describes a failure.
    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// The request is wrong.
    package static func invalid(_ description: String) -> VolumeError {
        VolumeError(.invalidArgument, description)
    }
}
