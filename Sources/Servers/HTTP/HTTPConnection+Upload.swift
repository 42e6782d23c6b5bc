import NIOCore
import NIOHTTP1
import NIOPosix

/// A body that is taken while it comes.
///
/// Lives on the connection's event loop.
struct UploadedBody {
    let intake: any BodyIntake
    /// Which body of the connection it is.
    let serial: UInt64
    var flow = BodyFlow()
    /// What waits to be taken.
    var waiting = ByteBuffer()

    init(_ intake: any BodyIntake, serial: UInt64) {
        self.intake = intake
        self.serial = serial
    }
}

/// Taking a long body on pool threads; a peer that is faster than they has to wait.
extension HTTPConnection {
    /// Bytes of the body came.
    func takeUploaded(_ bytes: ByteBuffer) {
        var bytes = bytes
        let count = bytes.readableBytes
        upload?.waiting.writeBuffer(&bytes)
        run(upload?.flow.came(count) ?? .nothing)
        adjustReading()
    }

    /// All of the body has come.
    func endUpload() { run(upload?.flow.ended() ?? .nothing) }

    /// The body will not come to its end, or is refused.
    func giveUpUpload() {
        guard upload != nil else { return }
        run(upload?.flow.gaveUp() ?? .nothing)
        upload?.waiting = ByteBuffer()
        adjustReading()
    }

    private func run(_ job: BodyFlow.Job) {
        guard let upload else { return }
        let intake = upload.intake
        switch job {
        case .nothing: return
        case .take:
            let bytes = upload.waiting
            self.upload?.waiting = ByteBuffer()
            submit { () throws(HTTPFailure) -> Answer? in
                try intake.take(bytes)
                return nil
            }
        case .finish: submit { () throws(HTTPFailure) -> Answer? in try intake.finish() }
        case .abandon:
            self.upload = nil
            server.threads.pool.submit { _ in intake.abandon() }
        }
    }

    private func submit(_ work: @escaping @Sendable () throws(HTTPFailure) -> Answer?) {
        guard let serial = upload?.serial else { return }
        wait(for: .answer)
        let loop = loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        server.threads.pool.submit { state in
            let outcome = Result { () throws(HTTPFailure) in
                guard state == .active else { throw .refused(.serviceUnavailable, "the server stops") }
                return try work()
            }
            loop.execute { bound.value.finished(outcome, of: serial) }
        }
    }

    private func finished(_ outcome: Result<Answer?, HTTPFailure>, of serial: UInt64) {
        guard let flow = upload?.flow, upload?.serial == serial else { return }
        let isWanted = !flow.isGivenUp && isOpen
        switch outcome {
        case .success(let answer?):
            upload = nil
            if isWanted { arrived(answer) }
        case .success(nil):
            if isWanted, isReceiving { wait(for: .body) }
            run(upload?.flow.done() ?? .nothing)
            adjustReading()
        case .failure(let failure):
            giveUpUpload()
            run(upload?.flow.done() ?? .nothing)
            if isWanted, case .refusal(let refusal) = failure { refuseBody(refusal) }
        }
    }

    /// A peer that is faster than the pool is not read from.
    private func adjustReading() {
        let isWanted = upload?.flow.isFull != true
        guard isOpen, isWanted != isReadingBody else { return }
        isReadingBody = isWanted
        try? channel.syncOptions?.setOption(.autoRead, value: isWanted)
    }
}
