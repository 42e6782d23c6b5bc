import Metadata
import Pages

/// The status of a file as `/v1/files` and `/v1/info` give it.
struct FileStatusText {
    let mount: MountedStore
    /// The path in the store; empty for its root.
    let path: [UInt8]
    let attributes: Attributes
    /// How much of the file is in this worker's cache, in percent; 0 where nobody looked.
    var cachedPercentage: Int64 = 0

    /// The address in the under file system.
    var address: [UInt8] { Self.join(mount.root.bytes, path) }

    private static func join(_ root: [UInt8], _ path: [UInt8]) -> [UInt8] {
        if path.isEmpty { return root }
        return root.last == UInt8(ascii: "/") ? root + path : root + [UInt8(ascii: "/")] + path
    }

    /// The JSON object, with the keys of old and new workers.
    var document: JSONDocument {
        let isDirectory = attributes.kind == .directory
        let name = path.split(separator: UInt8(ascii: "/")).last ?? Array(mount.path.utf8.dropFirst())[...]
        let time = JSONDocument.number(attributes.modified / 1_000_000)
        return .object([
            ("mType", .string(isDirectory ? "directory" : "file")),
            ("mName", .bytes(name)),
            ("mPath", .bytes(Self.join(Array(mount.path.utf8), path))),
            ("mUfsPath", .bytes(address)),
            ("mLength", .number(attributes.size)),
            ("mHumanReadableFileSize", .string(Self.readable(attributes.size))),
            ("mCompleted", .bool(true)),
            ("mOwner", .string("")),
            ("mGroup", .string("")),
            ("mMode", .string(isDirectory ? "0755" : "0644")),
            ("mCreationTimeMs", time),
            ("mLastModificationTimeMs", time),
            ("mLastAccessTimeMs", time),
            ("mPersisted", .bool(true)),
            ("mInAlluxioPercentage", .number(cachedPercentage)),
            ("mContentHash", .string(attributes.etag?.text ?? "")),
        ])
    }

    /// A length for people: `77542` is `75.72KB`.
    static func readable(_ bytes: Int64) -> String {
        let units = ["B", "KB", "MB", "GB", "TB", "PB"]
        var unit = 0
        var scale: Int64 = 1
        while unit < units.count - 1, bytes / scale >= 1024 {
            scale *= 1024
            unit += 1
        }
        guard unit > 0 else { return "\(bytes)B" }
        let hundredths = bytes % scale * 100 / scale
        return "\(bytes / scale).\(hundredths < 10 ? "0" : "")\(hundredths)\(units[unit])"
    }
}
