import Pages

/// What is known of one directory's attribute object, and what is to be written into it.
struct DirectoryBook: Sendable {
    /// The entries as the store has them, to our knowledge.
    private(set) var document = AttributeDocument()
    /// The versions of its objects; empty if it has none.
    private(set) var versions = DocumentVersions()
    /// When the request was sent that told so, on the monotonic clock; nil: nobody asked.
    private(set) var checked: Int64?
    /// Why it can be neither read nor written; nil if it can.
    private(set) var unreadable: String?
    /// What a commit under way writes.
    private(set) var sending: [[UInt8]: EntryChange] = [:]
    /// What the next one will.
    private(set) var pending: [[UInt8]: EntryChange] = [:]
    /// Since when something is pending, on the monotonic clock.
    private(set) var pendingSince: Int64?
    /// The number of the last change, as the journal counts.
    private(set) var lastNumber: UInt64 = 0
    /// The same of the last one that is being sent.
    private(set) var sendingNumber: UInt64 = 0
    /// When somebody looked last.
    var lastUsed: Int64 = 0

    /// Whether there is nothing to be written.
    var isSettled: Bool { sending.isEmpty && pending.isEmpty }
    /// Whether nothing is said of any name.
    var isPlain: Bool { document.isEmpty && isSettled }

    /// What is said of a name, own changes included.
    func entry(of name: [UInt8]) -> AttributeEntry? {
        var entry = document.entries[name]
        if let change = sending[name] { entry = change.applied(to: entry) }
        if let change = pending[name] { entry = change.applied(to: entry) }
        return entry
    }

    /// All names that something is said of, own changes included, in no order.
    var names: [[UInt8]] {
        guard !isSettled else { return Array(document.entries.keys) }
        return Set(document.entries.keys).union(sending.keys).union(pending.keys).filter {
            entry(of: $0) != nil
        }
    }

    /// All entries, own changes included.
    var effective: [[UInt8]: AttributeEntry] {
        guard !isSettled else { return document.entries }
        var result: [[UInt8]: AttributeEntry] = [:]
        for name in names { result[name] = entry(of: name) }
        return result
    }

    /// Whether what is known may be trusted.
    /// - Parameters:
    ///   - interval: For how long, in nanoseconds; nil: for ever.
    ///   - now: The time.
    /// - Returns: `false` also if nobody has asked yet.
    func isTrusted(for interval: Int64?, at now: Int64) -> Bool {
        guard let checked else { return false }
        guard let interval else { return true }
        return now - checked < interval
    }

    /// Takes what the store has.
    mutating func take(_ document: AttributeDocument, _ versions: DocumentVersions, asked: Int64) {
        self.document = document
        self.versions = versions
        checked = asked
        unreadable = nil
    }

    /// Takes that the store has something that this program does not understand.
    mutating func takeUnreadable(_ reason: String, _ versions: DocumentVersions, asked: Int64) {
        document = AttributeDocument()
        self.versions = versions
        checked = asked
        unreadable = reason
    }

    /// Takes that the store still has what is known.
    mutating func confirm(asked: Int64) { checked = max(checked ?? asked, asked) }

    /// Adds a change.
    mutating func note(_ change: EntryChange, of name: [UInt8], number: UInt64, at now: Int64) {
        pending[name] = pending[name]?.followed(by: change) ?? change
        pendingSince = pendingSince ?? now
        lastNumber = max(lastNumber, number)
    }

    /// Begins a commit: what is pending is being sent.
    /// - Returns: What to write; nil if nothing is pending.
    mutating func begin() -> [[UInt8]: EntryChange]? {
        guard !pending.isEmpty else { return nil }
        sending = pending
        sendingNumber = lastNumber
        pending = [:]
        pendingSince = nil
        return sending
    }

    /// Ends a commit that has written everything.
    mutating func committed(_ document: AttributeDocument, _ versions: DocumentVersions, asked: Int64) {
        sending = [:]
        take(document, versions, asked: asked)
    }

    /// Ends a commit that has not: what was being sent is pending again, before what came meanwhile.
    mutating func failed(at now: Int64) {
        pending = sending.merging(pending) { $0.followed(by: $1) }
        sending = [:]
        if !pending.isEmpty { pendingSince = now }
    }
}

/// The versions of the objects of a document.
struct DocumentVersions: Hashable, Sendable {
    /// The object itself; nil if there is none.
    var whole: ETag?
    /// Its parts; missing ones have none.
    var parts: [Int: ETag] = [:]

    subscript(part: Int?) -> ETag? {
        get { if let part { parts[part] } else { whole } }
        set { if let part { parts[part] = newValue } else { whole = newValue } }
    }
}
