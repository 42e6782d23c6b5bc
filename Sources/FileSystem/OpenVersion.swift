import CoreMetrics
import Pages
import Synchronization
import Threading

/// What all open versions share.
struct ReadAhead: Sendable {
    /// The most bytes that one stream has ahead.
    let windowMaximum: Int
    /// What all streams may have ahead together.
    let budget: ReadAheadBudget
    /// Runs the fetches.
    let pool: WaitingPool
    /// Counts them.
    let metrics: FileSystemMetrics
    /// Seconds since the mount started, as housekeeping counts them.
    let second = SharedCounter()
}

/// A number that several threads look at.
final class SharedCounter: Sendable {
    private let value = Atomic<UInt32>(0)

    /// The number now.
    var now: UInt32 { value.load(ordering: .relaxed) }

    /// Adds one.
    /// - Returns: The new number.
    func advance() -> UInt32 { value.add(1, ordering: .relaxed).newValue }
}

/// One version of one file while it has open handles: its pages and its planner, shared by all of them.
///
/// Any thread may call it. The planner's lock is held for a decision, never for a fetch.
final class OpenVersion: Sendable {
    private let file: any PageFile
    private let readAhead: ReadAhead
    private let planner: Mutex<Planner>
    private let wasRead = Atomic(false)
    private let isClosed = Atomic(false)

    init(file: any PageFile, readAhead: ReadAhead) {
        self.file = file
        self.readAhead = readAhead
        planner = Mutex(Planner(size: file.version.size, windowMaximum: readAhead.windowMaximum))
    }

    /// Which version.
    var version: FileVersion { file.version }

    /// Length in bytes.
    var size: Int64 { file.version.size }

    /// Notes that a read was answered.
    /// - Returns: Whether it is the first one.
    func noteRead() -> Bool {
        // The load first: a shared cache line that nobody writes stays with every core.
        !wasRead.load(ordering: .relaxed) && !wasRead.exchange(true, ordering: .relaxed)
    }

    /// The bytes of a span if they are at hand; then the planner takes note of the read.
    /// - Parameter span: Not empty, inside the version.
    /// - Returns: The bytes, or nil.
    func resident(_ span: Span) -> PinnedBytes? {
        guard let bytes = file.resident(span) else { return nil }
        _ = plan(span, isResident: true)
        readAhead.metrics.residentBytes.increment(by: span.count)
        return bytes
    }

    /// The bytes of a span, fetched on this thread where they are missing.
    /// - Parameter span: Not empty, inside the version.
    /// - Returns: The bytes.
    /// - Throws: What the page source threw.
    func fetch(_ span: Span) throws(StoreError) -> PinnedBytes {
        let ask = plan(span, isResident: false)
        let bytes = try file.read(span, asking: ask)
        readAhead.metrics.waitedBytes.increment(by: span.count)
        return bytes
    }

    /// Gives the bytes of a span, fetched where they are missing, piece by piece.
    /// - Parameters:
    ///   - span: Inside the version.
    ///   - sink: Takes the bytes in order, on this thread.
    /// - Throws: What the page source or the sink threw.
    func copy(_ span: Span, into sink: SpanSink) throws(StoreError) {
        var next = span.offset
        var ask = Span(from: next, to: next)
        while next < span.end {
            if next >= ask.end { ask = Span(from: next, to: min(next + Self.askedBytes, span.end)) }
            let piece = Span(from: next, to: min(next + Self.copiedBytes, ask.end))
            // What is asked for at once is one request; the pieces after the first find it in the cache.
            try file.read(piece, asking: Span(from: next, to: ask.end)).copy(into: sink)
            next = piece.end
        }
    }

    /// How much ``copy(_:into:)`` asks for at a time.
    private static let askedBytes: Int64 = 8 << 20
    /// How much ``copy(_:into:)`` holds at a time.
    private static let copiedBytes: Int64 = 1 << 20

