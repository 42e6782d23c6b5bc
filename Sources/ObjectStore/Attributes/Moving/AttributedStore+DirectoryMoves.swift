import Logging
import Metadata
import Pages
import Synchronization
import Threading

/// Moving directories, object by object.
extension AttributedStore {
    /// Moves a directory under an intent.
    func moveDirectory(
        _ path: RelativePath,
        to target: RelativePath,
        known: Attributes,
        siblings: Siblings
    ) throws(StoreError) -> Attributes {
        try flushRemovals()
        try commitAll(below: path)
        let move = try survey(path, to: target)
        for file in move.files { try requireKey(move.moved(file.path)) }
        for directory in move.directories { try requireKey(move.moved(directory).marker) }
        let intent = Intent(source: path, target: target, phase: .copying, begun: unixTime())
        take(intent)
        defer { leave(intent) }
        try start(intent)
        do throws(StoreError) {
            try copy(move)
        } catch {
            // Nothing has been deleted: what was copied is a leftover.
            try? objects.delete(
                move.files.map { move.moved($0.path) }
                    + move.directories.reversed().map { move.moved($0).marker }
            )
            try? end(intent)
            throw error
        }
        try conclude(move, intent, siblings)
        return known
    }

    /// Finishes what an earlier process has begun.
    func finish(_ intent: Intent) throws(StoreError) {
        switch intent.phase {
        case .copying:
            let move = try survey(intent.source, to: intent.target)
            try copy(move)
            try conclude(move, intent, .unknown)
        case .deleting:
            var move = try survey(intent.source, to: intent.target)
            let there = try survey(intent.target, to: intent.target)
            let sizes = Dictionary(there.files.map { ($0.path, $0.attributes.size) }) { $1 }
            // Only what has arrived goes: somebody may have made new files at the old place.
            move.files = move.files.filter { sizes[move.moved($0.path)] == $0.attributes.size }
            try conclude(move, intent, .unknown)
        case .exchangingSource, .exchangingTarget, .exchangingBack:
            try finishExchange(intent)
        case .movingFile:
            try finishFile(intent)
        case .making:
            try undoMaking(intent)
        }
    }

    /// Lists a tree in the store; one that is not there is empty.
    func survey(_ source: RelativePath, to target: RelativePath) throws(StoreError) -> DirectoryMove {
        var move = DirectoryMove(source: source, target: target, directories: [source])
        var next = 0
        while next < move.directories.count {
            try survey(move.directories[next], &move)
            next += 1
        }
        return move
    }

    private func survey(_ directory: RelativePath, _ move: inout DirectoryMove) throws(StoreError) {
        var token: ListingToken?
        var found: [(name: [UInt8], attributes: Attributes)] = []
        repeat {
            do throws(StoreError) {
                let page = try objects.list(directory, from: token) { found.append((Array($0), $1)) }
                guard page.hidden == 0 else {
                    throw .unsupported(
                        "\(uri(of: directory)) has \(page.hidden) keys that are no names and cannot be moved"
                    )
                }
                token = page.next
            } catch .notFound {
                token = nil
            }
        } while token != nil
        var names: Set<[UInt8]> = []
        for (name, attributes) in found {
            let path = directory.appending(name)
            if AttributeNames.isDocument(name) {
                move.documents.append(path)
            } else if AttributeNames.isHidden(name) {
                continue
            } else if attributes.kind == .directory {
                if names.insert(name).inserted { move.directories.append(path) }
            } else {
                move.files.append((path, attributes))
            }
        }
        guard move.files.count <= DirectoryMove.filesMaximum else {
            throw .tooLarge("\(uri(of: move.source)) has more than \(DirectoryMove.filesMaximum) files")
        }
    }

    /// Copies the objects of a tree, makes its directories, and writes what is said of its names.
    private func copy(_ move: DirectoryMove) throws(StoreError) {
        let documented = Set(move.documents.compactMap(\.parent))
        for directory in documented { try load(directory, .trusted) }
        let copies = Mutex<[RelativePath: Attributes]>([:])
        try ParallelRun.each(move.files.count, width: options.parallelCopies) {
            [self] index throws(StoreError) in
            let (path, attributes) = move.files[index]
            let target = move.moved(path)
            let made = try objects.copy(path, known: attributes, to: target, if: .always, metadata: nil)
            copies.withLock { $0[path] = made }
        }
        try ParallelRun.each(move.directories.count, width: options.parallelCopies) {
            [self] index throws(StoreError) in
            _ = try objects.putMarker(move.moved(move.directories[index]))
        }
        let made = copies.withLock { $0 }
        var byDirectory: [RelativePath: [[UInt8]: (old: Attributes, new: Attributes)]] = [:]
        for (path, attributes) in move.files {
            guard let new = made[path], let parent = path.parent else { continue }
            byDirectory[parent, default: [:]][Array(path.name)] = (attributes, new)
        }
        for directory in move.directories {
            try copyEntries(of: directory, move, byDirectory[directory] ?? [:])
        }
    }

