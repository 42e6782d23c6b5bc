public import Metadata
public import Pages
import Synchronization

/// Directories: what the next link lists, with what attribute objects say.
extension AttributedStore {
    /// One page of a directory; our own objects are hidden.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - token: Where to go on; nil for the first page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: ``StoreError/notFound`` if there is no such directory, or another ``StoreError``.
    public func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard let token else { return try listFirst(directory, into: sink) }
        let position = PagePosition(token)
        guard let view = view(of: directory) else {
            return try passThrough(directory, .token(position.inner), into: sink)
        }
        var page = EntryBuffer()
        let read = try next.list(directory, from: position.inner) { page.append($0, $1) }
        return try show(page, read, of: directory, view, after: position.greatest, into: sink)
    }

    /// The first page of what comes after a name.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - name: Where to begin.
    ///   - entriesMaximum: The most entries wanted; nil for a usual page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: A ``StoreError``.
    public func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard let view = view(of: directory) else {
            return try passThrough(directory, .after(name, entriesMaximum), into: sink)
        }
        var page = EntryBuffer()
        let read = try next.list(directory, after: name, entriesMaximum: entriesMaximum) {
            page.append($0, $1)
        }
        return try show(page, read, of: directory, view, after: name, into: sink)
    }

    /// Where a page begins.
    private enum Start {
        case token(ListingToken)
        case after([UInt8], Int?)
    }

    /// A page of a directory of which nothing is said: straight from the next link to the caller.
    private func passThrough(
        _ directory: RelativePath,
        _ start: Start,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        var hasDocument = false
        let filter: EntrySink = { name, attributes in
            if AttributeNames.isHidden(name) { hasDocument = true } else { sink(name, attributes) }
        }
        let page: ListingPage
        switch start {
        case .token(let token): page = try next.list(directory, from: token, into: filter)
        case .after(let name, let maximum):
            page = try next.list(directory, after: name, entriesMaximum: maximum, into: filter)
        }
        if hasDocument { sawDocument() }
        return page
    }

    /// A listing shows an attribute object: from now on they are looked for.
    private func sawDocument() {
        state.withLock { state in
            if case .present = state.marker { return }
            state.marker = .present
        }
    }

    /// The first page is held until it is known whether the directory has an attribute object: it shows one.
    private func listFirst(_ directory: RelativePath, into sink: EntrySink) throws(StoreError) -> ListingPage
    {
        guard !state.withLock({ $0.removals.hides(directory) }) else { throw .notFound }
        let asked = clock()
        var page = EntryBuffer()
        let read = try next.list(directory, from: nil) { page.append($0, $1) }
        try learn(page, isWhole: read.next == nil, of: directory, asked: asked)
        guard let view = view(of: directory) else {
            page.forEach(sink)
            noteListed(directory, page.names, isWhole: read.next == nil)
            return read
        }
        return try show(page, read, of: directory, view, after: [], into: sink)
    }

    /// Takes what a first page says of the directory's attribute object, and reads it if it is new.
    private func learn(
        _ page: EntryBuffer,
        isWhole: Bool,
        of directory: RelativePath,
        asked: Int64
    ) throws(StoreError) {
        if page.hasDocument { sawDocument() }
        let isKnown = state.withLock { state -> Bool in
            // A page that is the whole directory would show it; another may not have come to its name.
            if case .unknown = state.marker { return isWhole }
            guard case .present = state.marker else { return true }
            let version = state.books[directory]?.versions.whole
            let isSplit = state.books[directory]?.document.isSplit == true
            if let version, version == page.documentVersion, !isSplit {
                state.books[directory]?.confirm(asked: asked)
                return true
            }
            // Nothing is there, and nothing was.
            guard version == nil, isWhole, !page.hasDocument else { return false }
            state.books[directory, default: DirectoryBook()].confirm(asked: asked)
            state.books[directory]?.lastUsed = asked
            return true
        }
        if !isKnown { try load(directory, .trusted) }
    }

    /// Remembers what a directory has, for its removal.
    private func noteListed(_ directory: RelativePath, _ names: NameBuffer, isWhole: Bool) {
        guard isWhole else { return }
        let now = clock()
        state.withLock { $0.listed.listed(directory, names, at: now) }
    }

    /// What changes the listing of a directory; nil if nothing does.
    private func view(of directory: RelativePath) -> DirectoryView? {
        state.withLock { state in
            let hidden = state.removals.hidden(in: directory)
            let book = state.books[directory]
            guard !hidden.isEmpty || book?.isPlain == false else { return nil }
            return DirectoryView(book: book ?? DirectoryBook(), hidden: hidden)
        }
    }

    /// Gives out a page as the mount shows it.
    private func show(
        _ page: EntryBuffer,
        _ read: ListingPage,
        of directory: RelativePath,
        _ view: DirectoryView,
        after name: [UInt8],
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        var names = NameBuffer()
        page.forEach { name, attributes in
            let bytes = Array(name)
            guard !view.hidden.contains(bytes) else { return }
            let entry = view.book.entry(of: bytes)
            guard entry?.link == nil else { return }
            sink(name, overlay.shown(attributes, entry))
            names.append(bytes)
        }
        // Names without an object come where they belong in the order, each on one page.
        let greatest = page.greatest.lexicographicallyPrecedes(name) ? name : page.greatest
        let last = read.next == nil ? nil : greatest
        for link in view.links(after: name, upTo: last) {
            guard let attributes = try linked(link.target, in: directory, page) else { continue }
            link.name.withUnsafeBytes { sink($0, attributes) }
            names.append(link.name)
        }
        noteListed(directory, names, isWhole: read.next == nil && name.isEmpty)
        guard let next = read.next, let last, view.hasLinks else { return read }
        return ListingPage(next: PagePosition(inner: next, greatest: last).token, hidden: read.hidden)
    }

    /// What another name of an object shows: from this page if the object is on it.
    private func linked(
        _ target: RelativePath,
        in directory: RelativePath,
        _ page: EntryBuffer
    ) throws(StoreError) -> Attributes? {
        if target.parent == directory, let found = page[Array(target.name)] {
            return overlay.shown(found, knownEntry(of: target))
        }
        do throws(StoreError) {
            return try attributes(of: target, known: .file)
        } catch .notFound {
            return nil
        }
    }
}

