@testable import FileSystem
import FuseMount
import Glibc
import Metadata
import Pages
import Synchronization

/// A file system in memory that counts what it is asked, and can be told to stall or fail.
final class FakeFileSystem: UnchangedOperations {
    enum Contents: Sendable {
        case directory([String])
        case memory([UInt8])
        /// Pieces of an open file, each of `pieceBytes`.
        case file(descriptor: Int32, size: Int, pieceBytes: Int)
        /// Pieces in memory and in a file, by turns.
        case mixed([UInt8], descriptor: Int32, pieceBytes: Int)
        case link(String)
    }

    struct Node: Sendable {
        var contents: Contents
        var references: UInt64 = 0
        /// Reads of it wait until `release()`.
        var isStalled = false
        var error: FileSystemError?
    }

    struct Calls: Equatable {
        var lookups = 0
        var getattrs = 0
        var opens = 0
        var reads = 0
        var directoryReads = 0
        var plusReads = 0
        var waitingReads = 0
        var endedReads = 0
        var forgotten: UInt64 = 0
        var attributesSet: [String] = []
    }

    struct State {
        var nodes: [NodeID: Node] = [1: Node(contents: .directory([]))]
        var children: [NodeID: [String: NodeID]] = [1: [:]]
        var handles: [HandleID: NodeID] = [:]
        var nextHandle: HandleID = 1
        var calls = Calls()
        var isReleased = false
    }

    let negativeValid: Duration
    let valid: Duration
    private let state = Mutex(State())
    private static let stallMaximum = Duration.seconds(30)

    init(valid: Duration = .seconds(10), negativeValid: Duration = .zero) {
        self.valid = valid
        self.negativeValid = negativeValid
    }

    var calls: Calls { state.withLock { $0.calls } }
    var openHandles: Int { state.withLock { $0.handles.count } }
    func references(_ node: NodeID) -> UInt64 { state.withLock { $0.nodes[node]?.references ?? 0 } }

    @discardableResult
    func add(_ name: String, _ contents: Contents, to parent: NodeID = 1, error: FileSystemError? = nil)
        -> NodeID
    {
        state.withLock { state in
            let node = NodeID(state.nodes.count + 1)
            state.nodes[node] = Node(contents: contents, error: error)
            state.children[parent, default: [:]][name] = node
            if case .directory = contents { state.children[node] = [:] }
            if case .directory(let names) = state.nodes[parent]?.contents {
                state.nodes[parent]?.contents = .directory(names + [name])
            }
            return node
        }
    }

    /// Adds many files without a copy of the list for each.
    func addMany(_ names: [String], to parent: NodeID) {
        state.withLock { state in
            let first = NodeID(state.nodes.count + 1)
            var children = state.children[parent] ?? [:]
            for (index, name) in names.enumerated() {
                state.nodes[first + NodeID(index)] = Node(contents: .memory([]))
                children[name] = first + NodeID(index)
            }
            state.children[parent] = children
            state.nodes[parent]?.contents = .directory(names)
        }
    }

    func stall(_ node: NodeID) { state.withLock { $0.nodes[node]?.isStalled = true } }
    func releaseStalled() { state.withLock { $0.isReleased = true } }
    func resetCalls() { state.withLock { $0.calls = Calls() } }

    private func node(_ id: NodeID) throws(FileSystemError) -> Node {
        guard let node = state.withLock({ $0.nodes[id] }) else { throw .stale }
        return node
    }

    private func attributes(_ id: NodeID, _ node: Node) -> NodeAttributes {
        let (type, size): (UInt32, Int) =
            switch node.contents {
            case .directory: (0o40755, 4096)
            case .memory(let bytes): (0o100644, bytes.count)
            case .file(_, let size, _): (0o100644, size)
            case .mixed(let bytes, _, _): (0o100644, bytes.count)
            case .link(let target): (0o120777, target.utf8.count)
            }
        return NodeAttributes(
            node: id,
            inode: id + 1000,
            mode: type,
            linkCount: 1,
            uid: 7,
            gid: 8,
            device: 0,
            size: Int64(size),
            accessed: 1_000_000_001,
            modified: 1_700_000_000_123_456_789,
            changed: -1,
            attributesValid: valid,
            entryValid: valid
        )
    }

    func lookup(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        let name = String(decoding: name, as: UTF8.self)
        state.withLock { $0.calls.lookups += 1 }
        if name.hasPrefix("late-") && patience == .immediate { throw .wouldWait }
        let found: (NodeID, Node)? = state.withLock { state in
            guard let id = state.children[parent]?[name] else { return nil }
            state.nodes[id]?.references += 1
            return state.nodes[id].map { (id, $0) }
        }
        guard let found else { throw .notFound }
        return attributes(found.0, found.1)
    }

    func forget(_ node: NodeID, count: UInt64) {
        state.withLock { state in
            state.calls.forgotten += count
            state.nodes[node]?.references -= count
        }
    }

    func attributes(of id: NodeID, _ patience: Patience) throws(FileSystemError) -> NodeAttributes {
        state.withLock { $0.calls.getattrs += 1 }
        return attributes(id, try node(id))
    }

