/// One metric: its name, its type, and what it means.
public struct MetricDescription: Sendable {
    /// The name, as Prometheus shows it.
    public let name: String
    /// `counter`, `gauge` or `histogram`.
    public let type: String
    /// What it counts, in one sentence; unit and labels included.
    public let help: String

    /// Describes a metric.
    /// - Parameters:
    ///   - name: The name, as Prometheus shows it.
    ///   - type: `counter`, `gauge` or `histogram`.
    ///   - help: What it counts, in one sentence.
    public init(_ name: String, _ type: String, _ help: String) {
        self.name = name
        self.type = type
        self.help = help
    }
}

/// Every metric of the daemon. `docs/metrics.md` is made from it, and `# HELP` lines.
public enum MetricCatalogue {
    /// The metrics, sorted by name.
    public static let all: [MetricDescription] = [
        MetricDescription(
            "alluxio_fuse_metric_series_dropped",
            "gauge",
            "Series that were not kept because there are too many or the name has another type."
        ),
        MetricDescription(
            "alluxio_fuse_open_descriptors",
            "gauge",
            "File descriptors that the daemon has open."
        ),
        MetricDescription(
            "alluxio_fuse_resident_bytes",
            "gauge",
            "Resident memory of the daemon, in bytes."
        ),
        MetricDescription(
            "alluxio_fuse_start_time_seconds",
            "gauge",
            "When the daemon started, in seconds since 1970."
        ),
        MetricDescription(
            "alluxio_fuse_threads",
            "gauge",
            "Threads of the daemon."
        ),
        MetricDescription(
            "alluxio_version_info",
            "gauge",
            "Always 1; the label `version` is the daemon's version."
        ),
    ]

    private static let helpByName = Dictionary(
        all.map { ($0.name, $0.help) },
        uniquingKeysWith: { first, _ in first }
    )

    /// What a metric means.
    /// - Parameter name: The metric's name.
    /// - Returns: Its help text, or nil if the catalogue does not know it.
    public static func help(of name: String) -> String? { helpByName[name] }

    /// The document that lists all metrics.
    /// - Returns: Markdown, as `docs/metrics.md` holds it.
    public static func markdown() -> String {
        var text = """
            # Metrics

            Made from `Sources/Telemetry/MetricCatalogue.swift` by `alluxio-fuse help metrics`; a test holds the two together.
            `alluxio-fuse stat <mountpoint>` prints them; with `alluxio.fuse.web.enabled=true` they are served as Prometheus text
            under `/metrics`. Names that existing Alluxio dashboards know are kept.

            | metric | type | meaning |
            | --- | --- | --- |

            """
        for metric in all {
            text += "| `\(metric.name)` | \(metric.type) | \(metric.help) |\n"
        }
        return text
    }
}
