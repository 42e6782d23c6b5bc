/// The names that this process has changed lately, for which workers may not answer from memory.
///
/// A worker's answer may be as old as the metadata age, and the process must see its own changes at once. So
/// for that long it has these names asked of the store. Pure; times are nanoseconds of the monotonic clock.
struct RecentChanges: Sendable {
    /// The most names that are kept; if there are more, all names count as changed for a while.
    static let maximum = 16_384
    /// The most trees that are kept, likewise.
    static let treesMaximum = 64

    private var names: [[UInt8]: Int64] = [:]
    private var trees: [(top: [UInt8], at: Int64)] = []
    /// When more was changed than is kept.
    private var everything: Int64?
    /// How old an answer may be; nil: as old as it likes.
    private let age: Int64?

    /// - Parameter age: How old an answer of a worker may be, in nanoseconds; nil: as old as it likes.
    init(age: Int64?) { self.age = age }

    /// Notes a change.
    /// - Parameters:
    ///   - name: The address of a name, or of a directory whose entries have changed.
    ///   - now: The time, after the store had the change.
    mutating func note(_ name: [UInt8], at now: Int64) {
        guard age != 0 else { return }
        names[name] = now
        guard names.count > Self.maximum else { return }
        names = names.filter { !isOver($0.value, at: now) }
        guard names.count > Self.maximum / 2 else { return }
        names = [:]
        everything = now
    }

    /// Notes that everything at and below a name has changed.
    mutating func note(treeAt top: [UInt8], at now: Int64) {
        guard age != 0 else { return }
        trees = trees.filter { !isOver($0.at, at: now) && $0.top != top } + [(top, now)]
        guard trees.count > Self.treesMaximum else { return }
        trees = []
        everything = now
    }

    /// Whether a worker may have to be kept from answering from memory.
    func contains(_ name: [UInt8], at now: Int64) -> Bool {
        if let everything, !isOver(everything, at: now) { return true }
        if let changed = names[name], !isOver(changed, at: now) { return true }
        return trees.contains { tree in
            !isOver(tree.at, at: now) && name.starts(with: tree.top)
                && (name.count == tree.top.count || name[tree.top.count] == UInt8(ascii: "/"))
        }
    }

    private func isOver(_ changed: Int64, at now: Int64) -> Bool {
        guard let age else { return false }
        return now - changed > age
    }
}
