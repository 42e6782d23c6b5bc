import CoreMetrics
import Testing

@testable import Telemetry

@Suite struct PrometheusRegistryTests {
    let registry = PrometheusRegistry()

    @Test func aCounterShowsItsSumUnderItsLabelsInOrder() {
        let counter = Counter(
            label: "alluxio_requests_total",
            dimensions: [("kind", "GET"), ("a", "x\"y\\z\n")],
            factory: registry
        )
        counter.increment()
        counter.increment(by: 41)
        #expect(registry.text().contains("# TYPE alluxio_requests_total counter\n"))
        #expect(registry.text().contains(#"alluxio_requests_total{a="x\"y\\z\n",kind="GET"} 42"# + "\n"))
    }

    @Test func theSameNameAndLabelsGiveTheSameSeries() {
        Counter(label: "same_total", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "same_total", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(registry.text().contains("same_total{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test func aTimerIsACumulativeHistogramInTheUnitOfItsName() {
        let timer = Timer(label: "call_latency_ms", dimensions: [("op", "read")], factory: registry)
        timer.recordNanoseconds(40_000)
        timer.recordMilliseconds(3)
        timer.recordSeconds(100)
        let text = registry.text()
        #expect(text.contains("# TYPE call_latency_ms histogram\n"))
        #expect(text.contains("call_latency_ms_bucket{op=\"read\",le=\"0.05\"} 1\n"))
        #expect(text.contains("call_latency_ms_bucket{op=\"read\",le=\"2.5\"} 1\n"))
        #expect(text.contains("call_latency_ms_bucket{op=\"read\",le=\"5\"} 2\n"))
        #expect(text.contains("call_latency_ms_bucket{op=\"read\",le=\"60000\"} 2\n"))
        #expect(text.contains("call_latency_ms_bucket{op=\"read\",le=\"+Inf\"} 3\n"))
        #expect(text.contains("call_latency_ms_sum{op=\"read\"} 100003.04\n"))
        #expect(text.contains("call_latency_ms_count{op=\"read\"} 3\n"))
    }

    @Test func gaugesShowWhatWasSetLastOrIsReadNow() {
        let gauge = Gauge(label: "open_files", factory: registry)
        gauge.record(7)
        gauge.record(2.5)
        let meter = Meter(label: "level", factory: registry)
        meter.increment(by: 3.0)
        meter.decrement()
        registry.addGauge("now") { 1e18 }
        #expect(registry.text().contains("# TYPE open_files gauge\nopen_files 2.5\n"))
        #expect(registry.text().contains("level 2\n"))
        #expect(registry.text().contains("now 1e+18\n"))
    }

    @Test func aNameWithTwoTypesKeepsTheFirstAndIsCounted() {
        Counter(label: "twice", factory: registry).increment()
        Gauge(label: "twice", factory: registry).record(9)
        #expect(registry.text().contains("# TYPE twice counter\ntwice 1\n"))
        #expect(registry.text().contains("alluxio_fuse_metric_series_dropped 1\n"))
    }

    @Test func namesThatTheFormatForbidsAreRewritten() {
        Counter(label: "9a.b-c", dimensions: [("x.y", "1")], factory: registry).increment()
        #expect(registry.text().contains("_a_b_c{x_y=\"1\"} 1\n"))
    }

    @Test func countingFromManyThreadsLosesNothing() async {
        let counter = Counter(label: "many_total", factory: registry)
        let meter = Meter(label: "sum", factory: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counter.increment()
                        meter.increment()
                    }
                }
            }
        }
        #expect(registry.text().contains("many_total 80000\n"))
        #expect(registry.text().contains("sum 80000\n"))
    }

    @Test func everyLineHasTheFormOfTheFormat() throws {
        ProcessGauges.add(to: registry, version: "1")
        Timer(label: "t_seconds", factory: registry).recordSeconds(1)
        Counter(label: "c_total", dimensions: [("l", "ä, {}=")], factory: registry).increment()
        let sample = try Regex(#"[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? (-?[0-9.e+]+|NaN|[+-]Inf)"#)
        let comment = try Regex("# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+")
        for line in registry.text().split(separator: "\n") {
            #expect(try sample.wholeMatch(in: line) != nil || comment.wholeMatch(in: line) != nil, "\(line)")
        }
    }

    @Test func jsonHasOneMemberForEachSeries() {
        let json = PrometheusText.json("# TYPE a counter\na{b=\"c d\"} 3\nn NaN\nbroken\n")
        #expect(json == #"{"a{b=\"c d\"}":3,"n":"NaN"}"#)
    }

    @Test func residentMemoryIsKnown() {
        #expect(ProcessGauges.residentBytes() > 1 << 20)
    }

    @Test func aTextThatMustBeShortLosesHelpAndEmptyBucketsFirstAndWholeLinesLast() {
        ProcessGauges.add(to: registry, version: "1")
        for index in 0..<50 {
            Timer(label: "latency_ms", dimensions: [("op", "\(index)")], factory: registry)
                .recordMilliseconds(1)
        }
        let full = registry.text()
        let short = registry.text(limitBytes: full.utf8.count - 1)
        #expect(short.utf8.count < full.utf8.count)
        #expect(!short.contains("# HELP"))
        #expect(short.contains("latency_ms_count{op=\"49\"} 1\n"))
        #expect(short.contains("latency_ms_bucket{op=\"49\",le=\"1\"} 1\n"))
        let tiny = registry.text(limitBytes: 500)
        #expect(tiny.utf8.count <= 500)
        #expect(tiny.hasSuffix("\n"))
    }
}
