import Pages
import Testing

@testable import FileSystem

/// How well the planner fills a line: a simulation of a store that begins its answers late and whose answers
/// share the line, and of a reader who takes what there is in order.
struct PlannerLineTests {
    struct Line {
        /// Bytes in a millisecond, of all answers together and of one.
        var bytesPerMillisecond: Int
        var ofOne = Int.max
        var latencyMilliseconds: Double
        /// The reader's own speed.
        var readerBytesPerMillisecond = 2500 << 10

        /// How long as many parallel requests take for a file, in milliseconds.
        func best(size: Int64, ways: Int) -> Double {
            let rate = min(bytesPerMillisecond, ofOne == .max ? .max : ofOne * ways)
            return Double(size) / Double(rate) + latencyMilliseconds
        }
    }

    struct Answer {
        var span: Span
        var began: Double
        var received = 0
        var told = 0
        var isAhead: Bool
    }

    struct Simulation {
        let line: Line
        var planner: Planner
        var answers: [Answer] = []
        var came: [Span] = []
        var position: Int64 = 0
        var now = 0.0
        /// The most bytes that had come and were not read, and that were asked for and not read.
        var held: Int64 = 0
        var asked: Int64 = 0

        private let step = 0.5
        private let read = 128 << 10

        init(size: Int64, _ line: Line) {
            self.line = line
            planner = Planner(size: size, windowMaximum: 96 << 20)
        }

        /// Reads the file from its start to its end.
        /// - Returns: How long it took, in milliseconds.
        mutating func run() -> Double {
            while position < planner.size, now < 60_000 {
                now += step
                receive()
                readOn()
                note()
            }
            return now
        }

        private mutating func receive() {
            let active = answers.indices.filter { now - answers[$0].began >= line.latencyMilliseconds }
            guard !active.isEmpty else { return }
            let rate = min(line.bytesPerMillisecond / active.count, line.ofOne)
            for index in active {
                let part = min(Int(Double(rate) * step), answers[index].span.count - answers[index].received)
                answers[index].received += part
                guard answers[index].isAhead else { continue }
                let received = answers[index].received
                guard
                    received == answers[index].span.count || answers[index].told == 0
                        || received - answers[index].told >= PlannerLimits.arrivalStep
                else {
                    continue
                }
                let isFirst = answers[index].told == 0
                answers[index].told = received
                let latency = Duration.microseconds(Int(line.latencyMilliseconds * 1000))
                let plan = planner.arrived(
                    answers[index].span,
                    received: received,
                    after: isFirst ? latency : nil,
                    share: .max
                ) { $0 }
                begin(plan.ahead)
            }
        }

        private mutating func begin(_ ahead: [Span]) {
            for span in ahead { answers.append(Answer(span: span, began: now, isAhead: true)) }
        }

        /// One past the last byte that the reader can have.
        private var available: Int64 {
            var end = position
            for answer in answers.sorted(by: { $0.span.offset < $1.span.offset })
            where answer.span.offset <= end {
                end = max(end, answer.span.offset + Int64(answer.received))
            }
            return end
        }

        private mutating func readOn() {
            var left = Double(line.readerBytesPerMillisecond) * step
            let end = available
            while position < planner.size, left > 0 {
                let span = Span(offset: position, count: read).clamped(to: planner.size)
                let isThere = end >= span.end
                if !isThere, asks(span) { return }
                let plan = planner.observed(span, isResident: isThere, share: .max, second: 0) { $0 }
                begin(plan.ahead)
                guard isThere else {
                    if !covered(plan.ask.offset) {
                        answers.append(Answer(span: plan.ask, began: now, isAhead: false))
                    }
                    waiting = span
                    return
                }
                position = span.end
                left -= Double(span.count)
                answers.removeAll { $0.span.end <= position && $0.received == $0.span.count }
            }
        }

        private var waiting: Span?

        /// Whether the reader waits for this read already.
        private func asks(_ span: Span) -> Bool { waiting == span }

        private func covered(_ offset: Int64) -> Bool {
            answers.contains { $0.span.offset <= offset && offset < $0.span.end }
        }

        private mutating func note() {
            let here = answers.reduce(0) {
                $0 + max(0, $1.span.offset + Int64($1.received) - max(position, $1.span.offset))
            }
            held = max(held, here)
            asked = max(asked, (answers.map(\.span.end).max() ?? position) - position)
        }
    }

    @Test(arguments: [0.3, 5, 30])
    func aLineIsFilledWhateverTheLatency(milliseconds: Double) {
        let line = Line(bytesPerMillisecond: 1000 << 10, latencyMilliseconds: milliseconds)
        var simulation = Simulation(size: 2 << 30, line)
        let taken = simulation.run()
        #expect(line.best(size: 2 << 30, ways: 8) >= 0.92 * taken)
    }

    @Test(arguments: [0.3, 5, 30])
    func whatCameAndWasNotReadStaysFarBelowTheWindow(milliseconds: Double) {
        var simulation = Simulation(
            size: 2 << 30,
            Line(bytesPerMillisecond: 1000 << 10, latencyMilliseconds: milliseconds)
        )
        _ = simulation.run()
        #expect(simulation.held <= 80 << 20)
        #expect(simulation.asked <= 112 << 20)
    }

    @Test func slowConnectionsToAFarStoreAreMany() {
        let line = Line(bytesPerMillisecond: 1000 << 10, ofOne: 80 << 10, latencyMilliseconds: 30)
        var simulation = Simulation(size: 2 << 30, line)
        #expect(line.best(size: 2 << 30, ways: 6) >= simulation.run())
    }

    @Test func aReaderSlowerThanTheLineHasAFullWindowAhead() {
        let line = Line(
            bytesPerMillisecond: 1000 << 10,
            latencyMilliseconds: 1,
            readerBytesPerMillisecond: 100 << 10
        )
        var simulation = Simulation(size: 1 << 30, line)
        let taken = simulation.run()
        #expect(taken <= Double(1 << 30) / Double(100 << 10) * 1.02)
        #expect(simulation.held <= 96 << 20)
    }
}
