import Metadata
import NIOHTTP1
import Pages

/// The endpoints that change stores.
extension WorkerResponder {
    /// Changes that an endpoint makes.
    enum Change: String {
        case mkdir
        case touch
        case rm
        case mv
        case copy
    }

    /// `/v1/mkdir`, `/v1/touch`, `/v1/rm`, `/v1/mv`, `/v1/copy`.
    func change(_ change: Change, _ id: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure)
        -> Answer
    {
        guard mayWait else { throw .wouldWait }
        switch change {
        case .mkdir, .touch:
            let location = try locate(id, request)
            let changes = try StoreChanges(state, of: location)
            if change == .mkdir {
                try changes.mkdir(location.path)
            } else {
                try changes.touch(location.path)
            }
        case .rm: try remove(try locate(id, request), request)
        case .mv:
            let (source, target) = try ends(request)
            let changes = try StoreChanges(state, of: source)
            guard source.mount.id == target.mount.id else { throw HTTPFailure(.otherStore, source) }
            try changes.move(source.path, to: target.path)
        case .copy: try copy(request)
        }
        return .changed(.ok)
    }

    /// The two names of a request that moves or copies.
    private func ends(_ request: ServedRequest) throws(HTTPFailure)
        -> (source: FileLocation, target: FileLocation)
    {
        guard let source = request.target.value("srcPath"), let target = request.target.value("dstPath")
        else {
            throw .refused(.badRequest, "the parameters 'srcPath' and 'dstPath' are wanted")
        }
        return (try FileLocation(source, in: state.mounted), try FileLocation(target, in: state.mounted))
    }

    private func remove(_ location: FileLocation, _ request: ServedRequest) throws(HTTPFailure) {
        if try request.flag("delete_mount_point", or: false) { throw StoreChanges.isMountPoint }
        let isRecursive = try isRecursive(request, or: false)
        guard try !request.flag("remove_alluxio_only", or: true) else {
            state.namespaces.forget(location.path, of: location.mount)
            return
        }
        let changes = try StoreChanges(state, of: location)
        try changes.remove(location.path, recursively: isRecursive)
    }

    private func copy(_ request: ServedRequest) throws(HTTPFailure) {
        let (source, target) = try ends(request)
        let wish = CopyWish(
            isRecursive: try isRecursive(request, or: true),
            isForced: try request.flag("forced", or: try request.flag("force", or: false)),
            preserves: try request.flag("preserve", or: true)
        )
        let copy = TreeCopy(
            source: try StoreChanges(state, of: source),
            target: try StoreChanges(state, of: target),
            wish: wish
        )
        try copy.copy(source.path, to: target.path)
    }

    /// Clients have three names for it, and send all that they have.
    private func isRecursive(_ request: ServedRequest, or fallback: Bool) throws(HTTPFailure) -> Bool {
        let names = ["recursive", "recursiveAlias", "recursive_alias"].filter { request.target.has($0) }
        guard !names.isEmpty else { return fallback }
        for name in names where try request.flag(name, or: false) { return true }
        return false
    }
}

extension ServedRequest {
    /// A parameter that is yes or no, in any case of letters.
    /// - Parameters:
    ///   - name: Which.
    ///   - fallback: What a missing or empty one means.
    /// - Returns: Whether it is yes.
    /// - Throws: A 400 if it is something else.
    func flag(_ name: String, or fallback: Bool) throws(HTTPFailure) -> Bool {
        guard let text = target.text(name) else { return fallback }
        switch text.lowercased() {
        case "true", "1", "yes": return true
        case "false", "0", "no", "none", "null": return false
        default: throw .refused(.badRequest, "\(name)=\(text) is neither true nor false")
        }
    }
}
