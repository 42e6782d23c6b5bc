internal import CLinux
internal import Glibc
internal import Metadata
internal import Pages
internal import Synchronization
internal import Threading

/// New contents of a file of a ``LocalStore``, which are written into it when they are committed.
///
/// The file stays the same one: its inode, its other names and whoever has it open see the new bytes. Commits
/// of one file exclude one another by its flock, also between processes, and each looks at the version when
/// it has the lock: of several that begin with one version exactly one succeeds, the others are stale. A
/// process that writes without the lock, past any mount, is not excluded; what it wrote before the commit
/// began makes the commit stale, what it writes meanwhile is mixed with it, as by two writers without a
/// mount.
///
/// Room is set aside before the first byte is changed, so a full disk changes nothing. If writing fails all
/// the same, or the process dies, the file is left as far as it was written; a commit of the same upload may
/// then be repeated, and goes on from there.
final class LocalUpload: ContentUpload {
    typealias Failure = LocalRoot.Failure

    /// How long a commit waits for another one of the same file.
    static let lockWaitMaximum = Duration.seconds(30)
    /// How often a name is looked up again that is replaced while a commit without condition opens it.
    private static let attemptsMaximum = 4

    private let store: LocalStore
    private let path: RelativePath
    /// What a commit that failed half-way has made of which version.
    private let broken = Mutex<(base: ETag, now: ETag)?>(nil)

    init(_ store: LocalStore, _ path: RelativePath) {
        self.store = store
        self.path = path
    }

    func wantsToSend(before end: Int64) -> Bool { false }

    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {}

    func touched(_ span: Span) {}

    func abandon() {}

    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes {
        try store.attemptChange("write", path) { () throws(Failure) in
            let place = try store.root.place(of: path)
            for _ in 0..<Self.attemptsMaximum {
                do throws(Failure) {
                    if condition == .absent { return try makeNew(contents, at: place, attributes) }
                    return try rewrite(contents, at: place, condition, attributes)
                } catch {
                    switch (condition, error.code) {
                    // Another thing has taken the name.
                    case (.version, ENOENT), (.version, EISDIR), (.version, ENXIO), (.version, ELOOP),
                        (.absent, EEXIST):
                        throw Failure(code: ESTALE)
                    case (.always, ENOENT):
                        do throws(Failure) {
                            return try makeNew(contents, at: place, attributes)
                        } catch {
                            guard error.code == EEXIST else { throw error }
                        }
                    case (.always, ESTALE): continue
                    default: throw error
                    }
                }
            }
            throw Failure(code: ESTALE)
        }
    }

    // MARK: - A new file

    /// Writes a file without a name, and then gives it the name.
    private func makeNew(
        _ contents: StagedContents,
        at place: LocalPlace,
        _ attributes: POSIXAttributes?
    ) throws(Failure) -> Attributes {
        let unnamed = alluxio_unnamed_file(place.directory.descriptor)
        // Some file systems have none; then the name is there before its contents.
        let isNamed = unnamed == -EOPNOTSUPP || unnamed == -EISDIR || unnamed == -EINVAL
        let file = isNamed ? try place.makeFile() : OpenFile(descriptor: try LocalPlace.result(unnamed))
        do throws(Failure) {
            try LocalContents(contents).write(to: file, over: 0)
            try dress(file, attributes, permissions: attributes?.mode ?? 0o644)
            if !isNamed { try place.give(file) }
            return LocalAttributes.attributes(try file.status())
        } catch {
            if isNamed { try? place.remove() }
            throw error
        }
    }

    // MARK: - A file that is there

    private func rewrite(
        _ contents: StagedContents,
        at place: LocalPlace,
        _ condition: ChangeCondition,
        _ attributes: POSIXAttributes?
    ) throws(Failure) -> Attributes {
        let found = try place.open(alluxio_o_path)
        let seen = try found.status()
        guard seen.st_mode & S_IFMT == S_IFREG else { throw Failure(code: ESTALE) }
        let (file, hasNewChangeTime) = try found.reopenedToWrite()
        try lock(file)
        let before = try file.status()
        let isSeen =
            hasNewChangeTime && holds(condition, seen)
            && LocalAttributes.haveSameContents(LocalAttributes.etag(seen), LocalAttributes.etag(before))
        let isThere = try place.status().st_ino == before.st_ino
        guard isThere, holds(condition, before) || isSeen else { throw Failure(code: ESTALE) }
        do throws(Failure) {
            // A restriction is never later than the data that it restricts.
            if let attributes { try setPermissions(of: file, attributes, now: before) }
            try LocalContents(contents).write(to: file, over: Int64(before.st_size))
            let permissions = attributes?.mode ?? UInt32(before.st_mode)
            try dress(file, attributes, permissions: permissions)
            broken.withLock { $0 = nil }
            return LocalAttributes.attributes(try file.distinguished(from: before))
        } catch {
            note(condition, file, before)
            throw error
        }
    }

