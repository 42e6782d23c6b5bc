import Logging
import Synchronization
import Testing
import TestServers

@testable import Cluster

@Suite(.timeLimit(.minutes(10)))
struct MountTableFeedTests {
    @Test func `mounts are added, listed and removed`() throws {
        let store = MountTableStore(
            client: try ClusterFixture.client(.shared()),
            keys: try ClusterFixture.freshKeys()
        )
        let entry = try MountEntry(path: "/s3", ufs: "s3://bucket", options: ["k": "v"])
        try store.add(entry)
        #expect(try store.table().entries == [entry])
        #expect(throws: MountTableError.self) { try store.add(entry) }
        #expect(throws: MountTableError.self) {
            try store.add(MountEntry(path: "/in", ufs: "s3://bucket/in"))
        }
        #expect(throws: MountTableError.notMounted(path: "/other")) { try store.remove(path: "/other") }
        #expect(throws: MountTableError.notMounted(path: "/")) { try store.remove(path: "/") }
        try store.remove(path: "/s3/")
        #expect(try store.table() == .empty)
        try store.add(MountEntry(path: "/in", ufs: "s3://bucket/in"))
    }

    @Test func `of many who mount nesting stores at once exactly one succeeds`() throws {
        let server = try EtcdServer.shared()
        for _ in 0..<5 {
            let keys = try ClusterFixture.freshKeys()
            let winners = Atomic(0)
            try TestThreads.run(8) { index in
                let store = MountTableStore(client: try ClusterFixture.client(server), keys: keys)
                let ufs = "s3://bucket" + String(repeating: "/d", count: index)
                do {
                    try store.add(MountEntry(path: "/m\(index)", ufs: ufs))
                    winners.add(1, ordering: .relaxed)
                } catch let error as MountTableError {
                    guard case .refused = error else { throw error }
                }
            }
            #expect(winners.load(ordering: .relaxed) == 1)
        }
    }

    @Test func `of many who mount different stores at once all succeed`() throws {
        let server = try EtcdServer.shared()
        let keys = try ClusterFixture.freshKeys()
        try TestThreads.run(8) { index in
            let store = MountTableStore(client: try ClusterFixture.client(server), keys: keys)
            try store.add(MountEntry(path: "/m\(index)", ufs: "s3://bucket-\(index)"))
            if index.isMultiple(of: 2) { try store.remove(path: "/m\(index)") }
        }
        let store = MountTableStore(client: try ClusterFixture.client(server), keys: keys)
        #expect(try store.table().entries.map(\.path) == ["/m1", "/m3", "/m5", "/m7"])
    }

    @Test(arguments: [true, false]) func `a change is seen within three seconds`(_ watches: Bool) throws {
        let client = try ClusterFixture.client(.shared())
        let keys = try ClusterFixture.freshKeys()
        let store = MountTableStore(client: client, keys: keys)
        var options = MountTableFeedOptions()
        options.watches = watches
        let feed = MountTableFeed(client: client, keys: keys, options: options)
        let seen = Atomic(0)
        feed.onChange { _ in seen.add(1, ordering: .relaxed) }
        try feed.start()
        #expect(feed.waitForFirstTable(atMost: .seconds(5)))
        #expect(feed.table == .empty)
        let limit: Duration = watches ? .milliseconds(800) : .seconds(3)
        try store.add(MountEntry(path: "/s3", ufs: "s3://bucket"))
        #expect(ClusterFixture.eventually(limit) { feed.table.entry(named: "s3") != nil })
        try store.remove(path: "/s3")
        #expect(ClusterFixture.eventually(limit) { feed.table == .empty })
        #expect(seen.load(ordering: .relaxed) == 2)
        #expect(feed.stop(within: .seconds(3)))
    }

    @Test func `the last table outlives etcd, and changes are seen within three seconds after it is back`()
        throws
    {
        let server = try EtcdServer()
        let client = try ClusterFixture.client(server)
        let keys = try ClusterFixture.freshKeys()
        let store = MountTableStore(client: client, keys: keys)
        try store.add(MountEntry(path: "/a", ufs: "s3://a"))
        let feed = MountTableFeed(client: client, keys: keys)
        try feed.start()
        #expect(feed.waitForFirstTable(atMost: .seconds(5)))
        server.kill()
        _ = StopSignal().sleep(.seconds(6))
        #expect(feed.table.entries.count == 1)
        try server.start()
        try store.add(MountEntry(path: "/b", ufs: "s3://b"))
        #expect(ClusterFixture.eventually(.seconds(3)) { feed.table.entries.count == 2 })
        #expect(feed.stop(within: .seconds(3)))
    }

    @Test func `a file is followed too, and one that is wrong leaves the last table in use`() throws {
        let place = try SupervisedProcess(["sleep", "120"])
        let path = place.directory + "/mounts"
        #expect(throws: MountTableError.self) { try MountTableFeed(file: path) }
        try SupervisedProcess.write("/a s3://a\n", to: path)
        var options = MountTableFeedOptions()
        options.pollInterval = .milliseconds(100)
        let lines = LogLines()
        let feed = try MountTableFeed(file: path, options: options, logger: lines.logger)
        try feed.start()
        #expect(feed.table.entries.map(\.path) == ["/a"])
        try SupervisedProcess.write("/b s3://b\n", to: path)
        #expect(ClusterFixture.eventually { feed.table.entries.map(\.path) == ["/b"] })
        try SupervisedProcess.write("/c\n", to: path)
        #expect(ClusterFixture.eventually { lines.count(.warning, "the last one stays") > 0 })
        _ = StopSignal().sleep(.milliseconds(500))
        #expect(lines.count(.warning, "the last one stays") == 1)
        #expect(feed.table.entries.map(\.path) == ["/b"])
        try SupervisedProcess.write("/d s3://d\n", to: path)
        #expect(ClusterFixture.eventually { feed.table.entries.map(\.path) == ["/d"] })
        #expect(feed.stop(within: .seconds(3)))
    }
}
