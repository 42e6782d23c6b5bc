import CLinux
import Glibc
import Logging
import Pages
import SeededRandom
import Testing

@testable import PageCache

/// kill -9 while the cache is being filled and evicted, then a new process on the same directory in the
/// same boot.
@Suite(.serialized) struct CrashTests {
    private static let versions = (0..<4).map {
        FileVersion.test("f\($0)", size: Int64(3_000_000 + $0 * 2_000_000))
    }

    /// Fills a small cache until something kills the process.
    private static func fillForever(_ path: String, seed: UInt64) throws {
        let cache = try DiskCacheTests.cache(path, ScriptedSource(), bytesMaximum: 6 << 20)
        onThreads(4) { index in
            var random = SeededGenerator(seed: seed &+ UInt64(index))
            if index == 3 {
                usleep(UInt32.random(in: 30_000...400_000, using: &random))
                kill(getpid(), SIGKILL)
            }
            while true {
                let version = versions.randomElement(using: &random) ?? versions[0]
                let file = cache.open(version)
                let span = Span(
                    offset: .random(in: 0..<version.size, using: &random),
                    count: .random(in: 1...700_000, using: &random)
                ).clamped(to: version.size)
                _ = try? file.read(span, asking: span)
                if Int.random(in: 0..<4, using: &random) == 0 { cache.housekeep() }
            }
        }
    }

    @Test(arguments: (0..<6).map { _ in UInt64.random(in: 0...UInt64.max) })
    func `after kill -9 nothing wrong is served`(seed: UInt64) async throws {
        print("seed \(seed)")
        let directory = TemporaryDirectory()
        let path = directory.path
        for round in UInt64(0)..<3 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, seed = seed as UInt64, round = round as UInt64] in
                try CrashTests.fillForever(path, seed: seed &+ round &* 1000)
            }
            // Half of the time as after a reboot.
            let boot = round == 1 ? DiskCacheTests.otherBoot : DiskCacheTests.boot
            let cache = try DiskCacheTests.cache(path, ScriptedSource(), boot: boot, bytesMaximum: 64 << 20)
            var hits = 0
            for version in Self.versions {
                let file = cache.open(version)
                for offset in stride(from: Int64(0), to: version.size, by: 4096) {
                    let part = Span(offset: offset, count: 4096).clamped(to: version.size)
                    guard let bytes = file.resident(part) else { continue }
                    hits += 1
                    #expect(bytes.copied() == Truth(version).bytes(part))
                }
            }
            print("\(hits) granules outlived round \(round)")
        }
    }
}
