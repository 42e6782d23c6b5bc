import CoreMetrics
public import Logging
import Pages
import Synchronization
import Threading

/// The workers of a cluster as one daemon sees them: connections, breakers, times.
///
/// Shared by the links that read bytes and names. Any thread may use it. It has no thread of its own but for
/// a probe of a worker that was left alone, which ends within the health timeout.
public final class WorkerFleet: Sendable {
    let options: ClusterOptions
    let client: WorkerClient
    let metrics: ClusterMetrics
    private let directory: any ClusterDirectory
    private let logger: Logger

    /// A worker that moved is another one: what is known of the old address says nothing of the new one.
    private struct Place: Hashable {
        let identity: WorkerIdentity
        let host: String
        let port: Int

        init(_ worker: WorkerCandidate) {
            identity = worker.identity
            host = worker.host
            port = worker.httpPort
        }
    }

    private struct Table {
        var generation: UInt64 = 0
        var links: [Place: WorkerLink] = [:]
    }

    private let table = Mutex(Table())
    private let times = Mutex(FirstByteTimes<WorkerIdentity>())
    private let routes = ReadRoutes()
    private let recent: Mutex<RecentChanges>

    /// The workers of a directory; asks none of them yet.
    /// - Parameters:
    ///   - directory: Who knows the workers.
    ///   - options: Limits and deadlines.
    ///   - logger: Where is told that workers are left alone.
    public convenience init(
        directory: any ClusterDirectory,
        options: ClusterOptions = ClusterOptions(),
        logger: Logger = Logger(label: "cluster")
    ) {
        self.init(directory: directory, options: options, logger: logger, metrics: ClusterMetrics())
    }

    /// The same, with metrics of its own.
    init(
        directory: any ClusterDirectory,
        options: ClusterOptions,
        logger: Logger,
        metrics: ClusterMetrics
    ) {
        self.metrics = metrics
        self.directory = directory
        self.options = options
        self.logger = logger
        client = WorkerClient(options)
        let age = options.metadataAge
        recent = Mutex(RecentChanges(age: age < .zero ? nil : age.wholeNanoseconds))
    }

    /// How long a connection stays open unused; workers close theirs after 75 s.
    private static let idleConnectionAge = Duration.seconds(45)

    /// Closes connections that are not used any more; to be called every few seconds.
    public func housekeep() { client.closeConnections(idleFor: Self.idleConnectionAge) }

    /// The workers of a key, the one that is to be asked first at the front.
    /// - Parameter key: What is looked up.
    /// - Returns: Live ones only; and why there are none, if there are none.
    func workers(for key: RingKey) -> (links: [WorkerLink], absence: FallbackReason) {
        let view = directory.view
        var candidates = view.candidates(for: key, count: max(options.replicas, 1))
        guard !candidates.isEmpty else { return ([], .noWorkers) }
        if case .byReader(let reader) = options.replicaChoice, candidates.count > 1 {
            let first = Self.start(of: reader, key, count: candidates.count)
            candidates = Array(candidates[first...] + candidates[..<first])
        }
        let live = candidates.filter(\.isLive)
        return (links(of: live, view), .lost)
    }

    /// Whom to ask for a place in a version, and for what.
    func route(to version: FileVersion, at offset: Int64) -> ReadRoute {
        let blocks = options.virtualBlocks
        let block = blocks.sizeBytes > 0 ? offset / blocks.sizeBytes : 0
        return routes.route(to: version, block: block, generation: directory.generation) {
            let (links, absence) = workers(for: blocks.key(of: version.uri, at: offset))
            let stops = links.map { ReadRoute.Stop(link: $0, url: WorkerURL($0.worker).range(version.uri)) }
            return ReadRoute(stops: stops, absence: absence, version: AskedVersion(version))
        }
    }

    /// Where a reader begins among the replicas of a key; spread evenly over readers and keys.
    static func start(of reader: UInt64, _ key: RingKey, count: Int) -> Int {
        var mixed = reader ^ UInt64(UInt32(bitPattern: key.position(attempt: 1))) << 16
        for _ in 0..<2 {
            mixed = (mixed ^ mixed >> 31) &* 0x9E37_79B9_7F4A_7C15
        }
        return Int((mixed >> 32) % UInt64(count))
    }

    /// All workers that live.
    var allLinks: [WorkerLink] {
        let view = directory.view
        return links(of: view.candidates.filter(\.isLive), view)
    }

    // MARK: - What this process has changed

    /// Notes that this process has changed a name.
    func noteOwn(_ change: ChangedName) {
        let now = systemClock()
        recent.withLock { recent in
            recent.note(change.name.bytes, at: now)
            recent.note(change.directory.bytes, at: now)
            if change.isTree { recent.note(treeAt: change.name.bytes, at: now) }
        }
    }

    /// How old a worker's answer about a name may be: not older than what this process has done to it.
    func metadataAge(of name: UFSURI) -> Duration {
        let now = systemClock()
        return recent.withLock { $0.contains(name.bytes, at: now) } ? .zero : options.metadataAge
    }

