import CFuse3
import CFuse3Shim
public import FileSystem
import Glibc
public import Logging
import Synchronization
import Threading

/// A mount: the connection between the kernel and a file system.
///
/// Made, mounted, run and dropped in this order, each once. ``mount()`` and ``run()`` belong to one thread;
/// any thread may call the others.
public final class FuseSession: Sendable {
    // Safety: libfuse's session may be used by any thread; who frees it is decided by `deinit`, when nobody
    // else can hold it, after `run()` has made sure that no request is left.
    private struct Library: @unchecked Sendable {
        let session: OpaquePointer
        let channel: UnsafeMutablePointer<afuse_channel>
    }

    private enum Phase {
        case new
        case mounted(Library)
        /// With the thread that sleeps in libfuse's loop, for ``FuseSession/requestExit()``.
        case running(Library, pthread_t)
        case ended(Library)
        case failed

        var library: Library? {
            switch self {
            case .mounted(let library), .running(let library, _), .ended(let library): library
            case .new, .failed: nil
            }
        }
    }

    /// How a session came to its end.
    public enum Ending: Hashable, Sendable {
        /// It was unmounted, by whomever.
        case unmounted
        /// ``FuseSession/requestExit()`` ended it.
        case exitRequested
        /// libfuse gave up; its errno.
        case failed(Int32)
    }

    private let dispatcher: Dispatcher
    private let options: MountOptions
    private let logger: Logger
    private let phase = Mutex(Phase.new)
    private let isExitRequested = Atomic(false)

    /// Makes a session that hands what must wait to a pool.
    /// - Parameters:
    ///   - operations: The file system.
    ///   - pool: Where operations wait; must outlive ``run()``.
    ///   - options: How to mount.
    ///   - logger: Where failures are told.
    public convenience init(
        operations: any Operations,
        pool: WaitingPool,
        options: MountOptions,
        logger: Logger
    ) {
        self.init(operations: operations, options: options, logger: logger) { pool.submit(.demand, $0) }
    }

    /// Makes a session that hands what must wait to a function.
    /// - Parameters:
    ///   - operations: The file system.
    ///   - options: How to mount.
    ///   - logger: Where failures are told.
    ///   - handOver: Takes jobs that may wait.
    public init(
        operations: any Operations,
        options: MountOptions,
        logger: Logger,
        handOver: @escaping HandOver
    ) {
        self.options = options
        self.logger = logger
        dispatcher = Dispatcher(operations: operations, options: options, logger: logger, handOver: handOver)
    }

    deinit {
        guard let library = phase.withLock({ $0.library }) else { return }
        Self.destroy(library)
    }

    /// What kernel and daemon agreed on; nil before ``mount()``.
    public var negotiated: NegotiatedSession? { dispatcher.negotiation.withLock { $0 } }

    /// How many requests wait in the pool or run on it.
    public var waitingRequests: Int { dispatcher.metrics.waitingRequests }

    /// How many replies, and bytes with their headers, were spliced from a file.
    public var spliced: (replies: UInt64, bytes: UInt64) {
        guard let library = phase.withLock({ $0.library }) else { return (0, 0) }
        return (afuse_channel_spliced_replies(library.channel), afuse_channel_spliced_bytes(library.channel))
    }

    /// Mounts, and agrees with the kernel on the session.
    ///
    /// The mount answers from ``run()`` on.
    /// - Throws: ``MountError``; then nothing is mounted.
    public func mount() throws(MountError) {
        guard phase.withLock({ if case .new = $0 { true } else { false } }) else { throw .alreadyMounted }
        phase.withLock { $0 = .failed }
        LibraryLog.install(logger)
        if !options.isDescriptor { try MountCheck.check(options) }
        let library = try makeSession()
        do throws(MountError) {
            try attach(library)
            try agree(library)
        } catch {
            fuse_session_unmount(library.session)
            Self.destroy(library)
            throw error
        }
        phase.withLock { $0 = .mounted(library) }
    }

    /// Serves requests on libfuse's threads until the mount is unmounted or told to end; then makes sure that
    /// no request is left, and unmounts if that has not happened.
    /// - Returns: Why it ended.
    public func run() -> Ending {
        let library: Library? = phase.withLock { phase in
            guard case .mounted(let library) = phase else { return nil }
            phase = .running(library, pthread_self())
            return library
        }
        guard let library else { return .failed(Errno.notMounted) }
        if isExitRequested.load(ordering: .acquiring) { fuse_session_exit(library.session) }
        let threads = UInt32(min(max(options.maxThreads, 1), 1000))
        let status = afuse_session_loop(library.session, threads, Int32(options.maxIdleThreads ?? -1))
        phase.withLock { $0 = .ended(library) }
        dispatcher.watch.abandonAll()
        fuse_session_unmount(library.session)
        if isExitRequested.load(ordering: .acquiring) { return .exitRequested }
        return status < 0 ? .failed(-status) : .unmounted
    }

