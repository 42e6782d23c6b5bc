internal import FoundationEssentials
import HTTPTransport

/// What our workers are told.
extension WorkerClient {
    /// Tells a worker of changes.
    /// - Parameters:
    ///   - text: The changes.
    ///   - worker: One of ours.
    /// - Returns: How many versions it has no room to read ahead.
    /// - Throws: What went wrong; ``WorkerFailure/missing`` by a worker that takes no news yet.
    func tell(_ text: NewsText, to worker: WorkerCandidate) throws(WorkerFailure) -> Int {
        let request = HTTPRequest(
            method: "POST",
            url: WorkerURL(worker).news,
            headers: [("Content-Type", "application/x-ndjson")],
            body: text.bytes
        )
        let response = try document(
            request,
            from: worker,
            isOurs: true,
            limitBytes: Self.messageMaximumBytes
        )
        return (try? JSONDecoder().decode(NewsAnswer.self, from: Data(response.body)))?.refused ?? 0
    }
}

/// The answer of `/v1/news`.
private struct NewsAnswer: Decodable {
    var refused: Int
}