    func open(_ id: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile {
        let node = try node(id)
        if flags & O_ACCMODE != O_RDONLY { throw .readOnly }
        if case .directory = node.contents { throw .isDirectory }
        let handle = state.withLock { state in
            state.calls.opens += 1
            defer { state.nextHandle += 1 }
            state.handles[state.nextHandle] = id
            return state.nextHandle
        }
        return OpenedFile(handle: handle, keepsKernelPages: true)
    }

    func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes {
        guard let id = state.withLock({ $0.handles[handle] }) else { throw .invalid }
        let node = try node(id)
        if node.isStalled && !state.withLock({ $0.isReleased }) { try waitForRelease(patience) }
        state.withLock { $0.calls.reads += 1 }
        if let error = node.error { throw error }
        return Self.bytes(node.contents, at: Int(offset), count: count)
    }

    private func waitForRelease(_ patience: Patience) throws(FileSystemError) {
        guard patience == .waiting else { throw .wouldWait }
        state.withLock { $0.calls.waitingReads += 1 }
        defer { state.withLock { $0.calls.endedReads += 1 } }
        let deadline = ContinuousClock.now + Self.stallMaximum
        while !state.withLock({ $0.isReleased }) {
            if ContinuousClock.now > deadline { throw .inputOutput("the stall was never released") }
            usleep(5000)
        }
    }

    private static func bytes(_ contents: Contents, at offset: Int, count: Int) -> PinnedBytes {
        switch contents {
        case .memory(let bytes):
            let part = Heap(Array(bytes.dropFirst(offset).prefix(count)))
            return PinnedBytes(pieces: part.bytes.isEmpty ? [] : [.memory(part.bytes)], pin: part)
        case .file(let descriptor, let size, let pieceBytes):
            let pieces = split(offset, min(offset + count, size), pieceBytes)
            return PinnedBytes(
                pieces: pieces.map { .file(descriptor: descriptor, offset: Int64($0), count: $1) },
                pin: nil
            )
        case .mixed(let bytes, let descriptor, let pieceBytes):
            let heap = Heap(bytes)
            let pieces = split(offset, min(offset + count, bytes.count), pieceBytes)
            return PinnedBytes(
                pieces: pieces.enumerated().map { index, piece in
                    if index % 2 == 0 {
                        return .memory(.init(rebasing: heap.bytes[piece.0..<(piece.0 + piece.1)]))
                    }
                    return .file(descriptor: descriptor, offset: Int64(piece.0), count: piece.1)
                },
                pin: heap
            )
        case .directory, .link:
            return .empty
        }
    }

    private static func split(_ start: Int, _ end: Int, _ step: Int) -> [(Int, Int)] {
        stride(from: start, to: max(end, start), by: step).map { ($0, min(step, end - $0)) }
    }

    func release(_ handle: HandleID, _ patience: Patience) { close(handle) }

    private func close(_ handle: HandleID) { _ = state.withLock { $0.handles.removeValue(forKey: handle) } }

    func seek(_ handle: HandleID, from offset: Int64, whence: Int32) throws(FileSystemError) -> Int64 {
        guard let id = state.withLock({ $0.handles[handle] }) else { throw .invalid }
        let size = attributes(id, try node(id)).size
        guard offset < size else { throw .noSuchOffset }
        return whence == 4 ? size : offset
    }

    func openDirectory(_ id: NodeID, _ patience: Patience) throws(FileSystemError) -> HandleID {
        guard case .directory = try node(id).contents else { throw .notDirectory }
        return state.withLock { state in
            defer { state.nextHandle += 1 }
            state.handles[state.nextHandle] = id
            return state.nextHandle
        }
    }

    func readDirectory(
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience,
        withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) throws(FileSystemError) {
        guard let id = state.withLock({ $0.handles[handle] }),
            case .directory(let names) = try node(id).contents
        else { throw .invalid }
        state.withLock { state in
            if withAttributes { state.calls.plusReads += 1 } else { state.calls.directoryReads += 1 }
        }
        for index in Int(cookie)..<max(names.count + 2, Int(cookie)) {
            let name = index < 2 ? [".", ".."][index] : names[index - 2]
            let child = index < 2 ? nil : state.withLock { $0.children[id]?[name] }
            let node: NodeAttributes? = try child.map { child throws(FileSystemError) in
                attributes(child, try self.node(child))
            }
            var bytes = Array(name.utf8)
            let taken = bytes.withUnsafeMutableBytes { raw in
                body(
                    DirectoryEntry(
                        name: UnsafeRawBufferPointer(raw),
                        inode: node?.inode ?? 1001,
                        type: node?.mode ?? 0o40000,
                        nextCookie: UInt64(index + 1)
                    ),
                    withAttributes ? node : nil
                )
            }
            guard taken else { return }
            if let child, withAttributes { state.withLock { $0.nodes[child]?.references += 1 } }
        }
    }

    func releaseDirectory(_ handle: HandleID) { close(handle) }

    func linkTarget(of id: NodeID, _ patience: Patience) throws(FileSystemError) -> [UInt8] {
        guard case .link(let target) = try node(id).contents else { throw .invalid }
        return Array(target.utf8)
    }

    func extendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [UInt8] {
        guard name == "user.alluxio.etag" else { throw .noAttribute }
        return Array("0123456789".utf8)
    }

    func extendedAttributeNames(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> [String] {
        ["user.alluxio.uri", "user.alluxio.etag"]
    }

    func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        _ presence: AttributePresence,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        guard name == "user.alluxio.invalidate" else { throw .readOnly }
        state.withLock { $0.calls.attributesSet.append("\(node) \(String(decoding: value, as: UTF8.self))") }
    }

    func statistics() -> FileSystemStatistics {
        var totals = FileSystemStatistics()
        totals.blocks = 1 << 30
        return totals
    }
}

/// Bytes that stay where they are.
private final class Heap: Pin {
    // Safety: written once, before anybody else can see it.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(_ contents: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 16)
        copy.copyBytes(from: contents)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }
}
