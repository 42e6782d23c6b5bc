/// Writes and reads the Prometheus text format.
public enum PrometheusText {
    /// A name that the format allows.
    /// - Parameter raw: Any label of a metric.
    /// - Returns: The same with every other character as `_`.
    static func name(_ raw: String) -> String {
        var result = ""
        for scalar in raw.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_", ":": result.unicodeScalars.append(scalar)
            case "0"..."9" where !result.isEmpty: result.unicodeScalars.append(scalar)
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }

    /// Labels as they stand between braces, sorted; empty for none.
    static func labels(_ pairs: [(String, String)]) -> String {
        pairs.sorted { $0.0 < $1.0 }
            .map { "\(name($0.0))=\"\(escaped($0.1))\"" }
            .joined(separator: ",")
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func make(_ cells: [PrometheusRegistry.Series: PrometheusRegistry.Cell], dropped: Int) -> String {
        var families: [String: [(labels: String, cell: PrometheusRegistry.Cell)]] = [:]
        for (series, cell) in cells {
            families[series.name, default: []].append((series.labels, cell))
        }
        var text = ""
        for (name, members) in families.sorted(by: { $0.key < $1.key }) {
            let sorted = members.sorted { $0.labels < $1.labels }
            text += header(name, type: sorted[0].cell.type)
            // One family has one type: a name that is used twice shows the type of its first series only.
            for member in sorted where member.cell.type == sorted[0].cell.type {
                append(name, member.labels, member.cell, to: &text)
            }
        }
        text += header("alluxio_fuse_metric_series_dropped", type: "gauge")
        text += "alluxio_fuse_metric_series_dropped \(dropped)\n"
        return text
    }

    private static func header(_ name: String, type: String) -> String {
        let help = MetricCatalogue.help(of: name).map { "# HELP \(name) \($0)\n" } ?? ""
        return help + "# TYPE \(name) \(type)\n"
    }

    private static func append(
        _ name: String,
        _ labels: String,
        _ cell: PrometheusRegistry.Cell,
        to text: inout String
    ) {
        let suffix = labels.isEmpty ? "" : "{\(labels)}"
        switch cell {
        case .counter(let cell): text += "\(name)\(suffix) \(cell.value)\n"
        case .fraction(let cell), .gauge(let cell): text += "\(name)\(suffix) \(number(cell.value))\n"
        case .read(let read): text += "\(name)\(suffix) \(number(read()))\n"
        case .histogram(let cell):
            let (counts, sum) = cell.read()
            var running: UInt64 = 0
            for (index, count) in counts.enumerated() {
                running += count
                let bound = index < cell.scale.bounds.count ? number(cell.scale.bounds[index]) : "+Inf"
                let all = labels.isEmpty ? "le=\"\(bound)\"" : "\(labels),le=\"\(bound)\""
                text += "\(name)_bucket{\(all)} \(running)\n"
            }
            text += "\(name)_sum\(suffix) \(number(sum))\n\(name)_count\(suffix) \(running)\n"
        }
    }

    /// Leaves out what a reader misses least, until the text fits.
    static func shortened(_ text: String, to limitBytes: Int) -> String {
        var result = ""
        var count: Substring = "0"
        for line in text.split(separator: "\n") where !line.hasPrefix("# HELP") {
            // A bucket that adds nothing to the one before it says nothing new.
            if line.contains("_bucket{"), let value = line.split(separator: " ").last {
                defer { count = value }
                if value == count || value == "0" { continue }
            } else {
                count = "0"
            }
            guard result.utf8.count + line.utf8.count + 1 <= limitBytes else { break }
            result += line + "\n"
        }
        return result
    }

    /// A number as the format wants it: whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded() && abs(value) < 1e15 { return String(Int64(value)) }
        return String(value)
    }

    /// Turns Prometheus text into one JSON object of series and values.
    /// - Parameter text: Prometheus text; lines that are none are left out.
    /// - Returns: For example `{"alluxio_fuse_open_files":3}`, in the order of the text.
    public static func json(_ text: String) -> String {
        var pairs: [String] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            let value = line[line.index(after: blank)...]
            guard let number = Double(value) else { continue }
            let shown = number.isFinite ? String(value) : JSONText.string(String(value))
            pairs.append("\(JSONText.string(String(line[..<blank]))):\(shown)")
        }
        return "{\(pairs.joined(separator: ","))}"
    }
}
