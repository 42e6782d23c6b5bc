public import CoreMetrics
import Synchronization

/// A metrics backend for `swift-metrics` whose state reads as Prometheus text.
///
/// Making a series takes a lock; counting does not. The same name and labels always give the same series. Any
/// thread may call it.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The most series that are kept; what is made beyond them counts into nothing and is counted itself.
    public static let seriesMaximum = 10_000

    enum Cell {
        case counter(CounterCell)
        case fraction(GaugeCell)
        case gauge(GaugeCell)
        case read(@Sendable () -> Double)
        case histogram(HistogramCell)

        var type: String {
            switch self {
            case .counter, .fraction: "counter"
            case .gauge, .read: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    struct Series: Hashable {
        let name: String
        let labels: String
    }

    private struct State {
        var cells: [Series: Cell] = [:]
        var dropped = 0
    }

    private let state = Mutex(State())

    /// Makes an empty registry.
    public init() {}

    /// Adds a gauge that is read whenever the text is made.
    /// - Parameters:
    ///   - name: The metric's name.
    ///   - labels: Its labels.
    ///   - read: Gives the value; must not wait and must not make metrics.
    public func addGauge(
        _ name: String,
        labels: [(String, String)] = [],
        read: @escaping @Sendable () -> Double
    ) {
        let series = Self.series(name, labels)
        state.withLock { $0.cells[series] = .read(read) }
    }

    /// Makes or finds a counter.
    /// - Parameters:
    ///   - label: The metric's name.
    ///   - dimensions: Its labels.
    /// - Returns: The series.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(label, dimensions, { if case .counter(let cell) = $0 { cell } else { nil } }) {
            let cell = CounterCell()
            return (cell, .counter(cell))
        }
    }

    /// Makes or finds a counter of fractions.
    /// - Parameters:
    ///   - label: The metric's name.
    ///   - dimensions: Its labels.
    /// - Returns: The series.
    public func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        find(label, dimensions, { if case .fraction(let cell) = $0 { cell } else { nil } }) {
            let cell = GaugeCell()
            return (cell, .fraction(cell))
        }
    }

    /// Makes or finds a gauge.
    /// - Parameters:
    ///   - label: The metric's name.
    ///   - dimensions: Its labels.
    /// - Returns: The series.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// Makes or finds a gauge, or a histogram of values if it aggregates.
    /// - Parameters:
    ///   - label: The metric's name.
    ///   - dimensions: Its labels.
    ///   - aggregate: Whether values are counted in buckets.
    /// - Returns: The series.
    public func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        aggregate ? histogram(label, dimensions) : gauge(label, dimensions)
    }

    /// Makes or finds a histogram of durations, in the unit its name ends with (`_ms`, else seconds).
    /// - Parameters:
    ///   - label: The metric's name.
    ///   - dimensions: Its labels.
    /// - Returns: The series.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    // A series stays for the life of the process, since a counter that vanishes and comes back looks like a
    // restart.

    /// Keeps the series.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Keeps the series.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    /// Keeps the series.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Keeps the series.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// Keeps the series.
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// The state of every series in the Prometheus text format, version 0.0.4.
    /// - Returns: Families sorted by name, each with `# HELP` (if the catalogue knows it) and `# TYPE`.
    public func text() -> String {
        let (cells, dropped) = state.withLock { ($0.cells, $0.dropped) }
        return PrometheusText.make(cells, dropped: dropped)
    }

    /// The text, made to fit: without `# HELP` lines and empty buckets if it is too long, then cut at a line.
    /// - Parameter limitBytes: The most bytes wanted.
    /// - Returns: At most `limitBytes` bytes.
    public func text(limitBytes: Int) -> String {
        let full = text()
        return full.utf8.count <= limitBytes ? full : PrometheusText.shortened(full, to: limitBytes)
    }

    /// The names of all families.
    public var names: Set<String> {
        state.withLock { Set($0.cells.keys.map(\.name)) }
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeCell {
        find(label, dimensions, { if case .gauge(let cell) = $0 { cell } else { nil } }) {
            let cell = GaugeCell()
            return (cell, .gauge(cell))
        }
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
        find(label, dimensions, { if case .histogram(let cell) = $0 { cell } else { nil } }) {
            let cell = HistogramCell(scale: .forName(label))
            return (cell, .histogram(cell))
        }
    }

    private func find<Handler>(
        _ label: String,
        _ dimensions: [(String, String)],
        _ match: (Cell) -> Handler?,
        _ make: () -> (Handler, Cell)
    ) -> Handler {
        let series = Self.series(label, dimensions)
        return state.withLock { state in
            if let known = state.cells[series], let handler = match(known) { return handler }
            let (handler, cell) = make()
            let isTaken = state.cells[series] != nil
            if isTaken || state.cells.count >= Self.seriesMaximum {
                state.dropped += 1
            } else {
                state.cells[series] = cell
            }
            return handler
        }
    }

    private static func series(_ name: String, _ labels: [(String, String)]) -> Series {
        Series(name: PrometheusText.name(name), labels: PrometheusText.labels(labels))
    }
}
