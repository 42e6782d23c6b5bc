internal import CLinux
internal import Glibc
public import Metadata
public import Pages

// Attributes of the directory's names, and making them durable.
extension LocalStore {
    /// The largest value of an extended attribute, and the longest list of names: the kernel's limit.
    private static let attributeBytesMaximum = 64 << 10
    /// Namespaces that are shown and kept.
    private static let namespaces = ["user.", "trusted.", "security."]

    /// Changes mode, owner or times.
    ///
    /// The owner goes first, as its change takes away set-user-ID bits.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - change: What to change; the change time itself is the kernel's.
    ///   - known: Not needed.
    /// - Returns: Its attributes after the change, with the ETag that it has got by it.
    /// - Throws: ``StoreError/unsupported(_:)`` for the mode of a link, or another ``StoreError``.
    public func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes {
        try attemptChange("change the attributes of", path) { () throws(LocalRoot.Failure) in
            let place = try root.place(of: path)
            if change.uid != nil || change.gid != nil { try setOwner(change, at: place) }
            if let permissions = change.permissions { try place.setPermissions(permissions) }
            if change.accessed != nil || change.modified != nil {
                try place.setTimes(accessed: change.accessed, modified: change.modified)
            }
            return LocalAttributes.attributes(try place.status())
        }
    }

    private func setOwner(_ change: AttributeChange, at place: LocalPlace) throws(LocalRoot.Failure) {
        do throws(LocalRoot.Failure) {
            try place.setOwner(change.uid, change.gid)
        } catch {
            // A process that may not give files away need not, if they are its own already.
            let now = try place.status()
            let isSo = now.st_uid == change.uid ?? now.st_uid && now.st_gid == change.gid ?? now.st_gid
            guard error.code == EPERM, isSo else { throw error }
        }
    }

    // MARK: - Extended attributes

    /// The extended attributes of a name in the namespaces `user`, `trusted` and `security`, as far as this
    /// process may see them.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - known: Not needed.
    /// - Returns: Names and values; none where the file system has none.
    /// - Throws: ``StoreError``.
    public func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] {
        try attemptChange("read the extended attributes of", path) { () throws(LocalRoot.Failure) in
            let file = try root.open(path, flags: alluxio_o_path)
            guard let names = try names(of: file) else { return [] }
            var found: [(name: [UInt8], value: [UInt8])] = []
            for name in names.split(separator: 0) where Self.isKept(name) {
                // One that is removed meanwhile, or that only others may see, is not there.
                guard let value = try value(of: Array(name), file) else { continue }
                found.append((Array(name), value))
            }
            return found
        }
    }

    /// Sets or removes one extended attribute.
    /// - Parameters:
    ///   - name: With its namespace: `user`, `trusted` or `security`.
    ///   - value: Up to 64 KiB; nil removes it.
    ///   - presence: Whether it must be new or there.
    ///   - path: A name, or the root.
    ///   - known: Not needed.
    ///   - time: Not needed: the kernel sets the change time.
    /// - Throws: ``StoreError/exists`` or ``StoreError/notFound`` by `presence`,
    ///   ``StoreError/unsupported(_:)`` for another namespace or where the file system has none, or another
    ///   ``StoreError``.
    public func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) {
        try attemptChange("change an extended attribute of", path) { () throws(LocalRoot.Failure) in
            guard Self.isKept(name[...]), !name.contains(0) else { throw LocalRoot.Failure(code: EOPNOTSUPP) }
            let file = try root.open(path, flags: alluxio_o_path)
            let text = name.map { CChar(bitPattern: $0) } + [0]
            guard let value else {
                try LocalPlace.result(alluxio_xattr_remove(file.descriptor, text))
                return
            }
            let flags: Int32 =
                switch presence {
                case .any: 0
                case .absent: 1
                case .present: 2
                }
            try LocalPlace.result(
                alluxio_xattr_set(file.descriptor, text, value, value.count, flags)
            )
        }
    }

    private static func isKept(_ name: ArraySlice<UInt8>) -> Bool {
        namespaces.contains { name.starts(with: $0.utf8) && name.count > $0.utf8.count }
    }

    /// The names, each with a zero behind it; nil where the file system has none.
    private func names(of file: OpenFile) throws(LocalRoot.Failure) -> [UInt8]? {
        var buffer = [CChar](repeating: 0, count: Self.attributeBytesMaximum)
        let count = alluxio_xattr_names(file.descriptor, &buffer, buffer.count)
        if count == -Int64(EOPNOTSUPP) { return nil }
        guard count >= 0 else { throw LocalRoot.Failure(code: Int32(-count)) }
        return buffer[..<Int(count)].map { UInt8(bitPattern: $0) }
    }

    private func value(of name: [UInt8], _ file: OpenFile) throws(LocalRoot.Failure) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: Self.attributeBytesMaximum)
        let text = name.map { CChar(bitPattern: $0) } + [0]
        let count = alluxio_xattr_get(file.descriptor, text, &buffer, buffer.count)
        guard count < 0 else { return Array(buffer[..<Int(count)]) }
        let code = Int32(-count)
        if code == ENODATA || code == EACCES || code == EPERM { return nil }
        throw LocalRoot.Failure(code: code)
    }

    // MARK: - Durability

    /// Makes contents, attributes and name durable; for a directory, the names in it.
    /// - Parameter path: A name, or the root.
    /// - Throws: Why it is not durable.
    public func sync(_ path: RelativePath) throws(StoreError) {
        try attemptChange("write to the disk", path) { () throws(LocalRoot.Failure) in
            let type = try root.open(path, flags: alluxio_o_path).status().st_mode & S_IFMT
            if type == S_IFREG || type == S_IFDIR {
                try syncContents(of: path, isDirectory: type == S_IFDIR)
            }
            if let parent = path.parent { try syncContents(of: parent, isDirectory: true) }
        }
    }

    private func syncContents(of path: RelativePath, isDirectory: Bool) throws(LocalRoot.Failure) {
        let flags = O_NONBLOCK | (isDirectory ? O_DIRECTORY : 0)
        for access in isDirectory ? [O_RDONLY] : [O_RDONLY, O_WRONLY] {
            do throws(LocalRoot.Failure) {
                let file = try root.open(path, flags: access | flags)
                try LocalPlace.call { fsync(file.descriptor) }
                return
            } catch {
                guard error.code == EACCES else { throw error }
            }
        }
        // It cannot be opened, so its whole file system is written out.
        let root = try root.open(.root, flags: O_RDONLY | O_DIRECTORY)
        try LocalPlace.result(alluxio_sync_file_system(root.descriptor))
    }

    /// Nothing waits: a file system has what it was told.
    public func finish() {}

    /// Nothing is ever due.
    public func housekeep() {}
}
