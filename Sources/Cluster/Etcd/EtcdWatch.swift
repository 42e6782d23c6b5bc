internal import FoundationEssentials
internal import HTTPTransport

/// Why a watch ended.
public enum EtcdWatchEnd: Hashable, Sendable {
    /// Its time has passed; it worked to the end.
    case timeUp
    /// The revision it started from was compacted away.
    case compacted
    /// It never began, or the connection, the member or etcd ended it; the text says how.
    case broken(String)
    /// The caller asked for the end.
    case stopped
}

/// The messages of one watch stream; a plain value without I/O.
struct WatchMessages {
    /// The most bytes of one message.
    static let lineMaximumBytes = 64 << 20

    private var line: [UInt8] = []
    /// How many watches etcd has set up.
    private(set) var createdCount = 0
    /// Why etcd ended the stream, once it did.
    private(set) var end: EtcdWatchEnd?

    /// Takes bytes as they come.
    /// - Parameter bytes: The next piece of the body.
    /// - Returns: The events that became complete; none once ``end`` is set.
    mutating func take(_ bytes: some Collection<UInt8>) -> [EtcdEvent] {
        var events: [EtcdEvent] = []
        var rest = bytes[...]
        while end == nil, let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line.append(contentsOf: rest[..<newline])
            rest = rest[rest.index(after: newline)...]
            if !line.isEmpty { events += message(line) }
            line.removeAll(keepingCapacity: true)
        }
        line.append(contentsOf: rest)
        if line.count > Self.lineMaximumBytes {
            end = .broken("a message of more than \(Self.lineMaximumBytes) bytes")
        }
        return events
    }

    private mutating func message(_ bytes: [UInt8]) -> [EtcdEvent] {
        let answer: EtcdWire.Streamed<EtcdWire.WatchAnswer>
        do throws(EtcdError) {
            answer = try EtcdWire.decode(bytes)
        } catch {
            end = .broken(error.description)
            return []
        }
        guard let result = answer.result else {
            end = .broken(answer.error?.message ?? "a message without a result")
            return []
        }
        if result.created == true { createdCount += 1 }
        if result.canceled == true {
            let isCompacted = (result.compactRevision?.value ?? 0) > 0
            end = isCompacted ? .compacted : .broken(result.cancelReason ?? "etcd cancelled the watch")
        }
        return (result.events ?? []).compactMap(\.event)
    }
}

extension EtcdConnection {
    func watch(
        _ keys: [EtcdKeys],
        after revision: Int64,
        for time: Duration,
        until signal: StopSignal,
        onEvents: ([EtcdEvent]) -> Bool
    ) -> EtcdWatchEnd {
        let stream: EtcdStream
        do {
            // The gateway takes one message after the other from the body, each a watch of its own.
            var body: [UInt8] = []
            for each in keys { body += try EtcdWire.encode(Self.create(each, after: revision)) }
            stream = try self.stream("/v3/watch", body, lasting: time, until: signal)
        } catch {
            return .broken("\(error)")
        }
        let end = follow(stream, count: keys.count, for: time, onEvents: onEvents)
        if case .broken = end {
            // Whatever it was, another member and a new token are no worse.
            leave(stream.endpoint)
            forget(stream.token)
        }
        return end
    }

    private static func create(_ keys: EtcdKeys, after revision: Int64) -> EtcdWire.WatchRequest {
        let keys = EtcdWire.Keys(keys)
        return EtcdWire.WatchRequest(
            create: .init(
                key: keys.key,
                rangeEnd: keys.rangeEnd,
                startRevision: EtcdWire.Number(revision + 1)
            )
        )
    }

    private func follow(
        _ stream: EtcdStream,
        count: Int,
        for time: Duration,
        onEvents: ([EtcdEvent]) -> Bool
    ) -> EtcdWatchEnd {
        let start = ContinuousClock.now
        var messages = WatchMessages()
        do throws(TransportError) {
            let response = try transport.stream(stream.request) { head in
                head.status == 200
            } onBody: { bytes in
                let events = messages.take(bytes)
                let goesOn = events.isEmpty || onEvents(events)
                return goesOn && messages.end == nil
            }
            guard response.head.status != 200 else {
                return messages.end ?? .broken("the stream ended")
            }
            return .broken("HTTP status \(response.head.status): \(EtcdFailure.text(response.body))")
        } catch {
            if let end = messages.end { return end }
            switch error {
            case .stopped: return .stopped
            case .timedOut where messages.createdCount == count && start.duration(to: .now) >= time * 0.9:
                return .timeUp
            default: return .broken("\(error)")
            }
        }
    }
}

extension EtcdFailure {
    /// The words of an error document, for a log line.
    fileprivate static func text(_ body: [UInt8]) -> String {
        do throws(EtcdError) {
            let failure: EtcdWire.Failure = try EtcdWire.decode(body)
            return failure.message ?? ""
        } catch {
            return error.description
        }
    }
}
