import Glibc

/// Lines for people, on standard error.
enum StandardError {
    /// Writes one line under the program's name.
    static func write(_ line: String) {
        let bytes = Array("alluxio-fuse: \(line)\n".utf8)
        _ = Glibc.write(2, bytes, bytes.count)
    }
}
