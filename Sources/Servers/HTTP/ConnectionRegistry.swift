import NIOCore
import Synchronization

/// Told to every connection when the server stops.
struct StopServing: Sendable {}

/// The open connections of one server, and the bytes of request bodies that they hold.
///
/// Any thread may call it.
final class ConnectionRegistry: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isStopping = false
        var bodyBytes = 0
    }

    private let state = Mutex(State())
    private let connectionsMaximum: Int
    private let bodyBytesMaximum: Int

    init(_ options: HTTPServerOptions) {
        connectionsMaximum = options.connectionsMaximum
        bodyBytesMaximum = options.bodyBytesMaximum
    }

    /// How many connections are open.
    var count: Int { state.withLock { $0.channels.count } }

    /// Enters a connection.
    /// - Returns: Whether it may be served; else it gets a refusal and ends.
    func add(_ channel: any Channel) -> Bool {
        state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            return state.channels.count <= connectionsMaximum && !state.isStopping
        }
    }

    /// Removes a connection that is closed.
    func remove(_ channel: any Channel) {
        let last = state.withLock { $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
        withExtendedLifetime(last) {}
    }

    /// Takes room for a request body.
    /// - Parameter count: Its length in bytes.
    /// - Returns: Whether there is room.
    func reserve(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.bodyBytes + count <= bodyBytesMaximum else { return false }
            state.bodyBytes += count
            return true
        }
    }

    /// Gives room back.
    func release(_ count: Int) {
        state.withLock { $0.bodyBytes -= count }
    }

    /// Tells every connection to end after its current answer.
    func stop() {
        let channels = state.withLock { state in
            state.isStopping = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(StopServing()) }
    }

    /// Closes every connection, whatever it does.
    func closeAll() {
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.close(promise: nil) }
    }
}
