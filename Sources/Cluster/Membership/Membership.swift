public import Logging
import Synchronization

/// Settings of a ``Membership``; each has the default that `docs/membership.md` documents.
public struct MembershipOptions: Sendable {
    /// How the ring is made from the members.
    public var ring = RingSettings()
    /// How long what was read is trusted without reading it again: the length of one watch, and the time
    /// between reads where watches don't work.
    public var refreshInterval: Duration = .seconds(120)
    /// Whether changes are watched; if not, they are seen at the next read.
    public var watches = true
    /// The first pause while etcd does not answer; doubled each time after.
    public var firstBackoff: Duration = .milliseconds(500)
    /// The longest pause while etcd does not answer.
    public var backoffMaximum: Duration = .seconds(5)

    /// The default settings.
    public init() {}
}

/// Who the workers of a cluster are, kept up to date.
///
/// Any thread may call it. The views come from one background thread, which lives from ``start()`` to
/// ``stop(within:)`` or the end of this object; a fixed list needs none.
public final class Membership: Sendable {
    private let holder: ViewHolder
    private let feed: EtcdFeed?

    /// A cluster whose workers are in etcd.
    /// - Parameters:
    ///   - client: The etcd.
    ///   - keys: The cluster.
    ///   - kind: ``MembershipKind/etcd``, or ``MembershipKind/serviceRegistry`` for live workers only.
    ///   - options: How changes are followed.
    ///   - logger: Where trouble is told.
    /// - Throws: ``MembershipError/invalid(_:)`` for ``MembershipKind/list``, or for a static ring of a
    ///   service registry.
    public init(
        client: EtcdClient,
        keys: ClusterKeys,
        kind: MembershipKind = .etcd,
        options: MembershipOptions = MembershipOptions(),
        logger: Logger = Logger(label: "membership")
    ) throws(MembershipError) {
        guard kind != .list else {
            throw .invalid("a STATIC membership has a list of workers, not etcd; give the list")
        }
        guard kind == .etcd || options.ring.isDynamic else {
            throw .invalid(
                "SERVICE_REGISTRY knows live workers only; set"
                    + " alluxio.user.dynamic.consistent.hash.ring.enabled=true, or ETCD"
            )
        }
        let holder = ViewHolder(options.ring, logger)
        self.holder = holder
        var prefixes: [EtcdKeys] = [.prefix(keys.livePrefix)]
        if kind == .etcd { prefixes.insert(.prefix(keys.registeredPrefix), at: 0) }
        let settings = EtcdFeed.Settings(
            name: "membership",
            keys: prefixes,
            schedule: FeedSchedule.Settings(
                refreshInterval: options.refreshInterval,
                pollInterval: options.refreshInterval,
                backoff: Backoff(first: options.firstBackoff, maximum: options.backoffMaximum),
                watches: options.watches
            )
        )
        feed = EtcdFeed(
            client: client,
            settings: settings,
            metrics: FeedMetrics.membership,
            logger: logger
        ) { entries in
            holder.take(MemberEntries(entries, keys: keys))
        }
    }

    /// A cluster whose workers are listed: STATIC.
    /// - Parameters:
    ///   - list: The workers; all count as live.
    ///   - ring: How the ring is made.
    ///   - logger: Where trouble is told.
    public init(
        list: WorkerList,
        ring: RingSettings = RingSettings(),
        logger: Logger = Logger(label: "membership")
    ) {
        holder = ViewHolder(ring, logger)
        feed = nil
        holder.take(list.members)
    }

    deinit { feed?.stop(within: .zero) }

    /// Starts to follow changes.
    /// - Throws: ``MembershipError/noThread``.
    public func start() throws(MembershipError) {
        guard feed?.start() ?? true else { throw .noThread }
    }

    /// Ends the background thread; the last view stays.
    /// - Parameter limit: How long to wait for it; it ends within about a second even in a request.
    /// - Returns: Whether it has ended.
    @discardableResult
    public func stop(within limit: Duration) -> Bool { feed?.stop(within: limit) ?? true }

    /// The workers and their ring, as far as they are known now.
    ///
    /// Costs one lock; never waits for the network.
    public var view: ClusterView { holder.view }

    /// The generation of ``view``, at the price of one lock.
    public var generation: UInt64 { holder.generation }

    /// Waits until the workers are known.
    /// - Parameter limit: How long at most.
    /// - Returns: Whether they are; if not, ``view`` is ``ClusterView/unknown``.
    public func waitForFirstView(atMost limit: Duration) -> Bool {
        feed?.waitForFirstRead(atMost: limit) ?? true
    }

    /// How long ago etcd last confirmed the view or changed it; nil if it never did, and for a list.
    public var age: Duration? { feed?.age }

    /// Asks to be told of changes.
    /// - Parameter body: Gets every later view, in order, on the background thread; must not wait.
    public func onChange(_ body: @escaping @Sendable (ClusterView) -> Void) { holder.add(body) }
}
