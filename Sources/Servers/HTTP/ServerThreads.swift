import NIOCore
import NIOPosix

/// The threads that servers share: event loops that never wait, and a pool for what waits.
///
/// The pool's queue is bounded by the connections: each has at most one answer in the making and a few
/// spans on their way.
public final class ServerThreads: Sendable {
    let loops: MultiThreadedEventLoopGroup
    let pool: NIOThreadPool

    /// Starts the threads.
    /// - Parameters:
    ///   - loops: Threads that serve connections; nil: one for each processor.
    ///   - waiting: Threads that ask the store; at least 2.
    public init(loops: Int? = nil, waiting: Int = 64) {
        self.loops = MultiThreadedEventLoopGroup(numberOfThreads: max(1, loops ?? System.coreCount))
        pool = NIOThreadPool(numberOfThreads: max(2, waiting))
        pool.start()
    }

    /// Ends the threads, after what they have begun.
    ///
    /// The servers must have been stopped.
    public func stop() async {
        try? await pool.shutdownGracefully()
        try? await loops.shutdownGracefully()
    }
}
