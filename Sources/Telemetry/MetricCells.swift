import CoreMetrics
import Synchronization

/// One series of a counter.
///
/// Increments are one atomic addition.
final class CounterCell: CounterHandler, Sendable {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        count.store(0, ordering: .relaxed)
    }
}

/// One series of a gauge, also of a counter of fractions: a double held as its bit pattern.
final class GaugeCell: RecorderHandler, MeterHandler, FloatingPointCounterHandler, Sendable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }

    func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func increment(by amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let next = (Double(bitPattern: known) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(
                expected: known,
                desired: next,
                ordering: .relaxed
            )
            if exchanged { return }
            known = original
        }
    }

    func decrement(by amount: Double) { increment(by: -amount) }
    func reset() { set(0.0) }
}

/// One series of a histogram with the fixed buckets of ``HistogramScale``.
///
/// An observation is three atomic additions.
final class HistogramCell: TimerHandler, RecorderHandler, Sendable {
    /// Counts, one per bound and one beyond the last.
    private let buckets: InlineArray<17, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    private let total = GaugeCell()
    let scale: HistogramScale

    init(scale: HistogramScale) {
        self.scale = scale
    }

    func recordNanoseconds(_ duration: Int64) {
        observe(Double(max(0, duration)) / scale.nanosecondsPerUnit)
    }

    func record(_ value: Int64) { observe(Double(value)) }
    func record(_ value: Double) { observe(value) }

    private func observe(_ value: Double) {
        guard value.isFinite else { return }
        let bounds = scale.bounds
        var index = 0
        while index < bounds.count && value > bounds[index] { index += 1 }
        buckets[index].wrappingAdd(1, ordering: .relaxed)
        total.increment(by: value)
    }

    /// Counts per bucket, not yet cumulated, and the sum of all values.
    func read() -> (counts: [UInt64], sum: Double) {
        ((0..<buckets.count).map { buckets[$0].load(ordering: .relaxed) }, total.value)
    }
}

/// The unit of a histogram and its sixteen bounds, chosen by the last word of the metric's name.
struct HistogramScale: Sendable {
    let nanosecondsPerUnit: Double
    let bounds: InlineArray<16, Double>

    static let milliseconds = HistogramScale(
        nanosecondsPerUnit: 1e6,
        bounds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 5000, 15_000, 60_000]
    )
    static let seconds = HistogramScale(
        nanosecondsPerUnit: 1e9,
        bounds: [
            0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 15,
            60,
        ]
    )
    static let bytes = HistogramScale(
        nanosecondsPerUnit: 1,
        bounds: [
            512, 4096, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152, 4_194_304,
            8_388_608, 16_777_216, 67_108_864, 268_435_456, 1_073_741_824,
        ]
    )

    /// The scale that a name asks for: `…_ms`, `…_bytes`, else seconds.
    static func forName(_ name: String) -> HistogramScale {
        if name.hasSuffix("_ms") { return .milliseconds }
        if name.hasSuffix("_bytes") { return .bytes }
        return .seconds
    }
}
