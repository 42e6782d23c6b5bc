import Pages
import SeededRandom
import Testing

@testable import FileSystem

/// What the planner orders, for traces of reads as the kernel sends them.
struct PlannerTests {
    /// Runs a trace against a model of the cache and counts what is fetched.
    struct Run {
        var planner: Planner
        var cached = RangeSet<Int64>()
        var requests = 0
        var fetched = 0
        var aheadSpans: [Span] = []
        var aheadAtOnce = 0
        var budget: Int

        init(size: Int64, window: Int = 96 << 20, budget: Int = 1 << 40) {
            planner = Planner(size: size, windowMaximum: window)
            self.budget = budget
        }

        mutating func read(_ offset: Int64, _ count: Int, share: Int = .max) {
            let span = Span(offset: offset, count: count).clamped(to: planner.size)
            guard !span.isEmpty else { return }
            let isResident = isCached(span)
            var left = budget
            let plan = planner.observed(span, isResident: isResident, share: share, second: 0) { wanted in
                guard wanted <= left else { return 0 }
                left -= wanted
                return wanted
            }
            budget = left + plan.released
            #expect(plan.ask.contains(span))
            #expect(plan.ask.end <= planner.size)
            if !isResident { fetch(plan.ask) }
            load(plan.ahead, share: share)
        }

        /// Fetches ranges at once, and those that are asked for when they have come.
        private mutating func load(_ ahead: [Span], share: Int) {
            var ahead = ahead
            while !ahead.isEmpty {
                aheadAtOnce = max(aheadAtOnce, ahead.count)
                let piece = ahead.removeFirst()
                #expect(piece.end <= planner.size)
                guard !isCached(piece) else {
                    budget += planner.wasCovered(piece)
                    continue
                }
                let again = aheadSpans.contains { piece.end > $0.offset && piece.offset < $0.end }
                #expect(!again, "asked for twice")
                aheadSpans.append(piece)
                fetch(piece)
                var left = budget
                let next = planner.arrived(piece, received: piece.count, after: .zero, share: share) {
                    wanted in
                    guard wanted <= left else { return 0 }
                    left -= wanted
                    return wanted
                }
                budget = left + next.released
                ahead += next.ahead
            }
        }

        private func isCached(_ span: Span) -> Bool {
            cached.isSuperset(of: RangeSet(ScriptedFile.granules(span)))
        }

        private mutating func fetch(_ span: Span) {
            requests += 1
            fetched += span.count
            cached.insert(contentsOf: ScriptedFile.granules(span))
        }
    }

    @Test(arguments: [1, 4096, 100 << 10, 512 << 10] as [Int64])
    func aSmallFileIsOneRequest(size: Int64) {
        var run = Run(size: size)
        var offset: Int64 = 0
        while offset < size {
            run.read(offset, 128 << 10)
            offset += 128 << 10
        }
        #expect(run.requests == 1)
        #expect(run.fetched == Int(size))
        #expect(run.aheadSpans.isEmpty)
    }

    @Test func aSequentialReadFetchesEveryByteOnceInFewRequests() {
        let size: Int64 = 1 << 30
        var run = Run(size: size)
        for index in 0..<(size >> 17) { run.read(index << 17, 128 << 10) }
        #expect(run.fetched == Int(size))
        #expect(run.requests < 60)
        #expect(run.planner.chargedBytes == 0)
        #expect(run.aheadSpans.map(\.count).max() ?? 0 <= PlannerLimits.pieceMaximum * 3 / 2)
        #expect(run.aheadSpans.last.map(\.count) ?? 0 >= Int(PlannerLimits.tinyPiece))
    }

    @Test func theWindowStaysWithinItsMaximum() {
        let size: Int64 = 4 << 30
        var run = Run(size: size)
        var outstanding = 0
        for index in 0..<(Int64(1) << 13) {
            run.read(index << 17, 128 << 10)
            outstanding = max(outstanding, run.planner.chargedBytes)
        }
        #expect(outstanding > 64 << 20)
        #expect(outstanding <= (96 << 20) + PlannerLimits.pieceMaximum)
    }

    @Test func aFullWindowIsKeptFull() {
        var run = Run(size: 4 << 30)
        var leastAhead = Int64.max
        for index in 0..<(Int64(1) << 13) {
            run.read(index << 17, 128 << 10)
            guard index > 4096, let last = run.aheadSpans.last else { continue }
            leastAhead = min(leastAhead, last.end - (index + 1) << 17)
        }
        #expect(leastAhead >= 96 << 20 - PlannerLimits.pieceMaximum - PlannerLimits.pieceMaximum / 4)
    }

    @Test(arguments: [64 << 10, 128 << 10])
    func aFirstReadAtTheStartFetchesOneWindowAndNothingAhead(count: Int) {
        // The kernel's read-around of a mapping's first page looks like the first read of a stream.
        var run = Run(size: 1 << 30)
        run.read(0, count)
        #expect(run.requests == 1)
        #expect(run.fetched == PlannerLimits.firstWindow)
    }

