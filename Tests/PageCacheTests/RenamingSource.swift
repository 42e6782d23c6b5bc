import Pages
import Synchronization

@testable import PageCache

/// A store whose files are renamed: the bytes of `name@n` are those of `name`, whatever `n` is.
final class RenamingSource: SpanSource {
    private struct State {
        var spans: [Span] = []
        var gone: Set<FileVersion> = []
    }

    private let state = Mutex(State())

    /// The spans that were asked for, in order.
    var spans: [Span] { state.withLock { $0.spans } }

    /// Takes a version away.
    func remove(_ version: FileVersion) { state.withLock { _ = $0.gone.insert(version) } }
    /// Puts it back.
    func put(_ version: FileVersion) { state.withLock { _ = $0.gone.remove(version) } }

    /// One of the names of a file.
    static func version(_ name: String, _ number: Int, size: Int64) -> FileVersion {
        .test("\(name)@\(number)", size: size, etag: "e\(number)")
    }

    /// The bytes that all of its names have.
    static func truth(_ version: FileVersion) -> Truth {
        let name = version.uri.description.split(separator: "@")[0].split(separator: "/").last ?? ""
        return Truth(.test(String(name), size: version.size))
    }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        let isGone = state.withLock { state in
            state.spans.append(span)
            return state.gone.contains(version)
        }
        guard !isGone else { throw .stale }
        let truth = Self.truth(version)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)
        defer { piece.deallocate() }
        var offset = span.offset
        while offset < span.end {
            let count = min(piece.count, Int(span.end - offset))
            let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<count])
            truth.fill(part, from: offset)
            try sink(UnsafeRawBufferPointer(part))
            offset += Int64(count)
        }
    }
}
