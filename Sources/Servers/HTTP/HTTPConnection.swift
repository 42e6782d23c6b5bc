import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Pages

/// One connection: takes requests one after the other, has them answered, and keeps the deadlines.
///
/// Lives on its event loop; what waits runs on the pool and comes back with ``NIOLoopBound``.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    let server: ServerContext
    let channel: any Channel
    private(set) var context: ChannelHandlerContext?
    private var intake = RequestIntake()
    private(set) var deadline: ConnectionDeadline
    private var request: ServedRequest?
    private var refusal: Refusal?
    private var body = ByteBuffer()
    private var reservedBytes = 0
    private var mayServe = true
    private var ticking: RepeatedTask?
    private var hasHead = false
    private var uploads: UInt64 = 0

    /// Which answer of the connection is under way; what comes late for another one is dropped.
    private(set) var serial: UInt64 = 0
    /// The spans that go out.
    var spans: SpanBody?
    /// Where bytes of memory are copied for the peer; reused while the connection is busy.
    var scratch = ByteBuffer()
    /// A body that is taken while it comes.
    var upload: UploadedBody?
    /// Whether the peer is read from.
    var isReadingBody = true
    /// Whether the cache gives memory, which is copied, rather than files.
    var copies = false

    init(_ channel: any Channel, _ server: ServerContext) {
        self.server = server
        self.channel = channel
        deadline = ConnectionDeadline(server.options, now: .now())
    }

    var loop: any EventLoop { channel.eventLoop }
    /// Whether bytes can still be written.
    var isOpen: Bool { context != nil && channel.isActive }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        mayServe = server.registry.add(channel)
        let bound = NIOLoopBound(self, eventLoop: loop)
        ticking = loop.scheduleRepeatedTask(initialDelay: server.tick, delay: server.tick) { _ in
            bound.value.tick()
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        server.registry.remove(channel)
        ticking?.cancel()
        ticking = nil
        serial += 1
        spans = nil
        giveUpUpload()
        releaseBody()
        self.context = nil
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is StopServing, ChannelEvent.inputClosed: act(on: intake.stop())
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError, intake.state == .idle {
            let isTooLong = error == .headerOverflow
            serial += 1
            intake.endAfterAnswer()
            send(
                server.responder.answer(
                    Refusal(
                        status: isTooLong ? .requestHeaderFieldsTooLarge : .badRequest,
                        message: isTooLong
                            ? "the header fields have more than \(server.options.headerBytesMaximum) bytes"
                            : "the request is no HTTP: \(error)"
                    ),
                    to: nil
                )
            )
        }
        context.close(promise: nil)
    }

    private func tick() {
        let unwritten = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if deadline.phase == .request, scratch.capacity > 0 { scratch = ByteBuffer() }
        guard deadline.isOver(now: .now(), unwritten: unwritten) else { return }
        switch deadline.phase {
        case .request, .peer, .drain: channel.close(promise: nil)
        case .body:
            refusal = Refusal(status: .requestTimeout, message: "the rest of the request did not come")
            act(on: intake.giveUp())
        case .answer:
            guard !hasHead else { return channel.close(promise: nil) }
            serial += 1
            giveUpUpload()
            intake.endAfterAnswer()
            refuseBody(
                Refusal(
                    status: .serviceUnavailable,
                    message: "no answer of the store within \(server.options.answerTimeout); try again"
                )
            )
        }
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body(let bytes):
            deadline.progress(now: .now())
            let action = intake.body(bytes.readableBytes)
            if action == .keep, upload != nil {
                takeUploaded(bytes)
            } else if action == .keep {
                var bytes = bytes
                body.writeBuffer(&bytes)
            } else {
                act(on: action)
            }
        case .end: act(on: intake.end())
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        let request = ServedRequest(head)
        self.request = request
        refusal = nil
        hasHead = false
        if !mayServe {
            intake.endAfterAnswer()
            refusal = Refusal(
                status: .serviceUnavailable,
                message: "there are \(server.options.connectionsMaximum) connections already; try again"
            )
        }
        var maximum = refusal == nil ? server.responder.bodyMaximum(for: request) : 0
        if refusal == nil, let intake = intake(for: request) {
            maximum = begin(intake)
        } else if maximum > 0 {
            maximum = reserveBody(head, maximum)
        }
        deadline.wait(for: .body, now: .now())
        let action = intake.head(head, bodyMaximum: maximum)
        if !mayServe { intake.endAfterAnswer() }
        act(on: action)
    }

    private func intake(for request: ServedRequest) -> (any BodyIntake)? {
        do throws(HTTPFailure) {
            return try server.responder.intake(for: request)
        } catch {
            if case .refusal(let refusal) = error { self.refusal = refusal }
            return nil
        }
    }

    /// Begins to take a body while it comes.
    /// - Returns: How long it may be: any length, or 0 if there is no room for one more.
    private func begin(_ intake: any BodyIntake) -> Int {
        let bytes = 2 * BodyFlow.bytesMaximum
        guard server.registry.reserve(bytes) else {
            refusal = Self.noRoom
            return 0
        }
        reservedBytes = bytes
        uploads += 1
        upload = UploadedBody(intake, serial: uploads)
        return .max
    }

    private static let noRoom = Refusal(
        status: .serviceUnavailable,
        message: "too many request bodies are held already; try again"
    )

    private func reserveBody(_ head: HTTPRequestHead, _ maximum: Int) -> Int {
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? maximum
        guard length > 0, length <= maximum else { return maximum }
        guard server.registry.reserve(length) else {
            refusal = Self.noRoom
            return 0
        }
        reservedBytes = length
        return maximum
    }

    private func releaseBody() {
        guard reservedBytes > 0 else { return }
        server.registry.release(reservedBytes)
        reservedBytes = 0
        body = ByteBuffer()
    }

    func act(on action: RequestIntake.Action) {
        switch action {
        case .nothing, .keep: break
        case .sendContinue:
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            context?.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        case .answer: answer()
        case .refuseBody:
            refusal = Refusal(status: .payloadTooLarge, message: "the body of the request is too long")
            answer()
        case .next:
            request = nil
            deadline.wait(for: .request, now: .now())
        case .close: channel.close(promise: nil)
        }
    }

    // MARK: - Answers

    private func answer() {
        serial += 1
        deadline.wait(for: .answer, now: .now())
        guard var request else { return channel.close(promise: nil) }
        if let refusal {
            giveUpUpload()
            return refuse(refusal)
        }
        if upload != nil { return endUpload() }
        if reservedBytes > 0 || body.readableBytes > 0 { request.body = body }
        do throws(HTTPFailure) {
            send(try server.responder.answer(request, mayWait: false))
        } catch {
            switch error {
            case .wouldWait: answerOnPool(request)
            case .refusal(let refusal): refuse(refusal)
            }
        }
    }

    private func answerOnPool(_ request: ServedRequest) {
        let (responder, loop, serial) = (server.responder, loop, serial)
        let bound = NIOLoopBound(self, eventLoop: loop)
        server.threads.pool.submit { state in
            let answer: Answer
            do throws(HTTPFailure) {
                guard state == .active else { throw .refused(.serviceUnavailable, "the server stops") }
                answer = try responder.answer(request, mayWait: true)
            } catch .refusal(let refusal) {
                answer = responder.answer(refusal, to: request)
            } catch {
                answer = responder.answer(
                    Refusal(status: .internalServerError, message: "the answer never came"),
                    to: request
                )
            }
            loop.execute { bound.value.arrived(answer, for: serial) }
        }
    }

    private func arrived(_ answer: Answer, for serial: UInt64) {
        guard serial == self.serial, isOpen else { return }
        send(answer)
    }

    /// Sends the answer to a body that was taken while it came.
    func arrived(_ answer: Answer) { send(answer) }

    /// Whether the rest of a body is still to come.
    var isReceiving: Bool { if case .receiving = intake.state { true } else { false } }

    /// Refuses a body in its middle, or after its end.
    func refuseBody(_ refusal: Refusal) {
        self.refusal = refusal
        if isReceiving { act(on: intake.giveUp()) } else { refuse(refusal) }
    }

    func refuse(_ refusal: Refusal) {
        send(server.responder.answer(refusal, to: request))
    }

    private func send(_ answer: Answer) {
        releaseBody()
        guard let context else { return }
        hasHead = true
        deadline.wait(for: .peer, now: .now())
        let head = HTTPServerResponsePart.head(head(of: answer))
        let isHeadOnly = request?.head.method == .HEAD || !answer.status.mayHaveResponseBody
        if isHeadOnly || answer.length == 0 {
            context.writeAndFlush(wrapOutboundOut(head), promise: finishing())
            return
        }
        context.write(wrapOutboundOut(head), promise: nil)
        switch answer.body {
        case .bytes(let bytes):
            let body = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes)))
            context.writeAndFlush(wrapOutboundOut(body), promise: finishing())
        case .spans(let spans):
            self.spans = spans
            sendSpans()
        case .produced(let produced): sendProduced(produced)
        }
    }

    private func head(of answer: Answer) -> HTTPResponseHead {
        let version = request?.head.version ?? .http1_1
        var fields = HTTPHeaders()
        fields.reserveCapacity(answer.fields.count + 2)
        for field in answer.fields { fields.add(name: field.name, value: field.value) }
        let isOld = version.major == 1 && version.minor == 0
        if let length = answer.length, !answer.isChunked || isOld {
            fields.add(name: "Content-Length", value: "\(length)")
        } else if isOld {
            // Only the end of the connection tells a peer of HTTP/1.0 where such a body ends.
            intake.endAfterAnswer()
        }
        if !intake.keepsAlive {
            fields.add(name: "Connection", value: "close")
        } else if isOld {
            fields.add(name: "Connection", value: "keep-alive")
        }
        return HTTPResponseHead(version: version, status: answer.status, headers: fields)
    }

    /// Ends the answer when what is written with the promise is out.
    private func finishing() -> EventLoopPromise<Void> {
        let promise = loop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { self.finish() }
        return promise
    }

    /// Ends the answer, all of whose bytes are out.
    ///
    /// Only now, since the end lets the next request of the connection in, which may be here already: it
    /// arrives while the end is written. So a peer that sends requests and takes no answers is not served on.
    func finish() {
        guard let context else { return }
        spans = nil
        let action = intake.answered()
        if action == .close {
            let promise = loop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { _ in self.channel.close(promise: nil) }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
            return
        }
        if case .draining = intake.state { deadline.wait(for: .drain, now: .now()) }
        act(on: action)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Ends the connection in the middle of an answer: the only way left to say that it failed.
    func breakOff(_ reason: String) {
        server.logger.warning(
            "an answer was broken off",
            metadata: ["target": "\(request?.head.uri ?? "")", "reason": "\(reason)"]
        )
        channel.close(promise: nil)
    }

    /// Notes what the connection waits for now.
    func wait(for phase: ConnectionDeadline.Phase) {
        deadline.wait(for: phase, now: .now())
    }
}
