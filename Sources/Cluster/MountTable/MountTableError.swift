/// Why the mount table could not be read or changed; the description says what to do.
public enum MountTableError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rules of the table forbid it.
    case refused(String)
    /// Nothing is mounted at a path.
    case notMounted(path: String)
    /// The file of the table can't be read, or a line of it can't be understood.
    case file(String)
    /// Others changed the table again and again meanwhile; nothing was changed.
    case busy
    /// etcd did not do what was asked.
    case etcd(EtcdError)
    /// The system refuses another thread.
    case noThread

    /// One line: what is wrong, and what to do.
    public var description: String {
        switch self {
        case .refused(let text), .file(let text): text
        case .notMounted(let path): "nothing is mounted at \(path); see 'alluxio mount list'"
        case .busy: "others change the mount table all the time; try again"
        case .etcd(let error): error.description
        case .noThread: "the system refuses another thread; raise the limit of processes (ulimit -u)"
        }
    }
}
