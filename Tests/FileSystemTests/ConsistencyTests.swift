import Metadata
import Pages
import Synchronization
import Testing

@testable import FileSystem

/// When an open asks the store, by mode of consistency.
struct ConsistencyTests {
    @Test func inModeZeroAnOpenJustAfterItsLookupAsksNoMore() throws {
        let mount = TestMount(mode: .zero)
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        #expect(mount.namespace.questions == 1)
        _ = try mount.open(node, .immediate)
        #expect(mount.namespace.questions == 1)
    }

    @Test func inModeZeroALaterOpenAsksOnce() throws {
        let mount = TestMount(mode: .zero)
        mount.namespace.put("a", .file("v1"))
        let attributes = try mount.lookup("a")
        #expect(attributes.entryValid == .zero)
        mount.clock.advance(.milliseconds(51))
        #expect(throws: FileSystemError.wouldWait) { try mount.open(attributes.node, .immediate) }
        _ = try mount.open(attributes.node)
        #expect(mount.namespace.questions == 2)
    }

    @Test func aChangeNoticedAtOpenIsStaleAndTheNextLookupIsNew() throws {
        let mount = TestMount(mode: .zero)
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.seconds(1))
        mount.namespace.put("a", .file("v2"))
        #expect(throws: FileSystemError.stale) { try mount.open(node) }
        let next = try mount.lookup("a").node
        #expect(next != node)
        _ = try mount.open(next, .immediate)
    }

    @Test func aRemovalNoticedAtOpenIsStale() throws {
        let mount = TestMount(mode: .zero)
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.seconds(1))
        mount.namespace.put("a", nil)
        #expect(throws: FileSystemError.stale) { try mount.open(node) }
        #expect(throws: FileSystemError.notFound) { try mount.lookup("a") }
    }

    @Test func aStoreThatFailsAtOpenIsNoStaleNode() throws {
        let mount = TestMount(mode: .zero)
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.seconds(1))
        mount.namespace.fail(with: .unavailable("down"))
        #expect(throws: FileSystemError.inputOutput("down")) { try mount.open(node) }
        mount.namespace.fail(with: nil)
        _ = try mount.open(node)
    }

    @Test func trustedAnswersAreUsed() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.milliseconds(500))
        _ = try mount.open(node, .immediate)
        #expect(mount.namespace.questions == 1)
    }

    @Test func anUncachedFileWithExpiredTrustIsOpenedWithoutAQuestion() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.seconds(2))
        mount.namespace.expire()
        _ = try mount.open(node, .immediate)
        #expect(mount.namespace.questions == 1)
    }

    @Test func aCachedFileWithExpiredTrustIsRevalidated() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.pages.file(
            mount.fileSystem.version(
                of: try mount.fileSystem.inodes.find(node).snapshot.node,
                path: RelativePath("a")
            )
        ).warm()
        mount.clock.advance(.seconds(2))
        mount.namespace.expire()
        #expect(throws: FileSystemError.wouldWait) { try mount.open(node, .immediate) }
        _ = try mount.open(node)
        #expect(mount.namespace.questions == 2)
    }

    @Test func aFileWhosePagesTheKernelMayHoldIsRevalidated() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        let handle = try mount.open(node)
        _ = try mount.read(handle, 0, 10)
        try mount.fileSystem.release(handle, .waiting)
        // Our own cache loses the bytes; the kernel need not have.
        mount.pages.onlyFile?.state.withLock { $0.granules = RangeSet() }
        mount.clock.advance(.seconds(2))
        mount.namespace.expire()
        #expect(throws: FileSystemError.wouldWait) { try mount.open(node, .immediate) }
    }

    @Test func anEmptyFileWithExpiredTrustIsRevalidatedSinceNoGetWill() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1", size: 0))
        let node = try mount.lookup("a").node
        mount.namespace.put("a", .file("v2", size: 5))
        mount.clock.advance(.seconds(2))
        mount.namespace.expire()
        #expect(throws: FileSystemError.stale) { try mount.open(node) }
    }

    @Test func anOtherVersionThatIsKnownMakesAnOpenStale() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.seconds(2))
        mount.namespace.state.withLock { $0.trusted[RelativePath("a")] = .file("v2") }
        #expect(throws: FileSystemError.stale) { try mount.open(node, .immediate) }
    }

    @Test func inModeMinusOneNothingIsAsked() throws {
        let mount = TestMount(mode: nil)
        mount.namespace.put("a", .file("v1"))
        let attributes = try mount.lookup("a")
        #expect(attributes.entryValid > .seconds(86_400))
        mount.clock.advance(.seconds(1_000_000))
        mount.namespace.expire()
        _ = try mount.open(attributes.node, .immediate)
        #expect(mount.namespace.questions == 1)
        #expect(mount.fileSystem.negativeValid > .seconds(86_400))
    }

    @Test func aGetThatFindsAnotherVersionIsStaleAndForgetsThePath() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        let handle = try mount.open(node)
        mount.pages.onlyFile?.fail(with: .stale)
        mount.namespace.put("a", .file("v2"))
        #expect(throws: FileSystemError.stale) { try mount.read(handle, 0, 10) }
        #expect(mount.namespace.invalidated == [RelativePath("a")])
        #expect(throws: FileSystemError.stale) { try mount.open(node) }
        #expect(try mount.lookup("a").node != node)
    }

    @Test func attributesOfAFileAskNothing() throws {
        let mount = TestMount(mode: .zero)
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        mount.clock.advance(.seconds(10))
        #expect(try mount.fileSystem.attributes(of: node, .immediate).size == 100)
        #expect(mount.namespace.questions == 1)
    }

    @Test func attributesOfADirectoryAreWhatTheNamespaceSaysNow() throws {
        let mount = TestMount()
        mount.namespace.put("d", .directory)
        let node = try mount.lookup("d").node
        mount.namespace.expire()
        #expect(throws: FileSystemError.wouldWait) { try mount.fileSystem.attributes(of: node, .immediate) }
        var marked = Attributes.directory
        marked.modified = 77_000_000_000
        mount.namespace.put("d", marked)
        #expect(try mount.fileSystem.attributes(of: node, .waiting).modified == 77_000_000_000)
    }

    @Test func openTimeoutsOfTheOptionsWin() throws {
        let mount = TestMount { options in
            options.attributeTimeout = .seconds(7)
            options.entryTimeout = .seconds(8)
            options.negativeTimeout = .seconds(9)
        }
        mount.namespace.put("a", .file("v1"))
        let attributes = try mount.lookup("a")
        #expect(attributes.attributesValid == .seconds(7))
        #expect(attributes.entryValid == .seconds(8))
        #expect(mount.fileSystem.negativeValid == .seconds(9))
    }

    @Test(arguments: [1, 2, 0o1000])
    func openingForMoreThanReadingIsRefused(flags: Int32) throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let node = try mount.lookup("a").node
        #expect(throws: FileSystemError.readOnly) { try mount.fileSystem.open(node, flags: flags, .waiting) }
    }

    @Test func onlyFilesCanBeOpened() throws {
        let mount = TestMount()
        mount.namespace.put("d", .directory)
        mount.namespace.put("s", Attributes(kind: .special, size: 0, modified: 1, etag: nil))
        mount.namespace.put("l", Attributes(kind: .symbolicLink, size: 6, modified: 1, etag: nil))
        #expect(throws: FileSystemError.isDirectory) { try mount.open(try mount.lookup("d").node) }
        #expect(throws: FileSystemError.unsupported) { try mount.open(try mount.lookup("s").node) }
        let link = try mount.lookup("l").node
        #expect(throws: FileSystemError.wouldWait) { try mount.fileSystem.linkTarget(of: link, .immediate) }
        #expect(try mount.fileSystem.linkTarget(of: link, .waiting) == Array("target".utf8))
    }
}
