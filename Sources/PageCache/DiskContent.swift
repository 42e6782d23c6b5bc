import CLinux
import Glibc
import Pages
import Synchronization

/// The granules of one version on disk: a sparse data file, and a record of what is in it.
///
/// The book of what is present lives here while the version is open or its record is unwritten. A record is
/// written after the data it speaks of, and before data is removed. See ``CacheRecord``.
final class DiskContent: StoredContent {
    /// Length of the version in bytes.
    let size: Int64
    let store: DiskStore
    let state = Mutex(DiskState())
    private let identity: Mutex<Identity>
    private let used = Atomic<UInt32>(DiskStore.now)

    /// Whose files they are.
    ///
    /// Its lock comes after any other. It changes under the stripes of both names and the usage lock, while
    /// the record is busy.
    private struct Identity {
        var version: FileVersion
        var key: VersionKey
    }

    init(version: FileVersion, key: VersionKey, store: DiskStore) {
        size = version.size
        identity = Mutex(Identity(version: version, key: key))
        self.store = store
    }

    /// The version under which it is stored.
    var version: FileVersion { identity.withLock { $0.version } }
    var key: VersionKey { identity.withLock { $0.key } }

    /// Gives it the name of another version.
    func rename(to version: FileVersion, _ key: VersionKey) {
        identity.withLock { $0 = Identity(version: version, key: key) }
    }

    /// Runs `body` while no other thread looks up, makes, moves or removes the files.
    func withNames<Result>(_ body: () -> Result) -> Result {
        while true {
            let key = key
            let result = store.withNames(of: key) { self.key == key ? body() : nil as Result? }
            if let result { return result }
        }
    }

    /// The name of the data file below the cache directory.
    var dataPath: String { key.path + ".data" }
    /// The name of the record.
    var recordPath: String { key.path + ".record" }
    /// When it was last read or written.
    var lastUse: UInt32 { used.load(ordering: .relaxed) }

    func touch() { used.store(DiskStore.now, ordering: .relaxed) }

    var presentBytes: Int64 {
        let all = 0..<Granule.count(size: size)
        prepare(all)
        guard let last = all.last else { return 0 }
        let (granules, hasLast) = state.withLock { state in
            (
                state.regions.values.reduce(0) { $0 + GranuleBits.count($1.present) },
                state.missing(in: last..<last + 1).isEmpty
            )
        }
        return Granule.bytes(count: granules, withLast: hasLast, size: size)
    }

    var isForgettable: Bool {
        state.withLock { !$0.isDirty && !$0.isRecordBusy && $0.lentCount == 0 }
    }

    func handlesClosed() {
        store.usage.withLock { $0.touch(key, at: lastUse) }
        store.descriptors.remove(self)
        dropDescriptor()
    }

    /// Lets go of the descriptor; readers keep theirs.
    func dropDescriptor() {
        let last = state.withLock { state in
            defer { state.descriptor = nil }
            return state.descriptor
        }
        withExtendedLifetime(last) {}
    }

    // MARK: - Presence

    func missing(in granules: Range<Int>) -> [Range<Int>] {
        state.withLock { $0.missing(in: granules) }
    }

    func pin(_ span: Span) -> PinnedBytes? {
        let granules = Granule.range(of: span)
        // Each turn of the loop removes one obstacle; more than a few mean that others put them back.
        for _ in 0..<4 {
            switch state.withLock({ $0.lend(granules, now: DiskStore.now) }) {
            case .lent(let descriptor, let incarnation):
                touch()
                return PinnedBytes(
                    pieces: [.file(descriptor: descriptor.number, offset: span.offset, count: span.count)],
                    pin: DiskPin(self, descriptor, granules, incarnation: incarnation)
                )
            case .missing: return nil
            case .unprepared: prepare(granules)
            case .unchecked: guard check(granules) else { return nil }
            case .closed: guard openDataFile() != nil else { return nil }
            }
        }
        return nil
    }

    fileprivate func takeBack(_ granules: Range<Int>, incarnation: UInt32) {
        state.withLock { $0.takeBack(granules, incarnation: incarnation) }
    }

    // MARK: - Admission

    func admit(_ granules: Range<Int>) -> (any Admission)? {
        guard !store.isSuspended,
            CacheRecord.headerBytes(of: version) <= CacheLimits.headerBytesMaximum
        else { return nil }
        let bytes = Granule.span(of: granules, size: size).count
        guard store.reserve(Int64(bytes)) else { return nil }
        guard let descriptor = openDataFile(toWrite: granules) else {
            store.usage.withLock { $0.unreserve(Int64(bytes)) }
            return nil
        }
        touch()
        return DiskAdmission(granules, of: self, into: descriptor)
    }

    /// Makes written granules readable and notes them for the record.
    func publish(_ granules: Range<Int>, checksums: [UInt32]) {
        let bytes = Int64(Granule.span(of: granules, size: size).count)
        let (isNew, pending) = state.withLock { state in
            let wasDirty = state.isDirty
            state.publish(granules, checksums: checksums, now: DiskStore.now)
            return (!wasDirty, state.pendingCount)
        }
        store.usage.withLock { usage in
            usage.unreserve(bytes)
            usage.add(bytes, to: key, at: DiskStore.now)
        }
        if isNew { store.noteDirty(self) }
        if pending > CacheLimits.pendingChecksumsMaximum { _ = writeRecord() }
    }
}

/// Keeps regions of a data file in place, and the file open, until a reply is out.
private final class DiskPin: Pin {
    private let content: DiskContent
    private let descriptor: Descriptor
    private let granules: Range<Int>
    private let incarnation: UInt32

    init(_ content: DiskContent, _ descriptor: Descriptor, _ granules: Range<Int>, incarnation: UInt32) {
        self.content = content
        self.descriptor = descriptor
        self.granules = granules
        self.incarnation = incarnation
    }

    deinit { content.takeBack(granules, incarnation: incarnation) }
}
