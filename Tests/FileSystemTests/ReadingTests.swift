import Metadata
import Pages
import Synchronization
import Testing

@testable import FileSystem

/// Reads of open files.
struct ReadingTests {
    static func opened(_ mount: TestMount, size: Int64) throws -> (handle: HandleID, file: ScriptedFile) {
        mount.namespace.put("a", .file("v1", size: size))
        let handle = try mount.open(try mount.lookup("a").node)
        return (handle, try #require(mount.pages.onlyFile))
    }

    static func expected(_ range: Range<Int64>) -> [UInt8] { range.map { ScriptedFile.byte(ETag("v1"), $0) } }

    @Test func readsAreClampedToTheVersion() throws {
        let mount = TestMount()
        let (handle, _) = try Self.opened(mount, size: 1000)
        #expect(try mount.read(handle, 990, 100) == Self.expected(990..<1000))
        #expect(try mount.read(handle, 1000, 1).isEmpty)
        #expect(try mount.read(handle, .max, 100).isEmpty)
        #expect(try mount.read(handle, 5, .max) == Self.expected(5..<1000))
        #expect(try mount.read(handle, 0, 0).isEmpty)
        #expect(throws: FileSystemError.invalid) { try mount.read(handle, -1, 10) }
        #expect(throws: FileSystemError.invalid) { try mount.read(handle, 0, -1) }
        #expect(throws: FileSystemError.invalid) { try mount.read(handle + 1, 0, 1) }
    }

    @Test func cachedBytesAreGivenAtOnceAndOthersWait() throws {
        let mount = TestMount()
        let (handle, file) = try Self.opened(mount, size: 100_000)
        #expect(throws: FileSystemError.wouldWait) {
            try mount.fileSystem.read(handle, at: 0, count: 10, .immediate).copied
        }
        #expect(file.fetches.isEmpty)
        #expect(try mount.fileSystem.read(handle, at: 0, count: 10, .waiting).copied == Self.expected(0..<10))
        #expect(file.fetches == [Span(offset: 0, count: 100_000)])
        #expect(
            try mount.fileSystem.read(handle, at: 50, count: 10, .immediate).copied == Self.expected(50..<60)
        )
    }

    @Test func aSequentialReadIsFetchedAheadOnceOnly() throws {
        let mount = TestMount()
        let size: Int64 = 64 << 20
        let (handle, file) = try Self.opened(mount, size: size)
        for index in 0..<(size >> 17) {
            _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .waiting)
        }
        try mount.settle()
        #expect(file.cachedBytes == size)
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0)
        try mount.fileSystem.release(handle, .waiting)
    }

    @Test func aWarmFileTakesNothingOfTheBudget() throws {
        let mount = TestMount()
        let (handle, file) = try Self.opened(mount, size: 256 << 20)
        file.warm()
        for index in 0..<Int64(200) {
            _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .immediate)
        }
        #expect(file.fetches.isEmpty)
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0)
    }

    @Test func twoHandlesShareOnePlanner() throws {
        let mount = TestMount()
        let (first, file) = try Self.opened(mount, size: 64 << 20)
        let second = try mount.open(try mount.lookup("a").node)
        for index in 0..<Int64(64) {
            _ = try mount.fileSystem.read(
                index % 2 == 0 ? first : second,
                at: index << 17,
                count: 128 << 10,
                .waiting
            )
            // What is fetched ahead is there before the next read, however busy the machine is.
            try mount.settle()
        }
        #expect(file.fetches.count < 30)
        try mount.fileSystem.release(first, .waiting)
        #expect(mount.fileSystem.readAhead.budget.takenBytes > 0)
        try mount.fileSystem.release(second, .waiting)
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0)
    }

    @Test func aStreamThatStopsGivesItsBudgetBack() throws {
        let mount = TestMount()
        let (handle, _) = try Self.opened(mount, size: 1 << 30)
        for index in 0..<Int64(64) {
            _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .waiting)
        }
        #expect(mount.fileSystem.readAhead.budget.takenBytes > 0)
        for _ in 0...FileSystem.idleSeconds { mount.fileSystem.housekeep() }
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0)
    }

    @Test func failedReadAheadIsNoError() throws {
        let mount = TestMount()
        let (handle, file) = try Self.opened(mount, size: 64 << 20)
        for index in 0..<Int64(2) {
            _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .waiting)
        }
        file.fail(with: .unavailable("down"))
        #expect(throws: FileSystemError.inputOutput("down")) {
            for index in 2..<Int64(512) {
                _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .waiting)
            }
        }
        try mount.settle()
        file.fail(with: nil)
        for index in 2..<Int64(512) {
            _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .waiting)
            try mount.settle()
        }
        #expect(file.cachedBytes == 64 << 20)
        #expect(file.fetches.count < 200)
        try mount.fileSystem.release(handle, .waiting)
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0)
    }

    @Test func aPoolThatRefusesReadAheadCostsSpeedOnly() throws {
        let mount = TestMount()
        mount.pool.stop(within: .seconds(1))
        let (handle, file) = try Self.opened(mount, size: 32 << 20)
        for index in 0..<Int64(256) {
            _ = try mount.fileSystem.read(handle, at: index << 17, count: 128 << 10, .waiting)
        }
        #expect(file.cachedBytes == 32 << 20)
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0)
    }

    @Test func seekKnowsOneHoleAtTheEnd() throws {
        let mount = TestMount()
        let (handle, _) = try Self.opened(mount, size: 1000)
        #expect(try mount.fileSystem.seek(handle, from: 10, whence: 3, .immediate) == 10)
        #expect(try mount.fileSystem.seek(handle, from: 10, whence: 4, .immediate) == 1000)
        #expect(throws: FileSystemError.noSuchOffset) {
            try mount.fileSystem.seek(handle, from: 1000, whence: 3, .immediate)
        }
        #expect(throws: FileSystemError.noSuchOffset) {
            try mount.fileSystem.seek(handle, from: 1000, whence: 4, .immediate)
        }
        #expect(throws: FileSystemError.noSuchOffset) {
            try mount.fileSystem.seek(handle, from: -1, whence: 3, .immediate)
        }
        #expect(throws: FileSystemError.invalid) {
            try mount.fileSystem.seek(handle, from: 0, whence: 2, .immediate)
        }
    }

    @Test func extendedAttributesTellTheirFile() throws {
        let mount = TestMount { $0.statisticsText = { Array("numbers".utf8) } }
        mount.namespace.put("a", .file("v1", size: 10_000))
        let node = try mount.lookup("a").node
        func value(_ name: String, _ node: NodeID) throws -> String {
            String(
                decoding: try mount.fileSystem.extendedAttribute(name, of: node, .immediate),
                as: UTF8.self
            )
        }
        #expect(try value("user.alluxio.ufs.uri", node) == "s3://bucket/a")
        #expect(try value("user.alluxio.etag", node) == "v1")
        #expect(try value("user.alluxio.cached.bytes", node) == "0")
        let handle = try mount.open(node)
        _ = try mount.read(handle, 0, 1)
        #expect(try value("user.alluxio.cached.bytes", node) == "10000")
        #expect(try value("user.alluxio.stats", 1) == "numbers")
        #expect(throws: FileSystemError.noAttribute) { try value("user.alluxio.stats", node) }
        #expect(throws: FileSystemError.noAttribute) { try value("user.alluxio.etag", 1) }
        #expect(throws: FileSystemError.noAttribute) { try value("security.capability", node) }
        let names = try mount.fileSystem.extendedAttributeNames(of: node, .immediate)
        for name in names { _ = try value(name, node) }
        #expect(names.count == 3)
    }

    @Test func invalidateForgetsThePathHereAndInTheKernel() throws {
        final class Dropped: Sendable {
            let names = Mutex<Set<String>>([])
        }
        let dropped = Dropped()
        let mount = TestMount { options in
            options.dropKernelEntry = { parent, name in
                dropped.names.withLock { _ = $0.insert("\(parent)/\(String(decoding: name, as: UTF8.self))") }
            }
        }
        mount.namespace.put("d", .directory)
        mount.namespace.put("d/a", .file("v1"))
        mount.namespace.put("da", .file("v1"))
        let directory = try mount.lookup("d").node
        _ = try mount.lookup("a", in: directory)
        _ = try mount.lookup("da")
        try mount.setExtendedAttribute("user.alluxio.invalidate", of: directory)
        #expect(mount.namespace.invalidated == [RelativePath("d")])
        try mount.settle()
        #expect(dropped.names.withLock { $0 } == ["1/d", "\(directory)/a"])
        #expect(throws: FileSystemError.readOnly) {
            try mount.setExtendedAttribute("user.other", of: directory)
        }
    }

    @Test func pseudoNamesAreCommands() throws {
        let mount = TestMount { $0.specialCommands = true }
        mount.namespace.put("d", .directory)
        let directory = try mount.lookup("d").node
        let size = try mount.lookup(".alluxiocli.metadatacache.size")
        #expect(size.size == 1 && size.entryValid == .zero && size.attributesValid == .zero)
        #expect(try mount.fileSystem.attributes(of: size.node, .immediate).size == 1)
        #expect(throws: FileSystemError.unsupported) { try mount.open(size.node) }
        _ = try mount.lookup(".alluxiocli.metadatacache.drop", in: directory)
        #expect(mount.namespace.invalidated == [RelativePath("d")])
        _ = try mount.lookup(".alluxiocli.metadatacache.dropAll")
        #expect(mount.namespace.invalidated.last == .root)
        #expect(throws: FileSystemError.notFound) {
            try mount.lookup(".alluxiocli.metadatacache.size", in: directory)
        }
        let again = try mount.lookup(".alluxiocli.metadatacache.size")
        #expect(again.node != size.node)
        mount.fileSystem.forget(again.node, count: 1)
        #expect(throws: FileSystemError.stale) { try mount.fileSystem.attributes(of: again.node, .immediate) }
    }

    @Test func pseudoNamesAreOrdinaryUnlessSwitchedOn() throws {
        let mount = TestMount()
        #expect(throws: FileSystemError.notFound) { try mount.lookup(".alluxiocli.metadatacache.dropAll") }
        #expect(mount.namespace.invalidated.isEmpty)
    }
}
