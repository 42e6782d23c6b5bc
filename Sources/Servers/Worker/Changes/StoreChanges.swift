import Glibc
import Metadata
import NIOHTTP1
import Pages
import Threading

/// Changes of one mounted store, with the promises of a mount: conditions hold, attributes follow.
///
/// Made for one request; called on one pool thread, where it waits for the store. What it throws is the
/// answer.
struct StoreChanges {
    let state: WorkerState
    let mount: MountedStore
    let store: any WritableStore

    /// The way to change the store of a file.
    /// - Throws: A 403 if this worker changes nothing in it.
    init(_ state: WorkerState, of location: FileLocation) throws(HTTPFailure) {
        guard let store = location.mount.changing else { throw Self.isReadOnly }
        self.state = state
        mount = location.mount
        self.store = store
    }

    private static var isReadOnly: HTTPFailure {
        var refusal = Refusal(
            status: .forbidden,
            message: "this worker changes no store; set \(Self.property)=true where it may"
        )
        refusal.members = [("property", .string(Self.property))]
        return .refusal(refusal)
    }

    private static let property = "alluxio.worker.changes.enabled"

    /// What a name stands for now; nil if there is none.
    func attributes(of path: RelativePath) throws(HTTPFailure) -> Attributes? {
        guard !path.isRoot else {
            return Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
        }
        return try ask(path) { () throws(StoreError) in
            do throws(StoreError) {
                return try store.attributes(of: path, known: nil)
            } catch .notFound {
                return nil
            }
        }
    }

    /// The same of a name that must be there.
    func existing(_ path: RelativePath) throws(HTTPFailure) -> Attributes {
        guard let found = try attributes(of: path) else {
            throw HTTPFailure(.notFound, FileLocation(mount, path))
        }
        return found
    }

    /// Asks the store; its error names the path.
    func ask<Value>(_ path: RelativePath, _ question: () throws(StoreError) -> Value) throws(HTTPFailure)
        -> Value
    {
        do throws(StoreError) {
            return try question()
        } catch {
            throw HTTPFailure(error, FileLocation(mount, path))
        }
    }

    /// Makes the directories of a name that are missing.
    /// - Throws: A 409 if one of them is a file.
    func makeParents(of path: RelativePath) throws(HTTPFailure) {
        guard let parent = path.parent, !parent.isRoot else { return }
        if let found = try attributes(of: parent) {
            guard found.kind == .directory else {
                throw HTTPFailure(.notDirectory, FileLocation(mount, parent))
            }
            return
        }
        try makeParents(of: parent)
        try makeDirectory(parent)
    }

    /// Makes a directory; one that somebody else has just made is as good.
    private func makeDirectory(_ path: RelativePath) throws(HTTPFailure) {
        try ask(path) { () throws(StoreError) in
            do throws(StoreError) {
                _ = try store.make(path, Self.entry(UInt32(S_IFDIR) | 0o755))
            } catch .exists {}
        }
        changed(path)
    }

    /// A new name as the process makes it.
    static func entry(_ mode: UInt32) -> NewEntry {
        NewEntry(mode: mode, uid: geteuid(), gid: getegid(), time: unixTime())
    }

    /// The attributes of a new file.
    static var newFile: POSIXAttributes {
        let (entry, now) = (entry(UInt32(S_IFREG) | 0o644), unixTime())
        return POSIXAttributes(
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            linkCount: 1,
            inode: 0,
            device: 0,
            accessed: now,
            changed: now
        )
    }

    /// What this worker knew of a name, and of everything below it, is out of date.
    func changed(_ path: RelativePath) { state.namespaces.forget(path, of: mount) }

    // MARK: - What the endpoints do

    /// Makes a directory, and those above it.
    /// - Throws: A 409 if the name is there.
    func mkdir(_ path: RelativePath) throws(HTTPFailure) {
        guard try attributes(of: path) == nil else { throw HTTPFailure(.exists, FileLocation(mount, path)) }
        try makeParents(of: path)
        try ask(path) { () throws(StoreError) in
            _ = try store.make(path, Self.entry(UInt32(S_IFDIR) | 0o755))
            try store.sync(path)
        }
        changed(path)
    }

    /// Makes an empty file, or sets the times of what is there.
    func touch(_ path: RelativePath) throws(HTTPFailure) {
        if let found = try attributes(of: path) {
            var change = AttributeChange(changed: unixTime())
            (change.accessed, change.modified) = (change.changed, change.changed)
            let dated = change
            try ask(path) { () throws(StoreError) in
                _ = try store.change(path, dated, known: found)
                try store.sync(path)
            }
        } else {
            try makeParents(of: path)
            try ask(path) { () throws(StoreError) in
                _ = try store.make(path, Self.entry(UInt32(S_IFREG) | 0o644))
                try store.sync(path)
            }
        }
        changed(path)
    }

    /// Moves a name, over a file or an empty directory if there is one.
    func move(_ path: RelativePath, to target: RelativePath) throws(HTTPFailure) {
        guard !path.isRoot, !target.isRoot else { throw Self.isMountPoint }
        let known = try existing(path)
        try makeParents(of: target)
        let replaced = try attributes(of: target)
        try ask(path) { () throws(StoreError) in
            let attributes = (path: known, target: replaced)
            _ = try store.rename(path, to: target, .replace, known: attributes, siblings: .unknown)
            try store.sync(path)
            try store.sync(target)
        }
        changed(path)
        changed(target)
    }

    /// A mount point itself is not changed here.
    static var isMountPoint: HTTPFailure {
        .refused(.forbidden, "a mount point is made and removed by 'alluxio mount', not here")
    }
}
