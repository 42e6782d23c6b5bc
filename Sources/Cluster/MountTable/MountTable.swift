/// Which stores are mounted where, at one moment.
///
/// An immutable value; any thread may ask it. No two mounts have one path, and no store lies inside another
/// one: a file would have two names then, and two places on the ring.
public struct MountTable: Hashable, Sendable {
    /// The most mounts that one table has.
    public static let entriesMaximum = 1000

    /// The mounts in ascending order of paths.
    public let entries: [MountEntry]
    private let places: [String: Int]

    /// A table without mounts.
    public static let empty = MountTable(sorted: [])

    private init(sorted entries: [MountEntry]) {
        self.entries = entries
        places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    /// A table of mounts.
    /// - Parameter entries: In any order.
    /// - Throws: ``MountTableError/refused(_:)`` if two of them can't be there together.
    public init(_ entries: [MountEntry]) throws(MountTableError) {
        var table = MountTable.empty
        for entry in entries { table = try table.adding(entry) }
        self = table
    }

    /// The mount with a name.
    /// - Parameter name: The name of a directory of the root, without a slash.
    /// - Returns: nil if nothing is mounted there.
    public func entry(named name: String) -> MountEntry? { places[name].map { entries[$0] } }

    /// The table with one mount more.
    /// - Parameter entry: The mount.
    /// - Returns: The new table.
    /// - Throws: ``MountTableError/refused(_:)`` if its path is taken, its store nests with another one,
    ///   or the table is full.
    public func adding(_ entry: MountEntry) throws(MountTableError) -> MountTable {
        if let other = self.entry(named: entry.name) {
            throw .refused(
                "\(other.ufs) is mounted at \(entry.path); choose another path, or remove it first"
            )
        }
        for other in entries { try Self.check(entry, beside: other) }
        guard entries.count < Self.entriesMaximum else {
            throw .refused("the mount table has \(entries.count) mounts already, which is the most")
        }
        let place = entries.firstIndex { $0.path > entry.path } ?? entries.count
        var entries = entries
        entries.insert(entry, at: place)
        return MountTable(sorted: entries)
    }

    private static func check(_ entry: MountEntry, beside other: MountEntry) throws(MountTableError) {
        let (new, old) = (entry.location, other.location)
        guard new.isInside(old) || old.isInside(new) else { return }
        let relation = new == old ? "is" : new.isInside(old) ? "lies inside" : "contains"
        throw .refused(
            "\(entry.ufs) \(relation) \(other.ufs), which is mounted at \(other.path); stores can't nest,"
                + " since a file would be cached twice"
        )
    }

    /// What `alluxio mount list` prints, without secrets: a title and one line for each mount.
    public var listing: String {
        (["Listing all mount points"] + entries.map(\.description)).joined(separator: "\n")
    }
}
