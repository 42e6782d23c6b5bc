import Cluster
import Metadata
import Pages
import Settings

/// One store of the mount table, as it was when something of it was used.
///
/// It takes the table's paths, and stays the same store after its mount has ended or its name leads to
/// another one: whoever holds it can finish what was begun. Any thread may call it.
final class MountedStore: MetadataSource {
    /// What is mounted where.
    let mount: StoreMount
    /// Where its journal lies; nil if it has none.
    let journal: JournalLease?
    let store: any WritableStore & SpanSource
    let numbers: InodeNumbers
    private let table: StoreTable
    private let name: [UInt8]

    /// Describes a store.
    /// - Parameters:
    ///   - mount: What is mounted where.
    ///   - store: The same, as POSIX wants it; takes paths without the mount's name.
    ///   - journal: Where its journal lies.
    ///   - table: Says whether it is still mounted.
    init(
        _ mount: StoreMount,
        _ store: any WritableStore & SpanSource,
        journal: JournalLease?,
        in table: StoreTable
    ) {
        self.mount = mount
        self.store = store
        self.journal = journal
        self.table = table
        name = Array(mount.entry.name.utf8)
        numbers = InodeNumbers(of: mount.entry.name)
    }

    /// Whether its name leads to it now.
    var isMounted: Bool { table.stores.mounted(at: name[...])?.id == mount.id }

    func uri(of path: RelativePath) -> UFSURI {
        guard let rest = try? inside(path) else { return UFSURI(bytes: []) }
        return rest.isRoot ? mount.root : store.uri(of: rest)
    }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        let rest = try inside(path)
        guard !rest.isRoot else { return MountedNamespace.directory }
        return numbers.shown(try store.attributes(of: rest, known: known))
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let rest = try inside(directory)
        do throws(StoreError) {
            return try store.list(rest, from: token) { name, attributes in
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
        try store.list(inside(directory), after: name, entriesMaximum: entriesMaximum) { name, attributes in
            sink(name, numbers.shown(attributes))
        }
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try store.linkTarget(of: inside(path))
    }

    /// A path without the mount's name.
    /// - Throws: ``StoreError/otherStore`` for a path below another name.
    func inside(_ path: RelativePath) throws(StoreError) -> RelativePath {
        let (first, rest) = MountedNamespace.split(path)
        guard first.elementsEqual(name) else { throw .otherStore }
        return rest
    }
}
