/// Swift code with comments and string contents blanked out, line by line, so that braces and words can
/// be counted.
struct SwiftText {
    private(set) var lines: [String] = []

    private enum Within: Equatable {
        case code
        case comment(depth: Int)
        case string(multiline: Bool, pounds: Int)
    }

    init(_ source: [String]) {
        var within = Within.code
        for line in source {
            lines.append(Self.blank(Array(line.utf8), &within))
            if case .string(multiline: false, _) = within { within = .code }
        }
    }

    private static func blank(_ line: [UInt8], _ within: inout Within) -> String {
        var result: [UInt8] = []
        var index = 0
        func starts(_ text: String, at place: Int) -> Bool { line[place...].starts(with: text.utf8) }
        while index < line.count {
            var taken = 1
            switch within {
            case .code:
                if starts("//", at: index) { return String(decoding: result, as: UTF8.self) }
                if starts("/*", at: index) {
                    within = .comment(depth: 1)
                    taken = 2
                } else if let (opened, length) = opening(line, index) {
                    within = opened
                    taken = length
                } else {
                    result.append(line[index])
                }
            case .comment(let depth):
                if starts("/*", at: index) {
                    within = .comment(depth: depth + 1)
                    taken = 2
                } else if starts("*/", at: index) {
                    within = depth == 1 ? .code : .comment(depth: depth - 1)
                    taken = 2
                }
            case .string(let multiline, let pounds):
                let end = (multiline ? "\"\"\"" : "\"") + String(repeating: "#", count: pounds)
                if pounds == 0 && line[index] == UInt8(ascii: "\\") {
                    taken = 2
                } else if starts(end, at: index) {
                    within = .code
                    taken = end.utf8.count
                }
            }
            index += taken
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The string literal that opens at a place, and how many bytes its opening has.
    private static func opening(_ line: [UInt8], _ index: Int) -> (Within, Int)? {
        var pounds = 0
        while index + pounds < line.count, line[index + pounds] == UInt8(ascii: "#") { pounds += 1 }
        let rest = line[(index + pounds)...]
        if rest.starts(with: "\"\"\"".utf8) { return (.string(multiline: true, pounds: pounds), pounds + 3) }
        if rest.first == UInt8(ascii: "\"") { return (.string(multiline: false, pounds: pounds), pounds + 1) }
        return nil
    }
}

/// A function and the lines of its body, found by counting braces.
struct FunctionBody {
    let start: Int
    let lineCount: Int

    /// Every function, initialiser and subscript of a file.
    static func all(in text: SwiftText) -> [FunctionBody] {
        text.lines.indices.filter { declares(text.lines[$0]) }.compactMap { body(from: $0, text.lines) }
    }

    private static func declares(_ line: String) -> Bool {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.contains {
            $0 == "func" || $0 == "init" || $0 == "subscript"
        }
            && (line.contains("func ") || line.contains("init(") || line.contains("init?(")
                || line.contains("subscript("))
            && !line.contains(".init(") && !line.contains("super.init")
    }

    private static func body(from start: Int, _ lines: [String]) -> FunctionBody? {
        var depth = 0
        var opened = false
        for index in start..<min(lines.count, start + 2000) {
            for letter in lines[index] {
                if letter == "{" {
                    depth += 1
                    opened = true
                } else if letter == "}" {
                    depth -= 1
                    if opened && depth == 0 {
                        return FunctionBody(start: start, lineCount: index - start + 1)
                    }
                    if depth < 0 { return nil }
                }
            }
            // A requirement of a protocol has no body: its declaration ends before any brace.
            if !opened && index > start + 20 { return nil }
        }
        return nil
    }
}
