internal import CLinux
internal import Glibc
public import Metadata
public import Pages

/// The directory is changed by the same calls as without a mount, on links themselves and never outside of
/// it.
///
/// A change is there for every process when the call returns, and on the disk when ``sync(_:)`` of the name
/// returns or the kernel writes it out, as without a mount. What was `known` of a name that goes (a removed
/// name, a replaced target) is compared in kind, device, inode, size and mtime; a change of its attributes
/// alone is nobody's data. Between the comparison and the call is a moment in which another process may
/// replace it unseen; only a target that was known to be absent is never lost, since the kernel looks.
extension LocalStore: WritableStore {
    /// Files are made when they are created.
    public var makesFilesAtOnce: Bool { true }

    /// Begins new contents of a file, which are written in place: its inode and its other names stay.
    /// - Parameter path: The file.
    /// - Returns: The way there, which sends nothing ahead.
    public func upload(to path: RelativePath) -> any ContentUpload {
        LocalUpload(self, path)
    }

    /// Makes a directory, a symbolic link, a special file or an empty regular file.
    ///
    /// The permission bits are exactly those of the entry, whatever the umask of the process and whatever the
    /// set-group-ID bit of the directory. A process that may not give files away makes only its own; another
    /// group than it may give is left out.
    /// - Parameters:
    ///   - path: A new name in a directory that is there.
    ///   - entry: What to make.
    /// - Returns: Its attributes.
    /// - Throws: ``StoreError/exists``, ``StoreError/nameTooLong(_:)``, or another ``StoreError``. Nothing is
    ///   left behind then.
    public func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
        try attemptChange("make", path) { () throws(LocalRoot.Failure) in
            let place = try root.place(of: path)
            let type = mode_t(entry.mode) & S_IFMT
            let isFile = type == S_IFREG || type == 0
            let file = isFile ? try place.makeFile() : nil
            if file == nil { try place.make(entry) }
            do throws(LocalRoot.Failure) {
                if let file { return LocalAttributes.attributes(try file.dress(entry)) }
                return LocalAttributes.attributes(try place.dress(entry))
            } catch {
                try? place.remove(isDirectory: type == S_IFDIR)
                throw error
            }
        }
    }

    /// Makes one more name of a file or a symbolic link.
    /// - Parameters:
    ///   - existing: A name of it; no directory.
    ///   - path: The new name.
    ///   - known: Not needed.
    ///   - time: Not needed: the kernel sets the change time.
    /// - Returns: Its attributes: one name more.
    /// - Throws: ``StoreError/exists``, ``StoreError/tooManyLinks(_:)``, or another ``StoreError``.
    public func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes {
        try attemptChange("link", existing, path) { () throws(LocalRoot.Failure) in
            let place = try root.place(of: path)
            try root.place(of: existing).link(to: place)
            return LocalAttributes.attributes(try place.status())
        }
    }

    /// Removes a name that is no directory.
    /// - Parameters:
    ///   - path: The name.
    ///   - known: What it is.
    ///   - siblings: Not needed.
    /// - Throws: ``StoreError/stale`` if it is another file or has other contents by now,
    ///   ``StoreError/notFound``, ``StoreError/isDirectory``, or another ``StoreError``.
    public func remove(
        _ path: RelativePath,
        known: Attributes,
        siblings: Siblings
    ) throws(StoreError) {
        try attemptChange("remove", path) { () throws(LocalRoot.Failure) in
            let place = try root.place(of: path)
            try expect(known, at: place)
            try place.remove()
        }
    }

    /// Removes an empty directory.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - siblings: Not needed.
    /// - Throws: ``StoreError/notEmpty``, ``StoreError/notFound``, ``StoreError/notDirectory``, or another
    ///   ``StoreError``.
    public func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) {
        try attemptChange("remove", path) { () throws(LocalRoot.Failure) in
            try root.place(of: path).remove(isDirectory: true)
        }
    }

    /// Moves a name, and everything below it, in one step.
    /// - Parameters:
    ///   - path: The name.
    ///   - target: Its new name; a directory may only replace an empty directory, a file only a file.
    ///   - mode: What becomes of a target that exists.
    ///   - known: What `target` is: nil if it is absent.
    ///   - siblings: Not needed.
    /// - Returns: What `target` is now.
    /// - Throws: ``StoreError/exists``, ``StoreError/notEmpty``, ``StoreError/stale`` if the target is
    ///   something else than was known, ``StoreError/otherStore`` if another file system is mounted between
    ///   the two names, or another ``StoreError``.
    public func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes {
        try attemptChange("rename", path, target) { () throws(LocalRoot.Failure) in
            let (from, to) = (try root.place(of: path), try root.place(of: target))
            if mode == .replace {
                try replace(to, by: from, known.target)
            } else {
                try from.rename(to: to, mode)
            }
            return LocalAttributes.attributes(try to.status())
        }
    }

    private func replace(
        _ target: LocalPlace,
        by place: LocalPlace,
        _ known: Attributes?
    ) throws(LocalRoot.Failure) {
        if let known {
            do throws(LocalRoot.Failure) {
                try expect(known, at: target)
            } catch {
                // Gone meanwhile: nothing is lost.
                guard error.code == ENOENT else { throw error }
            }
            do throws(LocalRoot.Failure) {
                return try place.rename(to: target, .replace)
            } catch {
                // How some file systems say that a directory has entries.
                throw error.code == EEXIST ? LocalRoot.Failure(code: ENOTEMPTY) : error
            }
        }
        do throws(LocalRoot.Failure) {
            return try place.rename(to: target, .noReplace)
        } catch {
            if error.code == EEXIST { throw LocalRoot.Failure(code: ESTALE) }
            guard error.code == EINVAL else { throw error }
        }
        // A file system that cannot be told so; or a move below itself, which fails again.
        if (try? target.status()) != nil { throw LocalRoot.Failure(code: ESTALE) }
        try place.rename(to: target, .replace)
    }

    /// Makes sure that a name which is about to go is what the caller thinks it is.
    private func expect(_ known: Attributes, at place: LocalPlace) throws(LocalRoot.Failure) {
        let now = LocalAttributes.attributes(try place.status())
        // A directory that took its place has entries or is empty; the call that follows has the right error.
        guard now.kind != .directory, known.kind != .directory else { return }
        guard now.kind == known.kind, LocalAttributes.haveSameContents(now.etag, known.etag) else {
            throw LocalRoot.Failure(code: ESTALE)
        }
    }
}

