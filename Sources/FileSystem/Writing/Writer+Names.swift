import Metadata
import Pages
import Threading

/// What happens to the name while the file is open.
extension Writer {
    /// Keeps commits and changes out while the name is being changed in the store.
    func hold() throws(FileSystemError) {
        lock.lock()
        defer { lock.unlock() }
        try awaitIdle(mayWait: true)
        state.isCommitting = true
    }

    /// Ends a ``hold()``.
    func release() {
        locked { $0.isCommitting = false }
        idle.broadcast()
    }

    /// Takes over a whole version of another file, if nothing has been written yet.
    /// - Returns: `false` if something has.
    func takeBase(_ other: OpenVersion) -> Bool {
        locked { state in
            guard state.extents.size == 0, !state.isCommitting, state.upload == nil else { return false }
            state.extents = Extents(copying: other.size)
            state.base = other
            state.source = other.version
            state.changes += 1
            return true
        }
    }

    /// The store's version has become another one by this mount's own doing: a rename, a chmod.
    func follow(_ version: FileVersion, base: OpenVersion) {
        let abandoned = locked { state -> (any ContentUpload)? in
            if state.version != nil {
                state.version = version
                state.condition = .version(version.etag)
                if state.base != nil, state.source == nil { state.base = base }
            }
            defer { state.upload = nil }
            return state.upload
        }
        abandoned?.abandon()
    }

    /// What the next commit wants to find under the name.
    /// - Parameter address: The name's address.
    /// - Returns: The version; nil if it wants none.
    func expected(at address: UFSURI) -> FileVersion? {
        locked { $0.expected(at: address) }
    }

    /// The file that was never committed gets another name.
    /// - Parameter replaced: What the store has there, and the first commit will want to find; nil: nothing.
    func rename(replacing replaced: Attributes?) {
        let abandoned = locked { state -> (any ContentUpload)? in
            state.replaced = replaced
            state.condition = replaced?.etag.map { .version($0) } ?? .absent
            defer { state.upload = nil }
            return state.upload
        }
        abandoned?.abandon()
    }

    /// The last name has been removed: nothing will be committed.
    func orphan() {
        let abandoned = locked { state -> (any ContentUpload)? in
            state.isOrphan = true
            defer { state.upload = nil }
            return state.upload
        }
        abandoned?.abandon()
    }

    /// A file that never had a name gets one.
    /// - Returns: `false` if it had one before: what was removed does not come back.
    func adopt() -> Bool {
        locked { state in
            guard state.isOrphan, state.version == nil else { return false }
            state.isOrphan = false
            return true
        }
    }
}

extension Writer.State {
    /// The version that the next commit wants to find under a name; nil: none.
    func expected(at address: UFSURI) -> FileVersion? {
        if let version { return version }
        guard let replaced, let etag = replaced.etag else { return nil }
        return FileVersion(uri: address, etag: etag, size: replaced.size)
    }
}
