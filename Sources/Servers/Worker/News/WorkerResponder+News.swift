import Metadata
import NIOCore
import NIOHTTP1
import Pages

/// The endpoint by which our mounts tell what they have changed.
extension WorkerResponder {
    /// `/v1/news`: what this worker knows of the names is forgotten, and new versions are read ahead.
    ///
    /// Nothing that is told is believed: names are asked of the store again, and bytes come from the store
    /// under the version's ETag. A name in no store of this worker is passed over.
    func news(_ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        guard mayWait else { throw .wouldWait }
        let lines = request.body.map { Array($0.readableBytesView) } ?? []
        var counts = (names: 0, warming: 0, refused: 0)
        let parts = lines.split(separator: UInt8(ascii: "\n"))
        guard parts.count <= WorkerLimits.newsMaximum else {
            throw .refused(.payloadTooLarge, "more than \(WorkerLimits.newsMaximum) lines of news at once")
        }
        let mounted = state.mounted
        for part in parts {
            let line = try NewsLine(part)
            guard let location = try? FileLocation(line.address, in: mounted) else { continue }
            counts.names += 1
            state.namespaces.forget(location.path, of: location.mount)
            guard let version = line.version, version.uri == location.uri else { continue }
            if state.warming.add(Warming.Wish(version: version, span: line.span)) {
                counts.warming += 1
            } else {
                counts.refused += 1
            }
        }
        return .json(
            .object([
                ("names", .number(Int64(counts.names))), ("warming", .number(Int64(counts.warming))),
                ("refused", .number(Int64(counts.refused))),
            ])
        )
    }
}
