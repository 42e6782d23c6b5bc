import Metadata
import Pages
import Synchronization

@testable import FileSystem

/// A namespace of which a test says what the store has, what is trusted, and that counts the questions.
final class ScriptedNamespace: Namespace {
    struct State {
        /// What the store has.
        var store: [RelativePath: Attributes] = [:]
        /// What is known and trusted; a path that is not here needs a question.
        var trusted: [RelativePath: Attributes?] = [:]
        var listings: [RelativePath: any DirectoryListing] = [:]
        var questions = 0
        var invalidated: [RelativePath] = []
        var listed = 0
        /// What this mount made or is changing.
        var pending: [RelativePath: Attributes] = [:]
        var failure: StoreError?
    }

    let state = Mutex(State())
    /// nil: for ever; zero: never trusted.
    let trust: Duration?

    init(trust: Duration? = .seconds(1)) { self.trust = trust }

    var entryCount: Int { state.withLock { $0.trusted.count } }
    var questions: Int { state.withLock { $0.questions } }
    var invalidated: [RelativePath] { state.withLock { $0.invalidated } }

    /// Changes the store without anyone being told.
    func put(_ path: String, _ attributes: Attributes?) {
        state.withLock { $0.store[RelativePath(path)] = attributes }
    }

    /// Lets everything known lose its trust.
    func expire() { state.withLock { $0.trusted = [:] } }

    func setListing(_ listing: (any DirectoryListing)?, of path: RelativePath) {
        state.withLock { $0.listings[path] = listing }
    }

    func fail(with error: StoreError?) { state.withLock { $0.failure = error } }

    func uri(of path: RelativePath) -> UFSURI { UFSURI(bytes: Array("s3://bucket/".utf8) + path.bytes) }

    func attributes(of path: RelativePath, mayWait: Bool) throws(StoreError) -> TrustedAttributes {
        try state.withLock { state throws(StoreError) in
            if let pending = state.pending[path] {
                return TrustedAttributes(attributes: pending, validFor: trust, isFresh: true)
            }
            if let known = state.trusted[path] {
                guard let known else { throw .notFound }
                return TrustedAttributes(attributes: known, validFor: trust, isFresh: false)
            }
            guard mayWait else { throw .wouldWait }
            return TrustedAttributes(attributes: try answer(path, &state), validFor: trust, isFresh: true)
        }
    }

    func revalidate(_ path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try state.withLock { state throws(StoreError) in
            if let pending = state.pending[path] { return pending }
            return try answer(path, &state)
        }
    }

    private func answer(_ path: RelativePath, _ state: inout State) throws(StoreError) -> Attributes {
        state.questions += 1
        if let failure = state.failure { throw failure }
        if trust != .zero { state.trusted[path] = .some(state.store[path]) }
        guard let found = state.store[path] else { throw .notFound }
        return found
    }

    func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> any DirectoryListing {
        try state.withLock { state throws(StoreError) in
            state.listed += 1
            guard let listing = state.listings[directory] else { throw .notFound }
            return listing
        }
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { Array("target".utf8) }

    func invalidate(_ path: RelativePath) {
        state.withLock { state in
            state.invalidated.append(path)
            state.trusted = state.trusted.filter { !$0.key.bytes.starts(with: path.bytes) }
        }
    }
}

/// A namespace for tests in which the mount changes nothing.
protocol UnchangedNamespace: Namespace {}

extension UnchangedNamespace {
    func pend(_ path: RelativePath, _ attributes: Attributes) {}
    func settle(_ path: RelativePath, _ attributes: Attributes, requested: Int64?) {}
    func remove(_ path: RelativePath) {}
    func drop(_ path: RelativePath) {}
    func move(_ path: RelativePath, to target: RelativePath, _ attributes: Attributes?) {}
    func exchange(
        _ path: RelativePath,
        _ target: RelativePath,
        _ attributes: (path: Attributes?, target: Attributes?)
    ) {}
    func made(directory path: RelativePath, _ attributes: Attributes) {}
    func siblings(of path: RelativePath) -> Siblings { .unknown }
    func subdirectoryCount(of directory: RelativePath) -> Int? { nil }
    func isEmpty(_ directory: RelativePath, mayWait: Bool) throws(StoreError) -> Bool { true }
}

/// What this mount does: told by the file system, believed like an answer.
extension ScriptedNamespace {
    var pending: [RelativePath: Attributes] { state.withLock { $0.pending } }

    func pend(_ path: RelativePath, _ attributes: Attributes) {
        state.withLock { $0.pending[path] = attributes }
    }

    func settle(_ path: RelativePath, _ attributes: Attributes, requested: Int64?) {
        state.withLock { $0.learn(path, attributes, isTrusted: trust != .zero) }
    }

