import Metadata
import Pages
import Synchronization
import Threading

/// Two names change places, by way of a third that nobody sees.
extension AttributedStore {
    func exchange(
        _ path: RelativePath,
        _ target: RelativePath,
        known: (path: Attributes, target: Attributes?)
    ) throws(StoreError) -> Attributes {
        guard let other = known.target else { throw .notFound }
        guard !path.lies(below: target), !target.lies(below: path) else {
            throw .unsupported("'\(path)' and '\(target)' cannot change places: one is in the other")
        }
        try requireName(path, isDirectory: other.kind == .directory)
        var intent = Intent(source: path, target: target, phase: .exchangingSource, begun: unixTime())
        take(intent)
        defer { leave(intent) }
        try start(intent)
        let moved: Attributes
        do throws(StoreError) {
            moved = try relocate(path, to: intent.detour, known: known.path)
        } catch {
            // What may have moved all the same is finished by whoever comes next.
            if isUntouched(intent, after: error) { try? end(intent) }
            throw error
        }
        intent.phase = .exchangingTarget
        try begin(intent)
        _ = try relocate(target, to: path, known: other)
        intent.phase = .exchangingBack
        try begin(intent)
        let result = try relocate(intent.detour, to: target, known: moved)
        try end(intent)
        return result
    }

    /// Goes on where an earlier process ended.
    func finishExchange(_ intent: Intent) throws(StoreError) {
        var intent = intent
        let steps: [(Intent.Phase, RelativePath, RelativePath)] = [
            (.exchangingSource, intent.source, intent.detour),
            (.exchangingTarget, intent.target, intent.source),
            (.exchangingBack, intent.detour, intent.target),
        ]
        for (phase, from, to) in steps where phase.rawValue >= intent.phase.rawValue {
            intent.phase = phase
            try begin(intent)
            do throws(StoreError) {
                let found = try attributes(ofOwn: from)
                if found.kind == .directory, try isLeftover(from, of: to) { continue }
                if found.kind != .directory, try isCopied(from, to, found) {
                    try objects.delete(from, if: .always)
                    continue
                }
                _ = try relocate(from, to: to, known: found)
            } catch .notFound {
                // This step was done.
            }
        }
        try end(intent)
    }

    /// Whether nothing has moved yet: the store has said no before anything was noted.
    private func isUntouched(_ intent: Intent, after error: StoreError) -> Bool {
        guard !error.isUnavailable, knownEntry(of: intent.detour) == nil else { return false }
        return state.withLock { state in
            !state.intents.values.contains { $0.source == intent.source && $0.target == intent.detour }
        }
    }

    /// Whether a file was copied and all that was said of it is said of the copy: only the old object is
    /// left.
    private func isCopied(
        _ from: RelativePath,
        _ to: RelativePath,
        _ found: Attributes
    ) throws(StoreError) -> Bool {
        guard try entry(of: from, .any) == nil, let noted = try entry(of: to, .any), noted.link == nil else {
            return false
        }
        do throws(StoreError) {
            let copy = try objects.attributes(of: to, known: .file)
            return copy.kind == .file && copy.etag == found.etag && copy.size == found.size
        } catch .notFound {
            return false
        }
    }

    /// Whether a directory is what a server still shows of one that has been moved: nothing is in it or said
    /// of it, and the place where it would go, which was empty before, is taken.
    private func isLeftover(_ from: RelativePath, of to: RelativePath) throws(StoreError) -> Bool {
        guard try entry(of: from, .any) == nil else { return false }
        let tree = try survey(from, to: from)
        guard tree.files.isEmpty, tree.documents.isEmpty, tree.directories.count == 1 else { return false }
        if try entry(of: to, .any) != nil { return true }
        return try objects.hasKeys(below: to, except: [])
    }

    /// What lies under any name, also one of ours.
    private func attributes(ofOwn path: RelativePath) throws(StoreError) -> Attributes {
        let holder = try holder(of: path, .trusted)
        return overlay.shown(try objects.attributes(of: holder.path, known: nil), holder.entry)
    }

    private func relocate(
        _ path: RelativePath,
        to target: RelativePath,
        known: Attributes
    ) throws(StoreError) -> Attributes {
        // What the step before has removed must not take along what comes to its place.
        if state.withLock({ $0.removals.touches(target) }) { try flushRemovals() }
        guard known.kind == .directory else {
            return try moveFile(path, to: target, .replace, known: (known, nil), siblings: .some)
        }
        return try moveDirectory(path, to: target, known: known, siblings: .some)
    }
}
