import Metadata
import Pages
import Synchronization

/// Intents of a change of one name: in the journal only, since only the next process of this mount finishes
/// them.
extension AttributedStore {
    /// Runs a change which the next process finishes, or undoes, if this one does not get to its end.
    /// - Parameters:
    ///   - intent: What is about to be done.
    ///   - body: Does it; gets nil if there is no journal.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, or that the journal cannot be written to.
    func under<Result>(
        _ intent: Intent,
        _ body: (Intent?) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        guard let journal else { return try body(nil) }
        take(intent)
        defer { leave(intent) }
        try state.withLock { state throws(StoreError) in
            try journal.append(.intent(intent))
            state.intents[intent.identifier] = intent
        }
        do throws(StoreError) {
            let result = try body(intent)
            forget(intent)
            return result
        } catch {
            // What may have been done although no answer came is finished, or undone, before anybody uses it.
            if !error.isUnavailable { forget(intent) }
            throw error
        }
    }

    private func forget(_ intent: Intent) {
        state.withLock { state in
            state.intents[intent.identifier] = nil
            // An intent too many does nothing: what it is about will not be what it was.
            try? journal?.append(.intentDone(intent.identifier))
        }
    }

    /// The copy is made and noted: all that is left is that the old object goes.
    /// - Returns: The number of the removal, as the journal counts, and what it is.
    func becomeRemoval(
        _ intent: Intent,
        of etag: ETag?
    ) throws(StoreError) -> (number: UInt64, removal: RemovalQueue.Removal) {
        try state.withLock { state throws(StoreError) in
            // It stays known until the end, so that the journal is not cleared meanwhile.
            try journal?.append(.intentDone(intent.identifier))
            state.lastNumber += 1
            let removal = RemovalQueue.Removal(documents: nil, etag: etag, siblings: .unknown)
            try journal?.append(.removal(state.lastNumber, intent.source, removal))
            return (state.lastNumber, removal)
        }
    }

    /// Finishes a move of a file whose copy was made.
    func finishFile(_ intent: Intent) throws(StoreError) {
        // A further name holds no object: what is there is what it replaced.
        if try entry(of: intent.target, .any)?.link != nil {
            try objects.delete(intent.target, if: .always)
            return try end(intent)
        }
        do throws(StoreError) {
            let source = try objects.attributes(of: intent.source, known: .file)
            let copy = try objects.attributes(of: intent.target, known: .file)
            let entry = try entry(of: intent.source, .any)
            let noted = try self.entry(of: intent.target, .any)
            // What was said of the source may be said of the target already.
            let isNoted = entry == nil && noted?.bound.etag == copy.etag
            // A further name has no object; what was noted of it was noted at once.
            if isNoted, source.etag == copy.etag {
                try leave(intent.source, .unknown)
                try objects.delete(intent.source, if: .always)
            } else if entry?.link == nil, source.kind == .file, copy.kind == .file, source.size == copy.size,
                source.etag == copy.etag
            {
                // The file that was there has other names, and was copied to one of them before.
                if let noted, !noted.names.isEmpty {
                    try note(try inherited(intent.target, noted))
                }
                let known = overlay.shown(source, entry)
                _ = try moveFile(
                    intent.source,
                    to: intent.target,
                    .replace,
                    known: (known, nil),
                    siblings: .unknown
                )
            }
        } catch .notFound {
            // Nothing was copied, or everything is done.
        }
        try end(intent)
    }

    /// Removes what was made and of which nothing was noted: nobody was told that it is there.
    func undoMaking(_ intent: Intent) throws(StoreError) {
        let isNoted = try entry(of: intent.target, .any) != nil
        if !isNoted { try removeUnnoted(intent) }
        try end(intent)
    }

    private func removeUnnoted(_ intent: Intent) throws(StoreError) {
        do throws(StoreError) {
            let found = try objects.attributes(of: intent.target, known: nil)
            // What somebody else has made since is not ours to remove; the clocks may differ a little.
            guard found.size == 0, found.modified > intent.begun - 5_000_000_000 else { return }
            guard found.kind == .directory else {
                return try objects.delete(intent.target, if: .always)
            }
            if try !objects.hasKeys(below: intent.target, except: []) {
                try objects.delete([intent.target.marker])
            }
        } catch .notFound {
            // It was not made.
        }
    }
}

extension StoreError {
    /// Whether nobody knows what the store has done.
    var isUnavailable: Bool {
        if case .unavailable = self { true } else { false }
    }
}
