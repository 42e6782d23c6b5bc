import SmallFiles

/// What the kernel says of a process in a file of `/proc`.
enum ProcessFile {
    /// The most bytes of such a file; a command line of ours is shorter.
    private static let sizeBytesMaximum = 1 << 20

    /// The bytes of a file.
    /// - Parameters:
    ///   - process: Whose.
    ///   - name: The file's path in the process's directory.
    /// - Returns: nil if the process is gone, or may not be looked at.
    static func bytes(_ process: Int32, _ name: String) -> [UInt8]? {
        try? SmallFile.read("/proc/\(process)/\(name)", atMostBytes: sizeBytesMaximum)
    }
}
