import Metadata
import NIOCore
import NIOHTTP1
import Pages

/// The endpoints that tell of files, stores and workers.
extension WorkerResponder {
    /// `/v1/info`: an array with the status of one file or directory.
    func info(_ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        guard mayWait else { throw .wouldWait }
        let location = try locatePath(request)
        let age = MetadataAge(cacheControl: request.field("Cache-Control"))
        let attributes = try state.attributes(of: location, age, mayWait: true).attributes
        state.known.learn(location.uri.bytes)
        return .json(.array([status(location, attributes)]))
    }

    private func status(_ location: FileLocation, _ attributes: Attributes) -> JSONDocument {
        var text = FileStatusText(mount: location.mount, path: location.path.bytes, attributes: attributes)
        if let etag = attributes.etag, attributes.size > 0 {
            let version = FileVersion(uri: location.uri, etag: etag, size: attributes.size)
            text.cachedPercentage = Int64(
                Double(state.pages.cachedBytes(of: version)) / Double(attributes.size) * 100
            )
        }
        return text.document
    }

    /// `/v1/files`: an array with the status of every child of a directory, or of the one file.
    func files(_ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        guard mayWait else { throw .wouldWait }
        let location = try locatePath(request)
        let age = MetadataAge(cacheControl: request.field("Cache-Control"))
        let cache = state.namespaces.cache(of: location.mount, age: age).cache
        let listing: Listing
        do throws(StoreError) {
            listing = try cache.listing(of: location.path, mayWait: true)
            while !listing.isComplete { try listing.fill(beyond: listing.count) }
        } catch .notFound {
            return try info(request, mayWait: true)
        } catch {
            throw HTTPFailure(error, location)
        }
        let known = state.known
        let body = ProducedBody(length: nil) { sink throws(StoreError) in
            try Self.write(listing, of: location, known, into: sink)
        }
        return Answer(.ok, [("Content-Type", "application/json")], .produced(body))
    }

    /// Writes the children of a directory, some at a time.
    private static func write(
        _ listing: Listing,
        of location: FileLocation,
        _ known: KnownFiles,
        into sink: SpanSink
    ) throws(StoreError) {
        var text = Array("[".utf8)
        var index = 0
        var isFirst = true
        while index < listing.count {
            listing.forEach(from: index) { place, name, attributes in
                index = place + 1
                guard !ReservedNames.contains(name) else { return true }
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                let path = location.path.appending(name).bytes
                let status = FileStatusText(mount: location.mount, path: path, attributes: attributes)
                known.learn(status.address)
                status.document.append(to: &text)
                return text.count < WorkerLimits.documentPartBytes
            }
            try give(&text, to: sink)
        }
        text.append(UInt8(ascii: "]"))
        try give(&text, to: sink)
    }

    private static func give(_ text: inout [UInt8], to sink: SpanSink) throws(StoreError) {
        guard !text.isEmpty else { return }
        let full = text
        text.removeAll(keepingCapacity: true)
        let result = full.withUnsafeBytes { bytes in
            Result { () throws(StoreError) in try sink(bytes) }
        }
        try result.get()
    }

    /// `/v1/load`: jobs are the coordinator's, and this worker knows of none.
    func load(_ request: ServedRequest) -> Answer {
        let path = JSONDocument.bytes(request.target.formValue("path") ?? [])
        // The id of a file may be asked for next.
        if let name = request.target.formValue("path"), let file = try? FileLocation(name, in: state.mounted)
        {
            state.known.learn(file.uri.bytes)
        }
        let message = JSONDocument.string("there is no job service; reads load what they touch")
        var members: [(String, JSONDocument)] = [
            ("mSuccess", .bool(false)), ("success", .bool(false)), ("mPath", path), ("mMessage", message),
        ]
        switch request.target.text("opType")?.lowercased() {
        case "progress":
            members += [
                ("mJobState", .string("FAILED")), ("jobState", .string("FAILED")),
                ("mRespProperties", .object([])),
            ]
        case "stop": break
        default: members += [("mJobId", .string("NONE")), ("jobId", .string("NONE"))]
        }
        return Answer(.ok, [("Content-Type", "text/plain")], .bytes(JSONDocument.object(members).encoded))
    }

    /// `/v1/node`: which worker holds a path.
    ///
    /// One document cannot be both shapes that clients expect: an object for those of today, an array for
    /// those before. The object also has the members of the array's element.
    func node(_ request: ServedRequest) throws(HTTPFailure) -> Answer {
        guard let name = request.target.value("path") else {
            throw .refused(.badRequest, "the parameter 'path' is missing")
        }
        let location = try FileLocation(name, in: state.mounted)
        let owner = state.directory.owner(of: location.uri) ?? ownAddress
        let address: [(String, JSONDocument)] = [
            ("Host", .string(owner.host)), ("HttpServerPort", .number(Int64(owner.httpPort))),
        ]
        let place = JSONDocument.object([("mWorkerAddress", .object(address))])
        let block = JSONDocument.object([("mBlockInfo", .object([("mLocations", .array([place]))]))])
        let document = JSONDocument.object(address + [("mBlockInfo", block)])
        let isArray = request.target.text("shape").map { $0 == "array" } ?? nodeIsArray
        return .json(isArray ? .array([document]) : document)
    }

    private var ownAddress: WorkerAddress {
        let ports = state.ports.value
        return WorkerAddress(
            host: options.advertisedHost,
            httpPort: nodeIsArray ? ports.arrayNode ?? ports.http : ports.http,
            s3Port: ports.s3
        )
    }

    /// `/v1/ufsInfo`: the mount table, without what only the worker may know.
    func ufsInfo() -> Answer {
        .json(
            .object(
                state.mounted.map { mount in
                    let options = mount.options.map { ($0.name, JSONDocument.string($0.value)) }
                    return (
                        mount.root.description,
                        .object([("alluxio_path", .string(mount.path))] + options)
                    )
                }
            )
        )
    }

    /// `/metrics`: Prometheus text.
    func metrics() throws(HTTPFailure) -> Answer {
        guard let text = options.metricsText else { throw .refused(.notFound, "metrics are switched off") }
        return Answer(.ok, [("Content-Type", "text/plain; version=0.0.4")], .bytes(text()))
    }
}
