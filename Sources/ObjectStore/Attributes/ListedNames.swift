import Metadata

/// Directories whose whole listing has just passed by, and what is left of it.
///
/// Saves the question whether a directory is empty when it is removed.
///
/// A wrong answer costs nobody's data: removing a directory deletes its marker and attribute objects only.
struct ListedNames: Sendable {
    /// How many directories are followed.
    static let directoriesMaximum = 64
    /// The most names of one; larger directories are asked about.
    static let namesMaximum = 10_000
    /// For how long a listing is believed, nanoseconds.
    static let lifetime: Int64 = 30_000_000_000

    private struct Listed {
        /// As they were listed; nil as soon as they are in ``names``.
        var listed: NameBuffer?
        var names: Set<[UInt8]> = []
        var time: Int64

        mutating func change(_ body: (inout Set<[UInt8]>) -> Void) {
            if let listed { names = listed.set }
            listed = nil
            body(&names)
        }

        var isEmpty: Bool { listed.map { $0.count == 0 } ?? names.isEmpty }
    }

    private var directories: [RelativePath: Listed] = [:]

    mutating func listed(_ directory: RelativePath, _ names: NameBuffer, at now: Int64) {
        guard names.count <= Self.namesMaximum else {
            directories[directory] = nil
            return
        }
        if directories.count >= Self.directoriesMaximum, directories[directory] == nil {
            let oldest = directories.min { $0.value.time < $1.value.time }
            if let oldest { directories[oldest.key] = nil }
        }
        directories[directory] = Listed(listed: names, time: now)
    }

    mutating func added(_ path: RelativePath) {
        if let parent = path.parent { directories[parent]?.change { $0.insert(Array(path.name)) } }
    }

    mutating func removed(_ path: RelativePath) {
        if let parent = path.parent { directories[parent]?.change { $0.remove(Array(path.name)) } }
        directories[path] = nil
    }

    /// What is known at all about a tree is forgotten.
    mutating func forget(below directory: RelativePath) {
        directories = directories.filter { $0.key != directory && !$0.key.lies(below: directory) }
    }

    /// Whether nothing is left in a directory, as far as is known.
    func isEmpty(_ directory: RelativePath, at now: Int64) -> Bool {
        guard let listed = directories[directory], now - listed.time < Self.lifetime else { return false }
        return listed.isEmpty
    }
}
