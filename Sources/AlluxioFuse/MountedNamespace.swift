import Cluster
import Metadata
import Pages
import Settings

/// The whole mount table as one namespace: a directory of the root for each store.
///
/// Paths lose their first component on the way to the store; addresses are the store's own, so that caches
/// and the ring know a file by the same address whatever the mount's name. Any thread may call it.
struct MountedNamespace: MetadataSource, SpanSource {
    private let table: StoreTable
    private let links: StoreLinks

    /// The namespace of a table.
    /// - Parameters:
    ///   - table: The stores.
    ///   - links: What is put before each store.
    init(table: StoreTable, links: StoreLinks = .none) {
        self.table = table
        self.links = links
    }

    private static let slash = UInt8(ascii: "/")
    private static let directory = Attributes(kind: .directory, size: 0, modified: 0, etag: nil)

    /// The address of a path in its store; empty for the root, and for what is not in any store.
    func uri(of path: RelativePath) -> UFSURI {
        let (name, rest) = Self.split(path)
        guard let mount = table.stores.mounted(at: name) else { return UFSURI(bytes: []) }
        guard let link = mount.link else { return mount.root }
        return link.source.uri(of: rest)
    }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        let (mount, rest) = try find(path)
        // The mount point is there whatever its store says, as that of any file system is.
        guard !rest.isRoot else { return Self.directory }
        let attributes = try links.names(mount.usable().source).attributes(of: rest, known: known)
        return InodeNumbers(of: mount).shown(attributes)
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
        let (mount, rest) = try find(directory)
        let source = links.names(try mount.usable().source)
        let numbers = InodeNumbers(of: mount)
        do throws(StoreError) {
            return try source.list(rest, from: token) { name, attributes in
                sink(name, numbers.shown(attributes))
            }
        } catch .notFound where rest.isRoot {
            // A bucket or prefix that has nothing yet.
            return ListingPage(next: nil, hidden: 0)
        }
    }

    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard !directory.isRoot else { throw .unsupported("the mount table is listed whole") }
        let (mount, rest) = try find(directory)
        let source = links.names(try mount.usable().source)
        let numbers = InodeNumbers(of: mount)
        return try source.list(rest, after: name, entriesMaximum: entriesMaximum) { name, attributes in
            sink(name, numbers.shown(attributes))
        }
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        let (mount, rest) = try find(path)
        return try links.names(mount.usable().source).linkTarget(of: rest)
    }

    /// Reads from the store that holds the version, also if it is no longer mounted and a file is still open.
    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        guard let mount = table.stores.holder(of: version.uri) else {
            throw .unavailable("\(version.uri): its store is no longer mounted")
        }
        try links.bytes(mount.usable().source).fetch(span, of: version, into: sink)
    }

    private func find(_ path: RelativePath) throws(StoreError) -> (mount: StoreMount, rest: RelativePath) {
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

/// The inode numbers that the table shows of one store.
///
/// Two local stores may have the same numbers, and programs that copy or archive take equal numbers for one
/// file. They depend on the mount's name alone, so that they are the same after the next start.
private struct InodeNumbers {
    private let difference: UInt64

    init(of mount: StoreMount) {
        // FNV-1a: it spreads a short name over all bits.
        difference = mount.entry.name.utf8.reduce(0xCBF2_9CE4_8422_2325) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
    }

    func shown(_ attributes: Attributes) -> Attributes {
        var shown = attributes
        shown.posix?.inode ^= difference
        return shown
    }
}
