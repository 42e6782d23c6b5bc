internal import SmallFiles

/// A file that holds a token and nothing else.
enum TokenFile {
    /// The largest file that is read.
    static let sizeBytesMaximum = 1 << 20

    /// Its text without the blanks and line ends around it.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - purpose: What names the file, for the error.
    /// - Returns: The token, not empty.
    /// - Throws: ``CredentialsError/failed(_:)`` with the path.
    static func token(_ path: String, namedBy purpose: String) throws(CredentialsError) -> String {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) {
            bytes = try SmallFile.read(path, atMostBytes: sizeBytesMaximum)
        } catch {
            throw .failed("the token file \(path) (\(purpose)) \(error.text)")
        }
        let isBlank = { (byte: UInt8) in byte <= UInt8(ascii: " ") }
        let head = bytes.drop(while: isBlank)
        let text = head[..<((head.lastIndex { !isBlank($0) } ?? head.startIndex - 1) + 1)]
        guard !text.isEmpty else { throw .failed("the token file \(path) (\(purpose)) is empty") }
        guard text.allSatisfy({ $0 > UInt8(ascii: " ") && $0 < 0x7F }) else {
            throw .failed("the token file \(path) (\(purpose)) holds characters that no token has")
        }
        return String(decoding: text, as: UTF8.self)
    }
}
