import Testing

@testable import Kubernetes

@Suite struct WatchStreamTests {
    private func event(_ type: String, _ version: Int, _ more: String = "") -> String {
        #"{"type":"\#(type)","object":{"metadata":{"resourceVersion":"\#(version)"}\#(more)}}"# + "\n"
    }

    /// Feeds a stream in pieces of a size; what was heard, and the stream at its end.
    private func heard(
        _ text: String,
        pieces: Int,
        stopAfter: Int = .max
    ) -> (kinds: [String], stream: WatchStream) {
        var stream = WatchStream(version: "5", lineMaximumBytes: 200)
        var kinds: [String] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
            let goesOn = piece.withUnsafeBytes { bytes in
                stream.take(bytes) { event in
                    switch event {
                    case .added: kinds.append("added")
                    case .modified: kinds.append("modified")
                    case .deleted: kinds.append("deleted")
                    }
                    return kinds.count < stopAfter
                }
            }
            if !goesOn { break }
        }
        return (kinds, stream)
    }

    @Test(arguments: [1, 7, 64, 10_000])
    func `events come whole and in order however the stream is cut`(pieces: Int) {
        let text =
            event("ADDED", 6) + event("MODIFIED", 7) + "\n" + event("DELETED", 8) + event("BOOKMARK", 30)
        let (kinds, stream) = heard(text, pieces: pieces)
        #expect(kinds == ["added", "modified", "deleted"])
        #expect(stream.version == "30" && stream.error(of: "watch") == nil && !stream.wasStopped)
    }

    @Test func `who has heard enough hears no more, and goes on from there`() {
        let text = event("ADDED", 6) + event("MODIFIED", 7) + event("DELETED", 8)
        let (kinds, stream) = heard(text, pieces: 10_000, stopAfter: 2)
        #expect(kinds == ["added", "modified"] && stream.wasStopped && stream.version == "7")
    }

    @Test func `a stream that says its version is gone, is`() {
        let gone =
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#
        let (_, stream) = heard(event("ADDED", 6) + gone + "\n", pieces: 50)
        #expect(stream.error(of: "watch pods") == .gone("watch pods: too old"))
    }

    @Test(arguments: ["no json\n", "{\"type\":\"ADDED\"}\n", String(repeating: "x", count: 201)])
    func `what is no event is an error`(line: String) {
        let (kinds, stream) = heard(event("ADDED", 6) + line, pieces: 3)
        #expect(kinds == ["added"])
        guard case .unusable? = stream.error(of: "watch pods") else {
            Issue.record("\(String(describing: stream.error(of: "")))")
            return
        }
    }
}
