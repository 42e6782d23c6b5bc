import Metadata
import Pages

/// Which store a change goes to: of a mount table, paths lead to several, and what is open stays where it was
/// opened.
extension FileSystem {
    /// The parts for writing.
    /// - Throws: ``FileSystemError/readOnly`` if the mount has none.
    func writable() throws(FileSystemError) -> WritingParts {
        guard let writing else { throw .readOnly }
        return writing
    }

    /// The store that a path lies in now.
    func home(of path: RelativePath, _ patience: Patience) throws(FileSystemError) -> any WritableStore {
        let parts = try writable()
        return try ask { () throws(StoreError) in
            try parts.store.home(of: path, mayWait: patience == .waiting)
        }
    }

    /// The store of a path that is about to be changed.
    /// - Parameters:
    ///   - path: The path.
    ///   - patience: Whether to wait.
    ///   - refusal: What is said of a mount point.
    /// - Returns: The store; it may be changed.
    /// - Throws: ``FileSystemError/readOnly``, `refusal`, or another ``FileSystemError``.
    func changeable(
        _ path: RelativePath,
        _ patience: Patience,
        orElse refusal: FileSystemError = .notPermitted
    ) throws(FileSystemError) -> any WritableStore {
        let store = try home(of: path, patience)
        try Self.requireChangeable(store, orElse: refusal)
        return store
    }

    /// The store of a node that is about to be changed: where it was opened, else where its path leads.
    func changeable(
        _ node: Node,
        at path: RelativePath,
        _ patience: Patience
    ) throws(FileSystemError) -> any WritableStore {
        guard let store = handles.file(of: node.id)?.home else { return try changeable(path, patience) }
        try Self.requireChangeable(store)
        return store
    }

    /// The store that a file which is being opened stays with; nil if nothing can be changed at all.
    func home(
        opening path: RelativePath,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (any WritableStore)? {
        guard !Self.wantsToChange(flags) else { return try changeable(path, patience) }
        return writing == nil ? nil : try home(of: path, patience)
    }

    /// Whether a node may be changed at all, whoever asks: what access(2) wants to know.
    /// - Parameters:
    ///   - node: The node.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/readOnly`` in a mount or a store that is mounted read-only, or another
    ///   ``FileSystemError``.
    public func checkWritable(_ node: NodeID, _ patience: Patience) throws(FileSystemError) {
        let path = try inodes.find(node).path
        let store = try home(of: path, patience)
        if store.mutability == .readOnly { throw .readOnly }
    }

    static func requireChangeable(
        _ store: any WritableStore,
        orElse refusal: FileSystemError = .notPermitted
    ) throws(FileSystemError) {
        switch store.mutability {
        case .changeable: return
        case .readOnly: throw .readOnly
        case .fixed: throw refusal
        }
    }

    /// Whether two open files lie in one store, to which the paths of both lead.
    func areNeighbours(_ one: OpenFile, _ other: OpenFile) -> Bool {
        guard one !== other, let home = one.home, let otherHome = other.home else { return true }
        let (path, otherPath) = (path(of: one.node), path(of: other.node))
        return home.holds(path) && home.holds(otherPath) && otherHome.holds(otherPath)
    }

    /// The address of an open file, also when its path leads elsewhere by now.
    func uri(of file: OpenFile, _ path: RelativePath) -> UFSURI {
        file.home?.uri(of: path) ?? namespace.uri(of: path)
    }

    /// Whether the path of an open file still leads to its store, so that the namespace is told of it.
    func isFound(_ file: OpenFile, at path: RelativePath) -> Bool { file.home?.holds(path) ?? true }

    /// Tells the namespace what a store has of a path, unless the path leads elsewhere by now.
    func settle(_ path: RelativePath, _ attributes: Attributes, in store: any WritableStore) {
        guard !path.isRoot, store.holds(path) else { return }
        namespace.settle(path, attributes)
        // It may have changed between the two.
        if !store.holds(path) { namespace.abandon(path) }
    }
}
