@testable import FileSystem
import FuseMount
import Glibc
import Metadata
import Pages
import Synchronization

/// A file system in memory that can be changed, notes what it is asked, and can be told to wait or to fail.
final class MemoryFileSystem: Operations {
    struct Node: Sendable {
        var mode: UInt32
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        var device: UInt64 = 0
        var links: UInt32 = 1
        var bytes: [UInt8] = []
        var children: [String: NodeID] = [:]
        var attributes: [String: [UInt8]] = [:]
        var accessed: Int64 = 1
        var modified: Int64 = 2
        var references: UInt64 = 0
    }

    struct State {
        var nodes: [NodeID: Node] = [1: Node(mode: 0o40777)]
        var handles: [HandleID: NodeID] = [:]
        var madeNodes: NodeID = 1
        var madeHandles: HandleID = 0
        /// What was asked, each as one line; only what was carried out.
        var notes: [String] = []
        var errors: [String: FileSystemError] = [:]
        var stalled: Set<String> = []
        var stallsBegun: [String] = []
    }

    let negativeValid = Duration.zero
    /// Whether every change has to wait.
    private let waits: Bool
    private let state = Mutex(State())

    init(waits: Bool = false) { self.waits = waits }

    // MARK: Script

    var notes: [String] { state.withLock { $0.notes } }
    var openHandles: Int { state.withLock { $0.handles.count } }
    var stallsBegun: [String] { state.withLock { $0.stallsBegun } }
    /// Kernel references to all nodes.
    var references: UInt64 { state.withLock { $0.nodes.values.reduce(0) { $0 + $1.references } } }

    func fail(_ what: String, with error: FileSystemError?) { state.withLock { $0.errors[what] = error } }
    /// Lets an operation wait until ``go(_:)``.
    func stall(_ what: String) { state.withLock { _ = $0.stalled.insert(what) } }
    func go(_ what: String) { state.withLock { _ = $0.stalled.remove(what) } }

    func node(_ name: String) -> Node? {
        state.withLock { state in state.nodes[1]?.children[name].flatMap { state.nodes[$0] } }
    }

    /// Does what every change begins with: waits if it must, fails if it is told to.
    private func begin(_ what: String, _ patience: Patience) throws(FileSystemError) {
        let isStalled = state.withLock { $0.stalled.contains(what) }
        if waits || isStalled, patience == .immediate { throw .wouldWait }
        if isStalled {
            state.withLock { $0.stallsBegun.append(what) }
            let deadline = ContinuousClock.now + .seconds(30)
            while state.withLock({ $0.stalled.contains(what) }), ContinuousClock.now < deadline {
                usleep(2000)
            }
        }
        if let error = state.withLock({ $0.errors[what] }) { throw error }
    }

    private func note(_ text: String) { state.withLock { $0.notes.append(text) } }

    // MARK: Nodes

    private func change<Result: Sendable>(
        _ id: NodeID,
        _ body: (inout Node) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        try state.withLock { state throws(FileSystemError) in
            guard var node = state.nodes[id] else { throw .stale }
            let result = try body(&node)
            state.nodes[id] = node
            return result
        }
    }

    private func file(_ handle: HandleID) throws(FileSystemError) -> NodeID {
        guard let id = state.withLock({ $0.handles[handle] }) else { throw .badHandle }
        return id
    }

    private func describe(_ id: NodeID) throws(FileSystemError) -> NodeAttributes {
        let node = try change(id) { node throws(FileSystemError) in node }
        return NodeAttributes(
            node: id,
            inode: id,
            mode: node.mode,
            linkCount: node.links,
            uid: node.uid,
            gid: node.gid,
            device: node.device,
            size: Int64(node.bytes.count),
            accessed: node.accessed,
            modified: node.modified,
            changed: 3,
            attributesValid: .seconds(10),
            entryValid: .seconds(10)
        )
    }

    /// Describes a node that the kernel gets a reference to.
    private func entry(_ id: NodeID) throws(FileSystemError) -> NodeAttributes {
        try change(id) { node throws(FileSystemError) in node.references += 1 }
        return try describe(id)
    }

    private func add(
        _ name: String?,
        in parent: NodeID,
        _ new: NewNode
    ) throws(FileSystemError) -> NodeID {
        try state.withLock { state throws(FileSystemError) in
            if let name, state.nodes[parent]?.children[name] != nil { throw .exists }
            state.madeNodes += 1
            var node = Node(mode: new.mode)
            (node.uid, node.gid, node.device) = (new.caller.uid, new.caller.gid, new.device)
            node.bytes = new.target
            node.links = name == nil ? 0 : 1
            state.nodes[state.madeNodes] = node
            if let name { state.nodes[parent]?.children[name] = state.madeNodes }
            return state.madeNodes
        }
    }

