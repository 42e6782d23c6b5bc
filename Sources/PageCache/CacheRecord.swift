import CLinux
public import Pages

/// The record file of one cached version: who it is, which granules are there, their checksums.
///
/// `docs/design.md` shows the bytes. Everything that reads a record goes through the two parsers here,
/// which are total: any bytes give a value or a ``CacheRecordError``.
public enum CacheRecord {
    /// Bytes of one region of the file: the unit of a region entry and of eviction.
    static let regionBytes: Int64 = 1 << 20
    /// Granules of a region.
    static let regionGranules = Int(regionBytes) / Granule.bytes
    /// Length of a region entry.
    static let entryBytes = 96
    /// Length of the fixed part of a header.
    static let fixedHeaderBytes = 56
    /// `ALXREC`, the number of the format, and a newline.
    static let magic: [UInt8] = [0x41, 0x4c, 0x58, 0x52, 0x45, 0x43, 0x31, 0x0a]

    /// How many regions a file has.
    static func regionCount(size: Int64) -> Int { Int((size + regionBytes - 1) / regionBytes) }

    /// The head of a record.
    public struct Header: Hashable, Sendable {
        /// Whose bytes they are.
        public let version: FileVersion
        /// The inode number of the data file that the record describes.
        public let inode: UInt64
        /// A random number that the region entries of this record repeat.
        public let nonce: UInt64
        /// Length of the head in bytes: where the region entries begin.
        public let headerBytes: Int
    }

    /// What is present of one region.
    public struct Entry: Hashable, Sendable {
        /// Which region.
        public let region: Int
        /// The boot in which the entry was written: 16 bytes.
        public let boot: [UInt8]
        /// A bit for each granule that is there.
        public let present: SIMD4<UInt64>
        /// A bit for each granule that was written or checked in that boot.
        public let trusted: SIMD4<UInt64>
    }

    // MARK: - Places

    /// Length of the head for an identity.
    static func headerBytes(of version: FileVersion) -> Int {
        let text = version.etag.text.utf8.count + version.uri.bytes.count
        return (fixedHeaderBytes + text + 4 + 63) / 64 * 64
    }

    /// Where the entry of a region lies.
    static func entryOffset(_ region: Int, headerBytes: Int) -> Int64 {
        Int64(headerBytes) + Int64(region) * Int64(entryBytes)
    }

    /// Where the checksum of a granule lies.
    static func checksumOffset(_ granule: Int, headerBytes: Int, size: Int64) -> Int64 {
        entryOffset(regionCount(size: size), headerBytes: headerBytes) + Int64(granule) * 4
    }

    // MARK: - Writing

    /// The bytes of a head.
    static func encode(_ version: FileVersion, inode: UInt64, nonce: UInt64) -> [UInt8] {
        let length = headerBytes(of: version)
        let etag = Array(version.etag.text.utf8)
        var bytes = magic
        bytes.reserveCapacity(length)
        bytes.append(little: UInt32(length))
        bytes.append(little: UInt32(Granule.bytes))
        bytes.append(little: UInt32(regionGranules))
        bytes.append(little: UInt32(etag.count))
        bytes.append(little: UInt32(version.uri.bytes.count))
        bytes.append(little: UInt32(0))
        bytes.append(little: UInt64(version.size))
        bytes.append(little: inode)
        bytes.append(little: nonce)
        bytes += etag
        bytes += version.uri.bytes
        bytes.append(contentsOf: repeatElement(0, count: length - 4 - bytes.count))
        bytes.append(little: linux_crc32c(0, bytes, bytes.count))
        return bytes
    }

