import CLinux
import Glibc
import Logging
import Pages
import SeededRandom
import Synchronization
import Testing

@testable import PageCache

/// What the disk store promises beyond ``PageCacheTests``.
@Suite struct DiskCacheTests {
    static let boot = [UInt8](repeating: 1, count: 16)
    static let otherBoot = [UInt8](repeating: 2, count: 16)

    static func cache(
        _ path: String,
        _ source: any SpanSource,
        boot: [UInt8] = boot,
        bytesMaximum: Int64 = 64 << 20,
        descriptorsMaximum: Int = 512
    ) throws(PageCacheError) -> PageCache {
        var options = PageCacheOptions(storage: .directory(path: path, bytesMaximum: bytesMaximum))
        options.descriptorsMaximum = descriptorsMaximum
        // A process that another test starts has the lock's descriptor too, until it runs its program.
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do throws(PageCacheError) {
                return try PageCache(options: options, next: source, logger: .quiet, boot: boot)
            } catch {
                guard case .inUse = error, ContinuousClock.now < deadline else { throw error }
                usleep(10_000)
            }
        }
    }

    /// The cache files of a directory with an ending.
    static func files(_ path: String, _ ending: String) -> [String] {
        (DirectoryScan.names(path, below: AT_FDCWD) ?? []).flatMap { bucket in
            (DirectoryScan.names(path + "/" + bucket, below: AT_FDCWD) ?? [])
                .filter { $0.hasSuffix(ending) }.map { "\(path)/\(bucket)/\($0)" }
        }
    }

    @Test(arguments: [boot, otherBoot])
    func `a remount finds everything, in the same boot and in another`(_ later: [UInt8]) throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let version = FileVersion.test("a", size: 5_000_001)
        let parts = [Span(offset: 0, count: 300_000), Span(offset: 1_100_000, count: 3_900_001)]
        do {
            let cache = try Self.cache(directory.path, source)
            let file = cache.open(version)
            for part in parts { try file.load(part) }
            cache.close()
        }
        let requests = source.spans.count
        let cache = try Self.cache(directory.path, source, boot: later)
        #expect(cache.cachedBytes(of: version) == 303_104 + 3_902_273)
        let file = cache.open(version)
        for part in parts {
            let bytes = try #require(file.resident(part))
            #expect(bytes.copied() == Truth(version).bytes(part))
        }
        #expect(file.resident(Span(offset: 400_000, count: 10)) == nil)
        #expect(source.spans.count == requests)
    }

    @Test func `what was checked once in a boot is not checked again by the next process`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let version = FileVersion.test("a", size: 100_000)
        let whole = Span(offset: 0, count: 100_000)
        do {
            let cache = try Self.cache(directory.path, source)
            try cache.open(version).load(whole)
        }
        do {
            let cache = try Self.cache(directory.path, source, boot: Self.otherBoot)
            #expect(cache.open(version).resident(whole) != nil)
        }
        let cache = try Self.cache(directory.path, source, boot: Self.otherBoot)
        let file = cache.open(version)
        let content = DiskState.mask(0..<25, in: 0)
        #expect(file.isCovered(whole))
        #expect(cache.trustedBits(of: version) == content)
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max)])
    func `under another boot id no changed byte of data or record is ever served`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let version = FileVersion.test("a", size: 2_500_000)
        let whole = Span(offset: 0, count: 2_500_000)
        let truth = Truth(version).bytes(whole)
        for round in 0..<40 {
            let directory = TemporaryDirectory()
            let source = ScriptedSource()
            do {
                let cache = try Self.cache(directory.path, source)
                let file = cache.open(version)
                try file.load(Span(offset: 0, count: 1_300_000))
                cache.housekeep()
                try file.load(Span(offset: 2_000_000, count: 500_000))
            }
            for path in Self.files(directory.path, round % 2 == 0 ? ".data" : ".record") {
                let descriptor = open(path, O_RDWR)
                defer { close(descriptor) }
                let length = lseek(descriptor, 0, SEEK_END)
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    var byte = UInt8.random(in: 0...255, using: &random)
                    pwrite(descriptor, &byte, 1, Int.random(in: 0..<length, using: &random))
                }
                if round % 5 == 4 { ftruncate(descriptor, Int.random(in: 0..<length, using: &random)) }
            }
            let cache = try Self.cache(directory.path, source, boot: Self.otherBoot)
            let file = cache.open(version)
            for _ in 0..<30 {
                let span = Span(
                    offset: .random(in: 0..<2_500_000, using: &random),
                    count: .random(in: 1...200_000, using: &random)
                ).clamped(to: 2_500_000)
                let bytes = try file.read(span, asking: span).copied()
                #expect(bytes == Array(truth[Int(span.offset)..<Int(span.end)]), "round \(round)")
            }
            #expect(try file.read(whole, asking: whole).copied() == truth, "round \(round)")
        }
    }

    @Test(arguments: [false, true])
    func `files copied to the place of another version are refused`(_ isSameBoot: Bool) throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let versions = [FileVersion.test("a", size: 70_000), .test("b", size: 70_000)]
        let whole = Span(offset: 0, count: 70_000)
        do {
            let cache = try Self.cache(directory.path, source)
            for version in versions { try cache.open(version).load(whole) }
        }
        let paths = versions.map { "\(directory.path)/\(VersionKey($0).path)" }
        for ending in [".data", ".record"] { rename(paths[0] + ending, paths[1] + ending) }
        let cache = try Self.cache(directory.path, source, boot: isSameBoot ? Self.boot : Self.otherBoot)
        for version in versions {
            #expect(cache.open(version).resident(whole) == nil)
            #expect(
                try cache.open(version).read(whole, asking: whole).copied() == Truth(version).bytes(whole)
            )
        }
        #expect(source.spans.count == 4)
    }

    @Test func `a data file that was replaced is refused in the same boot`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let version = FileVersion.test("a", size: 70_000)
        let whole = Span(offset: 0, count: 70_000)
        do {
            let cache = try Self.cache(directory.path, source)
            try cache.open(version).load(whole)
        }
        let path = "\(directory.path)/\(VersionKey(version).path).data"
        let other = open(path + ".other", O_RDWR | O_CREAT, 0o600)
        ftruncate(other, 70_000)
        close(other)
        rename(path + ".other", path)
        let cache = try Self.cache(directory.path, source)
        #expect(cache.open(version).resident(whole) == nil)
    }

    @Test func `the byte limit holds, the oldest go first, and a large file is thinned, not lost`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let cache = try Self.cache(directory.path, source, bytesMaximum: 16 << 20)
        let big = FileVersion.test("big", size: 12 << 20)
        do {
            let file = cache.open(big)
            try file.load(Span(offset: 0, count: 6 << 20))
            try file.load(Span(offset: 6 << 20, count: 6 << 20))
            usleep(20_000)
            _ = try file.read(Span(offset: 0, count: 1 << 20), asking: Span(offset: 0, count: 1 << 20))
            cache.housekeep()
        }
        for index in 0..<70 {
            let version = FileVersion.test("small\(index)", size: 100_000)
            usleep(5_000)
            let whole = Span(offset: 0, count: 100_000)
            #expect(
                try cache.open(version).read(whole, asking: whole).copied() == Truth(version).bytes(whole)
            )
            if index % 10 == 9 { cache.housekeep() }
            #expect(cache.usage.usedBytes <= 16 << 20)
        }
        let left = cache.cachedBytes(of: big)
        #expect(left > 0 && left < 12 << 20)
        #expect(cache.cachedBytes(of: .test("small69", size: 100_000)) == 100_000)
        var blocks: Int64 = 0
        for path in Self.files(directory.path, "") {
            var status = stat()
            if stat(path, &status) == 0 { blocks += Int64(status.st_blocks) * 512 }
        }
        #expect(blocks <= 16 << 20)
        let file = cache.open(big)
        let whole = Span(offset: 0, count: 12 << 20)
        for offset in stride(from: Int64(0), to: whole.end, by: 1 << 20) {
            let part = Span(offset: offset, count: 1 << 20)
            #expect(try file.read(part, asking: part).copied() == Truth(big).bytes(part))
        }
    }

    @Test func `eviction is remembered by the next process`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let version = FileVersion.test("big", size: 24 << 20)
        do {
            let cache = try Self.cache(directory.path, source, bytesMaximum: 8 << 20)
            let file = cache.open(version)
            for offset in stride(from: Int64(0), to: 24 << 20, by: 1 << 20) {
                let part = Span(offset: offset, count: 1 << 20)
                _ = try file.read(part, asking: part)
                if offset % (3 << 20) == 0 { cache.housekeep() }
            }
        }
        let cache = try Self.cache(directory.path, source, bytesMaximum: 8 << 20)
        let file = cache.open(version)
        var hits = 0
        for offset in stride(from: Int64(0), to: 24 << 20, by: 65_536) {
            let part = Span(offset: offset, count: 65_536)
            guard let bytes = file.resident(part) else { continue }
            hits += 1
            #expect(bytes.copied() == Truth(version).bytes(part))
        }
        #expect(hits > 16 && hits <= 128)
    }

    @Test func `a remount of a full directory keeps to the limit without being told of its files`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        do {
            let cache = try Self.cache(directory.path, source, bytesMaximum: 32 << 20)
            for index in 0..<200 {
                try cache.open(.test("f\(index)", size: 100_000)).load(Span(offset: 0, count: 100_000))
            }
        }
        let cache = try Self.cache(directory.path, source, bytesMaximum: 10 << 20)
        cache.housekeep()
        cache.housekeep()
        #expect(cache.usage.usedBytes <= 10 << 20)
        #expect(cache.usage.usedBytes > 5 << 20)
        #expect(Self.files(directory.path, ".data").count == Self.files(directory.path, ".record").count)
    }

    @Test func `halves that a killed process left are removed, and strangers are left alone`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        do {
            let cache = try Self.cache(directory.path, source)
            for index in 0..<3 {
                try cache.open(.test("f\(index)", size: 9000)).load(Span(offset: 0, count: 9000))
            }
        }
        unlink("\(directory.path)/\(VersionKey(.test("f0", size: 9000)).path).record")
        unlink("\(directory.path)/\(VersionKey(.test("f1", size: 9000)).path).data")
        let stranger = Self.files(directory.path, ".data")[0] + "-notes.txt"
        close(open(stranger, O_CREAT | O_WRONLY, 0o600))
        let cache = try Self.cache(directory.path, source)
        cache.restore()
        #expect(Self.files(directory.path, ".data").count == 1)
        #expect(Self.files(directory.path, ".record").count == 1)
        #expect(access(stranger, F_OK) == 0)
        #expect(cache.cachedBytes(of: .test("f2", size: 9000)) == 9000)
    }

    @Test func `descriptors stay within their limit however many files are open`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let cache = try Self.cache(directory.path, source, descriptorsMaximum: 8)
        let versions = (0..<100).map { FileVersion.test("f\($0)", size: 9000) }
        let files = versions.map(cache.open)
        let whole = Span(offset: 0, count: 9000)
        for _ in 0..<2 {
            for (file, version) in zip(files, versions) {
                #expect(try file.read(whole, asking: whole).copied() == Truth(version).bytes(whole))
            }
        }
        #expect(source.spans.count == 100)
        let open = (DirectoryScan.names("/proc/self/fd", below: AT_FDCWD) ?? []).filter { number in
            var target = [CChar](repeating: 0, count: 512)
            guard readlink("/proc/self/fd/\(number)", &target, target.count - 1) > 0 else { return false }
            return target.starts(with: (directory.path + "/").utf8.map { CChar(bitPattern: $0) })
        }
        // Eight data files, and the lock.
        #expect(open.count <= 9)
    }

    @Test func `when the disk is full or the directory breaks, readers get their bytes all the same`() throws
    {
        guard getuid() == 0 else { return }
        let directory = TemporaryDirectory()
        guard mount("tmpfs", directory.path, "tmpfs", 0, "size=4m") == 0 else { return }
        defer { umount2(directory.path, 2 /* MNT_DETACH */) }
        let source = ScriptedSource()
        let cache = try Self.cache(directory.path + "/cache", source, bytesMaximum: 1 << 30)
        let version = FileVersion.test("a", size: 16 << 20)
        let file = cache.open(version)
        for offset in stride(from: Int64(0), to: 16 << 20, by: 1 << 20) {
            let part = Span(offset: offset, count: 1 << 20)
            #expect(try file.read(part, asking: part).copied() == Truth(version).bytes(part))
            if offset % (4 << 20) == 0 { cache.housekeep() }
        }
        let first = Span(offset: 0, count: 1 << 20)
        #expect(try file.read(first, asking: first).copied() == Truth(version).bytes(first))
        try file.load(Span(offset: 8 << 20, count: 4 << 20))
    }
}

extension PageCache {
    /// The granules of a version's first megabyte that need no check.
    func trustedBits(of version: FileVersion) -> SIMD4<UInt64>? {
        content(of: version)?.state.withLock { $0.regions[0]?.trusted }
    }
}
