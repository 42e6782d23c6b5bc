import Testing

@Suite("The source tree follows the style of CONTRIBUTING.md")
struct TidyTests {
    @Test func everyLineFitsIn110Columns() {
        for file in SourceTree.code {
            for (index, line) in file.lines.enumerated() where line.count > 110 {
                Issue.record("\(file.at(index)): \(line.count) columns; break the line")
            }
        }
    }

    @Test func everyFileHasUnder400Lines() {
        for file in SourceTree.code where file.lines.count > 400 {
            Issue.record("\(file): \(file.lines.count) lines; give its parts files of their own")
        }
    }

    @Test func everySwiftFunctionHasUnder60Lines() {
        for file in SourceTree.swift {
            for body in FunctionBody.all(in: SwiftText(file.lines)) where body.lineCount > 60 {
                Issue.record("\(file.at(body.start)): a function of \(body.lineCount) lines; name its steps")
            }
        }
    }

    @Test func noFileOrTypeHasANameThatSaysNothing() {
        let empty = ["Utils", "Utilities", "Common", "Helpers", "Helper", "Extras", "Manager", "Misc"]
        let declaring: Set<Substring> = [
            "class", "struct", "enum", "protocol", "actor", "typealias", "extension",
        ]
        for file in SourceTree.code {
            let stem = file.name.split(separator: ".").first ?? ""
            for word in empty where stem.hasSuffix(word) || file.path.contains("/\(word)/") {
                Issue.record("\(file): \(word) says nothing; name the subject")
            }
        }
        for file in SourceTree.swift {
            for (index, line) in SwiftText(file.lines).lines.enumerated() {
                let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
                for (before, name) in zip(words, words.dropFirst()) where declaring.contains(before) {
                    for word in empty where name.hasSuffix(word) {
                        Issue.record(
                            "\(file.at(index)): type \(name): \(word) says nothing; name the subject"
                        )
                    }
                }
            }
        }
    }

    @Test func noReminderIsLeftInTheCode() {
        let reminders = ["FIX" + "ME", "TO" + "DO", "XX" + "X", "HA" + "CK:"]
        for file in SourceTree.code {
            for (index, line) in file.lines.enumerated() {
                for word in reminders where words(of: line).contains(Substring(word)) {
                    Issue.record("\(file.at(index)): \(word); do it now, or file an issue")
                }
            }
        }
    }

    @Test func everyUnsafePromiseHasItsReason() {
        let promises = ["@unchecked Sendable", "nonisolated(unsafe)", "Unmanaged", "unsafeBitCast"]
        for file in SourceTree.swift where file.path.hasPrefix("Sources/") {
            let code = SwiftText(file.lines).lines
            for (index, line) in code.enumerated() {
                guard let promise = promises.first(where: line.contains) else { continue }
                let near = file.lines[max(0, index - 6)...index]
                if !near.contains(where: { $0.contains("// Safety:") }) {
                    Issue.record(
                        "\(file.at(index)): \(promise) without a line '// Safety: …' that says why it holds"
                    )
                }
            }
        }
    }

    @Test func noFileNamesAPlaceOfOneMachine() {
        let places = ["/wo" + "rk/", "/ro" + "ot/", "/home/" + "dev", "/opt/" + "swift"]
        for file in SourceTree.files {
            for (index, line) in file.lines.enumerated() {
                for place in places where line.contains(place) {
                    Issue.record("\(file.at(index)): \(place) is a path of one machine")
                }
            }
        }
    }

    @Test func everyMarkdownFileHasOneTitle() {
        for file in SourceTree.markdown where !file.path.hasPrefix("changes/") {
            let titles = outsideFences(file).filter { $0.line.hasPrefix("# ") }
            if titles.count != 1 {
                Issue.record("\(file): \(titles.count) titles; a document has one line with '# '")
            }
        }
    }

    @Test func everyLineOfADocumentFitsIn120Columns() {
        for file in SourceTree.markdown {
            // A row of a table cannot be broken.
            for (index, line) in outsideFences(file) where line.count > 120 && !line.hasPrefix("|") {
                Issue.record("\(file.at(index)): \(line.count) columns; break the line")
            }
        }
    }

    @Test func everyRelativeLinkLeadsSomewhere() {
        for file in SourceTree.markdown {
            for (index, line) in outsideFences(file) {
                for link in links(of: line) where !leadsSomewhere(link, from: file) {
                    Issue.record("\(file.at(index)): nothing is at \(link)")
                }
            }
        }
    }

    @Test func scriptsStopAtTheFirstError() {
        for file in SourceTree.files where file.kind == "sh" && file.lines.first?.hasPrefix("#!") == true {
            let text = file.lines.prefix(40).joined(separator: "\n")
            if !text.contains("set -eu") { Issue.record("\(file): no 'set -eu…' among its first lines") }
        }
    }

    private func words(of line: String) -> [Substring] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
            .flatMap { [$0, $0.hasSuffix(":") ? $0.dropLast() : $0] }
    }

    private func outsideFences(_ file: SourceFile) -> [(index: Int, line: String)] {
        var fenced = false
        var kept: [(index: Int, line: String)] = []
        for (index, line) in file.lines.enumerated() {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                fenced.toggle()
            } else if !fenced {
                kept.append((index, line))
            }
        }
        return kept
    }

    private func links(of line: String) -> [String] {
        line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
            guard let end = rest.firstIndex(of: ")") else { return nil }
            let link =
                rest[..<end].split(separator: "#", omittingEmptySubsequences: false).first.map(String.init)
                ?? ""
            return link.isEmpty || link.contains(":") ? nil : link
        }
    }

    private func leadsSomewhere(_ link: String, from file: SourceFile) -> Bool {
        if link.hasPrefix("/") { return false }
        var parts = file.path.split(separator: "/").dropLast().map(String.init)
        for part in link.split(separator: "/") where part != "." {
            if part == ".." {
                guard parts.popLast() != nil else { return false }
            } else {
                parts.append(String(part))
            }
        }
        return SourceTree.exists(parts.joined(separator: "/"))
    }
}
