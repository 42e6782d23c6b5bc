import Glibc
import Pages
import SeededRandom
import Synchronization
import Testing
import Threading

@testable import Metadata

/// Many threads look up, list, revalidate and forget, while the store changes; with the real clock.
@Suite("Under many threads", .serialized, .timeLimit(.minutes(10)))
struct NamespaceHammerTests {
    private static let directories = 4
    private static let files = 12

    /// When each version of each file appeared in the store.
    ///
    /// The version of a file is its size.
    private final class History: Sendable {
        private let appeared = Mutex<[RelativePath: [Int64]]>([:])
        let store = ScriptedStore()

        /// Replaces a file by its next version; the time noted is not before the change.
        func advance(_ path: RelativePath) {
            appeared.withLock { appeared in
                let version = appeared[path, default: []].count
                store.put(path, ScriptedStore.file(version))
                appeared[path, default: []].append(systemClock())
            }
        }

        /// The version that everybody who asked at `time` or later must see at least.
        func version(of path: RelativePath, at time: Int64) -> Int64 {
            appeared.withLock { appeared in
                Int64(appeared[path, default: []].prefix { $0 <= time }.count - 1)
            }
        }
    }

    @Test(arguments: [Duration.zero, .milliseconds(5), .milliseconds(50)])
    func `nothing is older than the interval, and nothing is asked twice at a time`(_ interval: Duration)
        throws
    {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed), interval \(interval)")
        let history = History()
        let paths = (0..<Self.directories).flatMap { directory in
            (0..<Self.files).map { RelativePath("dir\(directory)/file\($0)") }
        }
        for path in paths { history.advance(path) }
        history.store.state.withLock { $0.delayMicroseconds = 0...800 }
        var options = NamespaceOptions()
        options.syncInterval = interval
        options.lookupsMaximum = 40
        options.listingBytesMaximum = 4096
        let cache = NamespaceCache(source: history.store, options: options)
        let end = systemClock() + 1_500_000_000
        let checks = Atomic<Int>(0)
        concurrently(32) { thread in
            var actor = HammerActor(
                random: SeededGenerator(seed: seed &+ UInt64(thread)),
                cache: cache,
                paths: paths,
                interval: TrustPolicy(interval: interval).interval ?? 0
            )
            while systemClock() < end {
                if thread < 2 {
                    history.advance(actor.anyPath())
                    usleep(700)
                    continue
                }
                for (path, version, since) in actor.step() {
                    let least = history.version(of: path, at: since)
                    checks.wrappingAdd(1, ordering: .relaxed)
                    if version < least { Issue.record("\(path): \(version) < \(least), seed \(seed)") }
                }
            }
        }
        print("\(checks.load(ordering: .relaxed)) answers checked, \(history.store.requests.count) requests")
        #expect(checks.load(ordering: .relaxed) > 50)
        #expect(history.store.doubled.isEmpty, "seed \(seed)")
        #expect(cache.state.withLock { $0.lookupFlights.isEmpty && $0.openings.isEmpty })
        cache.invalidate(.root)
        #expect(cache.entryCount == 0, "listings or lookups leaked")
        #expect(cache.environment.holdings.bytes == 0)
    }
}

/// One thread of the hammer: does something random, and says what it saw and how old that may be.
private struct HammerActor {
    var random: SeededGenerator
    let cache: NamespaceCache
    let paths: [RelativePath]
    let interval: Int64

    typealias Sight = (path: RelativePath, version: Int64, notOlderThan: Int64)

    mutating func anyPath() -> RelativePath { paths.randomElement(using: &random) ?? .root }

    mutating func step() -> [Sight] {
        let path = anyPath()
        let now = systemClock()
        do throws(StoreError) {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                cache.invalidate(path)
                return [(path, try cache.attributes(of: path, mayWait: true).attributes.size, now)]
            case 1:
                cache.sweep()
            case 2:
                cache.invalidate(path.parent ?? .root)
                let listing = try cache.listing(of: path.parent ?? .root, mayWait: true)
                return [(path, listing.find(path.name)?.size ?? -1, now)]
            case 3...5:
                return [(path, try cache.revalidate(path, known: .file).size, now)]
            case 6...8:
                let listing = try cache.listing(of: path.parent ?? .root, mayWait: true)
                return [(path, listing.find(path.name)?.size ?? -1, now - interval)]
            case 9...10:
                do throws(StoreError) {
                    _ = try cache.attributes(of: path.appending("absent".utf8), mayWait: true)
                    Issue.record("there is no such file")
                } catch .notFound {}
            default:
                return [(path, try cache.attributes(of: path, mayWait: true).attributes.size, now - interval)]
            }
        } catch {
            Issue.record(error)
        }
        return []
    }
}
