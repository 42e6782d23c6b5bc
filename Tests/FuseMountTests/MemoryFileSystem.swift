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
    let state = Mutex(State())

    init(waits: Bool = false) { self.waits = waits }

    // MARK: Script

    var notes: [String] { state.withLock { $0.notes } }
    /// Without FLUSH, which also comes when a process of another test has our descriptors for a moment.
    var notesBesidesFlush: [String] { notes.filter { $0 != "flush" } }
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
    func begin(_ what: String, _ patience: Patience) throws(FileSystemError) {
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

    func note(_ text: String) { state.withLock { $0.notes.append(text) } }

    // MARK: Nodes

    func change<Result: Sendable>(
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

    func file(_ handle: HandleID) throws(FileSystemError) -> NodeID {
        guard let id = state.withLock({ $0.handles[handle] }) else { throw .badHandle }
        return id
    }

    func describe(_ id: NodeID) throws(FileSystemError) -> NodeAttributes {
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
    func entry(_ id: NodeID) throws(FileSystemError) -> NodeAttributes {
        try change(id) { node throws(FileSystemError) in node.references += 1 }
        return try describe(id)
    }

    func add(
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

    func openHandle(_ id: NodeID) -> OpenedFile {
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