    /// The bytes of a region's entry.
    static func encode(_ entry: Entry, nonce: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entryBytes)
        bytes.append(little: UInt32(entry.region))
        bytes += entry.boot.prefix(16)
        bytes.append(little: nonce ^ UInt64(entry.region))
        for word in 0..<4 { bytes.append(little: entry.present[word]) }
        for word in 0..<4 { bytes.append(little: entry.trusted[word]) }
        var whole: [UInt8] = []
        whole.reserveCapacity(entryBytes)
        whole.append(little: linux_crc32c(0, bytes, bytes.count))
        return whole + bytes
    }

    // MARK: - Reading

    /// Reads the head of a record.
    /// - Parameter bytes: The beginning of a record file, of any length and content.
    /// - Returns: The head.
    /// - Throws: ``CacheRecordError`` if it is not the head of a record in this format, or is damaged.
    public static func header(_ bytes: UnsafeRawBufferPointer) throws(CacheRecordError) -> Header {
        guard bytes.count >= fixedHeaderBytes + 4 else { throw .truncated }
        guard bytes.prefix(magic.count).elementsEqual(magic) else { throw .notARecord }
        let length = Int(bytes.little32(at: 8))
        guard length >= fixedHeaderBytes + 4, length <= CacheLimits.headerBytesMaximum, length % 64 == 0
        else {
            throw .damaged
        }
        guard length <= bytes.count else { throw .truncated }
        guard linux_crc32c(0, bytes.baseAddress, length - 4) == bytes.little32(at: length - 4) else {
            throw .damaged
        }
        let etagCount = Int(bytes.little32(at: 20))
        let uriCount = Int(bytes.little32(at: 24))
        let size = bytes.little64(at: 32)
        guard bytes.little32(at: 12) == UInt32(Granule.bytes),
            bytes.little32(at: 16) == UInt32(regionGranules),
            fixedHeaderBytes + etagCount + uriCount + 4 <= length, size <= UInt64(Int64.max / 2)
        else { throw .damaged }
        let texts = bytes[fixedHeaderBytes...]
        let etag = texts.prefix(etagCount)
        let uri = texts.dropFirst(etagCount).prefix(uriCount)
        return Header(
            version: FileVersion(
                uri: UFSURI(bytes: Array(uri)),
                etag: ETag(String(decoding: etag, as: UTF8.self)),
                size: Int64(size)
            ),
            inode: bytes.little64(at: 40),
            nonce: bytes.little64(at: 48),
            headerBytes: length
        )
    }

    /// Reads the entry of a region.
    /// - Parameters:
    ///   - bytes: What lies at the entry's place; of any length and content.
    ///   - region: Which region it should describe; not negative.
    ///   - header: The head of the record.
    /// - Returns: The entry. Granules past the end of the file are not present in it.
    /// - Throws: ``CacheRecordError`` if it is damaged or belongs to another record; then nothing is present.
    public static func entry(
        _ bytes: UnsafeRawBufferPointer,
        region: Int,
        of header: Header
    ) throws(CacheRecordError) -> Entry {
        guard bytes.count >= entryBytes else { throw .truncated }
        guard linux_crc32c(0, bytes.baseAddress.map { $0 + 4 }, entryBytes - 4) == bytes.little32(at: 0)
        else {
            throw .damaged
        }
        guard Int(bytes.little32(at: 4)) == region, bytes.little64(at: 24) == header.nonce ^ UInt64(region)
        else {
            throw .notARecord
        }
        var present = SIMD4<UInt64>()
        var trusted = SIMD4<UInt64>()
        for word in 0..<4 {
            present[word] = bytes.little64(at: 32 + 8 * word)
            trusted[word] = bytes.little64(at: 64 + 8 * word)
        }
        let first = region * regionGranules
        let valid = GranuleBits.mask(
            0..<max(0, min(regionGranules, Granule.count(size: header.version.size) - first))
        )
        return Entry(
            region: region,
            boot: Array(bytes[8..<24]),
            present: present & valid,
            trusted: trusted & present & valid
        )
    }
}

/// What is wrong with a record.
public enum CacheRecordError: Error, Hashable, Sendable {
    /// It ends too early.
    case truncated
    /// It is something else, or belongs to another record.
    case notARecord
    /// Its checksum or one of its lengths is wrong.
    case damaged
}

/// Sets of granules of one region.
enum GranuleBits {
    /// The set of a range of granules.
    /// - Parameter range: Within 0..<256.
    /// - Returns: A bit for each.
    static func mask(_ range: Range<Int>) -> SIMD4<UInt64> {
        var mask = SIMD4<UInt64>()
        for word in 0..<4 {
            let part = range.clamped(to: word * 64..<(word + 1) * 64)
            guard !part.isEmpty else { continue }
            let ones = part.count == 64 ? UInt64.max : (1 << UInt64(part.count)) - 1
            mask[word] = ones << UInt64(part.lowerBound - word * 64)
        }
        return mask
    }

    /// How many granules are in the set.
    static func count(_ bits: SIMD4<UInt64>) -> Int {
        bits[0].nonzeroBitCount + bits[1].nonzeroBitCount + bits[2].nonzeroBitCount + bits[3].nonzeroBitCount
    }

    /// Whether a granule is in the set.
    static func contains(_ bits: SIMD4<UInt64>, _ granule: Int) -> Bool {
        bits[granule / 64] >> UInt64(granule % 64) & 1 == 1
    }
}

extension [UInt8] {
    /// Appends a number, lowest byte first.
    mutating func append<Number: FixedWidthInteger>(little number: Number) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    /// A number of four bytes, lowest first.
    func little32(at offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// A number of eight bytes, lowest first.
    func little64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