    /// Ends ``run()`` soon, whoever still uses the mount; does not wait for it.
    public func requestExit() {
        guard !isExitRequested.exchange(true, ordering: .acquiringAndReleasing) else { return }
        guard let library = phase.withLock({ $0.library }) else { return }
        fuse_session_exit(library.session)
        // Without a thread the loop ends with the next request.
        try? NamedThread.start("fuse-exit") { [self] in
            // The loop may not have begun, or be just about to fall asleep, so one signal is not enough.
            while wakeLoop() { sleepThread(for: .milliseconds(10)) }
        }
    }

    /// Unmounts; ``run()`` then ends when the last user of an open file is gone, at once if there is none.
    /// - Parameter lazily: Whether to take the mount out of sight although it is in use.
    /// - Throws: ``UnmountError``.
    public func unmount(lazily: Bool = false) throws(UnmountError) {
        try MountTable.unmount(options.mountpoint, lazily: lazily)
    }

    /// Has the kernel forget that a name leads to what it leads to, so that the next use of it asks again.
    ///
    /// May wait for whoever uses the directory: never call it while answering a request.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    public func dropEntry(_ name: [UInt8], in parent: NodeID) {
        guard let library = phase.withLock({ $0.library }) else { return }
        // Fails where the kernel does not know the name: then there is nothing to forget.
        _ = name.withUnsafeBytes { bytes in
            fuse_lowlevel_notify_inval_entry(
                library.session,
                parent,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count
            )
        }
    }

    private func wakeLoop() -> Bool {
        // Under the lock: `run()` takes it before its thread can end.
        phase.withLock { phase in
            guard case .running(_, let thread) = phase else { return false }
            return afuse_wake_loop(thread) == 0
        }
    }

    private func makeSession() throws(MountError) -> Library {
        // Safety: `destroy` frees the channel before the dispatcher is let go, which `self` holds.
        let context = Unmanaged.passUnretained(dispatcher).toOpaque()
        guard let channel = afuse_channel_create(context, options.directIO) else {
            throw .refused(options.mountpoint, "out of memory")
        }
        var arguments = fuse_args()
        defer { fuse_opt_free_args(&arguments) }
        let readBytes = options.readBytes(pipeBytesMaximum: Pipes.bytesMaximum)
        for word in options.arguments(readBytes: readBytes) { fuse_opt_add_arg(&arguments, word) }
        var table = Callbacks.table()
        _ = LibraryLog.takeRecent()
        guard
            let session = fuse_session_new(
                &arguments,
                &table,
                MemoryLayout<fuse_lowlevel_ops>.size,
                channel
            )
        else {
            afuse_channel_free(channel)
            throw .badOption(LibraryLog.takeRecent().joined(separator: "; "))
        }
        return Library(session: session, channel: channel)
    }

    private func attach(_ library: Library) throws(MountError) {
        let path = options.mountpoint
        guard fuse_session_mount(library.session, path) == 0 else {
            let said = LibraryLog.takeRecent().joined(separator: "; ")
            throw .refused(path, said.isEmpty ? "fusermount3 refused; see its message" : said)
        }
        let status = afuse_channel_attach(library.channel, library.session)
        guard status == 0 else { throw .refused(path, MountCheck.describe(-status)) }
    }

    private func agree(_ library: Library) throws(MountError) {
        let timeout = Int32(clamping: options.initTimeout.components.seconds * 1000)
        let status = afuse_session_init(library.session, timeout)
        guard status == 0, let agreed = negotiated else {
            let said = LibraryLog.takeRecent().joined(separator: "; ")
            let reason = status == -ETIMEDOUT ? "no INIT within \(options.initTimeout)" : said
            throw .initFailed(reason.isEmpty ? MountCheck.describe(-status) : reason)
        }
        let flags = library.channel.pointee.accepted_flags
        dispatcher.negotiation.withLock { $0?.acceptedFlags = flags }
        logger.debug(
            "FUSE session agreed",
            metadata: [
                "protocol": "\(agreed.protocolMajor).\(agreed.protocolMinor)",
                "maxRead": "\(agreed.maxReadBytes)", "maxWrite": "\(agreed.maxWriteBytes)",
                "maxReadahead": "\(agreed.maxReadaheadBytes)",
                "maxBackground": "\(agreed.maxBackground)",
                "capabilities": "\(agreed.capabilities.joined(separator: ","))",
                "flags": "\(String(flags, radix: 16))",
            ]
        )
    }

    private static func destroy(_ library: Library) {
        fuse_session_destroy(library.session)
        afuse_channel_free(library.channel)
    }
}
