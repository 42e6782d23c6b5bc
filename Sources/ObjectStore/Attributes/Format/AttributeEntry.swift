import Metadata
import Pages

/// What an attribute object says of one name of its directory.
///
/// A nil field says nothing: the mount shows what it would show anyway.
struct AttributeEntry: Hashable, Sendable {
    /// Permission bits, without the type.
    var permissions: UInt32?
    /// Owner.
    var uid: UInt32?
    /// Group.
    var gid: UInt32?
    /// What is true only as long as the name holds one version.
    var bound = BoundAttributes()
    /// Extended attributes: names with their namespace, and values.
    var extended: [[UInt8]: [UInt8]] = [:]
    /// The path that holds the object of which this name is another name; everything else is then said
    /// there.
    var link: RelativePath?
    /// The other names of the object that this name holds.
    var names: Set<RelativePath> = []
    /// A stable inode number: of an object that has, or had, several names.
    var inode: UInt64?
    /// Fields of a later version of the format, kept as they are: tag and bytes, in the order of the tags.
    var unknown: [UnknownField] = []

    /// A field that this version does not know.
    struct UnknownField: Hashable, Sendable {
        let tag: UInt64
        let bytes: [UInt8]
    }

    /// Whether it says nothing, so that it need not be kept.
    var isEmpty: Bool { self == AttributeEntry() }

    /// How many names lead to the object.
    var linkCount: UInt32 { UInt32(clamping: names.count + 1) }
}

/// Attributes that somebody else's replacement of the object makes void.
struct BoundAttributes: Hashable, Sendable {
    /// The version that they belong to; nil for what has none: a directory.
    var etag: ETag?
    /// The type bits of a mode, of what is neither file nor directory.
    var type: UInt32?
    /// The text of a symbolic link.
    var target: [UInt8] = []
    /// Device number, as `st_rdev`.
    var device: UInt64?
    /// Last access, nanoseconds since 1970.
    var accessed: Int64?
    /// Last change of the contents, nanoseconds since 1970.
    var modified: Int64?
    /// Last change of the attributes, nanoseconds since 1970.
    var changed: Int64?

    /// Whether it says nothing, whatever the version.
    var isEmpty: Bool {
        var other = self
        other.etag = nil
        return other == BoundAttributes()
    }
}
