import Glibc

/// The names in a directory that has not many of them.
public enum DirectoryNames {
    /// Reads a directory.
    /// - Parameter directory: Its path.
    /// - Returns: Its names in order, without `.` and `..`; none if it can't be read.
    public static func read(_ directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
