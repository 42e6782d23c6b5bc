internal import Glibc
internal import Metadata
internal import Pages

// What the errnos of a change are in the words of the chain; those of a reading are beside the reading.
extension LocalStore {
    /// Runs system calls that change something and puts what they say into the words of the chain.
    func attemptChange<Result>(
        _ action: String,
        _ path: RelativePath,
        _ target: RelativePath? = nil,
        _ body: () throws(LocalRoot.Failure) -> Result
    ) throws(StoreError) -> Result {
        do throws(LocalRoot.Failure) {
            return try body()
        } catch {
            let what = "cannot \(action) \(uri(of: path))"
            throw Self.changeError(error.code, target.map { "\(what) to \(uri(of: $0))" } ?? what)
        }
    }

    /// The error of a change.
    /// - Parameters:
    ///   - code: The errno.
    ///   - what: What was tried, with the name.
    /// - Returns: The error for the chain.
    static func changeError(_ code: Int32, _ what: String) -> StoreError {
        let text = "\(what): \(String(cString: strerror(code)))"
        return switch code {
        // ELOOP: a link is on the way, where a directory was. ENODATA: no such extended attribute.
        case ENOENT, ELOOP, ENODATA: .notFound
        case ESTALE: .stale
        case EEXIST: .exists
        case ENOTEMPTY: .notEmpty
        case EISDIR: .isDirectory
        case ENOTDIR: .notDirectory
        case EXDEV: .otherStore
        case EACCES, EPERM: .denied(text)
        case ENAMETOOLONG: .nameTooLong(text)
        case EROFS: .readOnly(text)
        case ENOSPC: .noSpace(text)
        case EDQUOT: .quotaExceeded(text)
        case EFBIG, E2BIG, EOVERFLOW: .tooLarge(text)
        case EMLINK: .tooManyLinks(text)
        case EINVAL, EOPNOTSUPP, ENOSYS, ERANGE, ENXIO: .unsupported(text)
        default: .unavailable(text)
        }
    }
}
