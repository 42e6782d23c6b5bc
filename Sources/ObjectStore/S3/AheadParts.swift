import Pages

/// Which parts of a file were sent while it was written, and which of them count.
///
/// Pure: no I/O, no lock of its own.
struct AheadParts {
    private enum Slot {
        case sending
        /// On its way, and out of date already.
        case sendingInVain
        case sent(S3Part)
        /// Was sent or tried, and does not count: the commit sends it.
        case void
    }

    private let schedule: PartSchedule
    private var slots: [Int: Slot] = [:]
    /// All slots before it are taken.
    private var front = 0

    init(schedule: PartSchedule) { self.schedule = schedule }

    /// How many are on their way.
    private(set) var sendingCount = 0

    /// The first part that can be sent, counted from 0.
    /// - Parameter end: Bytes before it are staged.
    /// - Returns: nil if there is none. A file that is no longer than one part is not begun.
    func next(before end: Int64) -> Int? {
        guard end > schedule.start(of: 1), front < PartSchedule.partsMaximum - 1 else { return nil }
        return schedule.start(of: front + 1) <= end ? front : nil
    }

    /// Takes a part for sending.
    mutating func begin(before end: Int64) -> Int? {
        guard let index = next(before: end) else { return nil }
        slots[index] = .sending
        sendingCount += 1
        while slots[front] != nil { front += 1 }
        return index
    }

    /// Whether a part on its way is still up to date.
    func isWanted(_ index: Int) -> Bool {
        if case .sending? = slots[index] { return true }
        return false
    }

    /// Notes how the sending of a part ended: what the store has, or nil if it failed.
    mutating func end(_ index: Int, _ part: S3Part?) {
        guard slots[index] != nil else { return }
        sendingCount -= 1
        if let part, isWanted(index) { slots[index] = .sent(part) } else { slots[index] = .void }
    }

    /// Notes that bytes changed.
    mutating func touched(_ span: Span) {
        guard !span.isEmpty, !slots.isEmpty else { return }
        let last = min(schedule.index(of: span.end - 1), front)
        for index in schedule.index(of: span.offset)...max(last, schedule.index(of: span.offset)) {
            switch slots[index] {
            case .sending?: slots[index] = .sendingInVain
            case .sent?: slots[index] = .void
            default: break
            }
        }
    }

    /// The places from 0 of the parts that a commit need not send.
    ///
    /// Those on their way are among them, for as long as all of these count: a part must not be sent again
    /// beside an older sending of it, which might arrive last.
    /// - Parameter isUsable: Whether the commit can use a part of this place.
    /// - Returns: nil if the commit has to wait first.
    func usable(where isUsable: (Int) -> Bool) -> Set<Int>? {
        var places = Set<Int>()
        for (index, slot) in slots {
            switch slot {
            case .sent: if isUsable(index) { places.insert(index) }
            case .sending:
                guard isUsable(index) else { return nil }
                places.insert(index)
            case .sendingInVain: return nil
            case .void: break
            }
        }
        return places
    }

    /// The parts that count, by their place from 0.
    var sent: [Int: S3Part] {
        slots.compactMapValues { if case .sent(let part) = $0 { part } else { nil } }
    }
}

/// A part that the store has.
struct S3Part: Hashable, Sendable {
    var number: Int
    var etag: ETag
    /// Base64 of its CRC-32C, if the store keeps one.
    var checksum: String?
}
