import Foundation

/// One text file of the repository.
struct SourceFile: Sendable, CustomStringConvertible {
    /// Its path from the root of the repository.
    let path: String
    /// Its lines, without line ends.
    let lines: [String]

    var description: String { path }

    var name: String { String(path.split(separator: "/").last ?? "") }

    /// What follows the last dot of the name; a script without one is known by its first line.
    var kind: String {
        if let dot = name.lastIndex(of: "."), dot != name.startIndex {
            return String(name[name.index(after: dot)...])
        }
        guard let first = lines.first, first.hasPrefix("#!") else { return "" }
        return first.contains("python") ? "py" : "sh"
    }

    /// The target that a file of `Sources` belongs to.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    /// Whether a program wrote it: its form is that program's.
    var isGenerated: Bool { lines.prefix(3).contains { $0.hasPrefix("// DO NOT EDIT") } }

    /// A place in the file, as tools print it.
    func at(_ index: Int) -> String { "\(path):\(index + 1)" }
}

/// The repository as the tidy tests see it: every text file that is kept in it.
enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let files: [SourceFile] = load()

    static let code = files.filter {
        ["swift", "c", "h", "py", "sh"].contains($0.kind) && !$0.isGenerated
    }
    static let swift = files.filter { $0.kind == "swift" && !$0.isGenerated }
    static let markdown = files.filter { $0.kind == "md" }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path(percentEncoded: false))
    }

    private static let textKinds: Set<String> = [
        "swift", "c", "h", "md", "py", "sh", "", "json", "modulemap", "toml", "ini",
    ]
    private static let skipped: Set<String> = [
        ".git", "__pycache__", ".pytest_cache", ".venv", "results",
        // Generated.
        "CSIProtocol",
    ]

    private static func load() -> [SourceFile] {
        var found: [SourceFile] = []
        collect("", into: &found)
        return found.sorted { $0.path < $1.path }
    }

    private static func collect(_ folder: String, into found: inout [SourceFile]) {
        let place = root.appending(path: folder).path(percentEncoded: false)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        for name in names where !skipped.contains(name) && !name.hasPrefix(".build") {
            let path = folder.isEmpty ? name : folder + "/" + name
            var isFolder: ObjCBool = false
            let full = root.appending(path: path).path(percentEncoded: false)
            guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                collect(path, into: &found)
            } else if let file = read(path, full) {
                found.append(file)
            }
        }
    }

    private static func read(_ path: String, _ full: String) -> SourceFile? {
        let name = path.split(separator: "/").last ?? ""
        let kind = name.contains(".") ? String(name.split(separator: ".").last ?? "") : ""
        guard textKinds.contains(kind), let data = FileManager.default.contents(atPath: full),
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        return SourceFile(
            path: path,
            lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        )
    }
}
