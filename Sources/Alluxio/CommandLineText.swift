import Settings

/// The words of the command line as text.
enum CommandLineText {
    /// The words after the program's name.
    /// - Throws: A usage ``Failure`` if one is not UTF-8: Swift would put other characters into it, and
    ///   a name with other bytes is the name of another file.
    static func words() throws(Failure) -> [String] {
        var words: [String] = []
        for index in 0..<Int(CommandLine.argc) {
            guard let word = CommandLine.unsafeArgv[index] else { break }
            guard let text = String(validatingCString: word) else {
                throw .usage(
                    "argument \(index) ('\(String(cString: word))') is not UTF-8, which names must be"
                )
            }
            words.append(text)
        }
        return Array(words.dropFirst())
    }
}
