import Metadata
import Pages
import Threading

/// How bytes that were not written are read from the version under the changes.
extension Writer {
    /// Brings what only the base has into the staging file, because the base is about to go.
    ///
    /// Only under a ``hold()``, so that nothing else changes meanwhile.
    func bringBase() throws(FileSystemError) {
        lock.lock()
        defer { lock.unlock() }
        guard let base = state.base else { return }
        for span in state.extents.missing {
            _ = try staged.reserve(Int64(span.count), mayWait: true)
            var next = span.offset
            var failure: FileSystemError?
            do throws(StoreError) {
                try base.copy(span) { bytes throws(StoreError) in
                    do throws(FileSystemError) {
                        try staged.write(bytes, at: next)
                        next += Int64(bytes.count)
                    } catch {
                        failure = error
                        throw .cancelled
                    }
                }
            } catch {
                throw failure ?? FileSystemError(error)
            }
            state.extents.brought(span)
        }
        state.base = nil
    }

    /// Reads what a commit under way takes over and sends: bytes that an earlier commit took from the staging
    /// file are still there, the others come from the base.
    ///
    /// The latter stay in the staging file, as far as there is room: so the next commit has them, and the
    /// page cache gets the whole of the new version when the file is closed.
    func readKept(_ span: Span, of base: OpenVersion?, into sink: SpanSink) throws(StoreError) {
        for piece in locked({ $0.extents.pieces(of: span) }) {
            if piece.isStaged {
                try staged.copy(piece.span, into: sink)
            } else if let base {
                try readAndStage(piece.span, of: base, into: sink)
            } else {
                throw .corrupt("nothing is kept of a file that has no base")
            }
        }
    }

    /// Nothing writes to the staging file while a commit is under way, so these bytes are in nobody's way.
    private func readAndStage(_ span: Span, of base: OpenVersion, into sink: SpanSink) throws(StoreError) {
        var stages = (try? staged.reserve(Int64(span.count), mayWait: false)) ?? false
        let hasRoom = stages
        var next = span.offset
        do throws(StoreError) {
            try base.copy(span) { bytes throws(StoreError) in
                if stages { stages = (try? staged.write(bytes, at: next)) != nil }
                next += Int64(bytes.count)
                try sink(bytes)
            }
        } catch {
            if hasRoom { staged.giveBack(Int64(span.count)) }
            throw error
        }
        if stages {
            locked { $0.extents.brought(span) }
        } else if hasRoom {
            staged.giveBack(Int64(span.count))
        }
    }
}
