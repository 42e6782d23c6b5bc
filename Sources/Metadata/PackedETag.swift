import Pages

/// How an etag lies in the arena of an ``EntryTable``.
///
/// Most are an MD5 in hex, with a part count after multipart
/// uploads, and take 16 bytes instead of 32 and more. Every text comes back exactly as it was.
enum PackedETag: Equatable {
    /// No etag.
    case none
    /// The text's own bytes.
    case raw(count: UInt32)
    /// 32 lower-case hex digits.
    case md5
    /// 32 lower-case hex digits, a hyphen and a decimal number without leading zeros.
    case multipart(parts: UInt32)

    /// Chooses the form of a text.
    init(_ text: UnsafeBufferPointer<UInt8>) {
        guard text.count >= 32, text.prefix(32).allSatisfy({ Self.digit($0) != nil }) else {
            self = .raw(count: UInt32(text.count))
            return
        }
        if text.count == 32 {
            self = .md5
        } else if let parts = Self.parts(text.dropFirst(32)) {
            self = .multipart(parts: parts)
        } else {
            self = .raw(count: UInt32(text.count))
        }
    }

    /// Restores the form from a record.
    /// - Parameters:
    ///   - form: ``form``.
    ///   - detail: ``detail``.
    init(form: UInt8, detail: UInt32) {
        switch form {
        case 1: self = .raw(count: detail)
        case 2: self = .md5
        case 3: self = .multipart(parts: detail)
        default: self = .none
        }
    }

    /// The form as a small number, for a record.
    var form: UInt8 {
        switch self {
        case .none: 0
        case .raw: 1
        case .md5: 2
        case .multipart: 3
        }
    }

    /// What a record must keep beside the form.
    var detail: UInt32 {
        switch self {
        case .raw(let count): count
        case .multipart(let parts): parts
        case .none, .md5: 0
        }
    }

    /// Bytes in the arena.
    var storedBytes: Int {
        switch self {
        case .none: 0
        case .raw(let count): Int(count)
        case .md5, .multipart: 16
        }
    }

    /// Writes the stored bytes of `text`, which has this form.
    func store(_ text: UnsafeBufferPointer<UInt8>, at place: UnsafeMutableRawPointer) {
        switch self {
        case .none: break
        case .raw:
            if let bytes = text.baseAddress { place.copyMemory(from: bytes, byteCount: text.count) }
        case .md5, .multipart:
            for index in 0..<16 {
                let high = Self.digit(text[2 * index]) ?? 0
                let low = Self.digit(text[2 * index + 1]) ?? 0
                place.storeBytes(of: high << 4 | low, toByteOffset: index, as: UInt8.self)
            }
        }
    }

    /// The etag whose stored bytes lie at `place`; nil if there is none.
    func load(from place: UnsafeRawPointer) -> ETag? {
        switch self {
        case .none: nil
        case .raw(let count):
            ETag(String(decoding: UnsafeRawBufferPointer(start: place, count: Int(count)), as: UTF8.self))
        case .md5: ETag(Self.hexadecimal(place))
        case .multipart(let parts): ETag(Self.hexadecimal(place) + "-\(parts)")
        }
    }

    private static func hexadecimal(_ place: UnsafeRawPointer) -> String {
        String(unsafeUninitializedCapacity: 32) { text in
            for index in 0..<16 {
                let byte = place.load(fromByteOffset: index, as: UInt8.self)
                text[2 * index] = letter(byte >> 4)
                text[2 * index + 1] = letter(byte & 15)
            }
            return 32
        }
    }

    private static func letter(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func digit(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): letter - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): letter - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// The number in `-7`; nil unless it is written so that the same text comes back.
    private static func parts(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> UInt32? {
        guard text.first == UInt8(ascii: "-"), (2...10).contains(text.count) else { return nil }
        guard text.dropFirst().first != UInt8(ascii: "0") else { return nil }
        var parts: UInt32 = 0
        for letter in text.dropFirst() {
            guard letter >= UInt8(ascii: "0"), letter <= UInt8(ascii: "9") else { return nil }
            parts = parts * 10 + UInt32(letter - UInt8(ascii: "0"))
        }
        return parts
    }
}