    private func copyEntries(
        of directory: RelativePath,
        _ move: DirectoryMove,
        _ copies: [[UInt8]: (old: Attributes, new: Attributes)]
    ) throws(StoreError) {
        let target = move.moved(directory)
        let (old, replaced) = state.withLock { state in
            let old = state.books[directory]?.effective ?? [:]
            return (old, state.books[target]?.names ?? [])
        }
        let entries = move.entries(old, copies)
        var changes: [PathChange] = entries.map { (target.appending($0.key), .replaced(by: $0.value)) }
        for name in replaced where entries[name] == nil { changes.append((target.appending(name), .removed)) }
        // Names outside of the tree that are linked with names inside.
        for (name, entry) in old {
            let (before, after) = (directory.appending(name), target.appending(name))
            if let link = entry.link, link == move.moved(link) {
                var change = EntryChange()
                change.names = [before: false, after: true]
                changes.append((link, change))
            }
            changes += relinked(entry.names.filter { $0 == move.moved($0) }, to: after)
        }
        for path in Set(changes.compactMap { $0.path.parent }) { try load(path, .any) }
        try note(changes)
        for path in Set(changes.compactMap { $0.path.parent }) { try commit(path) }
    }

    /// The target is whole: the source goes.
    private func conclude(_ move: DirectoryMove, _ intent: Intent, _ siblings: Siblings) throws(StoreError) {
        var intent = intent
        let entry = try entry(of: move.source, .any)
        if intent.phase == .copying {
            // Later, whoever does this again could not tell it from what has been moved there.
            if entry == nil, knownEntry(of: move.target) != nil { try note([(move.target, .removed)]) }
            intent.phase = .deleting
            try begin(intent)
        }
        if let entry { try note([(move.source, .removed), (move.target, .replaced(by: entry))]) }
        state.withLock { state in
            state.books = state.books.filter { path, _ in
                path != move.source && !path.lies(below: move.source)
            }
            state.listed.forget(below: move.source)
            state.listed.forget(below: move.target)
        }
        try leave(move.source, siblings)
        let markers = move.directories.reversed().map(\.marker)
        try objects.delete(move.files.map(\.path) + move.documents + markers)
        try end(intent)
    }

    /// Takes the right to carry an intent out, so that housekeeping leaves it alone.
    func take(_ intent: Intent) {
        state.withLock { state in _ = state.running.insert(intent.identifier) }
    }

    /// Gives the right back.
    func leave(_ intent: Intent) {
        state.withLock { state in _ = state.running.remove(intent.identifier) }
    }

    /// Writes an intent that is new; if it cannot be written, nothing has begun.
    func start(_ intent: Intent) throws(StoreError) {
        do throws(StoreError) {
            try begin(intent)
        } catch {
            try? end(intent)
            throw error
        }
    }

    /// Writes an intent, or its next phase.
    func begin(_ intent: Intent) throws(StoreError) {
        // The journal first: an object that nobody knows of would keep its directory there.
        try state.withLock { state throws(StoreError) in
            try journal?.append(.intent(intent))
            state.intents[intent.identifier] = intent
        }
        _ = try objects.put(intent.encoded, at: intent.location, if: .always, metadata: [])
    }

    /// An intent is over.
    func end(_ intent: Intent) throws(StoreError) {
        // The object first: one that nobody knows of would keep its directory there.
        try objects.delete(intent.location, if: .always)
        try state.withLock { state throws(StoreError) in
            state.intents[intent.identifier] = nil
            try journal?.append(.intentDone(intent.identifier))
        }
    }
}

extension Intent {
    /// What a log line says of it.
    var facts: Logger.Metadata {
        ["source": "\(source)", "target": "\(target)", "phase": "\(phase)"]
    }
}
