import Glibc
public import Metadata
public import Pages
import Synchronization
import Threading

/// New names, and new contents.
extension AttributedStore {
    /// Begins new contents of a file.
    /// - Parameter path: The name they will get.
    /// - Returns: The way there; asks nothing yet.
    public func upload(to path: RelativePath) -> any ContentUpload {
        AttributedUpload(store: self, path: path)
    }

    /// Makes a directory, a symbolic link, a special file or an empty regular file.
    /// - Parameters:
    ///   - path: A new name in a directory that is there.
    ///   - entry: What to make.
    /// - Returns: Its attributes.
    /// - Throws: ``StoreError/exists``, ``StoreError/nameTooLong(_:)``, or another ``StoreError``.
    public func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
        let kind = AttributeOverlay.kind(of: entry.mode)
        try requireName(path, isDirectory: kind == .directory)
        try settle(path)
        let old = try self.entry(of: path, .any)
        guard old?.link == nil else { throw .exists }
        let posix = POSIXAttributes(
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            linkCount: 1,
            inode: 0,
            device: entry.device,
            accessed: entry.time,
            changed: entry.time
        )
        let change = overlay.change(posix, of: kind)
        guard kind != .file, kind != .directory || change.applied(to: nil) != old else {
            return try make(path, entry, kind, posix, change, replacing: old)
        }
        let intent = Intent(source: path, target: path, phase: .making, begun: unixTime())
        return try under(intent) { _ throws(StoreError) in
            try make(path, entry, kind, posix, change, replacing: old)
        }
    }

    /// Makes the object, and notes what it does not tell.
    private func make(
        _ path: RelativePath,
        _ entry: NewEntry,
        _ kind: EntryKind,
        _ posix: POSIXAttributes,
        _ change: EntryChange,
        replacing old: AttributeEntry?
    ) throws(StoreError) -> Attributes {
        let made: Attributes
        if kind == .directory {
            made = try objects.putMarker(path)
        } else {
            let metadata = overlay.metadata(posix, of: kind)
            made = try objects.put([], at: path, if: .absent, metadata: metadata)
        }
        var change = change
        if kind == .symbolicLink || kind == .special {
            change.bound = EntryChange.BoundChange(
                etag: made.etag,
                startsAfresh: true,
                type: .set(entry.mode & UInt32(S_IFMT)),
                target: .set(entry.target),
                device: .set(entry.device == 0 ? nil : entry.device),
                accessed: .set(entry.time),
                modified: .set(entry.time),
                changed: .set(entry.time)
            )
        }
        return try begin(path, made, change, replacing: old)
    }

    /// Notes what is said of a name that has just got a new object.
    /// - Returns: What the mount shows of it.
    func begin(
        _ path: RelativePath,
        _ made: Attributes,
        _ change: EntryChange,
        replacing old: AttributeEntry?
    ) throws(StoreError) -> Attributes {
        var change = change
        change.startsAfresh = true
        let now = clock()
        state.withLock { state in
            state.listed.added(path)
            guard made.kind == .directory else { return }
            state.listed.listed(path, NameBuffer(), at: now)
            // It is new, so it has no attribute object; if it has, the first write of one will meet it.
            if state.books[path] == nil { state.books[path, default: DirectoryBook()].confirm(asked: now) }
        }
        let entry = change.applied(to: nil)
        if entry != old { try note([(path, change)]) }
        return overlay.shown(made, entry)
    }

    /// What the objects of a file carry of its attributes for other tools.
    func metadata(of path: RelativePath, _ posix: POSIXAttributes?) -> [(name: String, value: String)] {
        if let posix { return overlay.metadata(posix, of: .file) }
        guard let entry = knownEntry(of: path) else { return [] }
        let plain = Attributes(kind: .file, size: 0, modified: 0, etag: nil)
        return overlay.metadata(overlay.shown(plain, entry).posix, of: .file)
    }

    /// Notes that a file has new contents.
    func committed(
        _ path: RelativePath,
        _ made: Attributes,
        _ posix: POSIXAttributes?,
        isNew: Bool
    ) throws(StoreError) -> Attributes {
        let old = try entry(of: path, .any)
        if isNew {
            let change = posix.map { overlay.change($0, of: .file) } ?? EntryChange()
            return try begin(path, made, change, replacing: old)
        }
        var change = posix.map { overlay.change($0, of: .file) } ?? EntryChange()
        if old?.bound.isEmpty == false {
            change.bound = EntryChange.BoundChange(etag: made.etag, startsAfresh: true)
        }
        let entry = change.applied(to: old)
        if entry != old { try note([(path, change)]) }
        return overlay.shown(made, entry)
    }
}
