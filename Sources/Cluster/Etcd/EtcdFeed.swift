import CoreMetrics
import Logging
import Synchronization
import Threading

/// Keeps a copy of some keys of etcd up to date on a thread of its own, and tells of changes.
///
/// While etcd does not answer, the last copy stays. Any thread may start, ask and stop it.
final class EtcdFeed: Sendable {
    /// What is fed, and how.
    struct Settings: Sendable {
        /// What the keys hold, for log lines; also the thread's name, at most 15 bytes.
        var name: String
        /// Which keys.
        var keys: [EtcdKeys]
        /// When it reads and watches.
        var schedule: FeedSchedule.Settings
    }

    private struct State {
        var thread: BackgroundThread?
        var contact: ContinuousClock.Instant?
        var isTroubled = false
    }

    private let settings: Settings
    private let client: EtcdClient
    private let signal = StopSignal()
    private let first = Gate()
    private let state = Mutex(State())
    private let metrics: FeedMetrics
    private let logger: Logger
    private let onChange: @Sendable ([EtcdEntry]) -> Void

    /// Prepares a feed.
    /// - Parameters:
    ///   - client: Where the keys are.
    ///   - settings: Which keys, and how they are followed.
    ///   - metrics: What it counts in.
    ///   - logger: Where trouble is told.
    ///   - onChange: Gets all entries in ascending order of keys, first after the first read and then after
    ///     each change, on the feed's thread.
    init(
        client: EtcdClient,
        settings: Settings,
        metrics: FeedMetrics,
        logger: Logger,
        onChange: @escaping @Sendable ([EtcdEntry]) -> Void
    ) {
        self.client = client.bound(to: signal, oneRound: true)
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        self.onChange = onChange
    }

    /// Starts the thread.
    /// - Returns: Whether there is one; `false` if the system refuses another thread.
    func start() -> Bool {
        state.withLock { state in
            guard state.thread == nil else { return true }
            state.thread = BackgroundThread.start(settings.name, until: signal) { self.run() }
            return state.thread != nil
        }
    }

    /// Ends the thread.
    /// - Parameter limit: How long to wait for it.
    /// - Returns: Whether it has ended.
    @discardableResult
    func stop(within limit: Duration) -> Bool {
        signal.raise()
        return state.withLock { $0.thread }?.stop(within: limit) ?? true
    }

    /// Waits until everything was read once.
    /// - Parameter limit: How long at most.
    /// - Returns: Whether it was.
    func waitForFirstRead(atMost limit: Duration) -> Bool { first.wait(atMost: limit) }

    /// How long ago etcd last answered; nil if it never did.
    var age: Duration? { state.withLock { $0.contact }.map { $0.duration(to: .now) } }

    private func run() {
        var schedule = FeedSchedule(settings.schedule)
        var mirror = EtcdMirror()
        while !signal.isRaised {
            let pause: Duration
            do throws(EtcdError) {
                let revision = try read(into: &mirror)
                switch schedule.wasRead() {
                case .pause(let time): pause = time
                case .watch(let time): pause = watch(&mirror, after: revision, for: time, &schedule)
                }
            } catch {
                if error == .stopped { return }
                hadTrouble(error)
                pause = schedule.readFailed(chance: .random(in: 0...1))
            }
            guard signal.sleep(pause) else { return }
        }
    }

    /// Reads everything, all at one revision.
    private func read(into mirror: inout EtcdMirror) throws(EtcdError) -> Int64 {
        let outcome = try client.commit(EtcdTransaction(if: [], then: settings.keys.map { .get($0) }))
        hadContact()
        let hasChanged = mirror.replace(with: outcome.reads.flatMap { $0 })
        if hasChanged || !first.isOpen { tell(mirror) }
        first.open()
        return outcome.revision
    }

    private func watch(
        _ mirror: inout EtcdMirror,
        after revision: Int64,
        for time: Duration,
        _ schedule: inout FeedSchedule
    ) -> Duration {
        let start = ContinuousClock.now
        let end = client.watch(settings.keys, after: revision, for: time) { events in
            hadContact()
            if mirror.apply(events) { tell(mirror) }
            return true
        }
        if case .broken(let text) = end {
            metrics.errors.increment()
            logger.debug("a watch of etcd broke", metadata: ["of": "\(settings.name)", "reason": "\(text)"])
        }
        return schedule.watchEnded(end, after: start.duration(to: .now), chance: .random(in: 0...1))
    }

    private func tell(_ mirror: EtcdMirror) {
        metrics.changes.increment()
        onChange(mirror.sorted)
    }

    private func hadContact() {
        metrics.hadContact()
        let wasTroubled = state.withLock { state in
            state.contact = .now
            defer { state.isTroubled = false }
            return state.isTroubled
        }
        if wasTroubled { logger.info("etcd answers again", metadata: ["for": "\(settings.name)"]) }
    }

    /// Warns once, until etcd has answered again.
    private func hadTrouble(_ error: EtcdError) {
        metrics.errors.increment()
        let isNew = state.withLock { state in
            defer { state.isTroubled = true }
            return !state.isTroubled
        }
        guard isNew else { return }
        logger.warning(
            "etcd does not answer; what was known last stays in use",
            metadata: ["for": "\(settings.name)", "error": "\(error)"]
        )
    }
}
