import Metadata
import Pages

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
        var intent = Intent(source: path, target: target, phase: .exchangingSource, begun: wallClock)
        take(intent)
        defer { leave(intent) }
        try begin(intent)
        let moved: Attributes
        do throws(StoreError) {
            moved = try relocate(path, to: intent.detour, known: known.path)
        } catch {
            try? end(intent)
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
                _ = try relocate(from, to: to, known: found)
            } catch .notFound {
                // This step was done.
            }
        }
        try end(intent)
    }

    /// Whether a directory is what a server still shows of one that has been moved: nothing is in it or said
    /// of it, and the place where it would go, which was empty before, is taken.
    private func isLeftover(_ from: RelativePath, of to: RelativePath) throws(StoreError) -> Bool {
        guard try entry(of: from, .any) == nil, try !objects.hasKeys(below: from, except: []) else {
            return false
        }
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
        guard known.kind == .directory else {
            return try moveFile(path, to: target, .replace, known: (known, nil), siblings: .some)
        }
        return try moveDirectory(path, to: target, known: known, siblings: .some)
    }
}