    @Test func aReaderWhoWaitsGetsItsWindowFaster() {
        func reads(isResident: Bool) -> Int {
            var planner = Planner(size: 4 << 30, windowMaximum: 64 << 20)
            for index in 0..<Int64(10_000) {
                _ = planner.observed(
                    Span(offset: index << 17, count: 128 << 10),
                    isResident: isResident,
                    share: .max,
                    second: 0
                ) { $0 }
                if planner.chargedBytes >= 32 << 20 { return Int(index) }
            }
            return .max
        }
        #expect(reads(isResident: false) * 4 < reads(isResident: true) * 3)
        #expect(reads(isResident: false) < 250)
    }

    @Test func readsOutOfOrderByTwoThreadsAreOneStream() {
        let size: Int64 = 256 << 20
        var run = Run(size: size)
        for pair in 0..<(size >> 18) {
            run.read((2 * pair + 1) << 17, 128 << 10)
            run.read((2 * pair) << 17, 128 << 10)
        }
        #expect(run.fetched <= Int(size) + 512 << 10)
        #expect(run.requests < 70)
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func randomSmallReadsCostTheirBlocks(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var run = Run(size: 64 << 20)
        for _ in 0..<100 { run.read(Int64.random(in: 0..<16384, using: &random) * 4096, 4096) }
        #expect(run.requests <= 105, "seed \(seed)")
        #expect(run.fetched <= 3_500_000, "seed \(seed)")
        #expect(run.aheadSpans.isEmpty, "seed \(seed)")
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func readAroundsOfAMappingCostTheirGranules(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var run = Run(size: 64 << 20)
        for _ in 0..<100 {
            let page = Int64.random(in: 0..<16384, using: &random)
            run.read(max(1, page - 16) * 4096, 128 << 10)
        }
        #expect(run.fetched <= 34 * 100 * 4096, "seed \(seed)")
    }

    @Test func fourStreamsOfOneFileAreFollowedEach() {
        let size: Int64 = 1 << 30
        var run = Run(size: size)
        let quarter = size / 4
        for index in 0..<(quarter >> 17) {
            for stream in 0..<Int64(4) { run.read(stream * quarter + index << 17, 128 << 10) }
        }
        #expect(run.fetched <= Int(size) + 80 << 20)
        #expect(run.requests < 300)
    }

    @Test func fourStreamsDoNotRunIntoEachOther() {
        var run = Run(size: 1 << 30)
        for index in 0..<Int64(256) {
            for stream in 0..<Int64(4) { run.read((stream << 28) + (index << 17), 128 << 10) }
        }
        // A megabyte-for-megabyte reader is always ahead of its reads: only the starts wait.
        #expect(run.requests - run.aheadSpans.count <= 4 * 4)
    }

    @Test func aSequentialStreamOutlivesRandomReadsInTheSameFile() {
        var random = SeededGenerator(seed: 7)
        var run = Run(size: 8 << 30)
        for index in 0..<Int64(400) {
            run.read(index << 17, 128 << 10)
            for _ in 0..<30 { run.read(Int64.random(in: (1 << 20)..<(2 << 20), using: &random) << 12, 4096) }
        }
        let demand = run.requests - run.aheadSpans.count
        #expect(demand <= 400 * 30 + 10)
    }

    @Test func backwardReadingIsRandom() {
        var run = Run(size: 256 << 20)
        for index in 1...Int64(100) { run.read((256 << 20) - (index << 17), 128 << 10) }
        #expect(run.fetched == 100 * (128 << 10))
        #expect(run.aheadSpans.isEmpty)
    }

    @Test func stridedReadsCostTheirGranules() {
        var run = Run(size: 1 << 30)
        for index in 1..<Int64(100) { run.read(index * (8 << 20), 64 << 10) }
        #expect(run.fetched == 99 * (64 << 10))
    }

    @Test func aSkipInsideTheWindowKeepsTheStream() {
        var run = Run(size: 4 << 30)
        for index in 0..<Int64(1024) { run.read(index << 17, 128 << 10) }
        let before = run.requests - run.aheadSpans.count
        run.read((1024 << 17) + (10 << 20), 128 << 10)
        for index in 1..<Int64(100) { run.read((1024 << 17) + (10 << 20) + index << 17, 128 << 10) }
        #expect(run.planner.streams.count == 1)
        #expect(run.requests - run.aheadSpans.count == before)
    }

    @Test func aJumpStartsSmallAgain() {
        var run = Run(size: 4 << 30)
        for index in 0..<Int64(1024) { run.read(index << 17, 128 << 10) }
        let before = run.fetched
        run.read(3 << 30, 128 << 10)
        #expect(run.fetched - before == 128 << 10)
        run.read((3 << 30) + (128 << 10), 128 << 10)
        #expect(run.fetched - before < 3 << 20)
    }

    @Test func theHeadOfALargeFileCostsAQuarterMegabyte() {
        var run = Run(size: 4 << 30)
        run.read(0, 4096)
        #expect(run.fetched == PlannerLimits.firstWindow)
        #expect(run.aheadSpans.isEmpty)
    }

    @Test func aShortBudgetShrinksTheWindowButNotToNothing() {
        let size: Int64 = 256 << 20
        var run = Run(size: size, budget: 3 << 20)
        for index in 0..<(size >> 17) {
            run.read(index << 17, 128 << 10)
            #expect(run.planner.chargedBytes <= 3 << 20)
        }
        #expect(run.fetched == Int(size))
        #expect(run.requests < 600)
        #expect(run.budget == 3 << 20)
    }

    @Test func withoutAnyBudgetDemandReadsGrow() {
        let size: Int64 = 64 << 20
        var run = Run(size: size, budget: 0)
        for index in 0..<(size >> 17) { run.read(index << 17, 128 << 10) }
        #expect(run.fetched == Int(size))
        #expect(run.requests <= 260)
    }

    @Test func whatCouldNotBeFetchedIsAskedForAgain() throws {
        var planner = Planner(size: 1 << 30, windowMaximum: 64 << 20)
        var ahead: [Span] = []
        for index in 0..<Int64(4) where ahead.isEmpty {
            ahead =
                planner.observed(
                    Span(offset: index << 17, count: 128 << 10),
                    isResident: true,
                    share: .max,
                    second: 0
                ) { $0 }.ahead
        }
        let first = try #require(ahead.first)
        let charged = planner.chargedBytes
        #expect(planner.retract(first) == charged)
        #expect(planner.chargedBytes == 0)
        #expect(!planner.isWanted(first))
        var next: [Span] = []
        for index in 2..<Int64(8) where next.isEmpty {
            next =
                planner.observed(
                    Span(offset: index << 17, count: 128 << 10),
                    isResident: true,
                    share: .max,
                    second: 0
                ) { $0 }.ahead
        }
        #expect(next.first?.offset ?? .max <= first.end)
    }

    @Test func idleStreamsGiveBackTheirBudget() {
        var planner = Planner(size: 1 << 30, windowMaximum: 64 << 20)
        for index in 0..<Int64(64) {
            _ = planner.observed(
                Span(offset: index << 17, count: 128 << 10),
                isResident: true,
                share: .max,
                second: 3
            ) { $0 }
        }
        let charged = planner.chargedBytes
        #expect(charged > 0)
        #expect(planner.releaseIdle(before: 3).released == 0)
        #expect(planner.releaseIdle(before: 4).released == charged)
        #expect(planner.chargedBytes == 0)
        #expect(planner.chargedStreams == 0)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func anyTraceKeepsTheBooks(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let size = Int64.random(in: 1...(1 << 28), using: &random)
        let budget = Int.random(in: 0...(32 << 20), using: &random)
        var planner = Planner(size: size, windowMaximum: 16 << 20)
        var left = budget
        var positions = [Int64](repeating: 0, count: 20)
        for _ in 0..<3000 {
            let stream = Int.random(in: 0..<positions.count, using: &random)
            if Int.random(in: 0..<20, using: &random) == 0 {
                positions[stream] = Int64.random(in: 0..<size, using: &random)
            }
            let span = Span(offset: positions[stream], count: Int.random(in: 1...(1 << 18), using: &random))
                .clamped(to: size)
            positions[stream] = span.end == size ? 0 : span.end
            guard !span.isEmpty else { continue }
            let plan = planner.observed(
                span,
                isResident: Bool.random(using: &random),
                share: 4 << 20,
                second: 0
            ) { wanted in
                guard wanted <= left else { return 0 }
                left -= wanted
                return wanted
            }
            left += plan.released
            if let piece = plan.ahead.randomElement(using: &random) {
                switch Int.random(in: 0..<8, using: &random) {
                case 0: left += planner.retract(piece)
                case 1: left += planner.wasCovered(piece)
                case 2: left += planner.releaseIdle(before: 1).released
                case 3...5:
                    let count = Int.random(in: 1...piece.count, using: &random)
                    let late = Duration.milliseconds(Int.random(in: 0...40, using: &random))
                    let next = planner.arrived(piece, received: count, after: late, share: 4 << 20) {
                        wanted in
                        guard wanted <= left else { return 0 }
                        left -= wanted
                        return wanted
                    }
                    left += next.released
                default: break
                }
            }
            #expect(left + planner.chargedBytes == budget, "seed \(seed)")
            #expect(planner.streams.count <= PlannerLimits.streams, "seed \(seed)")
            #expect(plan.ask.contains(span) && plan.ask.end <= size, "seed \(seed)")
            #expect(plan.ahead.allSatisfy { $0.end <= size && !$0.isEmpty }, "seed \(seed)")
        }
    }
}
