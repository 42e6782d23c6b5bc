import Cluster
import Metadata
import ObjectStore
import Pages
import Settings

/// The whole mount table as one namespace: a directory of the root for each store.
///
/// Paths lose their first component on the way to the store; addresses are the store's own, so that caches
/// and the ring know a file by the same address whatever the mount's name. Changing it is in
/// `MountedNamespace+Changes.swift`. Any thread may call it.
struct MountedNamespace: MetadataSource, SpanSource {
    private let table: StoreTable
    private let links: StoreLinks
    let stores: MountedStores

    /// The namespace of a table.
    /// - Parameters:
    ///   - table: The stores.
    ///   - links: What is put before each store.
    ///   - shown: What is shown where a store says nothing; its directory for journals gets one in it for
    ///     each store, without it no store can be changed.
    init(
        table: StoreTable,
        links: StoreLinks = .none,
        shown: AttributedStoreOptions = AttributedStoreOptions()
    ) {
        self.table = table
        self.links = links
        stores = MountedStores(table: table, links: links, shown: shown)
    }

    private static let slash = UInt8(ascii: "/")
    /// A mount point, as it is there whatever its store says.
    static let directory = Attributes(kind: .directory, size: 0, modified: 0, etag: nil)

    /// The address of a path in its store; empty for the root, and for what is not in any store.
    func uri(of path: RelativePath) -> UFSURI {
        let (name, rest) = Self.split(path)
        guard let mount = table.stores.mounted(at: name) else { return UFSURI(bytes: []) }
        guard let link = mount.link else { return mount.root }
        // Only a store that is in use knows of other names of its files.
        return stores.known(mount)?.uri(of: path) ?? link.source.uri(of: rest)
    }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        let (mount, rest) = try find(path)
        // The mount point is there whatever its store says, as that of any file system is.
        guard !rest.isRoot else { return Self.directory }
        return try stores.store(of: mount, mayWait: true).attributes(of: path, known: known)
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard !directory.isRoot else {
            for mount in table.stores.mounted {
                Array(mount.entry.name.utf8).withUnsafeBytes { sink($0, Self.directory) }
            }
            return ListingPage(next: nil, hidden: 0)
        }
        return try store(of: directory).list(directory, from: token, into: sink)
    }

    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard !directory.isRoot else { throw .unsupported("the mount table is listed whole") }
        return try store(of: directory)
            .list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try store(of: path).linkTarget(of: path)
    }

    /// Reads from the store that holds the version, also if it is no longer mounted and a file is still open.
    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        guard let mount = table.stores.holder(of: version.uri) else {
            throw .unavailable("\(version.uri): its store is no longer mounted")
        }
        try links.bytes(mount.usable().source).fetch(span, of: version, into: sink)
    }

    private func store(of path: RelativePath) throws(StoreError) -> MountedStore {
        try stores.store(of: find(path).mount, mayWait: true)
    }

    func find(_ path: RelativePath) throws(StoreError) -> (mount: StoreMount, rest: RelativePath) {
        let (name, rest) = Self.split(path)
        guard let mount = table.stores.mounted(at: name) else { throw .notFound }
        return (mount, rest)
    }

    /// A path's first component, and what is left behind it.
    static func split(_ path: RelativePath) -> (name: ArraySlice<UInt8>, rest: RelativePath) {
        let name = path.bytes.prefix { $0 != slash }
        return (name, RelativePath(bytes: Array(path.bytes.dropFirst(name.count + 1))))
    }
}
