import CoreMetrics
import NIOPosix
import Pages
import Synchronization

/// Reads new versions from the store before somebody asks for them.
///
/// Any thread may call it. A bounded queue, and few threads of the pool at a time, so that readers who wait
/// for the store have the others.
final class Warming: Sendable {
    /// What is to be read.
    struct Wish: Sendable {
        let version: FileVersion
        let span: Span
    }

    private struct State {
        var queue: [Wish] = []
        /// What was taken off the front of the queue.
        var taken = 0
        var readers = 0

        var waiting: Int { queue.count - taken }

        mutating func next() -> Wish? {
            guard taken < queue.count else {
                queue.removeAll(keepingCapacity: true)
                taken = 0
                return nil
            }
            taken += 1
            return queue[taken - 1]
        }
    }

    private let pages: any PageSource
    private let pool: NIOThreadPool
    private let fileBytesMaximum: Int64
    private let state = Mutex(State())
    private let length = Gauge(label: "alluxio_fuse_worker_warming_queue_length")
    private let read = Warming.counter("read")
    private let refused = Warming.counter("refused")
    private let failed = Warming.counter("failed")

    private static func counter(_ outcome: String) -> Counter {
        Counter(label: "alluxio_fuse_worker_warmed_total", dimensions: [("outcome", outcome)])
    }

    /// - Parameters:
    ///   - pages: The cache that is filled.
    ///   - pool: Threads that may wait for the store.
    ///   - fileBytesMaximum: A longer file would push too much else out, and is not read.
    init(_ pages: any PageSource, on pool: NIOThreadPool, fileBytesMaximum: Int64) {
        self.pages = pages
        self.pool = pool
        self.fileBytesMaximum = fileBytesMaximum
    }

    /// Queues a version.
    /// - Returns: Whether it will be read; `false` if the queue is full or the file too long.
    func add(_ wish: Wish) -> Bool {
        guard !wish.span.isEmpty else { return true }
        let (isTaken, needsReader, waiting) = state.withLock { state in
            guard state.waiting < WorkerLimits.warmingMaximum, wish.version.size <= fileBytesMaximum else {
                return (false, false, state.waiting)
            }
            state.queue.append(wish)
            let needsReader = state.readers < WorkerLimits.warmingReadersMaximum
            if needsReader { state.readers += 1 }
            return (true, needsReader, state.waiting)
        }
        length.record(waiting)
        if !isTaken { refused.increment() }
        if needsReader { pool.submit { [self] state in run(isActive: state == .active) } }
        return isTaken
    }

    private func run(isActive: Bool) {
        while true {
            let wish = state.withLock { state in
                let wish = isActive ? state.next() : nil
                if wish == nil { state.readers -= 1 }
                return wish
            }
            guard let wish else { return length.record(state.withLock { $0.waiting }) }
            warm(wish)
        }
    }

    private func warm(_ wish: Wish) {
        let file = pages.open(wish.version)
        var position = wish.span.offset
        while position < wish.span.end {
            let end = min(wish.span.end, position + Int64(WorkerLimits.windowBytes))
            do throws(StoreError) {
                try file.load(Span(from: position, to: end))
            } catch {
                // Replaced meanwhile, or the store does not answer: readers see for themselves.
                return failed.increment()
            }
            position = end
        }
        read.increment()
    }
}
