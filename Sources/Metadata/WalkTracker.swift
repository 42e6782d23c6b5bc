/// Notices that somebody looks up one name after the other in a directory, so that listing it is cheaper.
///
/// Pure.
struct WalkTracker: Sendable {
    /// When lookups make a walk.
    struct Rule {
        /// Distinct names; positive.
        let lookups: Int
        /// The time in which they must fall, in nanoseconds.
        let window: Int64
    }

    private struct Walk {
        var began: Int64
        var names: Set<UInt32> = []
        /// Whether this mount makes names in it: then the next lookup is one of many.
        var isChanging = false
        var pausedUntil = Int64.min
    }

    private var walks: [PathKey: Walk] = [:]
    private let maximum: Int
    /// Distinct lookups in a directory that was never listed, after which one page of it is tried.
    ///
    /// Directories of a store resemble each other: each whose first page told everything halves the number,
    /// one that is bigger puts it back.
    private(set) var exploreLookups = NamespaceLimits.exploreLookupsMaximum

    init(maximum: Int = NamespaceLimits.walksMaximum) {
        self.maximum = maximum
    }

    /// How many directories are watched.
    var count: Int { walks.count }

    /// Counts a lookup that would ask the store.
    /// - Parameters:
    ///   - name: The name's hash.
    ///   - directory: Where it was looked up.
    ///   - now: The time.
    ///   - rule: What makes a walk.
    /// - Returns: Whether the directory should be listed instead.
    mutating func isWalk(_ name: UInt32, in directory: PathKey, at now: Int64, by rule: Rule) -> Bool {
        if walks[directory] == nil { makeRoom(at: now) }
        var walk = walks.removeValue(forKey: directory) ?? Walk(began: now)
        defer { walks[directory] = walk }
        guard now >= walk.pausedUntil else { return false }
        if now - walk.began > rule.window {
            walk.began = now
            walk.names.removeAll()
            walk.isChanging = false
        }
        if walk.isChanging { return true }
        if walk.names.count < rule.lookups { walk.names.insert(name) }
        return walk.names.count >= rule.lookups
    }

    /// This mount has made a name in a directory.
    mutating func noteChange(in directory: PathKey, at now: Int64) {
        if walks[directory] == nil { makeRoom(at: now) }
        walks[directory, default: Walk(began: now)].isChanging = true
    }

    /// The directory has been listed: counting starts again.
    mutating func end(_ directory: PathKey) {
        walks[directory] = nil
    }

    /// One page of a directory that was never listed has been tried.
    /// - Parameter toldAll: Whether the directory has no more.
    mutating func explored(toldAll: Bool) {
        exploreLookups =
            toldAll
            ? max(exploreLookups / 2, NamespaceLimits.exploreLookupsMinimum)
            : NamespaceLimits.exploreLookupsMaximum
    }

    /// Listing the directory did not help: nothing is counted for a while.
    mutating func pause(_ directory: PathKey, until: Int64) {
        if walks[directory] == nil { makeRoom(at: until - NamespaceLimits.explorePause) }
        walks[directory] = Walk(began: until, pausedUntil: until)
    }

    /// Drops what no longer matters.
    mutating func sweep(at now: Int64) {
        walks = walks.filter {
            now < max($0.value.began + NamespaceLimits.exploreWindow, $0.value.pausedUntil)
        }
    }

    private mutating func makeRoom(at now: Int64) {
        guard walks.count >= maximum else { return }
        sweep(at: now)
        while walks.count >= maximum, let any = walks.keys.first { walks[any] = nil }
    }
}
