import CCrypto
import CLinux
import HTTPTransport

/// The bytes of an object or a part, from memory and from open files, in order.
///
/// The files stay open and unchanged as long as the value is used. Any thread may use it.
struct S3Body: Sendable {
    /// A run of bytes in one place.
    enum Piece: Sendable {
        case memory([UInt8])
        /// What lies past the end of the file is zeros.
        case file(descriptor: Int32, offset: Int64, count: Int)

        var count: Int {
            switch self {
            case .memory(let bytes): bytes.count
            case .file(_, _, let count): count
            }
        }
    }

    /// The most that is read at a time to make a checksum, in bytes.
    private static let bufferBytes = 256 << 10

    let pieces: [Piece]
    /// Length in bytes.
    let count: Int64
    /// The offset of each piece in the body.
    private let starts: [Int64]
    /// Their CRC-32C, if it was known before.
    private let knownSum: UInt32?

    /// Puts pieces together; a sum that is not known is made when it is asked for.
    init(_ pieces: [Piece], crc32c: UInt32? = nil) {
        knownSum = crc32c
        self.pieces = pieces.filter { $0.count > 0 }
        var starts: [Int64] = []
        var end: Int64 = 0
        for piece in self.pieces {
            starts.append(end)
            end += Int64(piece.count)
        }
        self.starts = starts
        count = end
    }

    init(_ bytes: [UInt8]) { self.init([.memory(bytes)]) }

    /// The bytes, if all of them are in memory.
    var memory: [UInt8]? {
        guard pieces.count <= 1 else { return nil }
        guard let piece = pieces.first else { return [] }
        if case .memory(let bytes) = piece { return bytes }
        return nil
    }

    /// The body as the transport sends it.
    func upload() -> HTTPUpload {
        HTTPUpload(count: count) { buffer, offset in self.read(buffer, at: offset) }
    }

    /// Fills a buffer from an offset.
    /// - Returns: Bytes, at least 1 before the end; negative if a file cannot be read.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
        guard offset < count, !buffer.isEmpty else { return 0 }
        let index = starts.lastIndex { $0 <= offset } ?? 0
        let within = Int(offset - starts[index])
        let wanted = min(pieces[index].count - within, buffer.count)
        switch pieces[index] {
        case .memory(let bytes):
            bytes.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[within..<(within + wanted)]))
            }
        case .file(let descriptor, let start, _):
            let read = Int(
                linux_pread_all(descriptor, buffer.baseAddress, wanted, start + Int64(within))
            )
            guard read >= 0 else { return read }
            UnsafeMutableRawBufferPointer(rebasing: buffer[read..<wanted]).initializeMemory(
                as: UInt8.self,
                repeating: 0
            )
        }
        return wanted
    }

    /// CRC-32C of all bytes, or nil if a file cannot be read.
    func crc32c() -> UInt32? {
        if let knownSum { return knownSum }
        var sum: UInt32 = 0
        return forEachBuffer { sum = linux_crc32c(sum, $0.baseAddress, $0.count) } ? sum : nil
    }

    /// MD5 of all bytes, or nil if a file cannot be read.
    func md5() -> [UInt8]? {
        var context = MD5_CTX()
        MD5_Init(&context)
        guard forEachBuffer({ MD5_Update(&context, $0.baseAddress, $0.count) }) else { return nil }
        return [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            MD5_Final(buffer.baseAddress, &context)
            count = 16
        }
    }

    private func forEachBuffer(_ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        if let memory {
            memory.withUnsafeBytes { body($0) }
            return true
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(min(count, Int64(Self.bufferBytes))),
            alignment: 16
        )
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while offset < count {
            let read = read(buffer, at: offset)
            guard read > 0 else { return false }
            body(UnsafeRawBufferPointer(rebasing: buffer[..<read]))
            offset += Int64(read)
        }
        return true
    }
}

/// What the server checks a body with.
enum S3Checksum: Sendable {
    /// `x-amz-checksum-crc32c`.
    case crc32c
    /// `Content-MD5`, of servers that do not know the former.
    case md5

    /// The header field for a body, or nil if a file of it cannot be read.
    func field(of body: S3Body) -> (name: String, value: String)? {
        switch self {
        case .crc32c: body.crc32c().map { ("x-amz-checksum-crc32c", Self.text($0)) }
        case .md5: body.md5().map { ("content-md5", Base64.text($0)) }
        }
    }

    /// A CRC-32C as S3 writes it.
    static func text(_ sum: UInt32) -> String {
        Base64.text([UInt8(sum >> 24), UInt8(sum >> 16 & 255), UInt8(sum >> 8 & 255), UInt8(sum & 255)])
    }
}

/// Base64 with padding (RFC 4648, 4).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let group = bytes[index..<min(index + 3, bytes.count)]
            var word: UInt32 = 0
            for place in 0..<3 { word = word << 8 | UInt32(place < group.count ? group[index + place] : 0) }
            for place in 0..<4 {
                let isUsed = place <= group.count
                text.append(isUsed ? alphabet[Int(word >> (18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a text, or nil if it is no Base64.
    static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (word, bits): (UInt32, Int) = (0, 0)
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(word >> UInt32(bits) & 255))
        }
        return bytes
    }
}
