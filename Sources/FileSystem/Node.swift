import Glibc
import Metadata
import Pages

/// One version of one file, or one directory, that the kernel knows or that is open.
///
/// Identity, path and version never change. What may change (counts, flags, a directory's times) is touched
/// only by ``InodeTable`` under its lock. A million of these may live at a time, so name and etag share one
/// block and what few nodes need is kept apart.
// Safety: the `let`s are immutable; every `var` is read and written only while InodeTable's lock is held.
final class Node: @unchecked Sendable {
    /// What the kernel calls it.
    let id: NodeID
    /// The directory it was found in; nil for the root.
    ///
    /// Holding it keeps the path even after the kernel forgot it.
    let parent: Node?
    /// The hash of the path.
    let pathHash: UInt64
    /// Length in bytes; for a file part of the version.
    let size: Int64
    /// What it is.
    let kind: EntryKind
    /// Whether the store named its version.
    private let hasETag: Bool
    private let nameCount: UInt8
    private let etagCount: UInt16
    /// Name, then etag; owned.
    private let text: UnsafeMutableRawPointer

    /// Last change of the contents, nanoseconds since 1970.
    var modified: Int64
    /// References that the kernel holds.
    var lookups: UInt64 = 0
    /// When the store was last asked for this very name, monotonic nanoseconds.
    var validated = Int64.min
    /// What few nodes have.
    private var rare: PathAndNative?
    /// Handles that are open on it.
    var opens: UInt32 = 0
    /// Facts of one bit.
    var flags: NodeFlags = []

    init(id: NodeID, parent: Node?, name: UnsafeRawBufferPointer, pathHash: UInt64, attributes: Attributes) {
        self.id = id
        self.parent = parent
        self.pathHash = pathHash
        size = attributes.size
        kind = attributes.kind
        modified = attributes.modified
        hasETag = attributes.etag != nil
        var etag = attributes.etag?.text ?? ""
        let etagBytes = min(etag.utf8.count, Int(UInt16.max))
        nameCount = UInt8(truncatingIfNeeded: name.count)
        etagCount = UInt16(etagBytes)
        text = UnsafeMutableRawPointer.allocate(byteCount: max(1, name.count + etagBytes), alignment: 1)
        text.copyMemory(from: name.baseAddress ?? UnsafeRawPointer(text), byteCount: name.count)
        etag.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(start: text + name.count, count: etagBytes)
                .copyBytes(from: bytes.prefix(etagBytes))
        }
        if let native = attributes.posix { rare = PathAndNative(native: native) }
    }

    deinit { text.deallocate() }

    /// The last component; empty for the root.
    var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: text, count: Int(nameCount)) }

    /// The etag without quotes; nil where the store gave none.
    var etag: ETag? { hasETag ? ETag(String(decoding: etagBytes, as: UTF8.self)) : nil }

    private var etagBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text + Int(nameCount), count: Int(etagCount))
    }

    /// What a local store knows natively; under the table's lock.
    var native: POSIXAttributes? { rare?.native }

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
        let rare = rare ?? PathAndNative()
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

    /// Takes over what may change without a new version; under the table's lock.
    func update(from attributes: Attributes) {
        let second: Int64 = 1_000_000_000
        if modified / second != attributes.modified / second { modified = attributes.modified }
        if let native = attributes.posix, native != rare?.native {
            let rare = rare ?? PathAndNative()
            rare.native = native
            self.rare = rare
        }
    }

    /// Whether this node's path is `name` in `directory`.
    func hasPath(_ wanted: UnsafeRawBufferPointer, in directory: Node) -> Bool {
        guard let parent, sameName(wanted) else { return false }
        return parent.samePath(as: directory)
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
}

/// What few nodes have: directories in use their path, what is in a local store its native attributes.
private final class PathAndNative {
    var path: [UInt8]?
    var native: POSIXAttributes?

    init(native: POSIXAttributes? = nil) { self.native = native }
}
