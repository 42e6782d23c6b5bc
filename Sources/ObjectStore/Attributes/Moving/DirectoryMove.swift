import Metadata
import Pages

/// What a move of a directory has to do, found by listing it.
struct DirectoryMove: Sendable {
    let source: RelativePath
    let target: RelativePath
    /// Every directory of the tree, the source first.
    var directories: [RelativePath] = []
    /// Every object that is to be copied.
    var files: [(path: RelativePath, attributes: Attributes)] = []
    /// Attribute objects, which are not copied but written anew.
    var documents: [RelativePath] = []

    /// The most objects of a directory that can be moved.
    static let filesMaximum = 1_000_000

    func moved(_ path: RelativePath) -> RelativePath { path.moved(from: source, to: target) }

    /// The entries of a directory of the tree at its new place.
    /// - Parameters:
    ///   - entries: What is said at the old one.
    ///   - copies: What each file was and has become, by name.
    /// - Returns: The same, bound to the copies; times of files of which nothing was said are kept, too.
    func entries(
        _ entries: [[UInt8]: AttributeEntry],
        _ copies: [[UInt8]: (old: Attributes, new: Attributes)]
    ) -> [[UInt8]: AttributeEntry] {
        var result: [[UInt8]: AttributeEntry] = [:]
        for (name, entry) in entries {
            var moved = entry
            moved.link = entry.link.map(self.moved)
            moved.names = Set(entry.names.map(self.moved))
            result[name] = moved
        }
        for (name, copy) in copies {
            var entry = result[name] ?? AttributeEntry()
            if entry.bound.etag != copy.old.etag { entry.bound = BoundAttributes() }
            if entry.bound.modified == nil, copy.old.modified != copy.new.modified {
                entry.bound.modified = copy.old.modified
            }
            if !entry.bound.isEmpty { entry.bound.etag = copy.new.etag }
            result[name] = entry.isEmpty ? nil : entry
        }
        return result
    }
}
