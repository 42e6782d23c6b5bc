import FileSystem
import Metadata
import Synchronization

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