    private func holds(_ condition: ChangeCondition, _ now: stat) -> Bool {
        guard case .version(let version) = condition else { return true }
        let etag = LocalAttributes.etag(now)
        return etag == version || broken.withLock { $0.map { $0 == (version, etag) } ?? false }
    }

    /// Puts an empty file back, or remembers what became of the version.
    private func note(_ condition: ChangeCondition, _ file: OpenFile, _ before: stat) {
        if before.st_size == 0 { ftruncate(file.descriptor, 0) }
        guard case .version(let version) = condition, let now = try? file.status() else { return }
        broken.withLock { $0 = (version, LocalAttributes.etag(now)) }
    }

    private func lock(_ file: OpenFile) throws(Failure) {
        let deadline = MonotonicInstant.now + Self.lockWaitMaximum
        var pause: UInt32 = 200
        while true {
            let result = linux_lock_exclusive(file.descriptor)
            if result == 0 { return }
            guard result == -EWOULDBLOCK || result == -EINTR else { throw Failure(code: -result) }
            guard MonotonicInstant.now < deadline else { throw Failure(code: ETIMEDOUT) }
            usleep(pause)
            pause = min(pause * 2, 20_000)
        }
    }

    // MARK: - Attributes

    private func setPermissions(
        of file: OpenFile,
        _ attributes: POSIXAttributes,
        now: stat
    ) throws(Failure) {
        try file.setOwner(attributes.uid, attributes.gid, now: now)
        guard UInt32(now.st_mode) & 0o7777 != attributes.mode & 0o7777 else { return }
        try LocalPlace.call { fchmod(file.descriptor, mode_t(attributes.mode & 0o7777)) }
    }

    /// Sets what writing has changed, or what a new file needs; its mtime is the time of the change.
    private func dress(
        _ file: OpenFile,
        _ attributes: POSIXAttributes?,
        permissions: UInt32
    ) throws(Failure) {
        var now = try file.status()
        if let attributes {
            try file.setOwner(attributes.uid, attributes.gid, now: now)
            now = try file.status()
        }
        // Writing takes set-user-ID bits away, for those who are not root.
        if UInt32(now.st_mode) & 0o7777 != permissions & 0o7777 {
            try LocalPlace.call { fchmod(file.descriptor, mode_t(permissions & 0o7777)) }
        }
        guard let attributes else { return }
        do throws(Failure) {
            try LocalPlace.withTimes(attributes.accessed, attributes.changed) {
                (accessed, modified) throws(Failure) in
                try LocalPlace.result(alluxio_set_times(file.descriptor, accessed, modified))
            }
        } catch {
            // Who may write but does not own it has the times of writing.
            guard error.code == EPERM else { throw error }
        }
    }
}

extension OpenFile {
    /// Opens the same file for writing, also its owner's own that forbids it: whoever made a file read-only
    /// may go on to write it through what he has open.
    /// - Returns: It, and whether that has changed its ctime.
    func reopenedToWrite() throws(LocalRoot.Failure) -> (file: OpenFile, hasNewChangeTime: Bool) {
        let flags = O_WRONLY | O_NONBLOCK
        let opened = alluxio_reopen(descriptor, flags)
        guard opened == -EACCES else {
            return (OpenFile(descriptor: try LocalPlace.result(opened)), false)
        }
        let mode = try status().st_mode & 0o7777
        let path = "/proc/self/fd/\(descriptor)"
        guard chmod(path, mode | S_IWUSR) == 0 else { throw LocalRoot.Failure(code: EACCES) }
        defer { chmod(path, mode) }
        return (OpenFile(descriptor: try LocalPlace.result(alluxio_reopen(descriptor, flags))), true)
    }

    /// Makes sure that a written file has another version than before, and than any that it had earlier.
    ///
    /// A file system's clock ticks a few hundred times a second. Two changes within one tick would look like
    /// one, if the size is the same; so the second waits for the next tick, at most 100 ms. There is but one
    /// version of an empty file.
    /// - Parameter before: What it was.
    /// - Returns: What it is now.
    /// - Throws: The errno.
    func distinguished(from before: stat) throws(LocalRoot.Failure) -> stat {
        var now = try status()
        guard before.st_size > 0 else { return now }
        for _ in 0..<100 {
            let (old, new) = (before.st_ctim, now.st_ctim)
            if (new.tv_sec, new.tv_nsec) > (old.tv_sec, old.tv_nsec) { return now }
            usleep(1000)
            if fchmod(descriptor, now.st_mode & 0o7777) != 0 { _ = alluxio_touch(descriptor) }
            now = try status()
        }
        return now
    }
}
