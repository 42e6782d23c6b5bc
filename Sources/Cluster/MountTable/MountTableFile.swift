import SmallFiles

/// A mount table in a file: `alluxio.mount.table.static.conf.file`.
///
/// One mount on a line: its path, its UFS URI and its options as `key=value`, with blanks between. A word
/// with blanks stands in double quotes, where `\"` and `\\` are the characters themselves. The word
/// `readonly` among the options marks a mount that nobody may write to. Empty lines, and lines that begin
/// with `#`, are skipped.
public enum MountTableFile {
    /// The most bytes of such a file.
    static let maximumBytes = 4 << 20

    /// Reads a table.
    /// - Parameter path: The file.
    /// - Returns: The table, without entries if there is no line.
    /// - Throws: ``MountTableError/file(_:)`` with the number of the line that is wrong.
    public static func table(at path: String) throws(MountTableError) -> MountTable {
        try parse(try bytes(at: path), path)
    }

    static func bytes(at path: String) throws(MountTableError) -> [UInt8] {
        do throws(SmallFile.Failure) {
            return try SmallFile.read(path, atMostBytes: maximumBytes)
        } catch {
            throw .file("\(path): the mount table \(error.text)")
        }
    }

    /// Understands the contents of a file.
    /// - Parameters:
    ///   - bytes: The contents, UTF-8.
    ///   - path: The file's name, for errors.
    /// - Returns: The table.
    /// - Throws: ``MountTableError/file(_:)`` with the number of the line that is wrong.
    static func parse(_ bytes: [UInt8], _ path: String) throws(MountTableError) -> MountTable {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .file("\(path): the mount table is not UTF-8")
        }
        var table = MountTable.empty
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            do throws(MountTableError) {
                if let entry = try entry(line) { table = try table.adding(entry) }
            } catch {
                throw .file("\(path):\(index + 1): \(error)")
            }
        }
        return table
    }

    private static func entry(_ line: Substring) throws(MountTableError) -> MountEntry? {
        guard let start = line.first(where: { !$0.isWhitespace }), start != "#" else { return nil }
        let words = try self.words(line)
        guard words.count >= 2 else {
            throw .refused("one word only; write <path> <ufs-uri> [key=value]…")
        }
        var options: [String: String] = [:]
        var isReadOnly = false
        for word in words.dropFirst(2) {
            if word == MountEntry.readOnlyWord {
                isReadOnly = true
                continue
            }
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw .refused(
                    "option \(words.count > 2 ? "number \(options.count + 1) " : "")is not key=value"
                )
            }
            let key = String(word[..<equals])
            guard options.updateValue(String(word[word.index(after: equals)...]), forKey: key) == nil else {
                throw .refused("option \(key) is there twice")
            }
        }
        return try MountEntry(path: words[0], ufs: words[1], options: options, isReadOnly: isReadOnly)
    }

    private static func words(_ line: Substring) throws(MountTableError) -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        var rest = line[...]
        while let letter = rest.popFirst() {
            if isQuoted, letter == "\\" {
                guard let next = rest.popFirst(), next == "\"" || next == "\\" else {
                    throw .refused("a backslash in quotes stands before \" or \\ only")
                }
                word?.append(next)
            } else if letter == "\"" {
                isQuoted.toggle()
                word = word ?? ""
            } else if letter.isWhitespace, !isQuoted {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(letter)
            }
        }
        guard !isQuoted else { throw .refused("a quote is not closed") }
        if let word { words.append(word) }
        return words
    }
}
