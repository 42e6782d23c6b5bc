internal import Glibc
internal import Metadata
internal import Pages

/// What `stat` says, in the words of the chain.
enum LocalAttributes {
    /// Makes attributes of a status.
    static func attributes(_ status: stat) -> Attributes {
        let kind = kind(status)
        let isVersioned = kind == .file || kind == .symbolicLink
        return Attributes(
            kind: kind,
            size: isVersioned ? Int64(status.st_size) : 0,
            modified: nanoseconds(status.st_mtim),
            etag: isVersioned ? etag(status) : nil,
            posix: POSIXAttributes(
                mode: UInt32(status.st_mode),
                uid: UInt32(status.st_uid),
                gid: UInt32(status.st_gid),
                linkCount: UInt32(clamping: status.st_nlink),
                inode: UInt64(status.st_ino),
                device: UInt64(status.st_rdev),
                accessed: nanoseconds(status.st_atim),
                changed: nanoseconds(status.st_ctim)
            )
        )
    }

    /// Device, inode, size, mtime and ctime in hexadecimal digits, joined with `-`.
    static func etag(_ status: stat) -> ETag {
        let parts = [
            UInt64(status.st_dev), UInt64(status.st_ino), UInt64(bitPattern: Int64(status.st_size)),
            UInt64(bitPattern: nanoseconds(status.st_mtim)), UInt64(bitPattern: nanoseconds(status.st_ctim)),
        ]
        return ETag(parts.map { String($0, radix: 16) }.joined(separator: "-"))
    }

    /// Whether two ETags differ in nothing but the ctime: the same file, whose contents nobody has changed.
    ///
    /// An ETag that is not known differs from none.
    static func haveSameContents(_ one: ETag?, _ other: ETag?) -> Bool {
        guard let one, let other else { return true }
        let (first, second) = (one.text.split(separator: "-"), other.text.split(separator: "-"))
        return first.dropLast() == second.dropLast() && first.count == second.count
    }

    private static func kind(_ status: stat) -> EntryKind {
        switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        default: .special
        }
    }

    /// Nanoseconds since 1970; what 64 bits cannot hold (before 1677, after 2262) is clamped.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (whole, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(Int64(time.tv_nsec))
        return overflow || carry ? (time.tv_sec < 0 ? .min : .max) : sum
    }
}
