import Metadata
import Pages
import SeededRandom
import Synchronization
import Testing

@testable import FileSystem

/// Many threads at once.
struct ConcurrencyTests {
    /// What one thread holds.
    private struct Holding {
        var references: [NodeID: UInt64] = [:]
        var open: [(handle: HandleID, etag: String, size: Int64)] = []

        /// Reads from one of the open files.
        /// - Returns: What is wrong with the answer; nil if nothing is, or no file is open.
        func read(_ mount: TestMount, _ random: inout SeededGenerator) -> String? {
            guard let open = open.randomElement(using: &random) else { return nil }
            let offset = Int64.random(in: 0..<open.size, using: &random)
            guard let bytes = try? mount.read(open.handle, offset, 4096) else { return "a read failed" }
            let expected = (offset..<min(offset + 4096, open.size)).map {
                ScriptedFile.byte(ETag(open.etag), $0)
            }
            return bytes == expected ? nil : "bytes of another version"
        }

        /// Lists some of the root, and takes a reference to everything listed.
        mutating func list(_ mount: TestMount, _ random: inout SeededGenerator) {
            guard let handle = try? mount.fileSystem.openDirectory(1, .waiting) else { return }
            defer { mount.fileSystem.releaseDirectory(handle) }
            var taken: [NodeID] = []
            let limit = Int.random(in: 0..<30, using: &random)
            try? mount.fileSystem.readDirectory(handle, from: 0, .waiting, withAttributes: true) {
                _,
                attributes in
                guard taken.count < limit else { return false }
                if let attributes { taken.append(attributes.node) }
                return true
            }
            for node in taken { references[node, default: 0] += 1 }
        }
    }

    /// The size that a version has, so that a reader knows what belongs together.
    private static func size(_ version: Int) -> Int64 { 600_000 + Int64(version % 50) * 1000 }

    /// One thread's random operations, as a kernel might send them.
    private static func operate(
        _ mount: TestMount,
        _ seed: UInt64,
        rounds: Int,
        versions: borrowing Atomic<Int>
    ) -> [String] {
        var random = SeededGenerator(seed: seed)
        var holding = Holding()
        var problems: [String] = []
        for _ in 0..<rounds {
            let name = "f\(Int.random(in: 0..<20, using: &random))"
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                let version = versions.add(1, ordering: .relaxed).newValue
                mount.namespace.put(name, .file("\(version)", size: size(version)))
                if Bool.random(using: &random) { mount.namespace.expire() }
            case 1...4:
                guard let attributes = try? mount.lookup(name) else { continue }
                holding.references[attributes.node, default: 0] += 1
                guard Bool.random(using: &random), let handle = try? mount.open(attributes.node) else {
                    continue
                }
                guard let version = mount.fileSystem.handles.file(handle)?.node else {
                    problems.append("an open handle is unknown")
                    continue
                }
                holding.open.append((handle, version.etag?.text ?? "", version.size))
            case 5...8:
                if let problem = holding.read(mount, &random) { problems.append(problem) }
            case 9:
                guard let index = holding.open.indices.randomElement(using: &random) else { continue }
                let handle = holding.open.remove(at: index).handle
                if let problem = mount.close(handle) { problems.append(problem) }
            case 10:
                guard let (node, count) = holding.references.randomElement(using: &random) else { continue }
                holding.references[node] = nil
                mount.fileSystem.forget(node, count: count)
            default:
                holding.list(mount, &random)
            }
        }
        problems += holding.open.compactMap { mount.close($0.handle) }
        for (node, count) in holding.references { mount.fileSystem.forget(node, count: count) }
        return problems
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func sixteenThreadsOfRandomOperationsLeaveNothingBehind(seed: UInt64) throws {
        let mount = TestMount(mode: .zero, namespace: ScriptedNamespace(trust: .seconds(1)))
        let listing = ScriptedListing(pages: [
            (0..<20).map { (name: "f\($0)", attributes: Attributes.file("0", size: size0)) }
        ])
        mount.namespace.setListing(listing, of: .root)
        for index in 0..<20 { mount.namespace.put("f\(index)", .file("0", size: size0)) }
        let threads = WaitingPool(threadsMaximum: 16, aheadMaximum: 0, queueMaximum: 0)
        let versions = Atomic(0)
        let problems = Mutex<[String]>([])
        for thread in 0..<16 {
            let isAccepted = threads.submit(.demand) {
                let found = Self.operate(
                    mount,
                    seed &* 1000 &+ UInt64(thread),
                    rounds: 300,
                    versions: versions
                )
                problems.withLock { $0 += found }
            }
            #expect(isAccepted)
        }
        threads.stop(within: .seconds(60))
        #expect(threads.load.threads == 0, "seed \(seed)")
        #expect(problems.withLock { $0 } == [], "seed \(seed)")
        try mount.settle()
        #expect(mount.fileSystem.inodes.count == 1, "seed \(seed)")
        #expect(mount.fileSystem.handles.counts == (0, 0), "seed \(seed)")
        #expect(mount.fileSystem.readAhead.budget.takenBytes == 0, "seed \(seed)")
    }

    private var size0: Int64 { Self.size(0) }

    @Test func lookupsRacingWithForgetsNeverGiveADeadNode() throws {
        let mount = TestMount(mode: nil)
        mount.namespace.put("a", .file("v1"))
        _ = try mount.lookup("a")
        mount.fileSystem.forget(2, count: 1)
        let threads = WaitingPool(threadsMaximum: 4, aheadMaximum: 0, queueMaximum: 0)
        let failures = Atomic(0)
        for _ in 0..<4 {
            _ = threads.submit(.demand) {
                for _ in 0..<5000 {
                    // What was looked up stays until this thread forgets it, whatever the others forget.
                    guard let node = try? mount.lookup("a").node,
                        (try? mount.fileSystem.attributes(of: node, .immediate)) != nil,
                        let handle = try? mount.open(node)
                    else {
                        failures.add(1, ordering: .relaxed)
                        continue
                    }
                    if mount.close(handle) != nil { failures.add(1, ordering: .relaxed) }
                    mount.fileSystem.forget(node, count: 1)
                }
            }
        }
        threads.stop(within: .seconds(60))
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(mount.fileSystem.inodes.count == 1)
    }

    @Test func budgetsAreSharedByManyStreams() throws {
        let mount = TestMount { $0.readAheadBudget = 16 << 20 }
        var handles: [HandleID] = []
        for index in 0..<8 {
            mount.namespace.put("f\(index)", .file("v\(index)", size: 1 << 30))
            handles.append(try mount.open(try mount.lookup("f\(index)").node))
        }
        var largest = 0
        for step in 0..<Int64(400) {
            for handle in handles {
                _ = try mount.fileSystem.read(handle, at: step << 17, count: 128 << 10, .waiting)
                try mount.settle()
                largest = max(largest, mount.fileSystem.readAhead.budget.takenBytes)
            }
        }
        #expect(largest <= 16 << 20)
        // Every stream has its part, so none is left with demand reads only.
        for index in 0..<8 {
            let version = FileVersion(
                uri: UFSURI("s3://bucket/f\(index)"),
                etag: ETag("v\(index)"),
                size: 1 << 30
            )
            #expect(mount.pages.file(version).fetches.count < 120)
        }
    }
}
