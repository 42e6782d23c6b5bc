import Dispatch
import Glibc

/// SIGTERM and SIGINT, for whoever ends on them.
struct StopSignal {
    private let sources: [any DispatchSourceSignal]

    /// Calls `body` when one of them comes, on a queue of the system's.
    static func wait(_ body: @escaping @Sendable () -> Void) -> StopSignal {
        StopSignal(
            sources: [SIGTERM, SIGINT].map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler(handler: body)
                source.resume()
                return source
            }
        )
    }

    /// Listens no more.
    func cancel() { sources.forEach { $0.cancel() } }
}
