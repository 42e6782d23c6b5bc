import CoreMetrics
public import Metadata
public import Pages
import Synchronization
import Threading

/// POSIX behaviour over a namespace and a page source.
///
/// Knows no kernel, no network, no S3.
///
/// Every operation is a plain function: it returns or throws, on the caller's thread. With
/// ``Patience/immediate`` it never waits. Any thread may call any operation.
public final class FileSystem: Sendable {
    /// What a LOOKUP of a missing name tells the kernel: how long it may believe that there is none.
    public let negativeValid: Duration

    let namespace: any Namespace
    let pages: any PageSource
    let pool: WaitingPool
    /// How many parts of files are being sent ahead.
    let partsSending = Atomic(0)
    let options: FileSystemOptions
    /// What changes need; nil if the mount is for reading only.
    let writing: WritingParts?
    let inodes: InodeTable
    let handles: Handles
    let readAhead: ReadAhead
    let metrics = FileSystemMetrics()
    let clock: MonotonicClock

    /// Makes the file system of a mount.
    /// - Parameters:
    ///   - namespace: Where names and attributes come from.
    ///   - pages: Where contents come from.
    ///   - pool: Runs read-ahead and listing-ahead; the mount hands over to the same pool.
    ///   - options: Limits, times and what is shown.
    ///   - writing: What changes need; nil if the mount is for reading only.
    public convenience init(
        namespace: NamespaceCache,
        pages: any PageSource,
        pool: WaitingPool,
        options: FileSystemOptions,
        writing: WritingParts? = nil
    ) {
        self.init(
            namespace: CachedNamespace(cache: namespace),
            pages: pages,
            pool: pool,
            options: options,
            writing: writing,
            clock: systemClock
        )
    }

    init(
        namespace: any Namespace,
        pages: any PageSource,
        pool: WaitingPool,
        options: FileSystemOptions,
        writing: WritingParts? = nil,
        clock: @escaping MonotonicClock
    ) {
        self.writing = writing
        self.namespace = namespace
        self.pages = pages
        self.pool = pool
        self.options = options
        self.clock = clock
        inodes = InodeTable(nodesMaximum: options.nodesMaximum)
        handles = Handles(maximum: options.openFilesMaximum)
        readAhead = ReadAhead(
            windowMaximum: options.readAheadMaximum,
            budget: ReadAheadBudget(total: options.readAheadBudget),
            pool: pool,
            metrics: metrics
        )
        negativeValid = options.negativeTimeout ?? (options.syncInterval == nil ? Self.forEver : .zero)
    }

    /// Finds a name in a directory and counts one kernel reference to the node.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - patience: Whether to wait.
    /// - Returns: The node and its attributes.
    /// - Throws: ``FileSystemError``.
    public func lookup(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        guard name.count <= Int(options.statistics.nameMaximum) else { throw .nameTooLong }
        guard !name.isEmpty else { throw .notFound }
        let (directory, path) = try inodes.child(name, of: parent)
        if options.specialCommands, let command = Command(name: name, inRoot: directory === inodes.root) {
            return try run(command, name, in: directory)
        }
        var answer = try ask { () throws(StoreError) in
            try namespace.attributes(of: path, mayWait: patience == .waiting)
        }
        if !answer.isFresh, inodes.contradicts(answer.attributes) {
            guard patience == .waiting else { throw .wouldWait }
            let known = answer.attributes.kind
            answer.attributes = try ask { () throws(StoreError) in
                try namespace.revalidate(path, known: known)
            }
            inodes.noteChangedLink(answer.attributes)
        }
        let snapshot = try inodes.resolve(
            name,
            in: directory,
            as: answer.attributes,
            validated: answer.isFresh ? clock() : nil
        )
        let isChanging = snapshot.flags.contains(.changing)
        return describe(snapshot, validFor: isChanging ? ownTrust : answer.validFor)
    }

    /// Drops kernel references to a node.
    /// - Parameters:
    ///   - node: The node; the root and unknown nodes are ignored.
    ///   - count: How many references; more than there are counts as all.
    public func forget(_ node: NodeID, count: UInt64) {
        inodes.forget(node, count: count)
    }