extension OpenFile {
    /// Gives a new file owner, mode and times.
    /// - Returns: What it is then.
    func dress(_ entry: NewEntry) throws(LocalRoot.Failure) -> stat {
        try setOwner(entry.uid, entry.gid, now: try status())
        try LocalPlace.call { fchmod(descriptor, mode_t(entry.mode & 0o7777)) }
        try LocalPlace.withTimes(entry.time, entry.time) { (accessed, modified) throws(LocalRoot.Failure) in
            try LocalPlace.result(alluxio_set_times(descriptor, accessed, modified))
        }
        return try status()
    }

    /// Changes owner and group where they are others.
    func setOwner(_ uid: UInt32, _ gid: UInt32, now: stat) throws(LocalRoot.Failure) {
        guard now.st_uid != uid || now.st_gid != gid else { return }
        do throws(LocalRoot.Failure) {
            try LocalPlace.call { fchown(descriptor, uid, gid) }
        } catch {
            guard error.code == EPERM, now.st_uid == uid else { throw error }
        }
    }
}

extension LocalPlace {
    /// Gives a new name owner, mode and times.
    /// - Returns: What it is then.
    func dress(_ entry: NewEntry) throws(Failure) -> stat {
        let made = try status()
        if made.st_uid != entry.uid || made.st_gid != entry.gid {
            do throws(Failure) {
                try setOwner(entry.uid, entry.gid)
            } catch {
                guard error.code == EPERM, made.st_uid == entry.uid else { throw error }
            }
        }
        if made.st_mode & S_IFMT != S_IFLNK { try setPermissions(entry.mode) }
        try setTimes(accessed: entry.time, modified: entry.time)
        return try status()
    }
}
