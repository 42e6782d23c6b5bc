import Pages
import Testing

@testable import Servers

@Suite struct CursorTests {
    private func steps(_ spans: [Span], step: Int, window: Int) -> [SpanCursor.Step] {
        var cursor = SpanCursor(spans, stepBytes: step, windowBytes: window)
        var steps: [SpanCursor.Step] = []
        while let next = cursor.next() { steps.append(next) }
        return steps
    }

    private func span(_ from: Int64, _ to: Int64) -> Span { Span(from: from, to: to) }

    @Test func `a span that fits a window is asked for at once`() {
        let steps = steps([span(5, 35)], step: 10, window: 100)
        #expect(steps.map(\.span) == [span(5, 10), span(10, 20), span(20, 30), span(30, 35)])
        #expect(steps[0].ask == span(5, 35))
        #expect(steps.allSatisfy { $0.ahead.isEmpty })
    }

    @Test func `a long span is asked for in windows, one ahead`() {
        let steps = steps([span(0, 350)], step: 10, window: 100)
        #expect(steps[0].ask == span(0, 10))
        #expect(steps[0].ahead == [span(10, 100)])
        #expect(steps[1].ask == span(10, 100))
        #expect(steps[1].ahead == [span(100, 200)])
        #expect(steps[2].ahead.isEmpty)
        #expect(steps[10].ahead == [span(200, 300)])
        #expect(steps[20].ahead == [span(300, 350)])
        #expect(steps[30].ahead.isEmpty)
    }

    @Test(arguments: [1, 7, 10, 64, 100])
    func `steps and what is fetched ahead never leave the spans and miss nothing`(_ step: Int) {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var spans: [Span] = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let start = Int64.random(in: 0...1000, using: &random)
                spans.append(Span(offset: start, count: Int.random(in: 0...500, using: &random)))
            }
            let steps = steps(spans, step: step, window: 128)
            let bytes = steps.flatMap { Array($0.span.offset..<$0.span.end) }
            #expect(bytes == spans.flatMap { Array($0.offset..<$0.end) })
            for made in steps {
                #expect(made.ask.contains(made.span))
                #expect(spans.contains { $0.contains(made.ask) })
                for ahead in made.ahead { #expect(spans.contains { $0.contains(ahead) }) }
            }
        }
    }

    @Test func `no more than eight short spans are fetched ahead`() {
        let spans = (0..<30).map { Span(offset: Int64($0) * 100, count: 10) }
        let steps = steps(spans, step: 10, window: 100)
        #expect(steps[0].ahead == Array(spans[1...8]))
        #expect(steps[1].ahead == [spans[9]])
        #expect(steps.flatMap(\.ahead) == Array(spans[1...]))
    }

    @Test func `empty spans have no steps`() {
        #expect(steps([Span(offset: 3, count: 0)], step: 10, window: 10).isEmpty)
        #expect(steps([], step: 10, window: 10).isEmpty)
    }
}
