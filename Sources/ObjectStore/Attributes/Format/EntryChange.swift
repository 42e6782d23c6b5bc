import Metadata
import Pages

/// What becomes of one field.
enum FieldChange<Value: Hashable & Sendable>: Hashable, Sendable {
    /// It stays.
    case kept
    /// It gets this value, or says nothing.
    case set(Value?)

    func applied(to value: Value?) -> Value? {
        if case .set(let new) = self { new } else { value }
    }

    func followed(by later: FieldChange) -> FieldChange {
        if case .kept = later { self } else { later }
    }
}

/// A change of one entry, that can be merged into whatever the entry has become meanwhile.
///
/// Fields that are not named stay as they are, so that two mounts that change different things of one name
/// both get their way; of the same field, the last writer's value stays.
struct EntryChange: Hashable, Sendable {
    /// Whether whatever the entry said is forgotten first: a removed or replaced name.
    var startsAfresh = false
    var permissions: FieldChange<UInt32> = .kept
    var uid: FieldChange<UInt32> = .kept
    var gid: FieldChange<UInt32> = .kept
    var bound: BoundChange?
    /// Extended attributes that are set, or removed (nil).
    var extended: [[UInt8]: [UInt8]?] = [:]
    var link: FieldChange<RelativePath> = .kept
    /// Other names that are added (true) or taken away.
    var names: [RelativePath: Bool] = [:]
    var inode: FieldChange<UInt64> = .kept
    /// Fields of a later format that an entry brings along which is moved here.
    var unknown: [AttributeEntry.UnknownField] = []

    /// A change of what belongs to one version.
    struct BoundChange: Hashable, Sendable {
        /// The version it belongs to; what the entry says of another version is void.
        var etag: ETag?
        /// Whether what it says of this version is void, too.
        var startsAfresh = false
        var type: FieldChange<UInt32> = .kept
        var target: FieldChange<[UInt8]> = .kept
        var device: FieldChange<UInt64> = .kept
        var accessed: FieldChange<Int64> = .kept
        var modified: FieldChange<Int64> = .kept
        var changed: FieldChange<Int64> = .kept
    }

    /// The name is gone.
    static let removed = EntryChange(startsAfresh: true)

    /// The name gets exactly this entry.
    /// - Parameter entry: All of it.
    /// - Returns: The change.
    static func replaced(by entry: AttributeEntry) -> EntryChange {
        var change = EntryChange.removed
        change.permissions = .set(entry.permissions)
        change.uid = .set(entry.uid)
        change.gid = .set(entry.gid)
        change.bound = BoundChange(
            etag: entry.bound.etag,
            startsAfresh: true,
            type: .set(entry.bound.type),
            target: .set(entry.bound.target),
            device: .set(entry.bound.device),
            accessed: .set(entry.bound.accessed),
            modified: .set(entry.bound.modified),
            changed: .set(entry.bound.changed)
        )
        for (name, value) in entry.extended { change.extended[name] = .some(value) }
        change.link = .set(entry.link)
        for name in entry.names { change.names[name] = true }
        change.inode = .set(entry.inode)
        change.unknown = entry.unknown
        return change
    }

    /// The entry after the change.
    /// - Parameter entry: Before it; nil if there is none.
    /// - Returns: After it; nil if nothing is left to be said.
    func applied(to entry: AttributeEntry?) -> AttributeEntry? {
        var result = startsAfresh ? AttributeEntry() : entry ?? AttributeEntry()
        result.permissions = permissions.applied(to: result.permissions)
        result.uid = uid.applied(to: result.uid)
        result.gid = gid.applied(to: result.gid)
        if let bound { result.bound = bound.applied(to: result.bound) }
        for (name, value) in extended { result.extended[name] = value }
        result.link = link.applied(to: result.link)
        for (name, isAdded) in names {
            if isAdded { result.names.insert(name) } else { result.names.remove(name) }
        }
        result.inode = inode.applied(to: result.inode)
        if !unknown.isEmpty { result.unknown = unknown }
        if result.bound.isEmpty { result.bound = BoundAttributes() }
        return result.isEmpty ? nil : result
    }

    /// One change that does what this one and then another would do.
    /// - Parameter later: The other.
    /// - Returns: Both.
    func followed(by later: EntryChange) -> EntryChange {
        guard !later.startsAfresh else { return later }
        var result = self
        result.permissions = permissions.followed(by: later.permissions)
        result.uid = uid.followed(by: later.uid)
        result.gid = gid.followed(by: later.gid)
        if let change = later.bound { result.bound = bound?.followed(by: change) ?? change }
        result.extended.merge(later.extended) { $1 }
        result.link = link.followed(by: later.link)
        result.names.merge(later.names) { $1 }
        result.inode = inode.followed(by: later.inode)
        if !later.unknown.isEmpty { result.unknown = later.unknown }
        return result
    }
}

extension EntryChange.BoundChange {
    func applied(to bound: BoundAttributes) -> BoundAttributes {
        var result = !startsAfresh && bound.etag == etag ? bound : BoundAttributes()
        result.etag = etag
        result.type = type.applied(to: result.type)
        result.target = target.applied(to: result.target) ?? []
        result.device = device.applied(to: result.device)
        result.accessed = accessed.applied(to: result.accessed)
        result.modified = modified.applied(to: result.modified)
        result.changed = changed.applied(to: result.changed)
        return result
    }

    func followed(by later: Self) -> Self {
        guard !later.startsAfresh else { return later }
        guard later.etag == etag else {
            // What is said of another version is void after this change, whatever the entry said.
            var result = later
            result.startsAfresh = true
            return result
        }
        var result = self
        result.type = type.followed(by: later.type)
        result.target = target.followed(by: later.target)
        result.device = device.followed(by: later.device)
        result.accessed = accessed.followed(by: later.accessed)
        result.modified = modified.followed(by: later.modified)
        result.changed = changed.followed(by: later.changed)
        return result
    }
}
