import CCrypto
import Pages
import Synchronization

/// The id of a file: the SHA-256 of its address in the under file system.
struct FileID: Hashable, Sendable {
    private let words: SIMD4<UInt64>

    /// The id of an address.
    init(of address: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: 32)
        _ = SHA256(address, address.count, &digest)
        var words = SIMD4<UInt64>()
        for (index, byte) in digest.enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.words = words
    }

    /// The id that 64 hexadecimal digits stand for; nil for other text.
    init?(_ text: [UInt8]) {
        guard text.count == 64 else { return nil }
        var words = SIMD4<UInt64>()
        for (index, byte) in text.enumerated() {
            guard let digit = Self.digit(byte) else { return nil }
            words[index / 16] = words[index / 16] << 4 | UInt64(digit)
        }
        self.words = words
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// 64 lower-case hexadecimal digits.
    var text: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for word in 0..<4 {
            for place in stride(from: 60, through: 0, by: -4) {
                text.append(digits[Int(words[word] >> UInt64(place) & 15)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Which file an id stands for, as far as this worker has heard.
///
/// Old clients ask for pages by id alone. Bounded: what was not used for the longest time is forgotten. Any
/// thread may call it.
final class KnownFiles: Sendable {
    private let table: Mutex<AgedTable<FileID, [UInt8]>>

    init(maximum: Int = WorkerLimits.knownFilesMaximum) {
        table = Mutex(AgedTable(maximum: maximum))
    }

    /// Remembers an address under its id; hashes nothing if it is known under the id that a client says.
    func learn(_ address: [UInt8], claimed: FileID) {
        if self.address(of: claimed) != address { learn(address) }
    }

    /// Remembers an address under its id.
    func learn(_ address: [UInt8]) {
        let id = FileID(of: address)
        let forgotten = table.withLock { $0.insert(address, for: id) }
        withExtendedLifetime(forgotten) {}
    }

    /// The address with an id; nil if this worker has not heard of it.
    func address(of id: FileID) -> [UInt8]? {
        table.withLock { $0.find(id) }
    }
}

/// A table that forgets what was not used for the longest time, in two generations.
///
/// Pure. Holds between half of its maximum and its maximum once it is full.
struct AgedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let half: Int

    init(maximum: Int) {
        half = max(1, maximum / 2)
    }

    /// How many entries there are.
    var count: Int { young.count + old.count }

    /// Finds an entry, which thereby is used.
    mutating func find(_ key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        _ = insert(value, for: key)
        return value
    }

    /// Adds or replaces an entry.
    /// - Returns: What was forgotten for it; let it go without holding a lock.
    @discardableResult
    mutating func insert(_ value: Value, for key: Key) -> [Key: Value] {
        old[key] = nil
        young[key] = value
        guard young.count > half else { return [:] }
        let forgotten = old
        old = young
        young = [:]
        return forgotten
    }

    /// Removes an entry.
    mutating func remove(_ key: Key) -> Value? {
        young.removeValue(forKey: key) ?? old.removeValue(forKey: key)
    }

    /// Begins a new generation.
    /// - Returns: What was forgotten: everything not used since the call before.
    mutating func age() -> [Key: Value] {
        let forgotten = old
        old = young
        young = [:]
        return forgotten
    }
}
