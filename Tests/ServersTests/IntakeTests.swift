import NIOCore
import NIOHTTP1
import Testing

@testable import Servers

@Suite struct IntakeTests {
    private func head(_ fields: [(String, String)], _ version: HTTPVersion = .http1_1) -> HTTPRequestHead {
        HTTPRequestHead(version: version, method: .POST, uri: "/", headers: HTTPHeaders(fields))
    }

    @Test func `a request without a body is answered and the connection stays`() {
        var intake = RequestIntake()
        #expect(intake.head(head([]), bodyMaximum: 0) == .nothing)
        #expect(intake.end() == .answer)
        #expect(intake.answered() == .next)
    }

    @Test func `a wanted body is kept up to its limit`() {
        var intake = RequestIntake()
        #expect(intake.head(head([("transfer-encoding", "chunked")]), bodyMaximum: 10) == .nothing)
        #expect(intake.body(10) == .keep)
        #expect(intake.body(1) == .refuseBody)
        #expect(!intake.keepsAlive)
        #expect(intake.answered() == .nothing)
        #expect(intake.body(1000) == .nothing)
        #expect(intake.end() == .close)
    }

    @Test func `a body that is announced too long is refused at once`() {
        var intake = RequestIntake()
        #expect(intake.head(head([("content-length", "11")]), bodyMaximum: 10) == .refuseBody)
    }

    @Test func `a peer that asks first is told to go on, or answered and left`() {
        var wanted = RequestIntake()
        let asking = head([("content-length", "5"), ("expect", "100-continue")])
        #expect(wanted.head(asking, bodyMaximum: 10) == .sendContinue)
        var unwanted = RequestIntake()
        #expect(unwanted.head(asking, bodyMaximum: 0) == .answer)
        #expect(unwanted.answered() == .close)
    }

    @Test func `a short body that nobody wants does not end the connection`() {
        var intake = RequestIntake()
        #expect(intake.head(head([("content-length", "5")]), bodyMaximum: 0) == .nothing)
        #expect(intake.body(5) == .nothing)
        #expect(intake.end() == .answer)
        #expect(intake.answered() == .next)
    }

    @Test func `an old peer keeps the connection only if it says so`() {
        var plain = RequestIntake()
        _ = plain.head(head([], .http1_0), bodyMaximum: 0)
        #expect(!plain.keepsAlive)
        var keeping = RequestIntake()
        _ = keeping.head(head([("connection", "keep-alive")], .http1_0), bodyMaximum: 0)
        #expect(keeping.keepsAlive)
    }

    @Test func `a stop ends an idle connection at once and a busy one after its answer`() {
        var idle = RequestIntake()
        #expect(idle.stop() == .close)
        var busy = RequestIntake()
        _ = busy.head(head([]), bodyMaximum: 0)
        _ = busy.end()
        #expect(busy.stop() == .nothing)
        #expect(busy.answered() == .close)
    }

    @Test func `a peer that takes bytes gets more time`() {
        var options = HTTPServerOptions()
        options.stallTimeout = .seconds(10)
        let start = NIODeadline.uptimeNanoseconds(0)
        var deadline = ConnectionDeadline(options, now: start)
        deadline.wait(for: .peer, now: start)
        let over = [(9, 100), (18, 50), (27, 50), (28, 50)].map { second, unwritten in
            deadline.isOver(now: start + .seconds(Int64(second)), unwritten: unwritten)
        }
        #expect(over == [false, false, false, true])
    }
}
