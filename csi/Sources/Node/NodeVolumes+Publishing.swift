import CMounts
import Glibc
import Logging
package import Volumes

/// Showing a volume in a pod's directory, and taking it away.
extension NodeVolumes {
    /// Shows a volume at a target, or gives a volume that is shown there new credentials.
    /// - Throws: ``VolumeError``.
    package func publish(_ request: VolumeRequest) throws(VolumeError) {
        let path = try path(request.path, "target_path")
        let attributes = try attributes(of: request)
        try locks.hold(request.id, patience: options.patience) { () throws(VolumeError) in
            let before = files.record(of: request.id)
            let shown = before.targets.first { $0.path == path }
            if request.isExclusive, let other = before.targets.first(where: { $0.path != path }) {
                throw VolumeError(
                    .failedPrecondition,
                    "volume '\(request.id)' is for one pod, and is published at '\(other.path)'"
                )
            }
            let key = try prepare(request, attributes, before, path, shown)
            let target = VolumeRecord.Target(
                path: path,
                key: key,
                directory: attributes.path,
                isReadOnly: request.isReadOnly || MountOptions.isReadOnly(attributes.options)
            )
            do throws(VolumeError) {
                try serveAndShow(target)
                if target != shown { try files.keep(before.with(target)) }
            } catch {
                if shown == nil { takeBack(before, path, key) }
                throw error
            }
            if let shown, shown.key != key { release(shown.key) }
        }
    }

    /// Records who uses the daemon, then starts it.
    /// - Returns: Its key.
    private func prepare(
        _ request: VolumeRequest,
        _ attributes: VolumeAttributes,
        _ record: VolumeRecord,
        _ path: String,
        _ shown: VolumeRecord.Target?
    ) throws(VolumeError) -> String {
        // The Secret came with the stage, and is not known any more: its daemon is.
        if request.secrets.isEmpty, let key = record.stagedKey,
            let specification = files.specification(of: key)
        {
            try runner.start(specification)
            return key
        }
        var (specification, identity, properties) = try specification(request, attributes)
        // A publish again of what is shown brings new credentials for the daemon that shows it.
        if let shown, case .secret = identity, let own = files.specification(of: shown.key),
            own.mountsTheSame(as: specification)
        {
            specification = own
        }
        let target = VolumeRecord.Target(
            path: path,
            key: specification.key,
            directory: attributes.path,
            isReadOnly: request.isReadOnly
        )
        if shown == nil { try files.keep(record.with(target)) }
        do throws(VolumeError) {
            try start(specification, identity, properties)
        } catch {
            if shown == nil { takeBack(record, path, specification.key) }
            throw error
        }
        return specification.key
    }

    /// Waits until the daemon serves, and binds its mount; again if it died just between.
    private func serveAndShow(_ target: VolumeRecord.Target) throws(VolumeError) {
        let deadline = ContinuousClock.now + options.servingDeadline
        while true {
            try awaitServing(target.key, by: deadline)
            do throws(VolumeError) {
                return try show(target)
            } catch {
                guard error.kind == .failedPrecondition, ContinuousClock.now < deadline else { throw error }
                usleep(100_000)
            }
        }
    }

    private func show(_ target: VolumeRecord.Target) throws(VolumeError) {
        try makeDirectory(target.path)
        let table = MountInfoTable.current()
        if let top = table.top(at: target.path) {
            let live = table.top(at: files.places.mountPoint(of: target.key))
            let root = "/" + target.directory.joined(separator: "/")
            if top.device == live?.device, top.root == root, top.isReadOnly == target.isReadOnly { return }
            try Mounts.detachAll(target.path)
        }
        try mounts.bind(
            files.places.mountPoint(of: target.key),
            target.directory,
            onto: target.path,
            isReadOnly: target.isReadOnly
        )
    }

    private func makeDirectory(_ path: String) throws(VolumeError) {
        let (parent, name) = try openParent(of: path)
        defer { close(parent) }
        guard mkdirat(parent, name, 0o750) != 0 else { return }
        guard errno == EEXIST else {
            throw VolumeError(.internal, "cannot make the target '\(path)': \(text(of: errno))")
        }
        // A dead daemon is not asked: what is mounted here is not looked at.
        let there = csi_open_place(path)
        guard there >= 0 else {
            throw .invalid("the target '\(path)' is no directory, or a symbolic link: \(text(of: -there))")
        }
        close(there)
    }

    private func openParent(of path: String) throws(VolumeError) -> (descriptor: Int32, name: String) {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let directory = String(path.dropLast(name.utf8.count + 1))
        let parent = csi_open_place(directory)
        guard parent >= 0 else {
            let kind: VolumeError.Kind = -parent == ENOENT ? .failedPrecondition : .invalidArgument
            throw VolumeError(
                kind,
                "the target's directory '\(directory)' is missing or leads through a link: "
                    + text(of: -parent)
            )
        }
        return (parent, name)
    }

    /// A publish that failed leaves nothing.
    private func takeBack(_ record: VolumeRecord, _ path: String, _ key: String) {
        do throws(VolumeError) {
            try Mounts.detachAll(path)
            rmdir(path)
            try files.keep(record)
        } catch {
            logger.error("a publish that failed left something", metadata: ["reason": "\(error)"])
        }
        release(key)
    }

    /// Takes a volume away from a target; succeeds if it is not there.
    /// - Throws: ``VolumeError`` if something stays.
    package func unpublish(_ id: String, _ targetPath: String) throws(VolumeError) {
        let path = try path(targetPath, "target_path")
        try locks.hold(id, patience: options.patience) { () throws(VolumeError) in
            var record = files.record(of: id)
            let keys = record.targets.filter { $0.path == path }.map(\.key)
            if let (parent, name) = try? openParent(of: path) {
                defer { close(parent) }
                try Mounts.detachAll(path)
                if unlinkat(parent, name, AT_REMOVEDIR) != 0, errno != ENOENT {
                    logger.warning(
                        "a target is left, for it is no empty directory",
                        metadata: ["path": "\(path)", "reason": "\(text(of: errno))"]
                    )
                }
            }
            record.targets.removeAll { $0.path == path }
            try files.keep(record)
            keys.forEach(release)
        }
    }
}

extension VolumeRecord {
    /// The record with a target, in the place of another one at the same path.
    fileprivate func with(_ target: Target) -> VolumeRecord {
        var record = self
        record.targets.removeAll { $0.path == target.path }
        record.targets.append(target)
        return record
    }
}
