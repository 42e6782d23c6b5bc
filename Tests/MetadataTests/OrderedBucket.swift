import Glibc
import Metadata
import Pages
import Synchronization

/// A bucket in memory that lists its root as S3 does: in order, cut at slashes, from a name or a token on.
final class OrderedBucket: MetadataSource {
    /// Where a server puts a directory among the names.
    enum Order: CaseIterable, Sendable {
        /// At its name and a slash, as Amazon and most others.
        case ofKeys
        /// At its name, as servers that keep files and directories.
        case ofNames
    }

    struct State {
        /// Sorted by what the server sorts by.
        var items: [Item] = []
        var pages = 0
        var probes = 0
        var starts: [String] = []
        /// Lets requests for which it says so fail.
        var failure: (@Sendable (_ after: [UInt8]?) -> StoreError?)?
        /// Happens before each page, with the state in hand.
        var change: (@Sendable (inout State) -> Void)?
    }

    struct Item: Hashable, Sendable {
        var name: [UInt8]
        var isDirectory: Bool
    }

    let state: Mutex<State>
    let order: Order
    let pageSize: Int
    /// Whether `start-after` is ignored: for how many entries wanted at least; nil: never.
    let ignoresStartFrom: Int?
    let delayMicroseconds: UInt32

    init(
        _ items: some Sequence<Item>,
        order: Order = .ofKeys,
        pageSize: Int,
        ignoresStartFrom: Int? = nil,
        delayMicroseconds: UInt32 = 0
    ) {
        self.order = order
        self.pageSize = pageSize
        self.ignoresStartFrom = ignoresStartFrom
        self.delayMicroseconds = delayMicroseconds
        state = Mutex(State())
        state.withLock { state in
            state.items = Set(items).sorted { place($0).lexicographicallyPrecedes(place($1)) }
        }
    }

    convenience init(files: some Sequence<String>, pageSize: Int) {
        self.init(files.map { Item(name: Array($0.utf8), isDirectory: false) }, pageSize: pageSize)
    }

    /// What the server sorts by.
    func place(_ item: Item) -> [UInt8] {
        item.isDirectory && order == .ofKeys ? item.name + [UInt8(ascii: "/")] : item.name
    }

    func insert(_ item: Item, in state: inout State) {
        let index = first(in: state) { !self.place($0).lexicographicallyPrecedes(self.place(item)) }
        if index == state.items.count || state.items[index] != item { state.items.insert(item, at: index) }
    }

    var pages: Int { state.withLock { $0.pages } }
    var probes: Int { state.withLock { $0.probes } }
    /// The names behind which pages were asked for.
    var starts: [String] { state.withLock { $0.starts } }

    // MARK: MetadataSource

    func uri(of path: RelativePath) -> UFSURI { UFSURI("test://\(path)") }
    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        throw .notFound
    }
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { throw .notFound }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try page(after: token.map { Self.bytes($0.text) }, isStart: false, size: pageSize, into: sink)
    }

    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try page(after: name, isStart: true, size: entriesMaximum ?? pageSize, into: sink)
    }

    private func page(after place: [UInt8]?, isStart: Bool, size: Int, into sink: EntrySink)
        throws(StoreError) -> ListingPage
    {
        if delayMicroseconds > 0 { usleep(delayMicroseconds) }
        let isIgnored = isStart && ignoresStartFrom.map { size >= $0 } ?? false
        let (found, isLast) = try state.withLock { state throws(StoreError) in
            if size == 1, isStart { state.probes += 1 } else { state.pages += 1 }
            if isStart, let place, size > 1 { state.starts.append(String(decoding: place, as: UTF8.self)) }
            if let failure = state.failure?(place) { throw failure }
            if size > 1 { state.change?(&state) }
            var start = 0
            if let place, !isIgnored {
                start = first(in: state) { place.lexicographicallyPrecedes(self.place($0)) }
            }
            let stop = min(start + size, state.items.count)
            return (Array(state.items[start..<stop]), stop == state.items.count)
        }
        for item in found where item.isDirectory { item.name.withUnsafeBytes { sink($0, Self.directory) } }
        for item in found where !item.isDirectory { item.name.withUnsafeBytes { sink($0, Self.file) } }
        let next = isLast ? nil : found.last.map { ListingToken(Self.text(self.place($0))) }
        return ListingPage(next: next, hidden: 0)
    }

    private func first(in state: State, _ isBehind: (Item) -> Bool) -> Int {
        var (low, high) = (0, state.items.count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(state.items[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private static let file = ScriptedStore.file(1)
    private static let directory = ScriptedStore.directory

    private static func text(_ bytes: [UInt8]) -> String {
        bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
    }

    private static func bytes(_ text: String) -> [UInt8] {
        let digits = text.utf8.map { UInt8($0 < 0x3A ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

/// Reads a listing to its end as a directory handle does: one reader, and threads that step ahead of it.
/// - Returns: The entries in the order in which they came.
func readAhead(_ listing: Listing, threads: Int = 9) throws -> [OrderedBucket.Item] {
    let position = Atomic(0)
    let isOver = Atomic(false)
    let workers = start(threads) { _ in
        while !isOver.load(ordering: .relaxed) {
            if !listing.stepAhead(of: position.load(ordering: .relaxed)) { usleep(100) }
        }
    }
    defer {
        isOver.store(true, ordering: .relaxed)
        join(workers)
    }
    var items: [OrderedBucket.Item] = []
    repeat {
        listing.forEach(from: items.count) { _, name, attributes in
            items.append(.init(name: Array(name), isDirectory: attributes.kind == .directory))
            return true
        }
        position.store(items.count, ordering: .relaxed)
        try listing.fill(beyond: items.count)
    } while items.count < listing.count || !listing.isComplete
    return items
}
