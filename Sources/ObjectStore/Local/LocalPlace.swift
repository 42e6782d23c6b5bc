internal import CLinux
internal import Glibc
internal import Metadata

/// A name in an open directory: what calls that change names work on.
///
/// The directory was reached without leaving the root, and the name is one component, so nothing done here
/// leaves the root either. No call follows a symbolic link. Used by one thread.
struct LocalPlace {
    typealias Failure = LocalRoot.Failure

    let directory: OpenFile
    private let text: [CChar]

    init(directory: OpenFile, name: some Sequence<UInt8>) {
        self.directory = directory
        text = name.map { CChar(bitPattern: $0) } + [0]
    }

    /// Runs a call that gives a value of at least 0, or -1 and errno.
    @discardableResult
    static func call(_ body: () -> Int32) throws(Failure) -> Int32 {
        while true {
            let result = body()
            if result >= 0 { return result }
            guard errno == EINTR else { throw Failure(code: errno) }
        }
    }

    /// Runs a call that gives a value of at least 0, or `-errno`.
    @discardableResult
    static func result(_ value: Int32) throws(Failure) -> Int32 {
        guard value >= 0 else { throw Failure(code: -value) }
        return value
    }

    /// What `lstat` says of the name.
    func status() throws(Failure) -> stat {
        var status = stat()
        try Self.call { fstatat(directory.descriptor, text, &status, AT_SYMLINK_NOFOLLOW) }
        return status
    }

    /// Opens what is under the name; a link itself only with `O_PATH`.
    func open(_ flags: Int32) throws(Failure) -> OpenFile {
        OpenFile(
            descriptor: try Self.call {
                openat(directory.descriptor, text, flags | O_NOFOLLOW | O_CLOEXEC)
            }
        )
    }

    // MARK: - Making

    /// Makes a regular file that nobody may open yet.
    /// - Returns: It, open for writing.
    /// - Throws: The errno; EEXIST if there is something under the name.
    func makeFile() throws(Failure) -> OpenFile {
        OpenFile(
            descriptor: try Self.call {
                openat(directory.descriptor, text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0)
            }
        )
    }

    /// Makes anything else, with no permissions but the owner's search of a directory.
    func make(_ entry: NewEntry) throws(Failure) {
        let type = mode_t(entry.mode) & S_IFMT
        switch type {
        case S_IFDIR: try Self.call { mkdirat(directory.descriptor, text, 0o700) }
        case S_IFLNK:
            guard !entry.target.contains(0) else { throw Failure(code: EINVAL) }
            let target = entry.target.map { CChar(bitPattern: $0) } + [0]
            try Self.call { symlinkat(target, directory.descriptor, text) }
        default: try Self.call { mknodat(directory.descriptor, text, type, dev_t(entry.device)) }
        }
    }

    /// Removes the name.
    func remove(isDirectory: Bool = false) throws(Failure) {
        try Self.call { unlinkat(directory.descriptor, text, isDirectory ? Int32(AT_REMOVEDIR) : 0) }
    }

    /// Makes another name of what is under this one.
    func link(to other: LocalPlace) throws(Failure) {
        try Self.call { linkat(directory.descriptor, text, other.directory.descriptor, other.text, 0) }
    }

    /// Gives a name to a file that has none.
    func give(_ file: OpenFile) throws(Failure) {
        try Self.result(alluxio_name_file(file.descriptor, directory.descriptor, text))
    }

    /// Moves what is under the name.
    func rename(to other: LocalPlace, _ mode: RenameMode) throws(Failure) {
        let how: UInt32 =
            switch mode {
            case .replace: 0
            case .noReplace: 1
            case .exchange: 2
            }
        try Self.result(
            alluxio_rename_at(directory.descriptor, text, other.directory.descriptor, other.text, how)
        )
    }

    // MARK: - Attributes

    /// Changes owner and group; nil leaves one as it is.
    func setOwner(_ uid: UInt32?, _ gid: UInt32?) throws(Failure) {
        try Self.call {
            fchownat(directory.descriptor, text, uid ?? .max, gid ?? .max, AT_SYMLINK_NOFOLLOW)
        }
    }

    /// Changes the permission bits.
    /// - Throws: The errno; EOPNOTSUPP for a link.
    func setPermissions(_ mode: UInt32) throws(Failure) {
        try Self.call {
            fchmodat(directory.descriptor, text, mode_t(mode & 0o7777), AT_SYMLINK_NOFOLLOW)
        }
    }

    /// Changes times, in nanoseconds since 1970; nil leaves one as it is.
    func setTimes(accessed: Int64?, modified: Int64?) throws(Failure) {
        try Self.withTimes(accessed, modified) { (accessed, modified) throws(Failure) in
            try Self.result(alluxio_set_times_at(directory.descriptor, text, accessed, modified))
        }
    }

    /// Gives times to C, where none is a null pointer.
    static func withTimes(
        _ accessed: Int64?,
        _ modified: Int64?,
        _ body: (UnsafePointer<Int64>?, UnsafePointer<Int64>?) throws(Failure) -> Void
    ) throws(Failure) {
        var times = [accessed ?? 0, modified ?? 0]
        try times.withUnsafeMutableBufferPointer { times throws(Failure) in
            let first = times.baseAddress.map { UnsafePointer($0) }
            try body(accessed == nil ? nil : first, modified == nil ? nil : first.map { $0 + 1 })
        }
    }
}
