import Metadata
import Pages
import Settings

/// Changing a mount table: each path is changed in the store that it leads to.
extension MountedNamespace: WritableStore {
    /// The root lies in no store.
    var address: UFSURI { UFSURI(bytes: []) }

    /// Each store says it for itself: see ``home(of:mayWait:)``.
    var makesFilesAtOnce: Bool { false }

    func home(of path: RelativePath, mayWait: Bool) throws(StoreError) -> any WritableStore {
        let (name, rest) = Self.split(path)
        guard !name.isEmpty, !rest.isRoot else { return TableRoot(namespace: self) }
        return try stores.store(of: find(path).mount, mayWait: mayWait)
    }

    func permit(_ path: RelativePath) throws(StoreError) { try home(of: path, mayWait: true).permit(path) }

    func upload(to path: RelativePath) -> any ContentUpload {
        do throws(StoreError) {
            return try home(of: path, mayWait: true).upload(to: path)
        } catch {
            return RefusedUpload(reason: error)
        }
    }

    func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
        try home(of: path, mayWait: true).make(path, entry)
    }

    func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes {
        try home(of: existing, mayWait: true).link(existing, to: path, known: known, time: time)
    }

    func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError) {
        try home(of: path, mayWait: true).remove(path, known: known, siblings: siblings)
    }

    func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) {
        try home(of: path, mayWait: true).removeDirectory(path, siblings: siblings)
    }

    func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes {
        try home(of: path, mayWait: true)
            .rename(path, to: target, mode, known: known, siblings: siblings)
    }

    func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes {
        try home(of: path, mayWait: true).change(path, change, known: known)
    }

    func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] {
        try home(of: path, mayWait: true).extendedAttributes(of: path, known: known)
    }

    func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) {
        try home(of: path, mayWait: true)
            .setExtendedAttribute(name, to: value, presence, of: path, known: known, time: time)
    }

    /// Of a mount point, the names in it; of the root, which is not kept anywhere, nothing.
    func sync(_ path: RelativePath) throws(StoreError) {
        guard !path.isRoot else { return }
        try stores.store(of: find(path).mount, mayWait: true).sync(path)
    }

    /// Finishes every store, also those that are no longer mounted.
    func finish() throws(StoreError) { try stores.finish() }

    func housekeep() { for chore in chores { chore.run() } }

    var chores: [StoreChore] { stores.chores }
}

/// The root of a mount table and the mount points in it: `alluxio mount` makes and removes them, nobody else.
private struct TableRoot: WritableStore {
    let namespace: MountedNamespace

    var address: UFSURI { namespace.address }
    var mutability: StoreMutability { .fixed }
    var makesFilesAtOnce: Bool { false }

    func holds(_ path: RelativePath) -> Bool { !path.bytes.contains(UInt8(ascii: "/")) }

    func uri(of path: RelativePath) -> UFSURI { namespace.uri(of: path) }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try namespace.attributes(of: path, known: known)
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try namespace.list(directory, from: token, into: sink)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try namespace.linkTarget(of: path)
    }

    private func refusal(_ path: RelativePath) -> StoreError {
        .denied("/\(path): the root of the mount table is changed by 'alluxio mount'")
    }

    func permit(_ path: RelativePath) throws(StoreError) { throw refusal(path) }

    func upload(to path: RelativePath) -> any ContentUpload { RefusedUpload(reason: refusal(path)) }

    func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
        throw refusal(path)
    }

    func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes { throw refusal(path) }

    func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError) {
        throw refusal(path)
    }

    func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) { throw refusal(path) }

    func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes { throw refusal(path) }

    func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes { throw refusal(path) }

    func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] { [] }

    func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) { throw refusal(path) }

    func sync(_ path: RelativePath) throws(StoreError) { try namespace.sync(path) }

    func finish() throws(StoreError) {}

    func housekeep() {}
}
