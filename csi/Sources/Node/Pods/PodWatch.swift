import HTTPTransport
import Synchronization
import Threading

/// Notices when somebody must look after the pods of a node, so that nobody asks the API server every second.
///
/// Owned by a ``PodRunner``; any thread may call. It has one thread, which ends after ``stop()``.
final class PodWatch: Sendable {
    /// How long one watch lasts; after each, somebody looks, whatever was heard.
    private static let length = Duration.seconds(300)
    /// The longest pause after a watch that failed.
    private static let longestPause = Duration.seconds(30)

    private let pods: PodDaemons
    private let cancellation = HTTPCancellation()
    private let isNeeded = Atomic(true)

    init(_ pods: PodDaemons) { self.pods = pods }

    /// Whether somebody must look; asks once for each need.
    func takeNeed() -> Bool { isNeeded.exchange(false, ordering: .acquiringAndReleasing) }

    /// Says that somebody must look.
    func need() { isNeeded.store(true, ordering: .releasing) }

    /// Begins.
    func start() {
        do throws(ThreadRefusal) {
            try NamedThread.start("pods") { [self] in run() }
        } catch {
            // Without a thread nothing is noticed, and a look is needed always.
            need()
        }
    }

    /// Ends, within about a second.
    func stop() { cancellation.cancel() }

    private func run() {
        var pause = Duration.seconds(1)
        while !cancellation.isCancelled {
            do throws(PodDaemonError) {
                try pods.watch(by: .now + Self.length, cancellation: cancellation) { need() }
                pause = .seconds(1)
            } catch {
                pause = min(pause * 2, Self.longestPause)
            }
            need()
            let end = ContinuousClock.now + pause
            while ContinuousClock.now < end, !cancellation.isCancelled {
                sleepThread(for: .milliseconds(200))
            }
        }
    }
}
