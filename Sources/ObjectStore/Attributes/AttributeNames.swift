import Metadata

/// The names of our own objects in a directory, in this one place.
enum AttributeNames {
    /// The attribute object of a directory; everything that begins with it is ours, and hidden.
    static let document = ReservedNames.prefix
    /// Begins the names of intents; an identifier follows.
    static let intent = document + Array(".intent-".utf8)
    /// Begins the names under which an exchange keeps a file on its way; an identifier follows.
    static let exchange = document + Array(".exchange-".utf8)
    /// The name of the root's own entry.
    static let root = Array(".".utf8)
    /// The longest name of an entry of a directory, in bytes.
    static let nameMaximumBytes = 255
    /// The longest key of S3, in bytes.
    static let keyMaximumBytes = 1024

    /// Whether a name is one of ours, which no listing shows and nobody may use.
    static func isHidden(_ name: some Collection<UInt8>) -> Bool { ReservedNames.contains(name) }

    /// Whether a name is one of ours.
    static func isHidden(_ name: UnsafeRawBufferPointer) -> Bool { ReservedNames.contains(name) }

    /// Where a directory's attribute object lies.
    static func document(of directory: RelativePath) -> RelativePath { directory.appending(document) }

    /// Where a part of a split one lies.
    /// - Parameters:
    ///   - directory: The directory.
    ///   - part: The number of the part, 0 to 255.
    ///   - generation: What the attribute object says; differs each time somebody splits one.
    /// - Returns: The path of the part.
    static func document(of directory: RelativePath, part: Int, generation: UInt32) -> RelativePath {
        let dot = UInt8(ascii: ".")
        let text = [dot] + hexadecimal(UInt64(part), 2) + [dot] + hexadecimal(UInt64(generation), 8)
        return directory.appending(document + text)
    }

    /// A number in lower-case hexadecimal digits.
    static func hexadecimal(_ number: UInt64, _ count: Int) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return (0..<count).reversed().map { digits[Int(number >> (4 * UInt64($0)) & 15)] }
    }

    /// Whether a name is that of an attribute object or of one of its parts, not of an intent.
    static func isDocument(_ name: some BidirectionalCollection<UInt8>) -> Bool {
        guard isHidden(name) else { return false }
        let rest = name.dropFirst(document.count)
        return rest.isEmpty || (rest.count == 12 && rest.first == UInt8(ascii: "."))
    }
}
