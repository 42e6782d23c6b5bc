import Cluster
import Glibc
import Settings

/// Two directories, `a` and `b`, with a file `d/file` each, that are gone when the test ends.
final class ScratchStores {
    let path: String

    init() {
        var template = Array("/tmp/mounted-names-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { name in
            name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
        }
        for name in ["a", "b"] {
            mkdir("\(path)/\(name)", 0o755)
            mkdir("\(path)/\(name)/d", 0o755)
            write("contents of \(name)", to: "\(path)/\(name)/d/file")
        }
    }

    func write(_ text: String, to path: String) {
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o644)
        _ = text.withCString { Glibc.write(descriptor, $0, strlen($0)) }
        close(descriptor)
    }

    deinit { remove(path) }

    private func remove(_ path: String) {
        if let opened = opendir(path) {
            while let entry = readdir(opened) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(opened)
        }
        if rmdir(path) != 0 { unlink(path) }
    }

    func mount(_ name: String, at path: String? = nil, isReadOnly: Bool = false) throws -> MountEntry {
        try MountEntry(path: path ?? "/\(name)", ufs: "file://\(self.path)/\(name)", isReadOnly: isReadOnly)
    }

    func mounts(_ names: String...) throws -> MountTable {
        try MountTable(names.map { try mount($0) })
    }

    func table(_ mounts: MountTable) throws -> StoreTable {
        let settings = try Settings(options: OptionList(), environment: [:], file: nil)
        let table = StoreTable(settings: settings, environment: [:], userAgent: "test")
        table.take(mounts)
        return table
    }
}
