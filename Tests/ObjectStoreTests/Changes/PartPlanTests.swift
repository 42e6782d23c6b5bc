import Pages
import SeededRandom
import Testing

@testable import ObjectStore

private let mebibyte: Int64 = 1 << 20

struct PartPlanTests {
    let schedule = PartSchedule(base: 16 << 20)

    private func plan(_ size: Int64, kept: [Span] = [], sent: Set<Int> = []) throws -> PartPlan {
        try PartPlan(size: size, kept: kept, sent: sent, schedule: schedule)
    }

    private func text(_ plan: PartPlan) -> String {
        plan.parts.map { "\($0.number)\($0.source)\($0.span.count)" }.joined(separator: " ")
    }

    @Test func `a file of one part and nothing worth copying is one PutObject`() throws {
        for size in [0, 1, mebibyte, 16 * mebibyte] { #expect(try plan(size).isSingle) }
        #expect(try !plan(16 * mebibyte + 1).isSingle)
        // Reading and sending 7 MiB is less than three more requests.
        #expect(try plan(7 * mebibyte + 1, kept: [Span(from: 0, to: 7 * mebibyte)]).isSingle)
        #expect(try !plan(15 * mebibyte, kept: [Span(from: 0, to: 9 * mebibyte)]).isSingle)
    }

    @Test func `64 MiB of new bytes are four parts`() throws {
        let part = 16 * mebibyte
        #expect(try text(plan(64 * mebibyte)) == "1put\(part) 2put\(part) 3put\(part) 4put\(part)")
    }

    @Test func `an appended byte is a copy and a part of one byte`() throws {
        let size = 64 * mebibyte
        #expect(try text(plan(size + 1, kept: [Span(from: 0, to: size)])) == "1copy\(size) 2put1")
    }

    @Test func `an edited byte in the middle costs a part of 5 MiB`() throws {
        let half = 32 * mebibyte
        let kept = [Span(from: 0, to: half), Span(from: half + 1, to: 2 * half)]
        let expected = "1copy\(half) 2put\(5 * mebibyte) 3copy\(half - 5 * mebibyte)"
        #expect(try text(plan(2 * half, kept: kept)) == expected)
    }

    @Test func `an edited byte near either end is sent with what is kept beside it`() throws {
        let size = 64 * mebibyte
        let front = [Span(from: 0, to: mebibyte), Span(from: mebibyte + 1, to: size)]
        #expect(try text(plan(size, kept: front)) == "1put\(5 * mebibyte) 2copy\(59 * mebibyte)")
        let back = [Span(from: 0, to: size - mebibyte), Span(from: size - mebibyte + 1, to: size)]
        #expect(try text(plan(size, kept: back)) == "1copy\(63 * mebibyte) 2put\(mebibyte)")
    }

    @Test func `parts that were sent ahead keep their numbers, and what lies between is sent`() throws {
        let plan = try plan(100 * mebibyte, sent: [0, 1, 3])
        let part = 16 * mebibyte
        #expect(
            text(plan)
                == "1sent\(part) 2sent\(part) 3put\(part) 4sent\(part) 5put\(part) 6put\(part) "
                + "7put\(4 * mebibyte)"
        )
    }

    @Test func `a part that was sent ahead does not count where bytes are kept or cut off`() throws {
        let cut = try plan(20 * mebibyte, sent: [0, 1])
        #expect(text(cut) == "1sent\(16 * mebibyte) 2put\(4 * mebibyte)")
        let kept = try plan(
            40 * mebibyte,
            kept: [Span(from: 20 * mebibyte, to: 40 * mebibyte)],
            sent: [0, 1]
        )
        #expect(text(kept) == "1sent\(16 * mebibyte) 2put\(5 * mebibyte) 3copy\(19 * mebibyte)")
    }

    @Test func `10 000 parts of any schedule reach 5 TiB, and no part is over 5 GiB`() {
        for base in [0, 5 << 20, 16 << 20, 64 << 20, 512 << 20, 1 << 30, Int.max / 2] {
            let schedule = PartSchedule(base: base)
            #expect(schedule.start(of: PartSchedule.partsMaximum) >= PartSchedule.sizeMaximum)
            #expect(schedule.span(of: PartSchedule.partsMaximum - 1).count <= 5 << 30)
            for index in [0, 1, 149, 150, 151, 300, 9999] {
                #expect(schedule.index(of: schedule.start(of: index)) == index)
                #expect(schedule.index(of: schedule.start(of: index + 1) - 1) == index)
            }
        }
    }

    @Test func `more than 5 TiB is too large`() throws {
        #expect(throws: StoreError.self) { try plan(PartSchedule.sizeMaximum + 1) }
        let largest = try plan(PartSchedule.sizeMaximum)
        #expect(largest.parts.count <= PartSchedule.partsMaximum)
        #expect(largest.parts.last?.span.end == PartSchedule.sizeMaximum)
    }

