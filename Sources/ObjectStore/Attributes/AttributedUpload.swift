import Metadata
import Pages
import Synchronization

/// New contents of a file, and at the commit what is said of it.
final class AttributedUpload: ContentUpload {
    private struct Way {
        let path: RelativePath
        let upload: any ContentUpload
    }

    private let store: AttributedStore
    private let path: RelativePath
    private let way: Mutex<Way>

    init(store: AttributedStore, path: RelativePath) {
        self.store = store
        self.path = path
        // Another name of an object leads to the object.
        way = Mutex(Self.way(to: store.knownHolder(of: path), store))
    }

    private static func way(to path: RelativePath, _ store: AttributedStore) -> Way {
        Way(
            path: path,
            upload: store.objects.upload(to: path) { [weak store] in store?.metadata(of: path, $0) ?? [] }
        )
    }

    private var upload: any ContentUpload { way.withLock { $0.upload } }

    func wantsToSend(before end: Int64) -> Bool { upload.wantsToSend(before: end) }

    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {
        try upload.sendAhead(to: end, from: staged, sums: sums)
    }

    func touched(_ span: Span) { upload.touched(span) }

    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes {
        let holder: RelativePath
        do throws(StoreError) {
            holder = try holderNow(condition)
        } catch {
            // What was sent ahead would stay for ever.
            upload.abandon()
            throw error
        }
        let made = try wayNow(to: holder).commit(contents, if: condition, attributes: attributes)
        return try store.committed(holder, made, attributes, isNew: condition == .absent)
    }

    /// Where the object lies that is about to be written.
    private func holderNow(_ condition: ChangeCondition) throws(StoreError) -> RelativePath {
        try store.requireName(path, isDirectory: false)
        try store.settle(path)
        let holder = try store.holder(of: path, .any).path
        if condition == .absent, holder != path { throw .exists }
        return holder
    }

    /// The way to the object; a new one if the object has moved since the upload began.
    private func wayNow(to holder: RelativePath) -> any ContentUpload {
        let (old, now) = way.withLock { way -> ((any ContentUpload)?, any ContentUpload) in
            guard way.path != holder else { return (nil, way.upload) }
            let old = way.upload
            way = Self.way(to: holder, store)
            return (old, way.upload)
        }
        old?.abandon()
        return now
    }

    func abandon() { upload.abandon() }
}
