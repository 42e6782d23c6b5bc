import Cluster
import Glibc
import Metadata
import Pages
import Synchronization
import Testing

@testable import Settings

/// A directory that is gone when the test ends.
private final class Scratch {
    let path: String

    init() {
        var template = Array("/tmp/store-table-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { name in
            name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
        }
    }

    func directory(_ name: String) -> String {
        mkdir("\(path)/\(name)", 0o755)
        return "\(path)/\(name)"
    }

    deinit {
        for name in ["a", "b", "c", "late"] { rmdir("\(path)/\(name)") }
        rmdir(path)
    }
}

/// A clock that a test moves.
private final class Clock: Sendable {
    private let now = Mutex<Int64>(1_000_000_000_000)

    var time: Int64 { now.withLock { $0 } }
    func pass(seconds: Int64) { now.withLock { $0 += seconds * 1_000_000_000 } }
}

@Suite struct StoreTableTests {
    private let scratch = Scratch()
    private let clock = Clock()

    private func table() throws -> StoreTable {
        let settings = try Settings(options: OptionList(), environment: [:], file: nil)
        let clock = clock
        return StoreTable(settings: settings, environment: [:], userAgent: "test") { clock.time }
    }

    private func mount(_ name: String, _ options: [String: String] = [:]) throws -> MountEntry {
        try MountEntry(path: "/\(name)", ufs: "file://\(scratch.directory(name))", options: options)
    }

    private func told(_ table: StoreTable) -> Told {
        let told = Told()
        table.onChange { names in told.take(names) }
        return told
    }

    private final class Told: Sendable {
        private let lists = Mutex<[[String]]>([])
        func take(_ names: [String]) { lists.withLock { $0.append(names) } }
        var all: [[String]] { lists.withLock { $0 } }
    }

    @Test func aStoreThatDidNotChangeIsKept() throws {
        let table = try table()
        let told = told(table)
        table.take(try MountTable([mount("a"), mount("b")]))
        let before = table.stores
        table.take(try MountTable([mount("a"), mount("b", ["alluxio.underfs.s3.region": "r"]), mount("c")]))
        let after = table.stores
        #expect(after.mounted.map(\.entry.name) == ["a", "b", "c"])
        #expect(after.mounted[0].id == before.mounted[0].id)
        #expect(after.mounted[1].id != before.mounted[1].id)
        table.take(try MountTable([mount("c")]))
        table.take(try MountTable([mount("c")]))
        #expect(told.all.map { $0.sorted() } == [["a", "b"], ["b", "c"], ["a", "b"]])
    }

    @Test func aFileIsFoundByItsAddressAlsoAfterItsMountHasEnded() throws {
        let table = try table()
        table.take(try MountTable([mount("a"), mount("b")]))
        let file = UFSURI("file://\(scratch.path)/a/x")
        #expect(table.stores.holder(of: file)?.entry.name == "a")
        #expect(table.stores.holder(of: UFSURI("file://\(scratch.path)/ab/x")) == nil)
        table.take(try MountTable([mount("b")]))
        #expect(table.stores.mounted(at: Array("a".utf8)[...]) == nil)
        #expect(table.stores.holder(of: file)?.entry.name == "a")
    }

    @Test func aStoreIsLetGoOnceItsMountHasEndedAndNothingOfItIsOpen() throws {
        let table = try table()
        let file = UFSURI("file://\(scratch.path)/a/x")
        table.take(try MountTable([mount("a")]))
        table.take(.empty)
        table.housekeep { _ in false }
        #expect(table.stores.holder(of: file) != nil, "a file may just be being opened")
        clock.pass(seconds: 11)
        table.housekeep { $0.holds(file) }
        #expect(table.stores.holder(of: file) != nil)
        table.housekeep { _ in false }
        #expect(table.stores.holder(of: file) == nil)
    }

    @Test func onlySoManyEndedStoresAreKept() throws {
        let table = try table()
        for region in 0...StoreMounts.retiredMaximum + 3 {
            table.take(try MountTable([mount("a", ["alluxio.underfs.s3.region": "r\(region)"])]))
        }
        table.take(.empty)
        #expect(table.stores.retired.count == StoreMounts.retiredMaximum)
    }

    @Test func aStoreThatCannotBeMadeIsNamedAndTheOthersWork() throws {
        let table = try table()
        let late = try MountEntry(path: "/late", ufs: "file://\(scratch.path)/late")
        let foreign = try MountEntry(path: "/foreign", ufs: "gs://bucket")
        table.take(try MountTable([mount("a"), late, foreign]))
        let stores = table.stores
        #expect(stores.mounted.map { $0.link != nil } == [true, false, false])
        #expect {
            try stores.mounted[1].usable()
        } throws: { error in
            guard case .unavailable(let text)? = error as? StoreError else { return false }
            return text.contains("/foreign") && text.contains("gs://")
        }
    }

    @Test func aStoreThatCouldNotBeMadeIsTriedAgain() throws {
        let table = try table()
        table.take(try MountTable([MountEntry(path: "/late", ufs: "file://\(scratch.path)/late")]))
        let told = told(table)
        clock.pass(seconds: 11)
        table.housekeep { _ in false }
        #expect(table.stores.mounted[0].link == nil && told.all.isEmpty)
        _ = scratch.directory("late")
        table.housekeep { _ in false }
        #expect(table.stores.mounted[0].link == nil, "not more often than every ten seconds")
        clock.pass(seconds: 11)
        table.housekeep { _ in false }
        #expect(table.stores.mounted[0].link != nil)
        #expect(told.all == [["late"]])
    }

    @Test func aWrongOptionOfOneMountSpoilsOnlyThat() throws {
        let table = try table()
        let wrong = try mount("b", ["alluxio.underfs.s3.disable.dns.buckets": "perhaps"])
        table.take(try MountTable([mount("a"), wrong]))
        #expect(table.stores.mounted.map { $0.link != nil } == [true, false])
    }
}