    /// The attributes of a node.
    ///
    /// A file's node is one version, so its attributes are known and the store is not asked: the name is what
    /// may lead elsewhere, and that is found out by the next lookup. Directories show what the namespace says
    /// now.
    /// - Parameters:
    ///   - node: The node.
    ///   - patience: Whether to wait.
    /// - Returns: The attributes, not to be kept if the node has been replaced.
    /// - Throws: ``FileSystemError``.
    public func attributes(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> NodeAttributes {
        let (snapshot, path) = try inodes.find(node)
        if path.isRoot { return describe(snapshot, validFor: nil) }
        if snapshot.flags.contains(.replaced) { return describe(snapshot, validFor: .zero) }
        if snapshot.flags.contains(.changing) { return describe(snapshot, validFor: ownTrust) }
        let isDirectory = snapshot.node.kind == .directory
        do {
            let answer = try namespace.attributes(of: path, mayWait: isDirectory && patience == .waiting)
            if isDirectory, answer.attributes.kind == .directory {
                return describe(
                    inodes.refresh(snapshot.node, from: answer.attributes),
                    validFor: answer.validFor
                )
            }
            if inodes.isVersion(snapshot.node, of: answer.attributes) {
                return describe(snapshot, validFor: answer.validFor)
            }
            inodes.markReplaced(snapshot.node)
        } catch .notFound {
            // Somebody still stands in it or has it open, so it is shown as it was.
            if !isDirectory { inodes.markReplaced(snapshot.node) }
        } catch .wouldWait {
            if isDirectory { throw .wouldWait }
        } catch {
            throw FileSystemError(error)
        }
        return describe(snapshot, validFor: .zero)
    }

    /// Where a symbolic link points.
    /// - Parameters:
    ///   - node: The link.
    ///   - patience: Whether to wait; a link is always asked of the store.
    /// - Returns: The link's text.
    /// - Throws: ``FileSystemError/invalid`` if the node is no link, or another ``FileSystemError``.
    public func linkTarget(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> [UInt8] {
        let (snapshot, path) = try inodes.find(node)
        guard snapshot.node.kind == .symbolicLink else { throw .invalid }
        guard patience == .waiting else { throw .wouldWait }
        return try ask { () throws(StoreError) in try namespace.linkTarget(of: path) }
    }

    /// The totals that `statfs` shows.
    /// - Returns: The numbers of the options.
    public func statistics() -> FileSystemStatistics { options.statistics }

    /// Gives back what streams that stopped hold of the read-ahead budget, sets the gauges, and tries again
    /// to store what an earlier daemon left for a store that was not there.
    ///
    /// To be called once a second by the daemon.
    public func housekeep() {
        let second = readAhead.second.advance()
        for file in handles.files where second > Self.idleSeconds {
            file.version.releaseIdle(before: second - Self.idleSeconds)
        }
        if second % Self.recoverySeconds == 0 { recoverStaged(again: true) }
        let open = handles.counts
        metrics.openFiles.record(open.files)
        metrics.openDirectories.record(open.directories)
        metrics.nodes.record(inodes.count)
        metrics.budgetTaken.record(readAhead.budget.takenBytes)
        let load = pool.load
        metrics.poolThreads.record(load.threads)
        metrics.poolDemand.record(load.queuedDemand)
        metrics.poolAhead.record(load.queuedAhead)
    }

    /// The addresses of the files that are open, each version's once.
    public var openAddresses: [UFSURI] { handles.files.map(\.version.version.uri) }

    /// How often it is tried again to store what an earlier daemon left, in seconds.
    static let recoverySeconds: UInt32 = 30
    /// After how many seconds without a read a stream's part of the budget is given back.
    static let idleSeconds: UInt32 = 5
    /// What «for ever» is to the kernel.
    static let forEver: Duration = .seconds(365 * 86_400)

    /// Asks the namespace and turns its error into one of ours.
    func ask<Answer>(_ question: () throws(StoreError) -> Answer) throws(FileSystemError) -> Answer {
        do {
            return try question()
        } catch {
            throw FileSystemError(error)
        }
    }
}
