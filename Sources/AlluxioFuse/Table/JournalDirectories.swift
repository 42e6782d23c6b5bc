import Cluster
import Glibc
import Metadata
import Pages
import SmallFiles
import Synchronization

/// Where the stores of a mount table keep their journals: one directory each, named after mount and address,
/// so that the next mount of the table finds it.
///
/// A store that is mounted anew while its predecessor still finishes gets a second directory beside the first
/// one, with a number behind the name. Any thread may call it.
final class JournalDirectories: Sendable {
    private let root: String
    private let taken = Mutex<Set<String>>([])

    /// The most directories of one mount: its store, and predecessors that have not finished.
    static let numbersMaximum = 64
    /// What a directory's own note says: the path of the mount, a blank, and the address.
    private static let noteName = "mount"
    private static let noteBytesMaximum = 8192

    /// Prepares to make directories.
    /// - Parameter root: A directory that is there.
    init(root: String) {
        self.root = root
    }

    /// The name of a mount's first directory.
    static func name(of entry: MountEntry) -> String {
        let hash = FNV1a.hash("\(entry.path) \(entry.ufs)".utf8)
        let letters = entry.name.unicodeScalars.prefix(40).filter {
            $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "-")
        }
        return String(String.UnicodeScalarView(letters)) + "-" + String(hash, radix: 16)
    }

    /// Takes a directory for the store of a mount, and makes it if it is missing.
    /// - Throws: ``StoreError/unavailable(_:)`` or ``StoreError/noSpace(_:)``.
    func lease(for entry: MountEntry) throws(StoreError) -> JournalLease {
        for name in names(of: entry) where take(name) {
            let lease = JournalLease(path: "\(root)/\(name)", name: name, directories: self)
            guard mkdir(lease.path, 0o700) == 0 || errno == EEXIST else {
                let text = "cannot make \(lease.path): \(String(cString: strerror(errno)))"
                throw errno == ENOSPC ? .noSpace(text) : .unavailable(text)
            }
            let note = Array("\(entry.path) \(entry.ufs)".utf8)
            _ = try? SmallFile.create("\(lease.path)/\(Self.noteName)", note)
            return lease
        }
        throw .unavailable("\(entry.path): \(Self.numbersMaximum) earlier stores have not finished")
    }

    /// Takes the other directories of a mount in which something is left to do.
    func leftovers(of entry: MountEntry) -> [JournalLease] {
        unsettled.filter { Self.belongs($0, to: entry) && take($0) }
            .map { JournalLease(path: "\(root)/\($0)", name: $0, directories: self) }
    }

    /// The names of the directories in which something is left to do, by whomever.
    var unsettled: [String] {
        DirectoryNames.read(root).filter { !$0.hasPrefix(".") && Self.hasRecords("\(root)/\($0)") }
    }

    /// Whether a directory is one of a mount.
    static func belongs(_ name: String, to entry: MountEntry) -> Bool {
        let first = Self.name(of: entry)
        return name == first || name.hasPrefix("\(first).")
    }

    /// What was left by mounts that are not there.
    /// - Parameter entries: The mounts that are there.
    /// - Returns: Directories, and what they say of their mounts.
    func orphans(besides entries: [MountEntry]) -> [(path: String, mount: String)] {
        let known = Set(entries.map(Self.name))
        return unsettled.filter { name in !known.contains(String(name.prefix { $0 != "." })) }
            .map { name in
                let path = "\(root)/\(name)"
                let note = try? SmallFile.read("\(path)/\(Self.noteName)", atMostBytes: Self.noteBytesMaximum)
                return (path, note.map { String(decoding: $0, as: UTF8.self) } ?? name)
            }
    }

    fileprivate func release(_ name: String) { taken.withLock { _ = $0.remove(name) } }

    fileprivate static func hasRecords(_ directory: String) -> Bool {
        var status = stat()
        return stat("\(directory)/attributes.journal", &status) == 0 && status.st_size > 0
    }

    private func names(of entry: MountEntry) -> [String] {
        let first = Self.name(of: entry)
        return [first] + (1..<Self.numbersMaximum).map { "\(first).\($0)" }
    }

    private func take(_ name: String) -> Bool { taken.withLock { $0.insert(name).inserted } }
}

/// A directory that one store has for its journal, until the object goes.
final class JournalLease: Sendable {
    /// The directory.
    let path: String
    private let name: String
    private let directories: JournalDirectories

    fileprivate init(path: String, name: String, directories: JournalDirectories) {
        self.path = path
        self.name = name
        self.directories = directories
    }

    deinit { directories.release(name) }

    /// Whether the journal promises nothing that is not done.
    var isSettled: Bool { !JournalDirectories.hasRecords(path) }
}