    private func openHandle(_ id: NodeID) -> OpenedFile {
        state.withLock { state in
            state.madeHandles += 1
            state.handles[state.madeHandles] = id
            return OpenedFile(handle: state.madeHandles, keepsKernelPages: true)
        }
    }

    // MARK: Looking

    func lookup(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        let name = String(decoding: name, as: UTF8.self)
        guard let id = state.withLock({ $0.nodes[parent]?.children[name] }) else { throw .notFound }
        return try entry(id)
    }

    func forget(_ node: NodeID, count: UInt64) {
        state.withLock { $0.nodes[node]?.references -= count }
    }

    func attributes(of id: NodeID, _ patience: Patience) throws(FileSystemError) -> NodeAttributes {
        try describe(id)
    }

    func open(_ id: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile {
        try begin("open", patience)
        if flags & O_TRUNC != 0 { try change(id) { node throws(FileSystemError) in node.bytes = [] } }
        note("open\(flags & O_TRUNC != 0 ? " truncating" : "")\(flags & O_APPEND != 0 ? " appending" : "")")
        return openHandle(id)
    }

    func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes {
        let bytes = try change(try file(handle)) { node throws(FileSystemError) in
            Array(node.bytes.dropFirst(Int(offset)).prefix(count))
        }
        let copy = TestBytes(bytes)
        return PinnedBytes(pieces: bytes.isEmpty ? [] : [.memory(copy.bytes)], pin: copy)
    }

    func release(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {
        try begin("release", patience)
        state.withLock { $0.handles[handle] = nil }
        note("release")
    }

    func seek(
        _ handle: HandleID,
        from offset: Int64,
        whence: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> Int64 {
        try begin("seek", patience)
        return offset
    }

    func openDirectory(_ id: NodeID, _ patience: Patience) throws(FileSystemError) -> HandleID {
        openHandle(id).handle
    }

    func readDirectory(
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience,
        withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) throws(FileSystemError) {}

    func releaseDirectory(_ handle: HandleID) { state.withLock { $0.handles[handle] = nil } }

    func linkTarget(of id: NodeID, _ patience: Patience) throws(FileSystemError) -> [UInt8] {
        try change(id) { node throws(FileSystemError) in node.bytes }
    }

    func statistics() -> FileSystemStatistics { FileSystemStatistics() }
}

// MARK: Names

extension MemoryFileSystem {
    func create(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) {
        try begin("create", patience)
        let name = String(decoding: name, as: UTF8.self)
        let id = try add(name, in: parent, new)
        note("create \(name)")
        return (try entry(id), openHandle(id))
    }

    func createUnnamed(
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) {
        try begin("tmpfile", patience)
        let id = try add(nil, in: parent, new)
        note("tmpfile")
        return (try entry(id), openHandle(id))
    }

    func make(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        try begin("make", patience)
        return try entry(try add(String(decoding: name, as: UTF8.self), in: parent, new))
    }

    func link(
        _ node: NodeID,
        to name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        try begin("link", patience)
        let name = String(decoding: name, as: UTF8.self)
        state.withLock { state in
            state.nodes[parent]?.children[name] = node
            state.nodes[node]?.links += 1
        }
        return try entry(node)
    }

    func unlink(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        try begin("unlink", patience)
        try remove(String(decoding: name, as: UTF8.self), in: parent)
    }

    func removeDirectory(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        try begin("rmdir", patience)
        try remove(String(decoding: name, as: UTF8.self), in: parent)
    }

    private func remove(_ name: String, in parent: NodeID) throws(FileSystemError) {
        try state.withLock { state throws(FileSystemError) in
            guard let id = state.nodes[parent]?.children[name] else { throw .notFound }
            guard state.nodes[id]?.children.isEmpty != false else { throw .notEmpty }
            state.nodes[parent]?.children[name] = nil
            state.nodes[id]?.links -= 1
        }
    }

    func rename(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        to newName: UnsafeRawBufferPointer,
        in newParent: NodeID,
        _ mode: RenameMode,
        _ patience: Patience
    ) throws(FileSystemError) {
        try begin("rename", patience)
        let (name, newName) = (
            String(decoding: name, as: UTF8.self), String(decoding: newName, as: UTF8.self)
        )
        try state.withLock { state throws(FileSystemError) in
            let (node, target) = (
                state.nodes[parent]?.children[name], state.nodes[newParent]?.children[newName]
            )
            if case .noReplace = mode, target != nil { throw .exists }
            state.nodes[parent]?.children[name] = nil
            if case .exchange = mode { state.nodes[parent]?.children[name] = target }
            state.nodes[newParent]?.children[newName] = node
        }
        note("rename \(name) \(newName) \(mode)")
    }
}

// MARK: Contents and attributes

extension MemoryFileSystem {
    func change(
        _ node: NodeID,
        _ change: NodeChange,
        handle: HandleID?,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        try begin("change", patience)
        func nanoseconds(_ change: TimeChange) -> Int64 {
            if case .at(let time) = change { time } else { -1 }
        }
        try self.change(node) { node throws(FileSystemError) in
            if let permissions = change.permissions { node.mode = node.mode & ~0o7777 | permissions }
            if let uid = change.uid { node.uid = uid }
            if let gid = change.gid { node.gid = gid }
            if let size = change.size {
                node.bytes = Array(node.bytes.prefix(Int(size)))
                node.bytes += [UInt8](repeating: 0, count: Int(size) - node.bytes.count)
            }
            if let accessed = change.accessed { node.accessed = nanoseconds(accessed) }
            if let modified = change.modified { node.modified = nanoseconds(modified) }
        }
        note("change\(handle == nil ? "" : " of an open file")")
        return try describe(node)
    }

    func write(
        _ handle: HandleID,
        at offset: Int64,
        _ bytes: UnsafeRawBufferPointer,
        _ patience: Patience
    ) throws(FileSystemError) -> Int {
        try begin("write", patience)
        try change(try file(handle)) { node throws(FileSystemError) in
            let end = Int(offset) + bytes.count
            node.bytes += [UInt8](repeating: 0, count: max(0, end - node.bytes.count))
            node.bytes.replaceSubrange(Int(offset)..<end, with: bytes)
        }
        note("write \(bytes.count)")
        return bytes.count
    }

    func flush(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {
        try begin("flush", patience)
        note("flush")
    }

    func sync(_ handle: HandleID, dataOnly: Bool, _ patience: Patience) throws(FileSystemError) {
        try begin("fsync", patience)
        note(dataOnly ? "fdatasync" : "fsync")
    }

    func syncDirectory(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {
        try begin("fsyncdir", patience)
        note("fsyncdir")
    }

    func allocate(
        _ handle: HandleID,
        mode: Int32,
        offset: Int64,
        count: Int64,
        _ patience: Patience
    ) throws(FileSystemError) {
        try begin("allocate", patience)
        note("allocate \(mode) \(offset) \(count)")
    }

    func copy(
        from source: HandleID,
        at sourceOffset: Int64,
        to target: HandleID,
        at targetOffset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> Int {
        try begin("copy", patience)
        let bytes = try change(try file(source)) { node throws(FileSystemError) in
            Array(node.bytes.dropFirst(Int(sourceOffset)).prefix(count))
        }
        try change(try file(target)) { node throws(FileSystemError) in
            node.bytes.replaceSubrange(
                Int(targetOffset)..<min(Int(targetOffset) + bytes.count, node.bytes.count),
                with: bytes
            )
        }
        note("copy \(bytes.count)")
        return bytes.count
    }

    func extendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [UInt8] {
        let value = try change(node) { node throws(FileSystemError) in node.attributes[name] }
        guard let value else { throw .noAttribute }
        return value
    }

    func extendedAttributeNames(
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [String] {
        try change(node) { node throws(FileSystemError) in node.attributes.keys.sorted() }
    }

    func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        _ presence: AttributePresence,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        try begin("setxattr", patience)
        try change(node) { node throws(FileSystemError) in
            switch presence {
            case .any: break
            case .absent: if node.attributes[name] != nil { throw .exists }
            case .present: if node.attributes[name] == nil { throw .noAttribute }
            }
            node.attributes[name] = Array(value)
        }
    }

    func removeExtendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        try begin("removexattr", patience)
        let old = try change(node) { node throws(FileSystemError) in node.attributes.removeValue(forKey: name)
        }
        guard old != nil else { throw .noAttribute }
    }
}

/// Bytes that stay where they are.
final class TestBytes: Pin {
    // Safety: written once, before anybody else can see it.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(_ contents: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 16)
        copy.copyBytes(from: contents)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }
}
