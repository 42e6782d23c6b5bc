import CoreMetrics
public import Metadata
public import Pages

/// The link that asks workers for names and attributes, and the next link where they can't tell.
///
/// The worker of a file's or directory's address is asked, so that what one client has listed serves the
/// others. Only our own workers are: others have no names that could be trusted for a time. Names of a
/// `file://` store are its own to tell, since workers do not hand on mode, owner and links. Any thread may
/// call it; it waits on the caller's thread.
public final class ClusterMetadata: MetadataSource {
    private let fleet: WorkerFleet
    private let next: any MetadataSource
    private let isAsked: Bool

    /// Puts the workers before a link.
    /// - Parameters:
    ///   - fleet: The workers.
    ///   - next: The store.
    public init(fleet: WorkerFleet, next: any MetadataSource) {
        self.fleet = fleet
        self.next = next
        isAsked = fleet.options.asksMetadata && !next.uri(of: .root).bytes.starts(with: "file:".utf8)
    }

    /// The address of a path, as the store says.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The full address.
    public func uri(of path: RelativePath) -> UFSURI { next.uri(of: path) }

    /// Where a symbolic link points, as the store says.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text.
    /// - Throws: What the store throws.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try next.linkTarget(of: path)
    }

    /// What one name stands for.
    /// - Parameters:
    ///   - path: A path inside the mount; not the root.
    ///   - known: What the name was last known to be.
    /// - Returns: Its attributes, at most as old as the options allow.
    /// - Throws: ``StoreError/notFound``, also by the word of a worker; else what the store throws.
    public func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        let uri = next.uri(of: path)
        let answer = ask(uri) { link throws(WorkerFailure) in
            try fleet.client.attributes(
                of: uri,
                known: known,
                at: link.worker,
                age: fleet.metadataAge(of: uri)
            )
        }
        switch answer {
        case .found(let attributes, _): return attributes
        case .absent: throw .notFound
        case .unanswered: return try next.attributes(of: path, known: known)
        }
    }

    /// One page of a directory.
    ///
    /// A listing stays with whom it was begun. If that worker fails in the middle, it begins again at the
    /// store; names that came already are then known to the caller, as when a name comes twice.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - token: Where to go on; nil for the first page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: ``StoreError/notFound``, also by the word of a worker; else what the store throws.
    public func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        switch token.map({ ClusterToken($0) }) {
        case nil: return try begin(directory, into: sink)
        case .store(let token): return try listStore(directory, from: token, into: sink)
        case .worker(let place):
            return try goOn(directory, from: place, into: sink)
        }
    }

    /// The first page of what comes after a name, where workers are not asked for names.
    ///
    /// A worker gives a big directory page by page, from its beginning.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - name: Where to begin.
    ///   - entriesMaximum: The most entries wanted; nil for a usual page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: ``StoreError/unsupported(_:)`` where workers are asked, or what the store throws.
    public func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard !isAsked else { throw .unsupported("workers list '\(directory)' from its beginning") }
        let page = try next.list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
        return ListingPage(next: page.next.map { ClusterToken.store($0).token }, hidden: page.hidden)
    }

    private func begin(_ directory: RelativePath, into sink: EntrySink) throws(StoreError) -> ListingPage {
        let uri = next.uri(of: directory)
        switch ask(uri, { link throws(WorkerFailure) in try page(of: uri, token: nil, at: link) }) {
        case .found(let page, let link): return give(page, of: link, hiddenBefore: 0, into: sink)
        // The root is there even if it is empty, and what it is, the store knows.
        case .absent where !directory.isRoot: throw .notFound
        case .absent, .unanswered: return try listStore(directory, from: nil, into: sink)
        }
    }

    private func goOn(_ directory: RelativePath, from place: ClusterToken.Place, into sink: EntrySink)
        throws(StoreError) -> ListingPage
    {
        let uri = next.uri(of: directory)
        let answer = ask(uri, only: place.worker) { link throws(WorkerFailure) in
            try page(of: uri, token: place.token, at: link)
        }
        guard case .found(let page, let link) = answer else {
            return try listStore(directory, from: nil, into: sink)
        }
        return give(page, of: link, hiddenBefore: place.hidden, into: sink)
    }

    private func page(of uri: UFSURI, token: String?, at link: WorkerLink) throws(WorkerFailure)
        -> EntriesPage
    {
        try fleet.client.entries(of: uri, token: token, at: link.worker, age: fleet.metadataAge(of: uri))
    }

    private func give(_ page: EntriesPage, of link: WorkerLink, hiddenBefore: Int, into sink: EntrySink)
        -> ListingPage
    {
        page.emit(into: sink)
        let next = page.next.map { token in
            let place = ClusterToken.Place(
                worker: link.worker.identity.entityName,
                hidden: page.hidden,
                token: token
            )
            return ClusterToken.worker(place).token
        }
        // Workers count from the beginning of the listing on.
        return ListingPage(next: next, hidden: max(0, page.hidden - hiddenBefore))
    }

    private func listStore(_ directory: RelativePath, from token: ListingToken?, into sink: EntrySink)
        throws(StoreError) -> ListingPage
    {
        let page = try next.list(directory, from: token, into: sink)
        return ListingPage(next: page.next.map { ClusterToken.store($0).token }, hidden: page.hidden)
    }

    /// What asking the workers came to.
    private enum Answer<Value> {
        case found(Value, WorkerLink)
        /// A worker says that there is no such name.
        case absent
        case unanswered
    }

    /// Asks the workers of an address in order.
    /// - Parameters:
    ///   - uri: The address.
    ///   - name: The only worker that may be asked; nil for all.
    ///   - question: Asks one of our workers.
    /// - Returns: The first answer that there was.
    private func ask<Value>(
        _ uri: UFSURI,
        only name: String? = nil,
        _ question: (WorkerLink) throws(WorkerFailure) -> Value
    ) -> Answer<Value> {
        guard isAsked else { return .unanswered }
        let key = fleet.options.virtualBlocks.attributesKey(of: uri)
        for link in fleet.workers(for: key).links
        where (name.map { $0 == link.worker.identity.entityName } ?? true) && fleet.enter(link) {
            switch ask(link, question) {
            case .unanswered: continue
            case let answer:
                fleet.metrics.metadataFromWorkers.increment()
                return answer
            }
        }
        fleet.metrics.metadataFromStore.increment()
        return .unanswered
    }

    /// Asks one worker, again if it gives no byte but lives: it may be listing a directory itself.
    private func ask<Value>(
        _ link: WorkerLink,
        _ question: (WorkerLink) throws(WorkerFailure) -> Value
    ) -> Answer<Value> {
        for round in 0... {
            do throws(WorkerFailure) {
                guard try fleet.isOurs(link) else { throw .unusable("only our workers are asked for names") }
                let value = try question(link)
                fleet.succeeded(link, firstByte: nil)
                return .found(value, link)
            } catch {
                if case .silent = error, round < fleet.options.patienceRoundsMaximum, fleet.isAlive(link) {
                    fleet.metrics.patience.increment()
                    continue
                }
                fleet.failed(link, error, waited: fleet.options.patience)
                return error == .missing ? .absent : .unanswered
            }
        }
        return .unanswered
    }
}

/// Where a listing goes on, and with whom.
enum ClusterToken: Hashable {
    /// At the store, by its own token.
    case store(ListingToken)
    /// At a worker.
    case worker(Place)

    /// A place in a worker's listing.
    struct Place: Hashable {
        /// The worker's name in etcd.
        var worker: String
        /// The keys that could not be shown so far.
        var hidden: Int
        /// The worker's own token.
        var token: String
    }

    /// Reads a token that ``token`` made.
    init(_ token: ListingToken) {
        let parts = token.text.split(separator: "|", maxSplits: 3, omittingEmptySubsequences: false)
        if parts.count == 4, parts[0] == "w", let hidden = Int(parts[2]) {
            self = .worker(Place(worker: String(parts[1]), hidden: hidden, token: String(parts[3])))
        } else {
            self = .store(ListingToken(String(token.text.dropFirst(2))))
        }
    }

    /// The token as the caller keeps it.
    var token: ListingToken {
        switch self {
        case .store(let token): ListingToken("s|\(token.text)")
        case .worker(let place): ListingToken("w|\(place.worker)|\(place.hidden)|\(place.token)")
        }
    }
}
