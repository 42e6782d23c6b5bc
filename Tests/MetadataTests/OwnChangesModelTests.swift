import Pages
import SeededRandom
import Synchronization
import Testing

@testable import Metadata

/// A store in order of its names whose only writer is this mount, and that lets the test act while an answer
/// is on its way.
private final class QuietStore: MetadataSource {
    let entries = Mutex<[RelativePath: Attributes]>([:])
    /// Runs between the making of an answer and its arrival.
    let interlude = Mutex<(@Sendable () -> Void)?>(nil)
    let pageSize = 3

    func uri(of path: RelativePath) -> UFSURI { UFSURI("test://\(path)") }
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { [] }

    private func interrupt() {
        let action = interlude.withLock { interlude in
            defer { interlude = nil }
            return interlude
        }
        action?()
    }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        let found = entries.withLock { $0[path] }
        interrupt()
        guard let found else { throw .notFound }
        return found
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let page = entries.withLock { entries -> [(name: String, attributes: Attributes)]? in
            guard directory.isRoot || entries[directory] != nil else { return nil }
            let children = entries.filter { $0.key.parent == directory }
            let named = children.map { (String(decoding: $0.key.name, as: UTF8.self), $0.value) }
            return named.sorted { $0.0 < $1.0 }.filter { $0.0 > token?.text ?? "" }
        }
        interrupt()
        guard let page else { throw .notFound }
        for (name, attributes) in page.prefix(pageSize) {
            Array(name.utf8).withUnsafeBytes { sink($0, attributes) }
        }
        let last = page.count > pageSize ? page[pageSize - 1].name : nil
        return ListingPage(next: last.map { ListingToken($0) }, hidden: 0)
    }
}

/// Random changes of one mount, alone with its store: then every answer is exactly what it did, whatever is
/// cached, expired, on its way or half read.
@Suite("What this mount did itself, against a model", .timeLimit(.minutes(10)))
struct OwnChangesModelTests {
    @Test(arguments: [Duration.zero, .milliseconds(300), .seconds(1000), nil])
    func `every answer is what this mount did`(_ interval: Duration?) throws {
        for _ in 0..<40 {
            let seed = UInt64.random(in: .min ... .max)
            let run = ModelRun(interval: interval, seed: seed)
            for step in 0..<400 {
                let problem = run.step()
                guard let problem else { continue }
                let trace = run.trace.joined(separator: "\n")
                Issue.record("interval \(interval as Any), seed \(seed), step \(step)\n\(trace)\n\(problem)")
                return
            }
        }
    }
}

/// One mount, its store, and what must be true of it.
private final class ModelRun: Sendable {
    struct State {
        var random: SeededGenerator
        /// What the store does not have yet.
        var pending: [RelativePath: Attributes] = [:]
        var version: Int64 = 0
        var readers: [Reader] = []
        /// Trees that were moved.
        var treesMoved = 0
        /// What happened lately.
        var trace: [String] = []
    }

    /// What happened lately.
    var trace: [String] { state.withLock { $0.trace } }

    private func note(_ text: String) {
        state.withLock { state in
            state.trace.append("\(clock.now % 1_000_000_000_000) \(text)")
            if state.trace.count > 60 { state.trace.removeFirst() }
        }
    }

    /// A view that is being read.
    struct Reader {
        let view: DirectoryView
        let directory: RelativePath
        var next = 0
        var seen: Set<String> = []
        /// Names that have been there all the time.
        var constant: Set<String>
    }

    private static let directories = ["", "a", "b", "a/c"].map { RelativePath($0) }
    private let store = QuietStore()
    private let clock = ManualClock()
    private let cache: NamespaceCache
    private let state: Mutex<State>

    init(interval: Duration?, seed: UInt64) {
        var options = NamespaceOptions()
        options.syncInterval = interval
        options.lookupsMaximum = 12
        let clock = clock
        cache = NamespaceCache(source: store, options: options, clock: { clock.now })
        state = Mutex(State(random: SeededGenerator(seed: seed)))
    }

    // MARK: The truth

    private func truth(_ path: RelativePath) -> Attributes? {
        state.withLock { $0.pending[path] } ?? store.entries.withLock { $0[path] }
    }

    private func names(in directory: RelativePath) -> Set<String> {
        let paths = state.withLock { Array($0.pending.keys) } + store.entries.withLock { Array($0.keys) }
        return Set(paths.filter { $0.parent == directory }.map { String(decoding: $0.name, as: UTF8.self) })
    }

    private func isDirectory(_ path: RelativePath) -> Bool { path.isRoot || truth(path)?.kind == .directory }

