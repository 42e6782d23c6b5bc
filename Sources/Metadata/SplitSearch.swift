/// Where a listing stands with splitting its directory.
enum SplitPlan: Sendable {
    /// Not tried yet.
    case possible
    /// A thread looks at the names read so far.
    case preparing
    /// Questions are asked.
    case searching(SplitSearch)
    /// It was split, or cannot be.
    case over
}

/// Finds out how far the names of a big directory reach, and where to split what has not been read.
///
/// Pure. It says what to ask, and takes the answers. The names read so far give a numeral system
/// (``NameNumerals``) and how much of its numbers a page takes. Two rounds of questions follow, "what is the
/// first name behind this one?": the first for 8, 32, 128 and 512 times the numbers of the sample, the second
/// between the last that had names behind it and the first that had not. The rest is split evenly. A wrong
/// guess makes parts that are empty or too big; never a wrong listing.
struct SplitSearch: Sendable {
    /// What the store said.
    enum Answer: Sendable {
        /// The first name behind the one that was asked for.
        case name([UInt8])
        /// Something is there that has no name.
        case something
        /// Nothing.
        case nothing
    }

    private struct Probe: Sendable {
        let offset: UInt64
        var isAsked = false
    }

    private let numerals: NameNumerals
    /// The number of the greatest name of the sample.
    private let origin: UInt64
    /// How many numbers the sample takes.
    private let width: UInt64
    /// How many pages it has.
    private let pages: UInt64
    /// Offset from the origin behind which there are names.
    private var low: UInt64 = 0
    /// Offset behind which there are none, or none of this kind.
    private var high: UInt64
    /// Whether names of another kind follow.
    private var hasOthers = false
    private var round = 0
    private var probes: [Probe] = []
    private var answersDue = 0
    /// Whether no more questions follow.
    private(set) var isOver = false
    /// Where to split, when it is over; empty: nowhere.
    private(set) var names: [[UInt8]] = []

    /// Begins a search; nil if the names are of no kind that can be split.
    /// - Parameters:
    ///   - sample: The last names read, in any order.
    ///   - pages: How many pages they are.
    init?(sample: [[UInt8]], pages: Int) {
        guard let least = sample.min(by: { $0.lexicographicallyPrecedes($1) }),
            let greatest = sample.max(by: { $0.lexicographicallyPrecedes($1) }),
            let numerals = NameNumerals(least: least, greatest: greatest, sample: sample)
        else { return nil }
        let (first, last) = (numerals.value(of: least), numerals.value(of: greatest))
        guard first < last, last < numerals.top else { return nil }
        self.numerals = numerals
        self.pages = UInt64(max(1, pages))
        origin = last
        width = last - first
        high = numerals.top - last
        let steps = [8, 32, 128, 512].map { width.multipliedReportingOverflow(by: $0) }
        var offsets = steps.compactMap { $0.overflow || $0.partialValue >= high ? nil : $0.partialValue }
        // One question at least: it shows whether the server starts where it is told.
        if offsets.isEmpty { offsets = [high / 2] }
        ask(offsets)
    }

    /// How many questions of this round are without an answer.
    var questionsDue: Int { answersDue }

    /// The next question that nobody asks yet: a name to list one entry behind; nil if there is none now.
    mutating func takeQuestion() -> (name: [UInt8], offset: UInt64)? {
        guard let index = probes.firstIndex(where: { !$0.isAsked }) else { return nil }
        probes[index].isAsked = true
        return (numerals.name(of: origin + probes[index].offset), probes[index].offset)
    }

    /// Ends it without a result.
    mutating func giveUp() {
        isOver = true
        probes = []
        answersDue = 0
        names = []
    }

    /// Takes the answer to a question.
    mutating func take(_ answer: Answer, to question: (name: [UInt8], offset: UInt64)) {
        guard !isOver else { return }
        switch answer {
        case .name(let found) where !question.name.lexicographicallyPrecedes(found):
            return giveUp()
        case .name(let found) where numerals.isOfThisKind(found):
            let value = numerals.value(of: found)
            low = max(low, question.offset, value > origin ? value - origin : 0)
        case .name:
            hasOthers = true
            high = min(high, question.offset)
        case .something:
            low = max(low, question.offset)
        case .nothing:
            high = min(high, question.offset)
        }
        answersDue -= 1
        if answersDue == 0 { endRound() }
    }

    private mutating func ask(_ offsets: [UInt64]) {
        round += 1
        probes = offsets.prefix(NamespaceLimits.splitProbesMaximum / 2).map { Probe(offset: $0) }
        answersDue = probes.count
    }

    private mutating func endRound() {
        // Names that came or went meanwhile may contradict each other.
        high = max(high, low)
        let (lower, upper) = (max(low, width), high)
        let middle = Self.mean(lower, upper)
        var offsets: [UInt64] = []
        for offset in [Self.mean(lower, middle), middle, Self.mean(middle, upper)]
        where offset > max(low, offsets.last ?? 0) && offset < upper {
            offsets.append(offset)
        }
        // Less than twice is known well enough.
        guard round == 1, upper / 2 >= lower, !offsets.isEmpty else { return end() }
        ask(offsets)
    }

    private mutating func end() {
        isOver = true
        probes = []
        let pagesLeft = Double(high) / Double(width) * Double(pages)
        var count = UInt64(min(pagesLeft / 2, Double(NamespaceLimits.splitPartsMaximum)))
        if hasOthers { count = min(count, UInt64(NamespaceLimits.splitPartsMaximum - 1)) }
        if count > 1 {
            names = (1..<count).map { numerals.name(of: origin + high / count * $0) }
        }
        if hasOthers { names.append(numerals.name(of: numerals.top)) }
    }

    /// The geometric mean.
    private static func mean(_ one: UInt64, _ other: UInt64) -> UInt64 {
        UInt64((Double(one) * Double(other)).squareRoot())
    }
}
