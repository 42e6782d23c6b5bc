/// A mount, as a line of `/proc/<pid>/mountinfo` says (proc(5)).
package struct MountInfo: Hashable, Sendable {
    /// The mount's id.
    package var id: Int
    /// The id of the mount it is mounted on.
    package var parent: Int
    /// The file system's device number, `major:minor`: another one for each mount of a daemon.
    package var device: String
    /// The directory of the file system that is shown.
    package var root: String
    /// Where.
    package var place: String
    /// Whether this mount is read only.
    package var isReadOnly: Bool
    /// The type, such as `fuse.alluxio-fuse`.
    package var type: String

    /// Reads one line.
    /// - Returns: nil if it is not of the documented form.
    package init?(_ line: some StringProtocol) {
        let fields = line.split(separator: " ")
        guard fields.count >= 10, let id = Int(fields[0]), let parent = Int(fields[1]),
            let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count
        else { return nil }
        (self.id, self.parent) = (id, parent)
        device = String(fields[2])
        root = Self.plain(fields[3])
        place = Self.plain(fields[4])
        isReadOnly = fields[5].split(separator: ",").contains("ro")
        type = Self.plain(fields[dash + 1])
    }

    /// Whether a daemon of ours serves it.
    package var isOurs: Bool { type == "fuse.alluxio-fuse" }

    /// Blanks and backslashes are written as octal numbers.
    private static func plain(_ field: some StringProtocol) -> String {
        guard field.contains("\\") else { return String(field) }
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.first {
            let digits = rest.dropFirst().prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The mounts of a namespace at one moment.
package struct MountInfoTable: Sendable {
    /// All of them, in the kernel's order: what is mounted on something comes behind it.
    package let mounts: [MountInfo]
    private let byPlace: [String: [Int]]

    /// Reads the text of a `mountinfo` file.
    package init(_ text: some StringProtocol) {
        mounts = text.split(separator: "\n").compactMap { MountInfo($0) }
        byPlace = Dictionary(grouping: mounts.indices) { [mounts] in mounts[$0].place }
    }

    /// The mounts at a place, the topmost last.
    package func layers(at place: String) -> [MountInfo] { (byPlace[place] ?? []).map { mounts[$0] } }

    /// The mount that somebody sees who looks at a place; nil if nothing is mounted right there.
    package func top(at place: String) -> MountInfo? { byPlace[place]?.last.map { mounts[$0] } }
}
