import Metadata
import NIOHTTP1
import Pages

/// Removing names, with everything below them if that is wanted.
extension StoreChanges {
    /// The deepest that a tree may be.
    static var depthMaximum: Int { 512 }

    /// Removes a file, an empty directory, or a whole tree.
    ///
    /// What is in the way of a tree's removal, since somebody makes names in it meanwhile, is a 409; what was
    /// removed until then is gone.
    /// - Throws: A 404 if there is no such name, a 409 for a directory with entries.
    func remove(_ path: RelativePath, recursively: Bool) throws(HTTPFailure) {
        guard !path.isRoot else { throw Self.isMountPoint }
        let known = try existing(path)
        defer { changed(path) }
        if known.kind != .directory {
            try removeFile(path, known)
        } else if recursively {
            try removeTree(path, depth: 0)
        } else {
            try ask(path) { () throws(StoreError) in
                try store.removeDirectory(path, siblings: .unknown)
            }
        }
        // Objects of removed names go in groups, and are gone when the answer says so.
        try ask(path) { () throws(StoreError) in try store.finish() }
    }

    private func removeFile(_ path: RelativePath, _ known: Attributes) throws(HTTPFailure) {
        try ask(path) { () throws(StoreError) in
            try store.remove(path, known: known, siblings: .unknown)
        }
    }

    private func removeTree(_ directory: RelativePath, depth: Int) throws(HTTPFailure) {
        guard depth < Self.depthMaximum else {
            throw .refused(.badRequest, "\(directory): more than \(Self.depthMaximum) directories deep")
        }
        for (name, attributes) in try entries(of: directory) {
            let path = directory.appending(name)
            if attributes.kind == .directory {
                try removeTree(path, depth: depth + 1)
            } else {
                // The directory goes too, so that nobody need look whether this is its last entry.
                try ask(path) { () throws(StoreError) in
                    try store.remove(path, known: attributes, siblings: .some)
                }
            }
        }
        try ask(directory) { () throws(StoreError) in
            try store.removeDirectory(directory, siblings: depth > 0 ? .some : .unknown)
        }
    }

    /// All entries of a directory, asked of the store now.
    func entries(of directory: RelativePath) throws(HTTPFailure) -> [(name: [UInt8], Attributes)] {
        var found: [[UInt8]: Attributes] = [:]
        var order: [[UInt8]] = []
        try ask(directory) { () throws(StoreError) in
            var token: ListingToken?
            repeat {
                let page = try store.list(directory, from: token) { name, attributes in
                    let name = Array(name)
                    if let known = found[name] {
                        // An object and a prefix of one name: the directory wins.
                        if known.kind != .directory { found[name] = attributes }
                    } else {
                        found[name] = attributes
                        order.append(name)
                    }
                }
                token = page.next
                guard order.count <= WorkerLimits.treeEntriesMaximum else {
                    throw .tooLarge(
                        "\(directory) has more than \(WorkerLimits.treeEntriesMaximum) entries; use a mount"
                    )
                }
            } while token != nil
        }
        return order.compactMap { name in found[name].map { (name: name, $0) } }
    }
}
