import Configuration
import Glibc
import SmallFiles

/// A properties file whose known keys have valid values.
package struct PropertiesSource: Sendable {
    /// The file's name in whichever directory.
    package static let fileName = "alluxio-site.properties"

    /// Where it lies.
    package let path: String
    /// Raw values by canonical key.
    package let values: [String: String]
    /// What was found that has no effect.
    package let notices: [Notice]

    /// How deep `${key}` may refer to a value that refers to another.
    static let referenceDepthMaximum = 10

    /// Checks the contents of a file against the catalogue.
    /// - Throws: A ``Failure`` that names file and line.
    package init(path: String, contents: some Collection<UInt8>) throws(Failure) {
        let entries: [PropertiesEntry]
        do {
            entries = try PropertiesFile.parse(contents)
        } catch {
            throw .usage("\(path):\(error.line): \(error.reason)")
        }
        let raw = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
        var values: [String: String] = [:]
        var notices: [Notice] = []
        for entry in entries {
            guard let property = PropertyCatalogue.find(entry.key), property.place == .everywhere else {
                notices += Self.remark(on: entry, path: path)
                continue
            }
            guard case .used = property.effect else { continue }
            values[property.key] = try Self.check(entry, of: property, raw: raw, path: path)
        }
        self.path = path
        self.values = values
        self.notices = notices
    }

    private static func check(
        _ entry: PropertiesEntry,
        of property: Property,
        raw: [String: String],
        path: String
    ) throws(Failure) -> String {
        guard let value = expand(entry.value, with: raw, depth: referenceDepthMaximum) else {
            throw .usage("\(path):\(entry.line): '\(entry.key)' refers to a key that the file does not have")
        }
        try property.check(value, as: "\(path):\(entry.line): '\(entry.key)'")
        return value
    }

    /// Replaces `${key}` by the value of another key of the same file; nil if there is none or too deep a
    /// chain.
    static func expand(_ value: String, with raw: [String: String], depth: Int) -> String? {
        guard value.range(of: "${") != nil else { return value }
        guard depth > 0 else { return nil }
        var result = ""
        var rest = value[...]
        while let start = rest.range(of: "${") {
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
            guard let target = raw[String(rest[start.upperBound..<end])],
                let expanded = expand(target, with: raw, depth: depth - 1),
                result.utf8.count + expanded.utf8.count <= PropertiesFile.sizeMaximum
            else { return nil }
            result += rest[..<start.lowerBound] + expanded
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// Other programs share the file: a name that could be ours is warned about, any other is none of our
    /// business.
    private static func remark(on entry: PropertiesEntry, path: String) -> [Notice] {
        guard
            [
                "alluxio.fuse.", "alluxio.user.", "alluxio.underfs.s3.", "alluxio.etcd.",
                "alluxio.mount.table.", "s3a.", "aws.",
            ].contains(where: entry.key.hasPrefix)
        else { return [] }
        var facts = ["property": entry.key, "file": "\(path):\(entry.line)"]
        facts["nearest"] = PropertyCatalogue.nearest(to: entry.key, in: .everywhere)
        return [Notice(message: "unknown property is ignored", facts: facts)]
    }

    /// The first file there is.
    /// - Parameters:
    ///   - named: The directory given with `-o alluxio.conf.dir`; then the file must exist.
    ///   - environment: For `ALLUXIO_CONF_DIR` and `HOME`.
    /// - Returns: The file, or nil if there is none.
    /// - Throws: A ``Failure`` that names the file.
    package static func load(
        from named: String?,
        environment: [String: String]
    ) throws(Failure) -> PropertiesSource? {
        if let named {
            let path = "\(named)/\(fileName)"
            guard let contents = try read(path) else {
                throw .usage("there is no \(path); correct alluxio.conf.dir or make the file")
            }
            return try PropertiesSource(path: path, contents: contents)
        }
        var directories = [environment["ALLUXIO_CONF_DIR"] ?? ""]
        if let home = environment["HOME"], !home.isEmpty { directories.append("\(home)/.alluxio") }
        directories += ["/etc/alluxio", "/opt/alluxio/conf"]
        for directory in directories where !directory.isEmpty {
            let path = "\(directory)/\(fileName)"
            if let contents = try read(path) { return try PropertiesSource(path: path, contents: contents) }
        }
        return nil
    }

    /// The bytes of a file; nil if there is no such file.
    private static func read(_ path: String) throws(Failure) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw Failure("cannot read \(path): \(String(cString: strerror(errno))); check its permissions")
        }
        defer { close(descriptor) }
        do throws(SmallFile.Failure) {
            return try SmallFile.contents(of: descriptor, atMostBytes: PropertiesFile.sizeMaximum)
        } catch {
            throw Failure("\(path) \(error.text)")
        }
    }
}