    @Test func `any plan covers every byte once, in parts that S3 takes`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for round in 0..<3000 {
            let scales: [Int64] = [mebibyte, 16 * mebibyte, 300 * mebibyte, 40 << 30]
            let scale = scales.randomElement(using: &random) ?? 1
            let size = Int64.random(in: 0...scale * 8, using: &random)
            var kept: [Span] = []
            var place: Int64 = 0
            while place < size, kept.count < 40 {
                let start = place + Int64.random(in: 0...scale, using: &random)
                let end = start + Int64.random(in: 1...scale, using: &random)
                if end <= size { kept.append(Span(from: start, to: end)) }
                place = end
            }
            if Bool.random(using: &random) { kept = [] }
            var sent: Set<Int> = []
            for index in 0..<Int.random(in: 0...12, using: &random) where Bool.random(using: &random) {
                sent.insert(index)
            }
            let plan = try plan(size, kept: kept, sent: sent)
            check(plan, size, kept, sent, "seed \(seed), round \(round)")
        }
    }

    private func check(_ plan: PartPlan, _ size: Int64, _ kept: [Span], _ sent: Set<Int>, _ label: String) {
        guard !plan.isSingle else {
            #expect(plan.parts.isEmpty && size <= schedule.base, "\(label)")
            return
        }
        var (place, number): (Int64, Int) = (0, 0)
        for (index, part) in plan.parts.enumerated() {
            #expect(part.span.offset == place && part.number > number, "\(label)")
            #expect(part.number <= PartSchedule.partsMaximum && part.span.count <= 5 << 30, "\(label)")
            let isLast = index == plan.parts.count - 1
            #expect(part.span.count >= (isLast ? 1 : 5 << 20), "\(label): \(part)")
            switch part.source {
            case .copy: #expect(covers(kept, part.span), "\(label): \(part) is copied")
            case .sent:
                #expect(sent.contains(part.number - 1), "\(label)")
                #expect(schedule.span(of: part.number - 1) == part.span, "\(label)")
                #expect(
                    kept.allSatisfy { $0.end <= part.span.offset || $0.offset >= part.span.end },
                    "\(label)"
                )
            case .put: break
            }
            (place, number) = (part.span.end, part.number)
        }
        #expect(place == size, "\(label)")
    }

    private func covers(_ kept: [Span], _ span: Span) -> Bool {
        var place = span.offset
        for range in kept where range.offset <= place && range.end > place { place = range.end }
        return place >= span.end
    }
}

struct AheadPartsTests {
    private let schedule = PartSchedule(base: 16 << 20)
    private func part(_ number: Int) -> S3Part {
        S3Part(number: number, etag: ETag("e\(number)"), checksum: nil)
    }

    @Test func `parts are taken in order, once each, when they are whole`() {
        var parts = AheadParts(schedule: schedule)
        // One part alone is a PutObject if nothing follows.
        #expect(parts.next(before: 16 * mebibyte) == nil)
        #expect(parts.begin(before: 16 * mebibyte + 1) == 0)
        #expect(parts.begin(before: 31 * mebibyte) == nil)
        #expect(parts.begin(before: 48 * mebibyte) == 1)
        #expect(parts.begin(before: 48 * mebibyte) == 2)
        #expect(parts.begin(before: 48 * mebibyte) == nil)
        #expect(parts.sendingCount == 3)
        parts.end(1, part(2))
        #expect(Set(parts.sent.keys) == [1])
    }

    @Test func `a part that changes, on its way or afterwards, does not count and is not sent ahead again`() {
        var parts = AheadParts(schedule: schedule)
        for _ in 0..<3 { _ = parts.begin(before: 48 * mebibyte) }
        parts.end(0, part(1))
        parts.touched(Span(offset: 16 * mebibyte - 1, count: 2))
        #expect(!parts.isWanted(1) && parts.isWanted(2))
        parts.end(1, part(2))
        parts.end(2, part(3))
        #expect(Set(parts.sent.keys) == [2])
        #expect(parts.next(before: 48 * mebibyte) == nil)
    }

    @Test func `a part that failed is left to the commit`() {
        var parts = AheadParts(schedule: schedule)
        _ = parts.begin(before: 40 * mebibyte)
        parts.end(0, nil)
        #expect(parts.sent.isEmpty && parts.sendingCount == 0)
        #expect(parts.begin(before: 40 * mebibyte) == 1)
    }

    @Test func `a commit uses parts on their way, and waits first if one of them is out of date`() {
        var parts = AheadParts(schedule: schedule)
        for _ in 0..<4 { _ = parts.begin(before: 64 * mebibyte) }
        parts.end(0, part(1))
        parts.end(3, nil)
        #expect(parts.usable { _ in true } == [0, 1, 2])
        #expect(parts.usable { $0 != 0 } == [1, 2])
        // Its number is needed for other bytes, and the older ones might arrive last.
        #expect(parts.usable { $0 != 2 } == nil)
        parts.touched(Span(offset: 20 * mebibyte, count: 1))
        #expect(parts.usable { _ in true } == nil)
        parts.end(1, part(2))
        #expect(parts.usable { _ in true } == [0, 2])
    }
}
