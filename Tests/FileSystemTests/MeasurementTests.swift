import Glibc
import Metadata
import Pages
import SeededRandom
import Synchronization
import Testing
import Threading

@testable import FileSystem

/// Costs, printed; meaningful in a release build only, so they run when `ALLUXIO_MEASURE` is set.
@Suite(.serialized, .enabled(if: getenv("ALLUXIO_MEASURE") != nil))
struct MeasurementTests {
    /// A page file that always has everything, at no cost of its own.
    final class WarmFile: PageFile {
        let version: FileVersion
        private let pin = PatternPin(ETag(""))
        init(version: FileVersion) { self.version = version }
        func resident(_ span: Span) -> PinnedBytes? {
            PinnedBytes(pieces: [.memory(pin.bytes(span))], pin: pin)
        }
        func read(_ span: Span, asking ask: Span) throws(StoreError) -> PinnedBytes { throw .notFound }
        func load(_ span: Span, _ arrived: (Int) -> Void) throws(StoreError) {}
        func isCovered(_ span: Span) -> Bool { true }
    }

    final class WarmPages: PageSource {
        func open(_ version: FileVersion) -> any PageFile { WarmFile(version: version) }
        func cachedBytes(of version: FileVersion) -> Int64 { version.size }
        func adopt(_ version: FileVersion, from descriptor: Int32, spans: [Span]) {}
        func follow(from old: FileVersion, to new: FileVersion) {}
    }

    /// A namespace that has the same file under every name, at no cost of its own.
    final class FlatNamespace: UnchangedNamespace {
        let answer = TrustedAttributes(
            attributes: Attributes(
                kind: .file,
                size: 1 << 30,
                modified: 1_000_000_000,
                etag: ETag("0123456789abcdef0123456789abcdef")
            ),
            validFor: .seconds(1),
            isFresh: false
        )
        var entryCount: Int { 0 }
        func uri(of path: RelativePath) -> UFSURI { UFSURI(bytes: path.bytes) }
        func attributes(of path: RelativePath, mayWait: Bool) throws(StoreError) -> TrustedAttributes {
            answer
        }
        func revalidate(_ path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
            answer.attributes
        }
        func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> any DirectoryListing {
            EmptyListing()
        }
        func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { [] }
        func invalidate(_ path: RelativePath) {}
    }

    static func mount() -> FileSystem {
        FileSystem(
            namespace: FlatNamespace(),
            pages: WarmPages(),
            pool: WaitingPool(threadsMaximum: 8, aheadMaximum: 4, queueMaximum: 1000),
            options: FileSystemOptions(),
            clock: systemClock
        )
    }

    /// The processor time of this thread: the machine may be busy with other things.
    static func threadNanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    /// The least of five rounds, nanoseconds a call.
    static func cost(_ what: String, calls: Int, _ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<5 {
            let start = threadNanoseconds()
            for _ in 0..<calls { try body() }
            best = min(best, Double(threadNanoseconds() - start) / Double(calls))
        }
        print("MEASURED \(what): \(Int(best)) ns")
        return best
    }

    /// What the process has in memory.
    static func residentBytes() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY)
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &text, text.count)
        let fields = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }

    @Test func costOfALookupHitAndAReadHit() throws {
        let fileSystem = Self.mount()
        let name = Array("some-file.bin".utf8)
        let node = try name.withUnsafeBytes { try fileSystem.lookup($0, in: 1, .immediate).node }
        _ = try Self.cost("lookup hit", calls: 200_000) {
            _ = try name.withUnsafeBytes { try fileSystem.lookup($0, in: 1, .immediate) }
        }
        _ = try Self.cost("getattr", calls: 200_000) { _ = try fileSystem.attributes(of: node, .immediate) }
        let handle = try fileSystem.open(node, flags: 0, .immediate).handle
        var random = SeededGenerator(seed: 1)
        _ = try Self.cost("random 4 KiB read hit", calls: 200_000) {
            let offset = Int64(random.next() % (1 << 18)) << 12
            _ = try fileSystem.read(handle, at: offset, count: 4096, .immediate)
        }
        var offset: Int64 = 0
        _ = try Self.cost("sequential 4 KiB read hit", calls: 200_000) {
            _ = try fileSystem.read(handle, at: offset, count: 4096, .immediate)
            offset = (offset + 4096) % (1 << 30)
        }
        _ = try Self.cost("open and release", calls: 100_000) {
            try fileSystem.release(try fileSystem.open(node, flags: 0, .immediate).handle, .immediate)
        }
    }

    @Test func costWhenFourThreadsLookUpAtOnce() throws {
        let fileSystem = Self.mount()
        let threads = WaitingPool(threadsMaximum: 4, aheadMaximum: 0, queueMaximum: 0)
        let total = Atomic<Int64>(0)
        for thread in 0..<4 {
            _ = threads.submit(.demand) {
                let start = Self.threadNanoseconds()
                defer { total.add(Self.threadNanoseconds() - start, ordering: .relaxed) }
                let name = Array("file-\(thread)".utf8)
                for _ in 0..<500_000 {
                    _ = name.withUnsafeBytes { try? fileSystem.lookup($0, in: 1, .immediate) }
                }
            }
        }
        threads.stop(within: .seconds(60))
        print("MEASURED lookup hit, 4 threads: \(total.load(ordering: .relaxed) / 2_000_000) ns")
    }

    @Test func bytesOfANode() throws {
        let fileSystem = Self.mount()
        let before = Self.residentBytes()
        let count = 200_000
        let start = Self.threadNanoseconds()
        for index in 0..<count {
            var name = "file-\(100_000 + index).bin"
            _ = try name.withUTF8 { try fileSystem.lookup(UnsafeRawBufferPointer($0), in: 1, .immediate) }
        }
        print("MEASURED new node: \((Self.threadNanoseconds() - start) / Int64(count)) ns")
        let bytes = (Self.residentBytes() - before) / count
        print("MEASURED bytes a node: \(bytes)")
        #expect(bytes < 250)
        let forgetting = Self.threadNanoseconds()
        for id in 2..<NodeID(count + 2) { fileSystem.forget(id, count: 1) }
        print("MEASURED forget: \((Self.threadNanoseconds() - forgetting) / Int64(count)) ns")
        #expect(fileSystem.inodes.count == 1)
    }

    @Test func costOfAHopToThePool() throws {
        let pool = WaitingPool(threadsMaximum: 8, aheadMaximum: 4, queueMaximum: 1000)
        let done = Atomic(0)
        var hops = 0
        _ = Self.cost("hop, one at a time", calls: 20_000) {
            hops += 1
            _ = pool.submit(.demand) { done.add(1, ordering: .releasing) }
            while done.load(ordering: .acquiring) < hops {}
        }
    }
}
