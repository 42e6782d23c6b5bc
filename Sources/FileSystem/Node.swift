import Glibc
import Metadata
import Pages

/// One version of one file, or one directory, that the kernel knows or that is open.
///
/// A version that others made is another node; what this mount changes (a rename, a commit) changes the node.
/// All but its number, kind and `st_ino` is touched only by ``InodeTable`` under its lock. A million of these
/// may live at a time, so name and etag share one block and what few nodes need is kept apart.
// Safety: the `let`s are immutable; every `var` is read and written only while InodeTable's lock is held.
final class Node: @unchecked Sendable {
    /// What the kernel calls it.
    let id: NodeID
    /// The number that users see; stays when the name changes.
    let inode: UInt64
    /// What it is.
    let kind: EntryKind
    /// The directory it is in; nil for the root.
    ///
    /// Holding it keeps the path even after the kernel forgot it.
    private(set) var parent: Node?
    /// The hash of the path.
    private(set) var pathHash: UInt64
    /// Length in bytes; for a file part of the version.
    var size: Int64
    /// Whether the store named its version.
    private var hasETag: Bool
    private var nameCount: UInt8
    private var etagCount: UInt16
    /// Name, then etag; owned.
    private var text: UnsafeMutableRawPointer

    /// Last change of the contents, nanoseconds since 1970.
    var modified: Int64
    /// References that the kernel holds.
    var lookups: UInt64 = 0
    /// When the store was last asked for this very name, monotonic nanoseconds.
    var validated = Int64.min
    /// What few nodes have.
    private var rare: RareFacts?
    /// Handles that are open on it.
    var opens: UInt32 = 0
    /// Facts of one bit.
    var flags: NodeFlags = []

    init(id: NodeID, parent: Node?, name: UnsafeRawBufferPointer, pathHash: UInt64, attributes: Attributes) {
        self.id = id
        self.parent = parent
        self.pathHash = pathHash
        inode = Self.inode(of: attributes, pathHash: pathHash)
        size = attributes.size
        kind = attributes.kind
        modified = attributes.modified
        hasETag = attributes.etag != nil
        let block = Self.block(name, attributes.etag)
        (text, nameCount, etagCount) = (block.text, block.nameCount, block.etagCount)
        if let native = attributes.posix { rare = RareFacts(native: native) }
    }

    deinit { text.deallocate() }

    /// The number that users see: the store's own, or one made of the path.
    static func inode(of attributes: Attributes, pathHash: UInt64) -> UInt64 {
        guard let inode = attributes.posix?.inode, inode != 0 else { return pathHash }
        return inode
    }

    /// Gives the node another name.
    func rename(_ name: UnsafeRawBufferPointer, in directory: Node) {
        let block = Self.block(name, etag)
        text.deallocate()
        (text, nameCount, etagCount) = (block.text, block.nameCount, block.etagCount)
        parent = directory
        rehash()
    }

    /// Takes the path's hash anew, after a directory on the way got another name.
    func rehash() {
        guard let parent else { return }
        pathHash = PathHash.child(name, of: parent.pathHash)
        rare?.path = nil
    }

    /// Makes the node another version of its file: one that this mount committed.
    func become(_ etag: ETag?, size: Int64) {
        let block = Self.block(name, etag)
        text.deallocate()
        (text, nameCount, etagCount) = (block.text, block.nameCount, block.etagCount)
        hasETag = etag != nil
        self.size = size
    }