    private func random(_ range: Range<Int>) -> Int {
        state.withLock { Int.random(in: range, using: &$0.random) }
    }

    private func anyDirectory() -> RelativePath {
        let directory = Self.directories[random(0..<Self.directories.count)]
        return isDirectory(directory) ? directory : .root
    }

    private func anyFile() -> RelativePath { anyDirectory().appending("f\(random(0..<8))".utf8) }

    private func newFile() -> Attributes {
        state.withLock { state in
            state.version += 1
            return Attributes(
                kind: .file,
                size: state.version,
                modified: 1,
                etag: ETag("v\(state.version)")
            )
        }
    }

    // MARK: Steps

    /// Does something.
    /// - Returns: What was wrong about it.
    func step() -> String? {
        clock.advance(.microseconds(random(0..<200_000)))
        if random(0..<4) == 0 { store.interlude.withLock { $0 = { [self] in change() } } }
        defer { store.interlude.withLock { $0 = nil } }
        switch random(0..<10) {
        case 0..<3:
            change()
            return nil
        case 3..<6: return lookUp(anyFile())
        case 6: return lookUp(Self.directories[random(1..<Self.directories.count)])
        case 7: return openView()
        case 8: return readOn()
        default: return askAround(anyDirectory())
        }
    }

    private func lookUp(_ path: RelativePath) -> String? {
        let treesMoved = state.withLock { $0.treesMoved }
        let found: Attributes?
        do throws(StoreError) {
            if random(0..<5) == 0 {
                found = try cache.revalidate(path, known: nil)
            } else {
                found = try cache.attributes(of: path, mayWait: random(0..<3) > 0).attributes
            }
        } catch .wouldWait {
            return nil
        } catch {
            found = nil
        }
        let truth = truth(path)
        note("\(path) is \(found?.size as Any)")
        // What is under way below a tree that is moved may still say how it was.
        if state.withLock({ $0.treesMoved }) != treesMoved { return nil }
        return found == truth ? nil : "\(path) is \(found as Any), not \(truth as Any)"
    }

    private func openView() -> String? {
        let directory = anyDirectory()
        guard let view = try? cache.view(of: directory, mayWait: true) else {
            return isDirectory(directory) ? "\(directory) cannot be listed" : nil
        }
        guard isDirectory(directory) else { return nil }
        let names = names(in: directory)
        note("opened \(directory), begun \(view.count) of \(names.sorted())")
        state.withLock { state in
            if state.readers.count > 3 { state.readers.removeFirst() }
            state.readers.append(Reader(view: view, directory: directory, constant: names))
        }
        return nil
    }

    /// Lets one reader go on for a few entries.
    private func readOn() -> String? {
        let views = state.withLock { $0.readers.map(\.view) }
        guard !views.isEmpty else { return nil }
        let view = views[random(0..<views.count)]
        if !view.isComplete, random(0..<2) == 0 { try? view.fill(beyond: view.count) }
        // What happened meanwhile may have ended its reading.
        let found = state.withLock { state in
            state.readers.firstIndex { $0.view === view }.map { state.readers.remove(at: $0) }
        }
        guard var reader = found else { return nil }
        note("read on in \(reader.directory) from \(reader.next) of \(view.count) \(view.isComplete)")
        var left = random(1..<5)
        var problem: String?
        reader.next = reader.view.forEach(from: reader.next) { index, bytes, attributes in
            guard left > 0, index >= reader.next else { return false }
            left -= 1
            let name = String(decoding: bytes, as: UTF8.self)
            let truth = truth(reader.directory.appending(bytes))
            if !reader.seen.insert(name).inserted { problem = "\(name) comes twice in \(reader.directory)" }
            if truth == nil { problem = "\(name) is shown in \(reader.directory), but gone" }
            if let truth, truth.kind != attributes.kind { problem = "\(name) is \(attributes)" }
            return true
        }
        if reader.view.isComplete, reader.next >= reader.view.count {
            let missing = reader.constant.subtracting(reader.seen)
            return missing.isEmpty ? problem : "\(missing) are missing in \(reader.directory)"
        }
        state.withLock { $0.readers.append(reader) }
        return problem
    }

    private func askAround(_ directory: RelativePath) -> String? {
        let isEmpty = try? cache.isEmpty(directory, mayWait: random(0..<2) == 0)
        if let isEmpty, isDirectory(directory), isEmpty != names(in: directory).isEmpty {
            return "\(directory) is called \(isEmpty ? "" : "not ")empty"
        }
        let path = directory.appending("f1".utf8)
        let others = store.entries.withLock { $0.keys.contains { $0.parent == directory && $0 != path } }
        switch cache.siblings(of: path) {
        case .unknown: return nil
        case .some: return others ? nil : "\(path) has no siblings"
        case .none: return others ? "\(path) has siblings" : nil
        }
    }