    func remove(_ path: RelativePath) {
        state.withLock { state in
            state.forget(below: path)
            state.learn(path, nil, isTrusted: trust != .zero)
        }
    }

    func drop(_ path: RelativePath) {
        state.withLock { $0.pending[path] = nil }
    }

    func move(_ path: RelativePath, to target: RelativePath, _ attributes: Attributes?) {
        state.withLock { state in
            let moved = state.pending.filter { ScriptedNamespace.is($0.key, atOrBelow: path) }
            state.forget(below: path)
            state.forget(below: target)
            state.learn(path, nil, isTrusted: trust != .zero)
            state.learn(target, attributes, isTrusted: trust != .zero)
            for (old, attributes) in moved {
                let rest = old.bytes.dropFirst(path.bytes.count)
                state.pending[RelativePath(bytes: target.bytes + rest)] = attributes
            }
        }
    }

    func exchange(
        _ path: RelativePath,
        _ target: RelativePath,
        _ attributes: (path: Attributes?, target: Attributes?)
    ) {
        let aside = RelativePath("aside while two names are exchanged")
        move(path, to: aside, nil)
        move(target, to: path, attributes.path)
        move(aside, to: target, attributes.target)
    }

    func made(directory path: RelativePath, _ attributes: Attributes) {
        state.withLock { state in
            state.forget(below: path)
            state.learn(path, attributes, isTrusted: trust != .zero)
            state.listings[path] = EmptyListing()
        }
    }

    /// By what is trusted and what is settled; the script's listings are not looked at.
    func siblings(of path: RelativePath) -> Siblings {
        state.withLock { state in
            state.store.keys.contains { $0 != path && $0.parent == path.parent } ? .some : .none
        }
    }

    func subdirectoryCount(of directory: RelativePath) -> Int? { nil }

    func isEmpty(_ directory: RelativePath, mayWait: Bool) throws(StoreError) -> Bool {
        guard mayWait else { throw .wouldWait }
        return state.withLock { state in
            !state.store.keys.contains { $0.parent == directory }
                && !state.pending.keys.contains { $0.parent == directory }
        }
    }

    fileprivate static func `is`(_ path: RelativePath, atOrBelow directory: RelativePath) -> Bool {
        path == directory || path.bytes.starts(with: directory.bytes + [UInt8(ascii: "/")])
    }
}

extension ScriptedNamespace.State {
    fileprivate mutating func learn(_ path: RelativePath, _ attributes: Attributes?, isTrusted: Bool) {
        pending[path] = nil
        store[path] = attributes
        trusted[path] = isTrusted ? .some(attributes) : nil
    }

    fileprivate mutating func forget(below path: RelativePath) {
        pending = pending.filter { !ScriptedNamespace.is($0.key, atOrBelow: path) }
        trusted = trusted.filter { !ScriptedNamespace.is($0.key, atOrBelow: path) }
    }
}

/// A listing whose pages come when somebody fills it.
final class ScriptedListing: DirectoryListing {
    struct State {
        var atHand: [(name: String, attributes: Attributes)] = []
        var pages: [[(name: String, attributes: Attributes)]]
        var fills = 0
        var touches = 0
        var failure: StoreError?
    }

    let state: Mutex<State>

    /// The first page is at hand.
    init(pages: [[(name: String, attributes: Attributes)]]) {
        let rest = Array(pages.dropFirst())
        state = Mutex(State(atHand: pages.first ?? [], pages: rest))
    }

    var count: Int { state.withLock { $0.atHand.count } }
    var isComplete: Bool { state.withLock { $0.pages.isEmpty } }
    var fills: Int { state.withLock { $0.fills } }

    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) -> Int {
        let entries = state.withLock { $0.atHand }
        for position in entries.indices.dropFirst(index) {
            var name = entries[position].name
            let goesOn = name.withUTF8 {
                body(position, UnsafeRawBufferPointer($0), entries[position].attributes)
            }
            guard goesOn else { return position }
        }
        return max(index, entries.count)
    }

    func fill(beyond count: Int) throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            while state.atHand.count <= count, !state.pages.isEmpty {
                if let failure = state.failure { throw failure }
                state.fills += 1
                state.atHand += state.pages.removeFirst()
            }
        }
    }

    func touch() { state.withLock { $0.touches += 1 } }
}

extension Attributes {
    /// A file's attributes.
    static func file(_ etag: String, size: Int64 = 100, modified: Int64 = 1_000_000_000) -> Attributes {
        Attributes(kind: .file, size: size, modified: modified, etag: ETag(etag))
    }

    /// An implied directory's attributes.
    static var directory: Attributes { Attributes(kind: .directory, size: 0, modified: 0, etag: nil) }
}
