import Glibc
import PageCache
import Pages

/// Several page caches as one: each file belongs to one of them, chosen by its address.
///
/// Every version of a file lies in the same cache, whenever it is asked for; adding a directory or taking one
/// away moves only its share of the files. Shares are in proportion to the sizes. Any thread may call it.
struct SpreadPages: PageSource {
    /// One cache and what it weighs.
    struct Part: Sendable {
        /// What the choice goes by; the same after a restart.
        let name: String
        /// Its size in bytes.
        let weight: Int64
        /// The cache.
        let pages: any PageSource
    }

    private let parts: [Part]
    private let seeds: [UInt64]

    /// Joins caches.
    /// - Parameter parts: At least one, with different names.
    init(_ parts: [Part]) {
        precondition(!parts.isEmpty, "there is at least one cache")
        self.parts = parts
        seeds = parts.map { FNV1a.hash($0.name.utf8) }
    }

    /// The cache of a file: the one whose weighted draw is the highest.
    /// - Parameter uri: The file's address.
    /// - Returns: Its place among the parts.
    func place(of uri: UFSURI) -> Int {
        guard parts.count > 1 else { return 0 }
        let scores = parts.indices.map { index in
            let draw = Self.mixed(FNV1a.hash(uri.bytes, from: seeds[index]))
            // Never 0 or 1: the logarithm must be a number below zero.
            let fraction = (Double(draw >> 11) + 0.5) / 9_007_199_254_740_992
            return -Double(parts[index].weight) / log(fraction)
        }
        return scores.indices.max { scores[$0] < scores[$1] } ?? 0
    }

    /// Opens one version in the cache of its file.
    /// - Parameter version: What will be read.
    /// - Returns: The open file.
    func open(_ version: FileVersion) -> any PageFile {
        parts[place(of: version.uri)].pages.open(version)
    }

    /// How many bytes of a version are cached.
    /// - Parameter version: The version to look for.
    /// - Returns: Bytes in the cache, between 0 and the version's size.
    func cachedBytes(of version: FileVersion) -> Int64 {
        parts[place(of: version.uri)].pages.cachedBytes(of: version)
    }

    /// Takes in bytes that were just committed, in the cache of their file.
    /// - Parameters:
    ///   - version: What the store holds now.
    ///   - descriptor: A file that has the bytes at the same offsets.
    ///   - spans: Which bytes it has.
    func adopt(_ version: FileVersion, from descriptor: Int32, spans: [Span]) {
        parts[place(of: version.uri)].pages.adopt(version, from: descriptor, spans: spans)
    }

    /// Says that the bytes of a version have got another name; nothing follows into another cache.
    /// - Parameters:
    ///   - old: What it was called.
    ///   - new: What it is called now.
    func follow(from old: FileVersion, to new: FileVersion) {
        let place = place(of: new.uri)
        guard place == self.place(of: old.uri) else { return }
        parts[place].pages.follow(from: old, to: new)
    }

    /// Spreads a hash over all bits; FNV leaves the high ones of short texts alike.
    private static func mixed(_ hash: UInt64) -> UInt64 {
        var value = hash
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