    // MARK: Changes

    private func change() {
        switch random(0..<12) {
        case 0..<3: pend(anyFile())
        case 3..<6: settle(anyFile())
        case 6..<8: remove(anyFile())
        case 8: makeDirectory()
        case 9: removeDirectory()
        case 10: move()
        default: forget()
        }
        noteReaders()
    }

    private func pend(_ path: RelativePath) {
        note("pend \(path)")
        let attributes = newFile()
        state.withLock { $0.pending[path] = attributes }
        cache.pend(path, attributes)
    }

    private func settle(_ path: RelativePath) {
        note("settle \(path)")
        let attributes = newFile()
        let requested = clock.now
        store.entries.withLock { $0[path] = attributes }
        clock.advance(.microseconds(random(0..<1000)))
        state.withLock { $0.pending[path] = nil }
        cache.settle(path, attributes, requested: random(0..<2) == 0 ? requested : nil)
    }

    private func remove(_ path: RelativePath) {
        note("remove \(path)")
        if random(0..<3) == 0, state.withLock({ $0.pending.removeValue(forKey: path) }) != nil {
            note("drop")
            return cache.drop(path)
        }
        state.withLock { $0.pending[path] = nil }
        store.entries.withLock { $0[path] = nil }
        cache.remove(path)
    }

    private func makeDirectory() {
        let path = Self.directories[random(1..<Self.directories.count)]
        guard truth(path) == nil, isDirectory(path.parent ?? .root) else { return }
        let attributes = Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
        store.entries.withLock { $0[path] = attributes }
        cache.made(directory: path, attributes)
    }

    private func removeDirectory() {
        let path = Self.directories[random(1..<Self.directories.count)]
        guard isDirectory(path), names(in: path).isEmpty else { return }
        store.entries.withLock { $0[path] = nil }
        cache.remove(path)
        closeReaders(atOrBelow: path)
    }

    /// Moves a file over a file or nothing, or a directory to where none is.
    private func move() {
        let isTree = random(0..<3) == 0
        let path = isTree ? RelativePath(["a", "b"][random(0..<2)]) : anyFile()
        let target = isTree ? RelativePath(path.bytes == Array("a".utf8) ? "b" : "a") : anyFile()
        guard path != target, truth(path) != nil, !isTree || truth(target) == nil else { return }
        note("move \(path) to \(target)")
        // Before its first commit the store has nothing to move, and keeps what the target was.
        let moved = store.entries.withLock { entries in
            entries[path] == nil ? entries[target] : Self.rename(path, to: target, in: &entries)
        }
        state.withLock { _ = Self.rename(path, to: target, in: &$0.pending) }
        cache.move(path, to: target, moved)
        guard isTree else { return }
        closeReaders(atOrBelow: path)
        state.withLock { $0.treesMoved += 1 }
    }

    /// - Returns: What is under the new name.
    private static func rename(
        _ path: RelativePath,
        to target: RelativePath,
        in entries: inout [RelativePath: Attributes]
    ) -> Attributes? {
        entries[target] = nil
        let prefix = path.bytes + [UInt8(ascii: "/")]
        for (old, attributes) in entries where old == path || old.bytes.starts(with: prefix) {
            entries[old] = nil
            entries[RelativePath(bytes: target.bytes + old.bytes.dropFirst(path.bytes.count))] = attributes
        }
        return entries[target]
    }

    private func forget() {
        note("forget")
        switch random(0..<3) {
        case 0: cache.sweep()
        case 1: clock.advance(.seconds(random(0..<60)))
        default: cache.invalidate(anyDirectory())
        }
        // What was to be forgotten may come back to whoever reads an old listing.
        state.withLock { $0.readers = [] }
    }

    private func closeReaders(atOrBelow path: RelativePath) {
        let prefix = path.bytes + [UInt8(ascii: "/")]
        state.withLock { state in
            state.readers.removeAll { $0.directory == path || $0.directory.bytes.starts(with: prefix) }
        }
    }

    private func noteReaders() {
        let readers = state.withLock { $0.readers }
        for (index, reader) in readers.enumerated() {
            let left = reader.constant.intersection(names(in: reader.directory))
            state.withLock { $0.readers[index].constant = left }
        }
    }
}
