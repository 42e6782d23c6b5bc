import Pages

/// The unit of presence and of checksums.
enum Granule {
    /// Length in bytes.
    static let bytes = 4096

    /// How many granules a file has.
    static func count(size: Int64) -> Int { Int((size + Int64(bytes) - 1) / Int64(bytes)) }

    /// The bytes of some granules of a file, the last of which may be short.
    static func bytes(count: Int, withLast hasLast: Bool, size: Int64) -> Int64 {
        let padding = Int64(Self.count(size: size)) * Int64(bytes) - size
        return Int64(count) * Int64(bytes) - (hasLast ? padding : 0)
    }

    /// The granules that a span touches.
    static func range(of span: Span) -> Range<Int> {
        let first = Int(span.offset / Int64(bytes))
        return first..<max(first, Int((span.end + Int64(bytes) - 1) / Int64(bytes)))
    }

    /// The granules of a file that lie in a span to their end.
    static func whole(in span: Span, size: Int64) -> Range<Int> {
        let first = Int((span.offset + Int64(bytes) - 1) / Int64(bytes))
        let end = span.end >= size ? count(size: size) : Int(span.end / Int64(bytes))
        return first..<max(first, end)
    }

    /// The bytes of a run of granules of a file.
    static func span(of granules: Range<Int>, size: Int64) -> Span {
        Span(
            from: Int64(granules.lowerBound) * Int64(bytes),
            to: min(Int64(granules.upperBound) * Int64(bytes), size)
        )
    }
}

/// The bytes of one version in a store of bytes: in memory or on disk.
///
/// Any thread may call it.
protocol StoredContent: AnyObject, Sendable {
    /// Under which version it is stored; changes when it is moved.
    var key: VersionKey { get }

    /// Begins a move, which keeps others from writing the record or removing data.
    /// - Returns: `false` if it cannot be moved now.
    func beginMove() -> Bool

    /// Ends a move that was begun: everything that is present is so under another version from now on.
    ///
    /// What cannot be moved is lost, and then nothing is present.
    /// - Parameter version: The same bytes under another name.
    func move(to version: FileVersion)

    /// Ends a move that was begun and does nothing.
    func endMove()

    /// Finds out which granules of a range are present, if that takes a look at the disk.
    func prepare(_ granules: Range<Int>)

    /// The runs of a prepared range that are not present. Never waits.
    func missing(in granules: Range<Int>) -> [Range<Int>]

    /// The bytes of a span, held in place, if all are present. May read the local disk; waits for nothing
    /// else.
    func pin(_ span: Span) -> PinnedBytes?

    /// Begins to store a run that the caller has claimed.
    /// - Returns: `nil` if the store has no room or is out of order; the bytes then go past it.
    func admit(_ granules: Range<Int>) -> (any Admission)?

    /// Bytes of the version that are present.
    var presentBytes: Int64 { get }

    /// Whether nothing would be lost if the object were dropped while no handle is open.
    var isForgettable: Bool { get }

    /// Lets go of what only open files need.
    func handlesClosed()
}

/// Takes the bytes of one claimed run, in order, on one thread.
protocol Admission: AnyObject {
    /// Stores the next bytes.
    /// - Returns: The granule up to which the run can be read by now.
    /// - Throws: When the store cannot take them; what was published stays.
    func append(_ bytes: UnsafeRawBufferPointer) throws(AdmissionFailure) -> Int

    /// Publishes what is complete, and lets go of everything else. Called exactly once.
    /// - Returns: The granule up to which the run can be read.
    func finish() -> Int
}

/// The store of bytes has no room or is out of order.
///
/// Never reaches a reader.
struct AdmissionFailure: Error {}