/// What changes the listing of a directory.
private struct DirectoryView {
    let book: DirectoryBook
    /// Names that are gone.
    let hidden: Set<[UInt8]>
    private let linked: [(name: [UInt8], target: RelativePath)]

    init(book: DirectoryBook, hidden: Set<[UInt8]>) {
        self.book = book
        self.hidden = hidden
        linked = book.names.compactMap { name in book.entry(of: name)?.link.map { (name, $0) } }
    }

    var hasLinks: Bool { !linked.isEmpty }

    /// Names of objects that lie elsewhere, between two names.
    /// - Parameters:
    ///   - name: They come after it; empty for all.
    ///   - last: They come before it, or are it; nil for all.
    /// - Returns: Names, and where their objects lie.
    func links(after name: [UInt8], upTo last: [UInt8]?) -> [(name: [UInt8], target: RelativePath)] {
        linked.filter { link in
            name.lexicographicallyPrecedes(link.name)
                && last.map { !$0.lexicographicallyPrecedes(link.name) } != false
        }
    }
}

/// Where a listing goes on that has names of its own to show: the next link's token, and how far the names
/// have come.
private struct PagePosition {
    let inner: ListingToken
    let greatest: [UInt8]

    /// Begins the text of such a token; no server begins one with it.
    private static let mark = "\u{1}"

    init(inner: ListingToken, greatest: [UInt8]) {
        self.inner = inner
        self.greatest = greatest
    }

    init(_ token: ListingToken) {
        guard token.text.hasPrefix(Self.mark), let end = token.text.firstIndex(of: "/") else {
            self.init(inner: token, greatest: [])
            return
        }
        let digits = Array(token.text.utf8.dropFirst().prefix { $0 != UInt8(ascii: "/") })
        let greatest = stride(from: 0, to: digits.count - 1, by: 2).map { index -> UInt8 in
            let (high, low) = (Self.value(digits[index]), Self.value(digits[index + 1]))
            return high << 4 | low
        }
        let rest = token.text[token.text.index(after: end)...]
        self.init(inner: ListingToken(String(rest)), greatest: greatest)
    }

    var token: ListingToken {
        let digits = greatest.flatMap { AttributeNames.hexadecimal(UInt64($0), 2) }
        return ListingToken(Self.mark + String(decoding: digits, as: UTF8.self) + "/" + inner.text)
    }

    private static func value(_ digit: UInt8) -> UInt8 {
        digit < UInt8(ascii: "a") ? digit - UInt8(ascii: "0") : digit - UInt8(ascii: "a") + 10
    }
}
