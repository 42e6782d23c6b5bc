internal import Glibc

/// Why a local directory cannot be used as a store; the text names directory and remedy.
public enum LocalStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path is not absolute.
    case notAbsolute(String)
    /// There is nothing under that path.
    case missing(String)
    /// It is something else than a directory.
    case notDirectory(String)
    /// This user may not read it.
    case denied(String)
    /// It cannot be opened for another reason.
    case failed(path: String, reason: String)

    init(code: Int32, path: String) {
        switch code {
        case ENOENT: self = .missing(path)
        case ENOTDIR: self = .notDirectory(path)
        case EACCES, EPERM: self = .denied(path)
        default: self = .failed(path: path, reason: String(cString: strerror(code)))
        }
    }

    /// One line for the user.
    public var description: String {
        switch self {
        case .notAbsolute(let path):
            "file://\(path): the path is not absolute; write file:///dir"
        case .missing(let path):
            "file://\(path): there is no such directory; create it or correct the address"
        case .notDirectory(let path):
            "file://\(path) is not a directory; give the directory that holds it"
        case .denied(let path):
            "file://\(path) may not be read by this user; grant read and search permission on it"
        case .failed(let path, let reason):
            "file://\(path) cannot be opened: \(reason)"
        }
    }
}
