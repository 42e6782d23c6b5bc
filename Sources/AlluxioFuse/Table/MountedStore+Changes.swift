import Cluster
import Metadata
import Pages
import Settings

/// Changing one store of the mount table.
extension MountedStore: WritableStore {
    var address: UFSURI { mount.root }

    var mutability: StoreMutability { mount.entry.isReadOnly ? .readOnly : .changeable }

    var makesFilesAtOnce: Bool { store.makesFilesAtOnce }

    func holds(_ path: RelativePath) -> Bool {
        guard let rest = try? inside(path) else { return false }
        return !rest.isRoot && isMounted
    }

    func permit(_ path: RelativePath) throws(StoreError) { try store.permit(changeable(path)) }

    func upload(to path: RelativePath) -> any ContentUpload {
        do throws(StoreError) {
            return MountedUpload(store.upload(to: try changeable(path)), numbers)
        } catch {
            return RefusedUpload(reason: error)
        }
    }

    func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
        numbers.shown(try store.make(changeable(path), entry))
    }

    func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes {
        let known = numbers.stored(known)
        return numbers.shown(
            try store.link(changeable(existing), to: changeable(path), known: known, time: time)
        )
    }

    func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError) {
        try store.remove(changeable(path), known: numbers.stored(known), siblings: siblings)
    }

    func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) {
        try store.removeDirectory(changeable(path), siblings: siblings)
    }

    func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes {
        let stored = (path: numbers.stored(known.path), target: known.target.map(numbers.stored))
        let (from, to) = (try changeable(path), try changeable(target))
        return numbers.shown(try store.rename(from, to: to, mode, known: stored, siblings: siblings))
    }

    func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes {
        numbers.shown(try store.change(changeable(path), change, known: numbers.stored(known)))
    }

    func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] {
        try store.extendedAttributes(of: inside(path), known: numbers.stored(known))
    }

    func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) {
        let known = numbers.stored(known)
        try store.setExtendedAttribute(
            name,
            to: value,
            presence,
            of: changeable(path),
            known: known,
            time: time
        )
    }

    func sync(_ path: RelativePath) throws(StoreError) { try store.sync(inside(path)) }

    func finish() throws(StoreError) { try store.finish() }

    func housekeep() { store.housekeep() }

    /// A path that may be changed, without the mount's name.
    private func changeable(_ path: RelativePath) throws(StoreError) -> RelativePath {
        let rest = try inside(path)
        guard !rest.isRoot else { throw .denied("/\(path) is a mount point") }
        guard mutability == .changeable else { throw .readOnly("/\(path): the mount is read-only") }
        return rest
    }
}
