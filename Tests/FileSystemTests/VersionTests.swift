import Metadata
import Pages
import Synchronization
import Testing

@testable import FileSystem

/// One kernel inode is one version.
struct VersionTests {
    @Test func lookupsOfOneVersionGiveOneNode() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let first = try mount.lookup("a")
        let second = try mount.lookup("a")
        #expect(first.node == second.node)
        #expect(first.inode == second.inode)
        #expect(first.node >= 2)
        #expect(first.size == 100)
        #expect(first.mode == 0o100644)
        #expect(first.uid == 1000)
        #expect(first.attributesValid == .seconds(1))
    }

    @Test func aNewVersionGetsANewNodeWithTheSameInode() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let first = try mount.lookup("a")
        mount.namespace.put("a", .file("v2", size: 50))
        mount.namespace.expire()
        let second = try mount.lookup("a")
        #expect(first.node != second.node)
        #expect(first.inode == second.inode)
        let old = try mount.fileSystem.attributes(of: first.node, .immediate)
        #expect(old.size == 100)
        #expect(old.attributesValid == .zero)
        #expect(throws: FileSystemError.stale) { try mount.open(first.node) }
        _ = try mount.open(second.node)
    }

    @Test func aNameThatLeadsToAnotherStoreGetsNewNodesAndOpenFilesStay() throws {
        let dropped = Mutex<[String]>([])
        let mount = TestMount { options in
            options.dropKernelEntry = { parent, name in
                dropped.withLock { $0.append("\(parent)/\(String(decoding: name, as: UTF8.self))") }
            }
        }
        mount.namespace.put("s", .directory)
        mount.namespace.put("s/a", .file("v1"))
        mount.namespace.put("t", .directory)
        let (store, other) = (try mount.lookup("s"), try mount.lookup("t"))
        let file = try mount.lookup("a", in: store.node)
        let handle = try mount.open(file.node)
        mount.fileSystem.forgetRootEntry(Array("s".utf8))
        try mount.settle()
        #expect(Set(dropped.withLock { $0 }) == ["1/s", "\(store.node)/a"])
        let again = try mount.lookup("s")
        #expect(again.node != store.node && again.inode == store.inode)
        #expect(try mount.lookup("t").node == other.node)
        // The same version, and yet another file: it lies in another store.
        let found = try mount.lookup("a", in: again.node)
        #expect(found.node != file.node && found.inode == file.inode)
        #expect(try mount.fileSystem.attributes(of: file.node, .immediate).size == 100)
        #expect(mount.close(handle) == nil)
    }

    @Test func aVersionThatComesBackGetsAThirdNode() throws {
        let mount = TestMount()
        var seen: Set<NodeID> = []
        for etag in ["v1", "v2", "v1"] {
            mount.namespace.put("a", .file(etag))
            mount.namespace.expire()
            seen.insert(try mount.lookup("a").node)
        }
        #expect(seen.count == 3)
    }

    @Test func anotherKindUnderTheNameGetsANewNode() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let file = try mount.lookup("a")
        mount.namespace.put("a", .directory)
        mount.namespace.expire()
        let directory = try mount.lookup("a")
        #expect(file.node != directory.node)
        #expect(directory.mode == 0o040755)
        #expect(directory.modified == 42)
    }

    @Test func aTimeThatLostItsFractionIsNoNewVersion() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1", modified: 5_123_000_000))
        let listed = try mount.lookup("a")
        mount.namespace.put("a", .file("v1", modified: 5_000_000_000))
        mount.namespace.expire()
        let headed = try mount.lookup("a")
        #expect(listed.node == headed.node)
        #expect(headed.modified == 5_123_000_000)
        mount.namespace.put("a", .file("v1", modified: 9_000_000_000))
        mount.namespace.expire()
        #expect(try mount.lookup("a").modified == 9_000_000_000)
    }

    @Test func openHandlesKeepReadingTheirVersion() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let old = try mount.lookup("a")
        let oldHandle = try mount.open(old.node)
        mount.namespace.put("a", .file("v2", size: 50))
        mount.namespace.expire()
        let new = try mount.lookup("a")
        let newHandle = try mount.open(new.node)
        #expect(try mount.read(oldHandle, 90, 100) == (90..<100).map { ScriptedFile.byte(ETag("v1"), $0) })
        #expect(try mount.read(newHandle, 40, 100) == (40..<50).map { ScriptedFile.byte(ETag("v2"), $0) })
        #expect(try mount.read(newHandle, 50, 100).isEmpty)
        // The kernel forgets the old node; the handle goes on.
        mount.fileSystem.forget(old.node, count: 1)
        #expect(try mount.read(oldHandle, 0, 1).count == 1)
        try mount.fileSystem.release(oldHandle, .waiting)
        #expect(throws: FileSystemError.stale) { try mount.fileSystem.attributes(of: old.node, .immediate) }
        #expect(throws: FileSystemError.invalid) { try mount.read(oldHandle, 0, 1) }
    }

    @Test func aForgottenNodeIsGoneAndItsNumberIsNotUsedAgain() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let first = try mount.lookup("a").node
        _ = try mount.lookup("a")
        mount.fileSystem.forget(first, count: 1)
        _ = try mount.fileSystem.attributes(of: first, .immediate)
        mount.fileSystem.forget(first, count: 1)
        #expect(throws: FileSystemError.stale) { try mount.fileSystem.attributes(of: first, .immediate) }
        let second = try mount.lookup("a").node
        #expect(second > first)
        #expect(mount.fileSystem.inodes.count == 2)
    }

    @Test func theRootCannotBeForgotten() throws {
        let mount = TestMount()
        mount.fileSystem.forget(1, count: 100)
        #expect(try mount.fileSystem.attributes(of: 1, .immediate).mode == 0o040755)
    }

    @Test func aChildIsFoundAgainAfterItsDirectoryWasForgotten() throws {
        let mount = TestMount()
        mount.namespace.put("d", .directory)
        mount.namespace.put("d/a", .file("v1"))
        let directory = try mount.lookup("d").node
        let child = try mount.lookup("a", in: directory).node
        mount.fileSystem.forget(directory, count: 1)
        let again = try mount.lookup("d").node
        #expect(again != directory)
        #expect(try mount.lookup("a", in: again).node == child)
        #expect(
            try mount.fileSystem.extendedAttribute("user.alluxio.ufs.uri", of: child, .immediate)
                == Array("s3://bucket/d/a".utf8)
        )
    }

    @Test func inodeNumbersAreTheSameInEveryMount() throws {
        var inodes: Set<UInt64> = []
        for _ in 0..<2 {
            let mount = TestMount()
            mount.namespace.put("dir", .directory)
            mount.namespace.put("dir/some-file.bin", .file("v1"))
            let directory = try mount.lookup("dir").node
            inodes.insert(try mount.lookup("some-file.bin", in: directory).inode)
        }
        #expect(inodes.count == 1)
        // Users see it as st_ino: a change of the hash is a change of the format.
        #expect(inodes.first == 2_792_766_794_044_504_214)
    }

    @Test func localStoresShowTheirNativeAttributes() throws {
        let mount = TestMount()
        var attributes = Attributes.file("v1")
        attributes.posix = POSIXAttributes(
            mode: 0o100600,
            uid: 7,
            gid: 8,
            linkCount: 3,
            inode: 99,
            device: 0,
            accessed: 5,
            changed: 6
        )
        mount.namespace.put("a", attributes)
        let shown = try mount.lookup("a")
        #expect(shown.inode == 99 && shown.mode == 0o100600 && shown.uid == 7 && shown.linkCount == 3)
    }

    @Test func badNamesAndParentsHaveTheirErrors() throws {
        let mount = TestMount()
        mount.namespace.put("a", .file("v1"))
        let file = try mount.lookup("a").node
        #expect(throws: FileSystemError.nameTooLong) { try mount.lookup(String(repeating: "x", count: 256)) }
        #expect(throws: FileSystemError.notFound) { try mount.lookup(String(repeating: "x", count: 255)) }
        #expect(throws: FileSystemError.notDirectory) { try mount.lookup("b", in: file) }
        #expect(throws: FileSystemError.stale) { try mount.lookup("b", in: 999) }
        #expect(throws: FileSystemError.wouldWait) { try mount.lookup("c", .immediate) }
    }
}
