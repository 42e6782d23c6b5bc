/// One line of the kernel's mount table.
public struct MountEntry: Hashable, Sendable {
    /// The mount's number.
    public var id: Int
    /// Major and minor number of the file system's device, as `major:minor`; names the connection in
    /// `/sys/fs/fuse/connections`.
    public var device: String
    /// Where it is mounted, as bytes.
    public var mountpoint: [UInt8]
    /// Options of this mount.
    public var options: String
    /// The type of the file system.
    public var type: String
    /// What is mounted: of ours, the UFS URI.
    public var source: String
    /// Options of the file system.
    public var superOptions: String

    /// Reads a line of `/proc/self/mountinfo` (proc(5)); nil if it has not that form.
    /// - Parameter line: The line without its end.
    init?(mountinfo line: [UInt8]) {
        let fields = line.split(separator: UInt8(ascii: " "))
        // Optional fields end with a dash.
        guard fields.count > 6, let dash = fields[6...].firstIndex(of: [UInt8(ascii: "-")]),
            fields.count > dash + 3, let id = Int(Self.text(fields[0]))
        else { return nil }
        self.id = id
        device = Self.text(fields[2])
        mountpoint = Self.unescape(fields[4])
        options = Self.text(fields[5])
        type = Self.text(fields[dash + 1])
        source = String(decoding: Self.unescape(fields[dash + 2]), as: UTF8.self)
        superOptions = Self.text(fields[dash + 3])
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field, as: UTF8.self) }

    /// Undoes the kernel's `\ooo`, which stands for space, tab, line end and backslash.
    private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}
