import CCrypto

/// Who a worker is, wherever it runs: what its place on the ring is made of.
///
/// A worker keeps its identity when its address changes, and with it the files that it owns. Identities are
/// ordered by ``entityName``, byte by byte, as etcd orders the keys of workers.
public struct WorkerIdentity: Hashable, Sendable {
    /// How the identifier is read: 0 for a number of 8 bytes, 1 for a UUID of 16 bytes.
    public let version: Int
    /// The first 8 bytes of the identifier, big-endian; kept as numbers, so that a copy is no reference.
    private let high: UInt64
    /// The other 8 bytes of a UUID; zero in version 0.
    private let low: UInt64

    private init(version: Int, checked identifier: some Sequence<UInt8>) {
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for (index, byte) in identifier.enumerated() {
            if index < 8 {
                words.high = words.high << 8 | UInt64(byte)
            } else {
                words.low = words.low << 8 | UInt64(byte)
            }
        }
        self.version = version
        (high, low) = words
    }

    /// An identity from its parts.
    /// - Parameters:
    ///   - version: 0 or 1.
    ///   - identifier: Big-endian: 8 bytes in version 0, 16 in version 1.
    /// - Throws: ``WorkerIdentityError`` if the version is another, or the identifier has another length.
    public init(version: Int, identifier: [UInt8]) throws(WorkerIdentityError) {
        guard let expected = Self.identifierBytes[version] else { throw .unknownVersion(version) }
        guard identifier.count == expected else {
            throw .wrongLength(version: version, bytes: identifier.count)
        }
        self.init(version: version, checked: identifier)
    }

    /// An identity as JSON documents hold it.
    /// - Parameters:
    ///   - version: 0 or 1.
    ///   - hexIdentifier: 16 hexadecimal digits in version 0, 32 in version 1, of either case, no hyphens.
    /// - Throws: ``WorkerIdentityError`` if the version is another, or the text is something else.
    public init(version: Int, hexIdentifier: String) throws(WorkerIdentityError) {
        guard let expected = Self.identifierBytes[version] else { throw .unknownVersion(version) }
        guard let identifier = Hexadecimal.bytes(hexIdentifier), identifier.count == expected else {
            throw .notHexadecimal(version: version, text: hexIdentifier)
        }
        self.init(version: version, checked: identifier)
    }

    /// The identity of version 1 with a UUID.
    /// - Parameter uuid: Its usual text: 8-4-4-4-12 hexadecimal digits of either case.
    /// - Throws: ``WorkerIdentityError/notUUID(_:)`` if the text is something else.
    public init(uuid: String) throws(WorkerIdentityError) {
        let groups = uuid.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12],
            let identifier = Hexadecimal.bytes(groups.joined())
        else { throw .notUUID(uuid) }
        self.init(version: 1, checked: identifier)
    }

    /// The identity of a worker that is known by its host name alone: static membership.
    ///
    /// The name-based (MD5, version 3) UUID of the bytes of the name, without a namespace. The name is taken
    /// as it is written: another spelling of the same host is another worker.
    /// - Parameter hostName: A name or an address, any text.
    public init(hostName: String) {
        var digest = Self.md5(Array(hostName.utf8))
        digest[6] = digest[6] & 0x0F | 0x30
        digest[8] = digest[8] & 0x3F | 0x80
        self.init(version: 1, checked: digest)
    }

    /// The identifier's bytes, big-endian: 8 in version 0, 16 in version 1.
    public var identifier: [UInt8] {
        let high = (0..<8).map { UInt8(truncatingIfNeeded: self.high >> (56 - 8 * UInt64($0))) }
        guard version == 1 else { return high }
        return high + (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * UInt64($0))) }
    }

    /// The identifier as 16 or 32 lower-case hexadecimal digits.
    public var hexIdentifier: String { Hexadecimal.text(identifier) }

    /// The worker's name in etcd: `worker-<uuid>`, or `worker-<decimal>` in version 0.
    public var entityName: String {
        guard version == 1 else { return "worker-\(Int64(bitPattern: high))" }
        let digits = Array(hexIdentifier.utf8)
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return "worker-" + groups.map { String(decoding: digits[$0], as: UTF8.self) }.joined(separator: "-")
    }

    /// What every ring point of the worker begins with: the identifier, then the version in four bytes,
    /// little-endian.
    var ringPrefix: [UInt8] { identifier + [UInt8(version), 0, 0, 0] }

    /// The bytes of an identifier, by version.
    static let identifierBytes = [0: 8, 1: 16]

    private static func md5(_ bytes: [UInt8]) -> [UInt8] {
        var context = MD5_CTX()
        MD5_Init(&context)
        MD5_Update(&context, bytes, bytes.count)
        return [UInt8](unsafeUninitializedCapacity: 16) { digest, count in
            MD5_Final(digest.baseAddress, &context)
            count = 16
        }
    }
}

extension WorkerIdentity: Comparable, CustomStringConvertible {
    /// Compares the names in etcd, byte by byte.
    /// - Parameters:
    ///   - left: One identity.
    ///   - right: Another one.
    /// - Returns: Whether the left one comes first.
    public static func < (left: WorkerIdentity, right: WorkerIdentity) -> Bool {
        if left.version == 1 && right.version == 1 {
            // Digits are ordered as their values are, so the names need not be written out.
            return (left.high, left.low) < (right.high, right.low)
        }
        return left.entityName.utf8.lexicographicallyPrecedes(right.entityName.utf8)
    }

    /// The name in etcd.
    public var description: String { entityName }
}
