/// A path that the kubelet names for a volume.
package enum TargetPath {
    private static let bytesMaximum = 4000

    /// Checks a path without looking at the disk.
    /// - Parameters:
    ///   - path: Absolute.
    ///   - what: What the request calls it.
    ///   - directory: What it must lie below.
    /// - Throws: ``VolumeError`` if it is missing, relative, has `.` or `..`, or lies elsewhere.
    package static func check(_ path: String, _ what: String, below directory: String) throws(VolumeError) {
        guard !path.isEmpty else { throw .invalid("\(what) is missing") }
        guard path.utf8.count <= bytesMaximum, !path.utf8.contains(0) else {
            throw .invalid("\(what) is longer than \(bytesMaximum) bytes, or has a zero byte")
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first == "", parts.count > 1,
            !parts.dropFirst().contains(where: { ["", ".", ".."].contains($0) })
        else {
            throw .invalid("\(what) '\(path)' is not absolute, or has empty components, '.' or '..'")
        }
        guard path.hasPrefix(directory + "/") else {
            throw .invalid("\(what) '\(path)' is not below '\(directory)' (node option --kubelet-dir)")
        }
    }
}

/// The name of a volume.
package enum VolumeID {
    private static let bytesMaximum = 1024

    /// Checks the id of a request: it is only ever hashed, never part of a path.
    /// - Throws: ``VolumeError`` if it is missing or too long.
    package static func check(_ id: String) throws(VolumeError) {
        guard !id.isEmpty else { throw .invalid("volume_id is missing") }
        guard id.utf8.count <= bytesMaximum else {
            throw .invalid("volume_id is longer than \(bytesMaximum) bytes")
        }
    }

    /// The id of a volume that a provisioner asks for: the name in lower case, hashed if it is too long to be
    /// part of other names.
    package static func made(of name: String) -> String {
        let id = name.lowercased()
        return id.utf8.count <= 63 && !id.contains("/") ? id : "volume-\(Digest.text(of: [name]))"
    }
}