    private static func block(
        _ name: UnsafeRawBufferPointer,
        _ etag: ETag?
    ) -> (text: UnsafeMutableRawPointer, nameCount: UInt8, etagCount: UInt16) {
        var etag = etag?.text ?? ""
        let etagBytes = min(etag.utf8.count, Int(UInt16.max))
        let text = UnsafeMutableRawPointer.allocate(byteCount: max(1, name.count + etagBytes), alignment: 1)
        text.copyMemory(from: name.baseAddress ?? UnsafeRawPointer(text), byteCount: name.count)
        etag.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(start: text + name.count, count: etagBytes)
                .copyBytes(from: bytes.prefix(etagBytes))
        }
        return (text, UInt8(truncatingIfNeeded: name.count), UInt16(etagBytes))
    }

    /// The last component; empty for the root.
    var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: text, count: Int(nameCount)) }

    /// The etag without quotes; nil where the store gave none.
    var etag: ETag? { hasETag ? ETag(String(decoding: etagBytes, as: UTF8.self)) : nil }

    private var etagBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text + Int(nameCount), count: Int(etagCount))
    }

    /// What the store keeps beside contents and names: a local one always, others where it is not the
    /// default.
    var native: POSIXAttributes? {
        get { rare?.native }
        set {
            let rare = rare ?? RareFacts()
            rare.native = newValue
            self.rare = rare
        }
    }

    /// Other names of the same file, by the hash of their path.
    var aliases: [UInt64] {
        get { rare?.aliases ?? [] }
        set {
            let rare = rare ?? RareFacts()
            rare.aliases = newValue
            self.rare = rare
        }
    }

    /// The path's bytes; kept for directories, whose children need it.
    ///
    /// Under the table's lock.
    func path() -> [UInt8] {
        if let path = rare?.path { return path }
        guard let parent else { return [] }
        var bytes = parent.path()
        bytes.reserveCapacity(bytes.count + 1 + name.count)
        if !bytes.isEmpty { bytes.append(UInt8(ascii: "/")) }
        bytes.append(contentsOf: name)
        guard kind == .directory else { return bytes }
        let rare = rare ?? RareFacts()
        rare.path = bytes
        self.rare = rare
        return bytes
    }

    /// Whether this node is what `attributes` describe: the same kind and, for a file, the same version.
    ///
    /// Equal etags mean equal bytes, so times are no part of a version: a HEAD tells them in whole seconds
    /// where a listing has milliseconds.
    func isVersion(of attributes: Attributes) -> Bool {
        guard kind == attributes.kind else { return false }
        guard kind != .directory else { return true }
        guard size == attributes.size else { return false }
        guard hasETag, var etag = attributes.etag?.text else {
            return !hasETag && attributes.etag == nil && modified == attributes.modified
        }
        return etag.withUTF8 { Self.equal(UnsafeRawBufferPointer($0), etagBytes) }
    }

    /// Whether what the store says of the name is this node: its version, or an older one of a file that this
    /// mount is changing.
    func answers(to attributes: Attributes) -> Bool {
        flags.contains(.changing) ? kind == attributes.kind : isVersion(of: attributes)
    }

    /// Takes over what may change without a new version; under the table's lock.
    ///
    /// Times that this mount set are kept: a store notes the moment of the upload, which is later than the
    /// write, and knows nothing of the times of its directories.
    func update(from attributes: Attributes) {
        guard !flags.contains(.changing) else { return }
        let second: Int64 = 1_000_000_000
        let isOwn = flags.contains(.ownTimes) && (kind != .directory || attributes.modified < modified)
        if !isOwn, modified / second != attributes.modified / second { modified = attributes.modified }
        guard var native = attributes.posix, native != rare?.native else { return }
        if isOwn, let own = rare?.native { native.changed = max(native.changed, own.changed) }
        self.native = native
    }

    /// Whether this node's path is `name` in `directory`.
    func hasPath(_ wanted: UnsafeRawBufferPointer, in directory: Node) -> Bool {
        guard let parent, sameName(wanted) else { return false }
        return parent.samePath(as: directory)
    }

    /// How many directories are above it.
    var depth: Int { (parent?.depth).map { $0 + 1 } ?? 0 }

    /// Whether it lies in a directory or below it.
    func isBelow(_ directory: Node) -> Bool {
        guard let parent else { return false }
        return parent === directory || parent.isBelow(directory)
    }

    /// Whether two nodes have one path; they need not be the same node, since the kernel may forget and find
    /// again.
    func samePath(as other: Node) -> Bool {
        if self === other { return true }
        guard pathHash == other.pathHash, let parent, let otherParent = other.parent else { return false }
        return sameName(other.name) && parent.samePath(as: otherParent)
    }

    private func sameName(_ other: UnsafeRawBufferPointer) -> Bool {
        Self.equal(other, name)
    }

    private static func equal(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count else { return false }
        guard let first = one.baseAddress, let second = other.baseAddress else { return true }
        return memcmp(first, second, one.count) == 0
    }
}

/// Facts of one bit about a node.
struct NodeFlags: OptionSet {
    let rawValue: UInt8
    /// Its path is known to lead elsewhere now.
    static let replaced = NodeFlags(rawValue: 1)
    /// The kernel may hold pages of it, so an open does not always lead to a GET.
    static let wasRead = NodeFlags(rawValue: 2)
    /// A pseudo command's answer: not at any path.
    static let command = NodeFlags(rawValue: 4)
    /// Still in the table.
    static let listed = NodeFlags(rawValue: 8)
    /// This mount is changing the contents: the store's version is not what users see.
    static let changing = NodeFlags(rawValue: 16)
    /// Its times are those this mount gave it.
    static let ownTimes = NodeFlags(rawValue: 32)
    /// It has no name any more: removed by this mount while open.
    static let unlinked = NodeFlags(rawValue: 64)
}

/// What few nodes have: directories in use their path, files of a local store their native attributes, files
/// with several names the others.
private final class RareFacts {
    var path: [UInt8]?
    var native: POSIXAttributes?
    var aliases: [UInt64] = []

    init(native: POSIXAttributes? = nil) { self.native = native }
}