    private func links(of workers: [WorkerCandidate], _ view: any ClusterPlacement) -> [WorkerLink] {
        table.withLock { table in
            if table.generation != view.generation {
                table.generation = view.generation
                let known = Set(view.candidates.map { Place($0) })
                table.links = table.links.filter { known.contains($0.key) }
                let identities = Set(known.map(\.identity))
                times.withLock { $0.keep { identities.contains($0) } }
            }
            return workers.map { worker in
                let place = Place(worker)
                if let link = table.links[place] { return link }
                let link = WorkerLink(worker, options.breaker)
                table.links[place] = link
                return link
            }
        }
    }

    // MARK: - Asking, and telling how it went

    /// Asks to ask a worker; whoever may must tell how it went.
    func enter(_ link: WorkerLink) -> Bool {
        switch link.withBreaker({ $0.admit(at: .now) }) {
        case .pass: return true
        case .refused: return false
        case .probeDue:
            probe(link)
            return false
        }
    }

    /// Whether a worker is one of ours; asks it if that is not known.
    func isOurs(_ link: WorkerLink) throws(WorkerFailure) -> Bool {
        if let known = link.isOurs { return known }
        let isOurs = try client.isOurs(link.worker, within: options.patience)
        link.isOurs = isOurs
        return isOurs
    }

    /// How long a worker is waited for.
    func limit(of link: WorkerLink) -> Duration {
        let limit = times.withLock { $0.limit(of: link.worker.identity, options.hedging) }
        return min(limit.map { .nanoseconds($0) } ?? options.patience, options.patience)
    }

    /// Notes a good answer, and how long its first byte took, in nanoseconds, if that is a measure.
    func succeeded(_ link: WorkerLink, firstByte: Int64?) {
        if let firstByte {
            metrics.firstByte.recordNanoseconds(firstByte)
            times.withLock { $0.add(firstByte, of: link.worker.identity) }
        }
        let hasClosed = link.withBreaker { breaker in
            let wasClosed = breaker.isClosed
            breaker.succeeded()
            return !wasClosed && breaker.isClosed
        }
        guard hasClosed else { return }
        countOpenBreakers()
        logger.notice("A worker is asked again", metadata: ["worker": "\(link.worker.identity)"])
    }

    /// Notes a failure, and how long the worker was waited for, which counts if it was too slow.
    func failed(_ link: WorkerLink, _ failure: WorkerFailure, waited: Duration) {
        if case .sink = failure {} else { metrics.countFailure(failure.reason) }
        let chance = Double.random(in: 0..<1)
        let opened: Bool
        switch failure.verdict {
        case .opens: opened = link.withBreaker { $0.failed(weight: nil, at: .now, chance: chance) }
        case .strike: opened = link.withBreaker { $0.failed(weight: 1, at: .now, chance: chance) }
        case .slow:
            metrics.hedged.increment()
            times.withLock { $0.add(waited.wholeNanoseconds, of: link.worker.identity) }
            opened = link.withBreaker { $0.wasSlow(at: .now, chance: chance) }
        case .well: return succeeded(link, firstByte: nil)
        case .nothing:
            link.withBreaker { $0.released() }
            return
        }
        // Who answers wrongly may be another program by now.
        if case .wrong = failure { link.isOurs = nil }
        guard opened else { return }
        metrics.opened.increment()
        countOpenBreakers()
        logger.warning(
            "A worker is left alone for a while",
            metadata: [
                "worker": "\(link.worker.identity)", "host": "\(link.worker.host):\(link.worker.httpPort)",
                "cause": "\(failure)",
            ]
        )
    }

    /// Notes how long the store took to its first byte, in nanoseconds.
    func storeTook(_ firstByte: Int64) { times.withLock { $0.addStore(firstByte) } }

    /// Whether a worker that gives no byte lives, and is worth waiting for.
    func isAlive(_ link: WorkerLink) -> Bool {
        guard link.withBreaker({ $0.isClosed }) else { return false }
        metrics.probes.increment()
        return (try? client.isOurs(link.worker, within: options.healthTimeout)) != nil
    }

    /// Asks a worker that was left alone whether it is well, on a thread of its own, so that no reader waits
    /// for it.
    private func probe(_ link: WorkerLink) {
        metrics.probes.increment()
        do throws(ThreadRefusal) {
            try NamedThread.start("worker-probe") { [self] in
                let isOurs = try? client.isOurs(link.worker, within: options.healthTimeout)
                if let isOurs { link.isOurs = isOurs }
                tell(link, isWell: isOurs != nil)
            }
        } catch {
            tell(link, isWell: false)
        }
    }

    private func tell(_ link: WorkerLink, isWell: Bool) {
        let chance = Double.random(in: 0..<1)
        link.withBreaker { $0.probed(isWell: isWell, at: .now, chance: chance) }
    }

    private func countOpenBreakers() {
        let links = table.withLock { Array($0.links.values) }
        metrics.openBreakers.record(links.count { link in !link.withBreaker { $0.isClosed } })
    }
}