    /// Gives back what is held for a file that nobody has open any more.
    func close() {
        isClosed.store(true, ordering: .relaxed)
        planner.withLock { planner in
            settle(&planner) { planner in
                let idle = planner.releaseIdle(before: .max)
                return (released: idle.released, unused: idle.unused)
            }
        }
    }

    /// Gives back the budget of streams that have not been read since a second.
    func releaseIdle(before second: UInt32) {
        planner.withLock { planner in
            settle(&planner) { planner in planner.releaseIdle(before: second) }
        }
    }

    /// Tells the planner of a read and starts what it wants ahead.
    /// - Returns: What the read itself should ask for.
    private func plan(_ span: Span, isResident: Bool) -> Span {
        decide { planner, share, reserve in
            planner.observed(
                span,
                isResident: isResident,
                share: share,
                second: readAhead.second.now,
                reserve: reserve
            )
        }.ask
    }

    /// Has the planner decide something, settles its account with the budget, and starts what it wants ahead.
    private func decide(
        _ question: (inout Planner, _ share: Int, _ reserve: (Int) -> Int) -> Planner.Plan
    ) -> Planner.Plan {
        let budget = readAhead.budget
        let plan = planner.withLock { planner -> Planner.Plan in
            let streamsBefore = planner.chargedStreams
            let plan = question(&planner, budget.share(isNew: streamsBefore == 0), budget.take)
            if plan.released > 0 { budget.give(plan.released) }
            if plan.released > 0 || !plan.ahead.isEmpty {
                budget.adjustStreams(by: planner.chargedStreams - streamsBefore)
            }
            return plan
        }
        if plan.unused > 0 { readAhead.metrics.unusedAheadBytes.increment(by: plan.unused) }
        for piece in plan.ahead { start(piece) }
        return plan
    }

    private func start(_ piece: Span) {
        guard !file.isCovered(piece) else {
            release(piece) { $0.wasCovered($1) }
            return
        }
        let isAccepted = readAhead.pool.submit(.ahead) { self.load(piece) }
        if !isAccepted { release(piece) { $0.retract($1) } }
    }

    /// Runs on a pool thread.
    private func load(_ piece: Span) {
        guard !isClosed.load(ordering: .relaxed), planner.withLock({ $0.isWanted(piece) }) else { return }
        readAhead.metrics.issuedAheadBytes.increment(by: piece.count)
        let asked = MonotonicInstant.now
        var received = 0
        var told = 0
        do {
            try file.load(piece) { count in
                received += count
                guard told == 0 || received - told >= PlannerLimits.arrivalStep else { return }
                noteArrival(of: piece, received, after: told == 0 ? .nanoseconds(asked.nanosecondsAgo) : nil)
                told = received
            }
            noteArrival(of: piece, piece.count, after: nil)
        } catch {
            // Whoever reads these bytes asks again and sees its own error.
            release(piece) { $0.retract($1) }
        }
    }

    private func noteArrival(of piece: Span, _ received: Int, after latency: Duration?) {
        _ = decide { planner, share, reserve in
            planner.arrived(piece, received: received, after: latency, share: share, reserve: reserve)
        }
    }

    private func release(_ piece: Span, _ change: (inout Planner, Span) -> Int) {
        planner.withLock { planner in
            settle(&planner) { planner in (released: change(&planner, piece), unused: 0) }
        }
    }

    /// Changes the planner and gives the budget what that set free.
    private func settle(_ planner: inout Planner, _ change: (inout Planner) -> (released: Int, unused: Int)) {
        let streamsBefore = planner.chargedStreams
        let (released, unused) = change(&planner)
        if released > 0 { readAhead.budget.give(released) }
        if unused > 0 { readAhead.metrics.unusedAheadBytes.increment(by: unused) }
        readAhead.budget.adjustStreams(by: planner.chargedStreams - streamsBefore)
    }
}
