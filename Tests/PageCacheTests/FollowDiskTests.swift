import Glibc
import Pages
import SeededRandom
import Testing

@testable import PageCache

/// A renamed version on disk: after a remount, and after a process that died on the way.
@Suite(.serialized) struct FollowDiskTests {
    private static let size: Int64 = 5_000_001
    private static let parts = [Span(offset: 0, count: 300_000), Span(offset: 1_100_000, count: 3_900_001)]
    private static let versions = (1...2).map { RenamingSource.version("a", $0, size: size) }

    private static func cache(_ path: String, boot: [UInt8] = DiskCacheTests.boot) throws -> PageCache {
        try DiskCacheTests.cache(path, RenamingSource(), boot: boot)
    }

    private static func fill(_ cache: PageCache) throws {
        for part in parts { try cache.open(versions[0]).load(part) }
    }

    private static func holds(_ cache: PageCache, _ version: FileVersion) -> Bool {
        let file = cache.open(version)
        return parts.allSatisfy { file.resident($0)?.copied() == RenamingSource.truth(version).bytes($0) }
    }

    private static func files(_ directory: TemporaryDirectory) -> Set<String> {
        Set(
            (DiskCacheTests.files(directory.path, ".data") + DiskCacheTests.files(directory.path, ".record"))
                .map { String($0.dropFirst(directory.path.count + 1)) }
        )
    }

    private static func names(_ version: FileVersion) -> Set<String> {
        [VersionKey(version).path + ".data", VersionKey(version).path + ".record"]
    }

    @Test(arguments: [DiskCacheTests.boot, DiskCacheTests.otherBoot], [true, false])
    func `a remount finds it under the new name only`(_ later: [UInt8], isRecorded: Bool) throws {
        let directory = TemporaryDirectory()
        do {
            let cache = try Self.cache(directory.path)
            try Self.fill(cache)
            if isRecorded { cache.housekeep() }
            cache.follow(from: Self.versions[0], to: Self.versions[1])
            #expect(Self.files(directory) == Self.names(Self.versions[1]))
        }
        let cache = try Self.cache(directory.path, boot: later)
        #expect(cache.cachedBytes(of: Self.versions[0]) == 0)
        #expect(Self.holds(cache, Self.versions[1]))
        #expect(Self.files(directory) == Self.names(Self.versions[1]))
    }

    @Test func `what an earlier process has left follows too`() throws {
        let directory = TemporaryDirectory()
        do { try Self.fill(Self.cache(directory.path)) }
        do {
            let cache = try Self.cache(directory.path, boot: DiskCacheTests.otherBoot)
            cache.follow(from: Self.versions[0], to: Self.versions[1])
            #expect(Self.holds(cache, Self.versions[1]))
        }
        #expect(Self.files(directory) == Self.names(Self.versions[1]))
    }

    @Test func `files that lie under the new name already are replaced`() throws {
        let directory = TemporaryDirectory()
        do {
            let cache = try Self.cache(directory.path)
            try cache.open(Self.versions[1]).load(Span(offset: 600_000, count: 1000))
        }
        let cache = try Self.cache(directory.path)
        try Self.fill(cache)
        cache.follow(from: Self.versions[0], to: Self.versions[1])
        #expect(Self.holds(cache, Self.versions[1]))
        #expect(Self.files(directory) == Self.names(Self.versions[1]))
        cache.restore()
        #expect(Self.holds(cache, Self.versions[1]))
    }

    @Test func `a directory that fails loses the bytes and nothing else`() throws {
        let directory = TemporaryDirectory()
        let cache = try Self.cache(directory.path)
        try Self.fill(cache)
        // A directory in the way of the new record.
        let path = "\(directory.path)/\(VersionKey(Self.versions[1]).path)"
        mkdir(String(path.dropLast(31)), 0o700)
        mkdir(path + ".record", 0o700)
        mkdir(path + ".record/x", 0o700)
        cache.follow(from: Self.versions[0], to: Self.versions[1])
        #expect(cache.cachedBytes(of: Self.versions[1]) == 0)
        let file = cache.open(Self.versions[1])
        for part in Self.parts {
            let bytes = try file.read(part, asking: part).copied()
            let isRight = bytes == RenamingSource.truth(Self.versions[1]).bytes(part)
            #expect(isRight)
        }
    }

