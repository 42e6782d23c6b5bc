import Glibc
import Logging
import Metadata
import Pages
import Threading

/// What an earlier daemon of the same staging directory left.
extension FileSystem {
    /// Commits what was promised and never stored, and keeps aside and reports what was not promised.
    ///
    /// To be called once, before the mount serves, so that nobody sees what was there before; runs on the
    /// pool. Returns when everything was tried, at the latest after ``recoveryWaitMaximum``. What is of a
    /// store that is not mounted now, or does not answer, stays and is tried again.
    public func recoverStaged() {
        recoverStaged(again: false).wait(for: Self.recoveryWaitMaximum)
    }

    /// The same without waiting, or (`again`) only for what could not be stored when it was tried before.
    /// - Returns: What is under way.
    @discardableResult
    func recoverStaged(again: Bool) -> RecoveryCount {
        let count = RecoveryCount()
        guard let parts = writing else { return count }
        for remnant in parts.staging.takeRemnants(again: again) {
            count.begin()
            let isAccepted = pool.submit(.demand) { [self] in
                recover(remnant, parts)
                count.end()
            }
            guard !isAccepted else { continue }
            parts.staging.putBack(remnant)
            count.end()
        }
        return count
    }

    /// How long a mount waits at its start until what an earlier daemon left is in the store.
    public static let recoveryWaitMaximum = Duration.seconds(10)

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
        let object = object(of: remnant, path)
        guard let promise = remnant.promise, let contents = promise.contents else {
            let place = parts.staging.keepLost(remnant.file, remnant.path)
            logger.warning(
                "changes that were never closed or synced before the last daemon ended are kept aside",
                metadata: ["object": "\(object)", "staged": "\(place)"]
            )
            return
        }
        do throws(StoreError) {
            let home = try home(of: remnant, path, parts)
            var attributes = try commit(promise, contents, to: path, from: staged, home)
            if let times = remnant.times {
                var change = AttributeChange(changed: unixTime())
                (change.accessed, change.modified) = (times.accessed, times.modified)
                attributes = try home.change(path, change, known: attributes)
            }
            settle(path, attributes, in: home)
            parts.staging.drop(remnant)
            logger.notice("a staged file is in the store now", metadata: ["object": "\(object)"])
        } catch .unavailable(let reason) {
            keep(remnant, object, because: reason, parts, logger)
        } catch .readOnly(let reason) {
            keep(remnant, object, because: reason, parts, logger)
        } catch {
            let place = parts.staging.keepLost(remnant.file, remnant.path)
            logger.error(
                "a file that was promised could not be stored; it is kept aside",
                metadata: ["object": "\(object)", "staged": "\(place)", "reason": "\(error)"]
            )
        }
    }

    /// What logs call a staged file: its address, or its path and the store that it does not lead to.
    private func object(of remnant: StagedRemnant, _ path: RelativePath) -> String {
        let uri = namespace.uri(of: path)
        guard let store = remnant.store, !uri.bytes.starts(with: store.bytes) else { return "\(uri)" }
        return "\(path) of \(store)"
    }

    /// The store that a staged file was meant for.
    private func home(
        of remnant: StagedRemnant,
        _ path: RelativePath,
        _ parts: WritingParts
    ) throws(StoreError) -> any WritableStore {
        let home: any WritableStore
        do throws(StoreError) {
            home = try parts.store.home(of: path, mayWait: true)
        } catch .notFound {
            throw .unavailable("its store is not mounted now")
        }
        // The name may lead to another store than the one that its writer knew.
        guard remnant.store == nil || remnant.store == home.address else {
            throw .unavailable("'\(path)' lies in \(home.address) now")
        }
        guard home.mutability == .changeable else { throw .readOnly("\(home.address) is mounted read-only") }
        return home
    }

    /// Leaves a staged file where it is, until its store can be written to.
    private func keep(
        _ remnant: StagedRemnant,
        _ object: String,
        because reason: String,
        _ parts: WritingParts,
        _ logger: Logger
    ) {
        parts.staging.putBack(remnant)
        guard !remnant.isReported else { return }
        logger.warning(
            "a staged file waits for its store",
            metadata: [
                "object": "\(object)", "staged": "\(parts.staging.path)/\(remnant.file)",
                "reason": "\(reason)",
            ]
        )
    }

    private func commit(
        _ promise: StagingEvent,
        _ contents: StagingEvent.Contents,
        to path: RelativePath,
        from staged: Int32,
        _ home: any WritableStore
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
        let now = unixTime()
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
        return try home.upload(to: path).commit(whole, if: condition, attributes: native)
    }

    private func hasData(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_blocks > 0
    }
}
