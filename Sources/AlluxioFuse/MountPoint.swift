import FuseMount
import Glibc
import Settings

/// Checks and prepares the directory to mount on.
enum MountPoint {
    /// A path from the root without `.`, `..` and links in all but the last component, which is not touched;
    /// a descriptor, `/dev/fd/N`, as it is.
    static func absolute(_ path: String) throws(Failure) -> String {
        if let descriptor = MountDescriptor(path) { return descriptor.path }
        guard !path.isEmpty, !path.utf8.contains(0) else { throw .usage("the mount point is empty") }
        var whole = path
        if !path.hasPrefix("/") {
            guard let directory = getcwd(nil, 0) else {
                throw Failure(
                    "cannot tell the current directory: \(systemText(errno)); give an absolute mount point"
                )
            }
            defer { free(directory) }
            whole = String(cString: directory) + "/" + path
        }
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        guard let last = parts.popLast() else { throw .usage("'/' cannot be a mount point") }
        let parent = "/" + parts.joined(separator: "/")
        guard let resolved = realpath(parent, nil) else {
            throw Failure(
                "mount point '\(whole)': '\(parent)': \(systemText(errno)); check the path"
            )
        }
        defer { free(resolved) }
        let directory = String(cString: resolved)
        return directory == "/" ? "/\(last)" : "\(directory)/\(last)"
    }

    /// Makes sure that a directory can be mounted on, and cleans dead mounts away first; or that a descriptor
    /// is one of `/dev/fuse`.
    /// - Parameters:
    ///   - path: From ``absolute(_:)``.
    ///   - allowsContents: Whether the directory may have entries.
    /// - Returns: What was cleaned, if anything.
    /// - Throws: A ``Failure`` that names the mount point and the remedy.
    static func prepare(_ path: String, allowsContents: Bool) throws(Failure) -> [Notice] {
        if let descriptor = MountDescriptor(path) {
            try descriptor.prepare()
            return []
        }
        for round in 0...staleLayersMaximum {
            switch MountTable.state(of: path) {
            case .alive(let mount):
                throw Failure(
                    "'\(path)' is mounted already, with \(mount.source); "
                        + "unmount it first: alluxio-fuse umount '\(path)'"
                )
            case .hung(let mount):
                throw Failure(
                    "'\(path)' is mounted already, with \(mount.source), and does not answer; "
                        + "end it first: alluxio-fuse umount -f '\(path)'"
                )
            case .dead:
                try Unmount.detach(path)
                continue
            case .none, .other: break
            }
            var status = stat()
            if stat(path, &status) == 0 {
                try check(path, status, allowsContents: allowsContents)
                let facts = ["mountPoint": path, "count": "\(round)"]
                return round == 0 ? [] : [Notice(message: "dead mounts were cleaned away", facts: facts)]
            }
            let reason = errno
            guard reason == ENOTCONN || reason == ECONNABORTED else { throw explain(path, reason) }
            try Unmount.detach(path)
        }
        throw Failure(
            "mount point '\(path)' has over \(staleLayersMaximum) dead mounts; unmount them: umount -l"
        )
    }

    /// How many dead mounts over each other are cleaned.
    static let staleLayersMaximum = 16

    private static func check(_ path: String, _ status: stat, allowsContents: Bool) throws(Failure) {
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure("mount point '\(path)' is not a directory; name a directory")
        }
        guard !allowsContents else { return }
        guard let stream = opendir(path) else { throw explain(path, errno) }
        defer { closedir(stream) }
        var count = 0
        while count <= 2 && readdir(stream) != nil { count += 1 }
        guard count <= 2 else {
            throw Failure(
                "mount point '\(path)' is not empty; empty it, or mount over its contents with -o nonempty"
            )
        }
    }

    private static func explain(_ path: String, _ reason: Int32) -> Failure {
        switch reason {
        case ENOENT: Failure("mount point '\(path)' does not exist; make it with: mkdir -p '\(path)'")
        case EACCES:
            Failure("mount point '\(path)' cannot be reached: \(systemText(reason)); check its permissions")
        default:
            Failure("mount point '\(path)': \(systemText(reason)); check it, or choose another directory")
        }
    }
}
