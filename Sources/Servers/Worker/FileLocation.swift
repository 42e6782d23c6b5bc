import Metadata
import NIOHTTP1
import Pages

/// A file or directory of a mounted store, found by what a client called it.
struct FileLocation: Sendable {
    /// The store.
    let mount: MountedStore
    /// The path in the store.
    let path: RelativePath

    /// Its address in the under file system.
    var uri: UFSURI { mount.store.uri(of: path) }

    /// Its path in the Alluxio namespace.
    var alluxioPath: [UInt8] {
        path.isRoot ? Array(mount.path.utf8) : Array(mount.path.utf8) + [UInt8(ascii: "/")] + path.bytes
    }

    init(_ mount: MountedStore, _ path: RelativePath) {
        self.mount = mount
        self.path = path
    }

    /// Finds a file by its UFS address or its Alluxio path.
    ///
    /// Empty and `.` components are dropped and `..` goes up, but not out of the authority.
    /// - Parameters:
    ///   - name: `scheme://authority/path` or `/mount/path`.
    ///   - mounts: The stores.
    /// - Throws: A 400 for what is no name of a file, a 403 for what lies outside of the stores, a 404 for a
    ///   reserved name.
    init(_ name: [UInt8], in mounts: [MountedStore]) throws(HTTPFailure) {
        let text = String(decoding: name, as: UTF8.self)
        guard !name.contains(0) else { throw .refused(.badRequest, "'\(text)' has a zero byte") }
        let normal = try Self.normalised(name, text)
        guard !ReservedNames.contains(anyOf: RelativePath(bytes: normal)) else {
            throw .refused(.notFound, "'\(text)': names that begin with '.alluxio.attributes' are reserved")
        }
        if normal.first == UInt8(ascii: "/") {
            for mount in mounts {
                guard let rest = Self.rest(of: normal, below: Array(mount.path.utf8)) else { continue }
                self.init(mount, RelativePath(bytes: rest))
                return
            }
        } else {
            for mount in mounts where mount.holds(normal) {
                guard let rest = Self.rest(of: normal, below: mount.root.bytes) else { continue }
                self.init(mount, RelativePath(bytes: rest))
                return
            }
        }
        throw .refused(.forbidden, "'\(text)' lies in no mounted store")
    }

    private static func rest(of name: [UInt8], below root: [UInt8]) -> [UInt8]? {
        guard name.starts(with: root) else { return nil }
        if name.count == root.count { return [] }
        if root.last == UInt8(ascii: "/") { return Array(name[root.count...]) }
        guard name[root.count] == UInt8(ascii: "/") else { return nil }
        return Array(name[(root.count + 1)...])
    }

    private static func normalised(_ name: [UInt8], _ text: String) throws(HTTPFailure) -> [UInt8] {
        guard name.first != UInt8(ascii: "/") else {
            return [UInt8(ascii: "/")] + (try joined(name[...], text))
        }
        guard let colon = name.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            name[colon...].starts(with: Array("://".utf8))
        else {
            throw .refused(.badRequest, "'\(text)' is neither scheme://… nor an absolute path")
        }
        let start = colon + 3
        let authority = name[start...].prefix { $0 != UInt8(ascii: "/") }
        let path = try joined(name[authority.endIndex...], text)
        let head = Array(name[..<authority.endIndex])
        // `file:///` has no authority and keeps the slash that begins its path.
        if authority.isEmpty { return head + [UInt8(ascii: "/")] + path }
        return path.isEmpty ? head : head + [UInt8(ascii: "/")] + path
    }

    private static func joined(_ path: ArraySlice<UInt8>, _ text: String) throws(HTTPFailure) -> [UInt8] {
        var parts: [ArraySlice<UInt8>] = []
        let dot = UInt8(ascii: ".")
        for part in path.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual([dot]) { continue }
            if part.elementsEqual([dot, dot]) {
                guard parts.popLast() != nil else {
                    throw .refused(.forbidden, "'\(text)' goes above the root of its store")
                }
                continue
            }
            parts.append(part)
        }
        return Array(parts.joined(separator: [UInt8(ascii: "/")]))
    }
}
