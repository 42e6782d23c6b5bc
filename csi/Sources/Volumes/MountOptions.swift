/// Options of `alluxio-fuse mount` that a volume may set.
package enum MountOptions {
    /// Reads lists of options, separated by commas.
    /// - Parameter lists: Such as `ro,attr_timeout=5`.
    /// - Returns: The options, each once, sorted by name; without `rw` and `defaults`.
    /// - Throws: A ``VolumeError`` that names an option that is the driver's, or that is set twice.
    package static func parse(_ lists: [String]) throws(VolumeError) -> [String] {
        var found: [String: String] = [:]
        for option in lists.flatMap({ $0.split(separator: ",") }) {
            let text = option.trimmed
            guard !text.isEmpty, text != "rw", text != "defaults" else { continue }
            let name = String(text.prefix { $0 != "=" })
            guard isFree(name) else {
                throw .invalid(
                    "option '\(name)' names a file of the node, an identity or a program, "
                        + "and is the driver's to set"
                )
            }
            guard found[name] == nil || found[name] == text else {
                throw .invalid("option '\(name)' is set twice, to different values")
            }
            found[name] = text
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Whether an option says that nothing may be written.
    package static func isReadOnly(_ options: [String]) -> Bool {
        options.contains { $0 == "ro" || $0 == "ro=true" }
    }

    /// Names whose last word is one of these are of files and programs.
    private static let fileWords: Set<Substring> = ["file", "dir", "dirs", "path", "process"]
    /// `alluxio.fuse.mount.options` would carry any of the others.
    private static let reserved: Set<String> = [
        "local_data_cache", "aws.profile", "alluxio.underfs.s3.profile", "fsname", "subtype", "nonempty",
        "allow_root", "alluxio.fuse.metrics.port", "alluxio.fuse.mount.options", "s3a.accessKeyId",
        "s3a.secretKey", "aws.accessKeyId", "aws.secretKey", "aws.sessionToken", "s3a.sessionToken",
        "alluxio.underfs.s3.access.key.id", "alluxio.underfs.s3.secret.key",
        "alluxio.underfs.s3.session.token",
        "alluxio.underfs.s3.credentials.environment.only", "alluxio.fuse.rights.proof.enabled",
    ]

    private static func isFree(_ name: String) -> Bool {
        guard let last = name.split(whereSeparator: { $0 == "." || $0 == "_" }).last else { return false }
        return !reserved.contains(name) && !fileWords.contains(last)
    }
}

extension Substring {
    /// Without blanks at both ends.
    fileprivate var trimmed: String {
        let front = drop { $0 == " " }
        return String(front.reversed().drop { $0 == " " }.reversed())
    }
}