    @Test(arguments: ["record", "data"])
    func `a process that died on the way leaves one true pair`(_ moved: String) throws {
        let directory = TemporaryDirectory()
        let old = "\(directory.path)/\(VersionKey(Self.versions[0]).path)"
        let new = "\(directory.path)/\(VersionKey(Self.versions[1]).path)"
        do { try Self.fill(Self.cache(directory.path)) }
        rename(old + ".record", old + ".kept")
        link(old + ".kept", old + ".record")
        do { try Self.cache(directory.path).follow(from: Self.versions[0], to: Self.versions[1]) }
        // The old record was not removed yet, and before that the data not moved yet.
        rename(old + ".kept", old + ".record")
        if moved == "record" { rename(new + ".data", old + ".data") }
        let owner = Self.versions[moved == "record" ? 0 : 1]
        let other = Self.versions[moved == "record" ? 1 : 0]
        let cache = try Self.cache(directory.path)
        #expect(cache.cachedBytes(of: other) == 0)
        #expect(Self.holds(cache, owner))
        cache.restore()
        #expect(Self.files(directory) == Self.names(owner))
    }

    // MARK: - kill -9

    private static func name(_ file: Int, _ number: Int) -> FileVersion {
        RenamingSource.version("f\(file)", number, size: Int64(1_000_000 + file * 2_000_000))
    }

    private static let generations = 8

    /// Fills and renames until something kills the process.
    private static func renameForever(_ path: String, seed: UInt64) throws {
        let cache = try cache(path)
        onThreads(4) { index in
            var random = SeededGenerator(seed: seed &+ UInt64(index))
            if index == 3 {
                usleep(UInt32.random(in: 20_000...300_000, using: &random))
                kill(getpid(), SIGKILL)
            }
            while true {
                let number = Int.random(in: 0..<generations, using: &random)
                let version = name(index, number)
                let file = cache.open(version)
                let span = Span(
                    offset: .random(in: 0..<version.size, using: &random),
                    count: .random(in: 1...300_000, using: &random)
                ).clamped(to: version.size)
                _ = try? file.read(span, asking: span)
                cache.follow(from: version, to: name(index, Int.random(in: 0..<generations, using: &random)))
                if Int.random(in: 0..<4, using: &random) == 0 { cache.housekeep() }
            }
        }
    }

    @Test(arguments: (0..<4).map { _ in UInt64.random(in: 0...UInt64.max) })
    func `after kill -9 among renames nothing wrong is served`(seed: UInt64) async throws {
        print("seed \(seed)")
        let directory = TemporaryDirectory()
        let path = directory.path
        for round in UInt64(0)..<3 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, seed = seed as UInt64, round = round as UInt64] in
                try FollowDiskTests.renameForever(path, seed: seed &+ round &* 1000)
            }
            let cache = try Self.cache(
                path,
                boot: round == 1 ? DiskCacheTests.otherBoot : DiskCacheTests.boot
            )
            var hits = 0
            for version in (0..<3).flatMap({ file in (0..<Self.generations).map { Self.name(file, $0) } }) {
                let file = cache.open(version)
                for offset in stride(from: Int64(0), to: version.size, by: 4096) {
                    let part = Span(offset: offset, count: 4096).clamped(to: version.size)
                    guard let bytes = file.resident(part) else { continue }
                    hits += 1
                    #expect(bytes.copied() == RenamingSource.truth(version).bytes(part))
                }
            }
            print("\(hits) granules outlived round \(round)")
        }
    }
}
