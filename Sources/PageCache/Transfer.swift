import CoreMetrics
import Pages

/// One request to the next link, and the claimed runs that it fills.
///
/// Used by one thread. Bytes between two runs are present already and are skipped.
struct Transfer {
    /// A claimed run of granules.
    struct Run: Sendable {
        let granules: Range<Int>
        let flight: Flight
    }

    /// How a transfer ended that did not fail.
    enum Outcome {
        /// All runs are stored.
        case stored
        /// The store of bytes could not take them.
        case notStored
    }

    private let file: CachedFile
    private let runs: [Run]
    private let span: Span
    private var index = 0
    private var position: Int64
    private var admission: (any Admission)?
    private var published = 0
    private var isRefused = false

    /// - Parameters:
    ///   - runs: Ascending; not empty.
    ///   - file: Where they are claimed.
    init(_ runs: ArraySlice<Run>, of file: CachedFile) {
        self.file = file
        self.runs = Array(runs)
        let granules = self.runs[0].granules.lowerBound..<self.runs[self.runs.count - 1].granules.upperBound
        span = Granule.span(of: granules, size: file.version.size)
        position = span.offset
    }

    /// Fetches claimed runs, near ones with one request, and ends their flights whatever happens.
    /// - Parameters:
    ///   - runs: Ascending.
    ///   - file: Where they are claimed.
    ///   - context: The next link, and what all files share.
    ///   - arrived: Called with how many bytes have just come.
    /// - Returns: Whether all are stored.
    /// - Throws: What the next link threw.
    static func fetch(
        _ runs: [Run],
        of file: CachedFile,
        in context: CacheContext,
        _ arrived: (Int) -> Void = { _ in }
    ) throws(StoreError) -> Outcome {
        var start = 0
        while start < runs.count {
            var end = start + 1
            while end < runs.count,
                runs[end].granules.lowerBound - runs[end - 1].granules.upperBound
                    <= CacheLimits.bridgedGranules
            {
                end += 1
            }
            var transfer = Transfer(runs[start..<end], of: file)
            do throws(StoreError) {
                guard try transfer.run(in: context, arrived) == .stored else {
                    runs[end...].forEach { file.end($0.flight, .over) }
                    return .notStored
                }
            } catch {
                runs[end...].forEach { file.end($0.flight, error == .stale ? .stale : .over) }
                throw error
            }
            start = end
        }
        return .stored
    }

    private mutating func run(
        in context: CacheContext,
        _ arrived: (Int) -> Void
    ) throws(StoreError) -> Outcome {
        var ending = Flight.Ending.over
        defer { endRuns(ending, context) }
        do throws(StoreError) {
            try begin()
            try context.next.fetch(span, of: file.source) { (bytes) throws(StoreError) in
                try take(bytes)
                arrived(bytes.count)
            }
            guard position == span.end else {
                throw .corrupt("\(file.version.uri): got \(position - span.offset) of \(span.count) bytes")
            }
        } catch {
            if isRefused { return .notStored }
            if error == .stale { ending = .stale }
            throw error
        }
        return isRefused ? .notStored : .stored
    }

    private mutating func begin() throws(StoreError) {
        admission = file.content.admit(runs[index].granules)
        published = runs[index].granules.lowerBound
        guard admission == nil else { return }
        isRefused = true
        throw .cancelled
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        guard position + Int64(bytes.count) <= span.end else {
            throw .corrupt("\(file.version.uri): more than the \(span.count) bytes asked for")
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let run = Granule.span(of: runs[index].granules, size: file.version.size)
            if position < run.offset {
                let skipped = min(rest.count, Int(run.offset - position))
                rest = rest.dropFirst(skipped)
                position += Int64(skipped)
                continue
            }
            if admission == nil { try begin() }
            let count = min(rest.count, Int(run.end - position))
            try store(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            rest = rest.dropFirst(count)
            position += Int64(count)
            if position == run.end { endRun(.over) }
        }
    }

    private mutating func store(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        guard let admission else { return }
        do throws(AdmissionFailure) {
            let readable = try admission.append(bytes)
            guard readable > published else { return }
            published = readable
            file.advance(runs[index].flight, to: readable)
        } catch {
            isRefused = true
            throw .cancelled
        }
    }

    /// Ends the current run and goes on to the next.
    private mutating func endRun(_ ending: Flight.Ending) {
        _ = admission?.finish()
        admission = nil
        file.end(runs[index].flight, ending)
        index += 1
    }

    private mutating func endRuns(_ ending: Flight.Ending, _ context: CacheContext) {
        context.metrics.filledBytes.increment(by: position - span.offset)
        while index < runs.count { endRun(ending) }
    }
}
