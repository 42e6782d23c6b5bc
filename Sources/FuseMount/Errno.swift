import FileSystem
import Glibc

/// The one place where an error becomes an errno.
enum Errno {
    /// The waiting pool refuses more work.
    ///
    /// "Try again" is what tools expect of a full queue. Not ENOMEM, which programs take for their own; not
    /// EINTR, which they repeat at once and without end.
    static let overloaded: Int32 = EAGAIN
    /// The caller is dying; it will not see it.
    static let interrupted: Int32 = EINTR
    /// The mount is going away under a waiting caller.
    static let unmounted: Int32 = ENODEV
    /// Everything that would change something.
    static let readOnly: Int32 = EROFS
    /// The attribute's value does not fit into the caller's buffer.
    static let valueTooLong: Int32 = ERANGE
    /// A session is run that is not mounted.
    static let notMounted: Int32 = EINVAL

    /// What a caller sees of an error.
    static func of(_ error: FileSystemError) -> Int32 {
        switch error {
        // An operation that was told to wait has no right to it; a caller can at least repeat the call.
        case .wouldWait: EAGAIN
        case .notFound: ENOENT
        // The kernel walks the path again and finds the new version.
        case .stale: ESTALE
        case .notDirectory: ENOTDIR
        case .isDirectory: EISDIR
        case .readOnly: EROFS
        // The store refuses this daemon, whoever the caller is: not EPERM, which is about the caller.
        case .denied: EACCES
        case .nameTooLong: ENAMETOOLONG
        case .invalid: EINVAL
        case .noAttribute: ENODATA
        case .noSuchOffset: ENXIO
        // The limit is the mount's: not EMFILE, which is the process's own; not ENOMEM.
        case .tooMany: ENFILE
        // Not ENOSYS: the kernel would never ask again, for any file.
        case .unsupported: EOPNOTSUPP
        case .inputOutput: EIO
        // Its own caller is gone, so only somebody who shares its work can see it, and may repeat the call.
        case .cancelled: EINTR
        case .exists: EEXIST
        case .notEmpty: ENOTEMPTY
        case .notPermitted: EPERM
        case .busy: EBUSY
        case .crossDevice: EXDEV
        case .noSpace: ENOSPC
        case .quotaExceeded: EDQUOT
        case .tooLarge: EFBIG
        case .tooManyLinks: EMLINK
        case .badHandle: EBADF
        case .outOfRange: ERANGE
        }
    }
}
