import GRPCCore
import Volumes

extension RPCError {
    /// What the orchestrator is told of a failure.
    init(_ error: VolumeError) {
        let code: Code =
            switch error.kind {
            case .invalidArgument: .invalidArgument
            case .notFound: .notFound
            case .alreadyExists: .alreadyExists
            case .failedPrecondition: .failedPrecondition
            case .unauthenticated: .unauthenticated
            case .permissionDenied: .permissionDenied
            case .aborted: .aborted
            case .unavailable: .unavailable
            case .deadlineExceeded: .deadlineExceeded
            case .internal: .internalError
            }
        self.init(code: code, message: error.description)
    }
}
