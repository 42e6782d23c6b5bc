import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP/1.1 server on one port: connections, limits, deadlines; a ``Responder`` says what is answered.
///
/// Any thread may call it.
final class HTTPServer: Sendable {
    private let context: ServerContext
    private let listener = Mutex<(any Channel)?>(nil)

    init(options: HTTPServerOptions, responder: any Responder, threads: ServerThreads, logger: Logger) {
        context = ServerContext(options: options, responder: responder, threads: threads, logger: logger)
    }

    /// How many connections are open.
    var connectionCount: Int { context.registry.count }

    /// Starts listening.
    /// - Returns: The port.
    /// - Throws: ``ServerError/cannotListen(address:reason:)``.
    func start() async throws(ServerError) -> Int {
        let (context, options) = (context, context.options)
        let bootstrap = ServerBootstrap(group: context.threads.loops)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.configure(channel, context)
                }
            }
        do {
            let channel = try await bootstrap.bind(host: options.host, port: options.port).get()
            listener.withLock { $0 = channel }
            return channel.localAddress?.port ?? options.port
        } catch {
            throw .cannotListen(address: "\(options.host):\(options.port)", reason: "\(error)")
        }
    }

    private static func configure(_ channel: any Channel, _ context: ServerContext) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = context.options.headerBytesMaximum
        limits.maxHeaderListSize = context.options.headerBytesMaximum
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes,
            limitConfiguration: limits
        )
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(ByteToMessageHandler(decoder))
        try pipeline.addHandler(HTTPServerPipelineHandler())
        try pipeline.addHandler(HTTPConnection(channel, context))
    }

    /// Stops listening, lets every connection finish its answer, and closes what is left.
    /// - Parameter limit: How long answers under way may take.
    func stop(within limit: Duration) async {
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        try? await channel?.close()
        context.registry.stop()
        let end = ContinuousClock.now + limit
        while context.registry.count > 0, ContinuousClock.now < end {
            try? await Task.sleep(for: Self.drainPoll)
        }
        context.registry.closeAll()
        let closing = ContinuousClock.now + Self.closeLimit
        while context.registry.count > 0, ContinuousClock.now < closing {
            try? await Task.sleep(for: Self.drainPoll)
        }
    }

    private static let drainPoll = Duration.milliseconds(10)
    /// How long closed connections may take to go away.
    private static let closeLimit = Duration.seconds(2)
}

/// What the connections of one server share.
final class ServerContext: Sendable {
    let options: HTTPServerOptions
    let responder: any Responder
    let threads: ServerThreads
    let registry: ConnectionRegistry
    let logger: Logger

    init(options: HTTPServerOptions, responder: any Responder, threads: ServerThreads, logger: Logger) {
        self.options = options
        self.responder = responder
        self.threads = threads
        self.logger = logger
        registry = ConnectionRegistry(options)
    }

    /// How often a connection looks at its deadline.
    var tick: TimeAmount {
        let shortest = min(options.idleTimeout, options.stallTimeout, options.answerTimeout)
        return TimeAmount(min(max(shortest / 4, .milliseconds(20)), .seconds(5)))
    }
}
