import CoreMetrics
public import Pages
import Synchronization
import Threading

// Safety: `state` is read and written with the lock held.
/// Tells workers what this process has changed, so that nobody is given what was before.
///
/// The owners of a name and of its directory forget what they know of it, and the owners of a file read the
/// new version ahead. Any thread may call it; none waits for a worker. What is not told is found out by the
/// workers themselves when what they know has become too old.
public final class ChangeNews: @unchecked Sendable {
    private struct State {
        var queue: [ChangedName] = []
        var hasThread = false
        var isSending = false
    }

    /// The most changes that wait to be told.
    static let queueMaximum = 8192
    /// The most changes that are told at once.
    static let batchMaximum = 400
    /// The most virtual blocks of one file that are read ahead.
    static let blocksMaximum = 64
    /// How long the thread waits for more before it ends.
    private static let linger = Duration.seconds(2)

    private let fleet: WorkerFleet
    private let warms: Bool
    private let lock = Lock()
    private let changed = Condition()
    private var state = State()

    /// Prepares to tell the workers of a fleet.
    /// - Parameters:
    ///   - fleet: The workers.
    ///   - warms: Whether the owners of a file are to read its new version ahead.
    public init(fleet: WorkerFleet, warms: Bool) {
        self.fleet = fleet
        self.warms = warms
    }

    /// Objects are gone from the store.
    /// - Parameter names: Their addresses.
    public func deleted(_ names: [UFSURI]) {
        for name in names { tell(ChangedName(name)) }
    }

    /// Tells of a change, soon; beyond ``queueMaximum`` it is dropped and counted.
    func tell(_ change: ChangedName) {
        var change = change
        if !warms { change.version = nil }
        fleet.noteOwn(change)
        lock.lock()
        guard state.queue.count < Self.queueMaximum else {
            lock.unlock()
            return fleet.metrics.countNews(.dropped)
        }
        state.queue.append(change)
        let needsThread = !state.hasThread
        state.hasThread = true
        changed.broadcast()
        lock.unlock()
        if needsThread { start() }
    }

    private func start() {
        do throws(ThreadRefusal) {
            try NamedThread.start("cluster-news") { [self] in run() }
        } catch {
            lock.lock()
            let lost = state.queue.count
            state.queue = []
            state.hasThread = false
            lock.unlock()
            fleet.metrics.countNews(.dropped, lost)
        }
    }

    /// Waits until everything is told.
    /// - Parameter limit: How long at most.
    public func finish(within limit: Duration) {
        let deadline = MonotonicInstant.now + limit
        lock.lock()
        defer { lock.unlock() }
        while !state.queue.isEmpty || state.isSending, changed.wait(lock, until: deadline) {}
    }

    private func run() {
        while let batch = next() { send(batch) }
    }

    /// The next changes; nil if there were none for a while, and the thread is to end.
    private func next() -> [ChangedName]? {
        let deadline = MonotonicInstant.now + Self.linger
        lock.lock()
        defer { lock.unlock() }
        state.isSending = false
        changed.broadcast()
        while state.queue.isEmpty {
            guard changed.wait(lock, until: deadline) || !state.queue.isEmpty else {
                state.hasThread = false
                return nil
            }
        }
        let batch = Array(state.queue.prefix(Self.batchMaximum))
        state.queue.removeFirst(batch.count)
        state.isSending = true
        return batch
    }

    private func send(_ batch: [ChangedName]) {
        var texts: [(link: WorkerLink, text: NewsText)] = []
        func add(_ links: [WorkerLink], _ body: (inout NewsText) -> Void) {
            for link in links {
                if let place = texts.lastIndex(where: { $0.link === link && !$0.text.isFull }) {
                    body(&texts[place].text)
                } else {
                    var text = NewsText()
                    body(&text)
                    texts.append((link, text))
                }
            }
        }
        for change in batch {
            if let version = change.version { addVersion(version, add) }
            let owners = fleet.tellable(of: change.name) + fleet.tellable(of: change.directory)
            add(change.isTree ? fleet.allLinks : owners) { $0.add(change.name) }
        }
        for (link, text) in texts { fleet.tell(link, text) }
    }

    private func addVersion(
        _ version: FileVersion,
        _ add: ([WorkerLink], (inout NewsText) -> Void) -> Void
    ) {
        let block = fleet.options.virtualBlocks.sizeBytes
        guard block > 0, version.size > block else {
            return add(fleet.tellable(of: version.uri)) { $0.add(version, nil) }
        }
        for index in 0..<min(Int64(Self.blocksMaximum), (version.size + block - 1) / block) {
            let span = Span(from: index * block, to: min(version.size, (index + 1) * block))
            let key = fleet.options.virtualBlocks.key(of: version.uri, at: span.offset)
            add(fleet.workers(for: key).links) { $0.add(version, span) }
        }
    }
}

extension WorkerFleet {
    /// The workers that are told of a name.
    fileprivate func tellable(of name: UFSURI) -> [WorkerLink] {
        workers(for: options.virtualBlocks.attributesKey(of: name)).links
    }

    /// Tells one worker, unless it is left alone or is none of ours.
    fileprivate func tell(_ link: WorkerLink, _ text: NewsText) {
        guard enter(link) else { return metrics.countNews(.failed, text.count) }
        do throws(WorkerFailure) {
            guard try isOurs(link) else { throw .unusable("only our workers are told of changes") }
            let refused = try client.tell(text, to: link.worker)
            succeeded(link, firstByte: nil)
            metrics.countNews(.sent, text.count)
            if refused > 0 { metrics.countNews(.refused, refused) }
        } catch {
            failed(link, error, waited: options.patience)
            metrics.countNews(.failed, text.count)
        }
    }
}
