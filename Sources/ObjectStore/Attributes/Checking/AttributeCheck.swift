import Metadata
public import Pages
import Threading

/// One walk through a bucket.
///
/// Used by one thread, once.
struct AttributeCheck {
    /// A younger intent may be that of a mount at work.
    static let intentAge: Int64 = 600 * 1_000_000_000

    let store: AttributedStore
    let isRepairing: Bool
    let report: (AttributeFinding) -> Void

    /// What a directory has.
    private struct Contents {
        var names: Set<[UInt8]> = []
        var directories: [RelativePath] = []
        /// Our own objects.
        var own: [[UInt8]] = []
    }

    func run() throws(StoreError) {
        var waiting: [RelativePath] = [.root]
        while let directory = waiting.popLast() {
            let contents = try contents(of: directory)
            for name in contents.own where name.starts(with: AttributeNames.intent) {
                try check(intent: directory.appending(name))
            }
            try checkEntries(of: directory, contents)
            waiting.append(contentsOf: contents.directories)
        }
        guard isRepairing else { return }
        let limit = unixTime() - store.options.uploadAge.nanoseconds
        let count = try store.objects.abortUploads(begunBefore: limit)
        if count > 0 { found(.abandonedUploads, .root, "\(count) uploads that nobody ended", repaired: true) }
    }

    private func contents(of directory: RelativePath) throws(StoreError) -> Contents {
        var contents = Contents()
        var token: ListingToken?
        let sink: EntrySink = { name, attributes in
            let bytes = Array(name)
            if AttributeNames.isHidden(bytes) {
                contents.own.append(bytes)
            } else if contents.names.insert(bytes).inserted, attributes.kind == .directory {
                contents.directories.append(directory.appending(bytes))
            }
        }
        repeat {
            do throws(StoreError) {
                token = try store.objects.list(directory, from: token, into: sink).next
            } catch .notFound {
                // It has moved, by an intent that was finished.
                token = nil
            }
        } while token != nil
        return contents
    }

    private func check(intent path: RelativePath) throws(StoreError) {
        let bytes = try store.objects.read(path, limit: Intent.maximumBytes).bytes
        let intent: Intent
        do throws(FormatError) {
            intent = try Intent(decoding: bytes)
        } catch {
            return found(.unreadable, path, error.description, repaired: false)
        }
        let age = unixTime() - intent.begun
        let isDue = isRepairing && age > Self.intentAge
        if isDue { try store.finish(intent) }
        let text = "'\(intent.source)' to '\(intent.target)', begun \(age / 1_000_000_000) s ago"
        found(.unfinishedIntent, path, text, repaired: isDue)
    }

    private func checkEntries(of directory: RelativePath, _ contents: Contents) throws(StoreError) {
        guard contents.own.contains(AttributeNames.document) else { return }
        let stored = try store.storedDocument(of: directory)
        if let reason = stored.unreadable {
            return found(.unreadable, AttributeNames.document(of: directory), "\(reason)", repaired: false)
        }
        try checkParts(of: directory, contents, stored)
        for (name, entry) in stored.document.entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        {
            guard !(directory.isRoot && name == AttributeNames.root) else { continue }
            let path = directory.appending(name)
            if let link = entry.link {
                try checkLink(path, to: link)
            } else if !contents.names.contains(name) {
                try repair(
                    .strayEntry,
                    path,
                    "something is said of a name that is not there",
                    [(path, .removed)]
                )
            } else {
                for other in entry.names where try store.entry(of: other, .any)?.link != path {
                    var change = EntryChange()
                    change.names = [other: false]
                    try repair(.danglingLink, path, "'\(other)' is no name of it", [(path, change)])
                }
            }
        }
    }

    private func checkLink(_ path: RelativePath, to link: RelativePath) throws(StoreError) {
        do throws(StoreError) {
            _ = try store.objects.attributes(of: link, known: .file)
        } catch .notFound {
            return try repair(.danglingLink, path, "its object '\(link)' is not there", [(path, .removed)])
        }
        guard try store.entry(of: link, .any)?.names.contains(path) != true else { return }
        var change = EntryChange()
        change.names = [path: true]
        try repair(.danglingLink, path, "its object '\(link)' does not know of it", [(link, change)])
    }

    /// Parts of an earlier generation, and what other programs of ours left.
    private func checkParts(
        of directory: RelativePath,
        _ contents: Contents,
        _ stored: AttributedStore.StoredDocument
    ) throws(StoreError) {
        let used = Set(
            (0..<AttributeDocument.partCount).map {
                store.location(of: directory, $0, stored.document.generation)
            }
        )
        for name in contents.own where name != AttributeNames.document && AttributeNames.isDocument(name) {
            let path = directory.appending(name)
            guard !used.contains(path) else { continue }
            if isRepairing { try store.objects.delete(path, if: .always) }
            found(
                .leftover,
                path,
                "a part of an attribute object that is not split like this",
                repaired: isRepairing
            )
        }
    }

    private func repair(
        _ kind: AttributeFinding.Kind,
        _ path: RelativePath,
        _ text: String,
        _ changes: [AttributedStore.PathChange]
    ) throws(StoreError) {
        if isRepairing { try store.note(changes) }
        found(kind, path, text, repaired: isRepairing)
    }

    private func found(
        _ kind: AttributeFinding.Kind,
        _ path: RelativePath,
        _ text: String,
        repaired: Bool
    ) {
        report(AttributeFinding(kind: kind, uri: store.next.uri(of: path), text: text, isRepaired: repaired))
    }
}

extension AttributedStore {
    /// Walks through the whole prefix and holds what attribute objects say against the names that are there.
    ///
    /// To be run while no mount is writing. One listing for each thousand keys, one GET for each attribute
    /// object.
    /// - Parameters:
    ///   - isRepairing: Whether to remove what is stray, and to finish renames that were begun more than ten
    ///     minutes ago; else nothing is changed.
    ///   - report: Takes each finding as it is made, on this thread.
    /// - Throws: The first ``StoreError`` of the store.
    public func check(repairing isRepairing: Bool, _ report: (AttributeFinding) -> Void) throws(StoreError) {
        try withoutActuallyEscaping(report) { report throws(StoreError) in
            try AttributeCheck(store: self, isRepairing: isRepairing, report: report).run()
        }
        if isRepairing { try commitAll(below: .root) }
    }
}

/// The format of attribute objects, for whoever tests it with bytes of his own.
public enum AttributeFormat {
    /// Whether bytes are an attribute object.
    ///
    /// One that is reads back as it would be written.
    /// - Parameter bytes: Any.
    /// - Returns: `false` if any rule of the format is broken.
    public static func accepts(_ bytes: [UInt8]) -> Bool {
        do throws(FormatError) {
            let document = try AttributeDocument(decoding: bytes)
            let again = try AttributeDocument(decoding: document.encoded(part: nil))
            precondition(again == document || document.isSplit, "a document changes when it is written again")
            return true
        } catch {
            return false
        }
    }
}
