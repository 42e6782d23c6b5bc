/// What a single request found.
struct Lookup: Sendable {
    /// What the name stands for; nil: nothing.
    let attributes: Attributes?
    /// When the request was sent.
    let requested: Int64
}

/// Single answers, at most a given number, of which those used lately are kept.
///
/// Pure.
///
/// Two generations: a used answer moves to the young one; when that holds half of the maximum, it becomes the
/// old one and the previous old one is dropped. So nothing is dropped before half the maximum of others was
/// used.
struct LookupTable: Sendable {
    typealias Generation = [PathKey: Lookup]

    private var young: Generation = [:]
    private var old: Generation = [:]
    private let generationMaximum: Int

    init(maximum: Int) {
        generationMaximum = max(1, maximum / 2)
    }

    /// How many answers are kept.
    var count: Int { young.count + old.count }

    /// An answer, which counts as a use.
    mutating func find(_ path: PathKey) -> Lookup? {
        if let lookup = young[path] { return lookup }
        guard let lookup = old.removeValue(forKey: path) else { return nil }
        young[path] = lookup
        return lookup
    }

    /// Keeps an answer, unless a newer one is kept.
    mutating func insert(_ lookup: Lookup, for path: PathKey) {
        if let known = find(path), known.requested > lookup.requested { return }
        young[path] = lookup
    }

    /// Starts a new generation if the young one is full.
    /// - Returns: What has been dropped; let it go without holding a lock.
    mutating func rotate() -> Generation {
        guard young.count >= generationMaximum else { return [:] }
        let dropped = old
        old = young
        young = [:]
        return dropped
    }

    /// Forgets one answer.
    mutating func remove(_ path: PathKey) {
        young[path] = nil
        old[path] = nil
    }

    /// Keeps only some answers.
    /// - Returns: How many are gone.
    @discardableResult
    mutating func keep(where isKept: (PathKey, Lookup) -> Bool) -> Int {
        let before = count
        if young.contains(where: { !isKept($0.key, $0.value) }) {
            young = young.filter { isKept($0.key, $0.value) }
        }
        if old.contains(where: { !isKept($0.key, $0.value) }) {
            old = old.filter { isKept($0.key, $0.value) }
        }
        return before - count
    }
}
