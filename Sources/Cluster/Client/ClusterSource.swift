import CoreMetrics
public import Metadata
public import Pages

/// The link of the chain that reads from workers, and from the next link what no worker gives.
///
/// A span is cut where virtual blocks end. Each part goes to the workers of its block in order, and what they
/// have not delivered then comes from the next link: a transfer that breaks is continued where it broke, in
/// the same version, so that no byte is doubled or missing. Any thread may call it; it waits on the
/// caller's thread.
public final class ClusterSource: SpanSource {
    private let fleet: WorkerFleet
    private let next: any SpanSource
    private let store: (any MetadataSource)?

    /// Puts the workers before a link.
    /// - Parameters:
    ///   - fleet: The workers.
    ///   - next: Who is asked when they can't answer: the store.
    ///   - store: Who tells when a version was last changed; needed to verify foreign workers that keep no
    ///     content hash, which are not used without it.
    public init(fleet: WorkerFleet, next: any SpanSource, store: (any MetadataSource)? = nil) {
        self.fleet = fleet
        self.next = next
        self.store = store
    }

    /// Reads one span of one version, streaming.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: What the sink or the next link threw; ``StoreError/unavailable(_:)`` or
    ///   ``StoreError/stale`` if the next link may not be asked.
    public func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        let blockBytes = fleet.options.virtualBlocks.sizeBytes
        var position = span.offset
        while position < span.end {
            let blockEnd = blockBytes > 0 ? (position / blockBytes + 1) * blockBytes : span.end
            let part = Span(from: position, to: min(blockEnd, span.end))
            try fetchPart(part, of: version, into: sink)
            position = part.end
        }
    }

    private func fetchPart(_ part: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        let route = fleet.route(to: version, at: part.offset)
        var delivered = 0
        var reason = route.absence
        for (index, stop) in route.stops.enumerated() {
            let rest = Span(from: part.offset + Int64(delivered), to: part.end)
            guard fleet.enter(stop.link) else {
                reason = .open
                continue
            }
            do throws(WorkerFailure) {
                let isLast = index == route.stops.count - 1 && !fleet.options.fallsBackToStore
                let limit = isLast ? fleet.options.patience : fleet.limit(of: stop.link)
                try read(rest, of: version, from: stop, route.version, limit, &delivered, sink)
                return
            } catch .sink(let error) {
                throw error
            } catch {
                reason = error.reason
            }
            // The last byte came, and then the answer went wrong.
            if delivered == part.count { return }
        }
        let rest = Span(from: part.offset + Int64(delivered), to: part.end)
        try fallBack(rest, of: version, because: reason, into: sink)
    }

    /// Reads from one worker, and tells how it went.
    ///
    /// One that gives no byte but lives is asked again: it may be waiting for the store itself.
    private func read(
        _ span: Span,
        of version: FileVersion,
        from stop: ReadRoute.Stop,
        _ asked: AskedVersion,
        _ firstLimit: Duration,
        _ delivered: inout Int,
        _ sink: SpanSink
    ) throws(WorkerFailure) {
        let link = stop.link
        var got = 0
        defer { delivered += got }
        var limit = firstLimit
        for round in 0... {
            let rest = Span(from: span.offset + Int64(got), to: span.end)
            do throws(WorkerFailure) {
                let firstByte = try readOnce(rest, of: version, from: stop, asked, limit, &got, sink)
                fleet.succeeded(link, firstByte: round == 0 ? firstByte : nil)
                return
            } catch {
                if case .silent = error, round < fleet.options.patienceRoundsMaximum, fleet.isAlive(link) {
                    fleet.metrics.patience.increment()
                    limit = fleet.options.patience
                    if got < span.count { continue }
                }
                fleet.failed(link, error, waited: limit)
                throw error
            }
        }
    }

    private func readOnce(
        _ span: Span,
        of version: FileVersion,
        from stop: ReadRoute.Stop,
        _ asked: AskedVersion,
        _ limit: Duration,
        _ got: inout Int,
        _ sink: SpanSink
    ) throws(WorkerFailure) -> Int64? {
        let before = got
        guard try fleet.isOurs(stop.link) else {
            let reader = try foreignReader(stop.link)
            defer {
                fleet.metrics.workerBytes.increment(by: got - before)
                fleet.metrics.foreignBytes.increment(by: got - before)
            }
            return try reader.read(span, of: version, limit: limit, delivered: &got, into: sink)
        }
        defer { fleet.metrics.workerBytes.increment(by: got - before) }
        return try fleet.client.read(
            span,
            of: asked,
            at: stop,
            limit: limit,
            delivered: &got,
            into: sink
        )
    }

    private func foreignReader(_ link: WorkerLink) throws(WorkerFailure) -> ForeignReader {
        let options = fleet.options
        guard options.foreignWorkers != .off else {
            throw .unusable("\(link.worker.host): foreign workers are off")
        }
        guard !options.cacheIsPersistent else {
            throw .unusable("\(link.worker.host): bytes of foreign workers must not get into the disk cache")
        }
        return ForeignReader(link: link, client: fleet.client, policy: options.foreignWorkers) { version in
            self.modified(version)
        }
    }

    /// When a version was last changed, as the store says; nil if it is not there any more.
    private func modified(_ version: FileVersion) -> Int64? {
        guard let store else { return nil }
        let root = store.uri(of: .root).bytes
        var path = version.uri.bytes[...]
        guard path.starts(with: root) else { return nil }
        path = path.dropFirst(root.count)
        if path.first == UInt8(ascii: "/") { path = path.dropFirst() }
        let found = try? store.attributes(of: RelativePath(bytes: Array(path)), known: .file)
        return found?.etag == version.etag ? found?.modified : nil
    }

    /// Reads from the next link what no worker gave.
    private func fallBack(
        _ span: Span,
        of version: FileVersion,
        because reason: FallbackReason,
        into sink: SpanSink
    ) throws(StoreError) {
        fleet.metrics.countFallback(reason)
        guard fleet.options.fallsBackToStore else {
            if reason == .stale { throw .stale }
            throw .unavailable(
                "\(version.uri): no worker gives it (\(reason.rawValue)), and"
                    + " alluxio.dora.client.ufs.fallback.enabled=false forbids to ask the store"
            )
        }
        let began = ContinuousClock.now
        var got = 0
        defer { fleet.metrics.storeBytes.increment(by: got) }
        try next.fetch(span, of: version) { bytes throws(StoreError) in
            if got == 0 { fleet.storeTook(began.duration(to: .now).wholeNanoseconds) }
            got += bytes.count
            try sink(bytes)
        }
    }
}
