import Glibc
import Logging
import Metadata
import Pages

/// What an earlier daemon of the same staging directory left.
extension FileSystem {
    /// Commits what was promised and never stored, and keeps aside and reports what was not promised.
    ///
    /// To be called once, when the mount serves; runs on the pool.
    public func recoverStaged() {
        guard let parts = writing else { return }
        for remnant in parts.staging.takeRemnants() {
            _ = pool.submit(.demand) { [self] in recover(remnant, parts) }
        }
    }

    /// How many bytes are staged.
    public var stagedBytes: Int64 { writing?.staging.stagedBytes ?? 0 }

    private func recover(_ remnant: StagedRemnant, _ parts: WritingParts) {
        let logger = Logger(label: "staging")
        let path = RelativePath(bytes: remnant.path)
        guard let staged = parts.staging.open(remnant) else { return parts.staging.drop(remnant) }
        defer { close(staged) }
        guard !remnant.isClean, hasData(staged) || remnant.promise != nil else {
            return parts.staging.drop(remnant)
        }
        let object = "\(namespace.uri(of: path))"
        guard let promise = remnant.promise, let contents = promise.contents else {
            let place = parts.staging.keepLost(remnant.file, remnant.path)
            logger.warning(
                "changes that were never closed or synced before the last daemon ended are kept aside",
                metadata: ["object": "\(object)", "staged": "\(place)"]
            )
            return
        }
        do throws(StoreError) {
            let attributes = try commit(promise, contents, to: path, from: staged, parts)
            namespace.settle(path, attributes)
            parts.staging.drop(remnant)
            logger.notice("a staged file is in the store now", metadata: ["object": "\(object)"])
        } catch {
            let place = parts.staging.keepLost(remnant.file, remnant.path)
            logger.error(
                "a file that was promised could not be stored; it is kept aside",
                metadata: ["object": "\(object)", "staged": "\(place)", "reason": "\(error)"]
            )
        }
    }

    private func commit(
        _ promise: StagingEvent,
        _ contents: StagingEvent.Contents,
        to path: RelativePath,
        from staged: Int32,
        _ parts: WritingParts
    ) throws(StoreError) -> Attributes {
        let base = promise.base.map { OpenVersion(file: pages.open($0), readAhead: readAhead) }
        let whole = StagedContents(
            base: promise.base,
            kept: contents.kept,
            size: contents.size,
            staged: staged,
            readBase: { span, sink throws(StoreError) in
                guard let base else { throw .corrupt("nothing is kept of a file that has no base") }
                try base.copy(span, into: sink)
            }
        )
        let now = Self.timeOfDay()
        let native = promise.owner.map { owner in
            POSIXAttributes(
                mode: owner.mode,
                uid: owner.uid,
                gid: owner.gid,
                linkCount: 1,
                inode: 0,
                device: 0,
                accessed: now,
                changed: now
            )
        }
        let condition = promise.base.map { ChangeCondition.version($0.etag) } ?? .absent
        return try parts.store.upload(to: path).commit(whole, if: condition, attributes: native)
    }

    private func hasData(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_blocks > 0
    }
}
