import Metadata
import Pages
import Synchronization
import Testing

@testable import FileSystem

/// A clock that a test moves.
final class TestClock: Sendable {
    private let nanoseconds = Atomic<Int64>(1_000_000_000_000)
    var now: Int64 { nanoseconds.load(ordering: .relaxed) }
    func advance(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        nanoseconds.add(seconds * 1_000_000_000 + attoseconds / 1_000_000_000, ordering: .relaxed)
    }
}

/// A file system over scripted parts.
struct TestMount {
    let namespace: ScriptedNamespace
    let pages = ScriptedPages()
    let clock = TestClock()
    let pool: WaitingPool
    let fileSystem: FileSystem

    init(
        mode: Duration? = .seconds(1),
        namespace: ScriptedNamespace? = nil,
        ahead: Int = 4,
        _ change: (inout FileSystemOptions) -> Void = { _ in }
    ) {
        self.namespace = namespace ?? ScriptedNamespace(trust: mode)
        pool = WaitingPool(threadsMaximum: 8, aheadMaximum: ahead, queueMaximum: 1000)
        var options = FileSystemOptions()
        options.syncInterval = mode
        options.uid = 1000
        options.gid = 100
        options.mountTime = 42
        change(&options)
        let clock = clock
        fileSystem = FileSystem(
            namespace: self.namespace,
            pages: pages,
            pool: pool,
            options: options,
            clock: { clock.now }
        )
    }

    func lookup(
        _ name: String,
        in parent: NodeID = 1,
        _ patience: Patience = .waiting
    ) throws -> NodeAttributes {
        try Array(name.utf8).withUnsafeBytes { try fileSystem.lookup($0, in: parent, patience) }
    }

    func open(_ node: NodeID, _ patience: Patience = .waiting) throws(FileSystemError) -> HandleID {
        try fileSystem.open(node, flags: 0, patience).handle
    }

    /// Reads as the mount does: at once if possible, else handed over.
    func read(_ handle: HandleID, _ offset: Int64, _ count: Int) throws(FileSystemError) -> [UInt8] {
        do {
            return try fileSystem.read(handle, at: offset, count: count, .immediate).copied
        } catch .wouldWait {
            return try fileSystem.read(handle, at: offset, count: count, .waiting).copied
        }
    }

    /// Closes a file.
    /// - Returns: What went wrong.
    func close(_ handle: HandleID) -> String? {
        do throws(FileSystemError) {
            try fileSystem.release(handle, .waiting)
            return nil
        } catch {
            return "a release failed: \(error)"
        }
    }

    func setExtendedAttribute(_ name: String, of node: NodeID) throws(FileSystemError) {
        let value = UnsafeRawBufferPointer(start: nil, count: 0)
        try fileSystem.setExtendedAttribute(name, value: value, .any, of: node, .waiting)
    }

    /// Waits until the pool has nothing to do.
    func settle() throws {
        for _ in 0..<10_000 {
            let load = pool.load
            if load.running == 0, load.queuedAhead == 0, load.queuedDemand == 0 { return }
            pauseBriefly()
        }
        throw StillBusy()
    }
}

struct StillBusy: Error {}
