import CoreMetrics
import GRPCCore
import Logging
import Synchronization

/// Logs and counts every call, each with a number of its own.
struct CallRecorder: ServerInterceptor {
    let logger: Logger

    private static let last = Atomic<UInt64>(0)

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<
                Output
            >
    ) async throws -> StreamingServerResponse<Output> {
        let name = context.descriptor.method
        var logger = logger
        logger[metadataKey: "request"] = "\(Self.last.add(1, ordering: .relaxed).newValue)"
        let began = ContinuousClock.now
        var outcome = "OK"
        var reason: String?
        defer {
            let took = ContinuousClock.now - began
            Counter(label: "alluxio_csi_calls_total", dimensions: [("call", name), ("code", outcome)])
                .increment()
            Timer(label: "alluxio_csi_call_seconds", dimensions: [("call", name)])
                .recordNanoseconds(Int64(took / .nanoseconds(1)))
            var facts: Logger.Metadata = [
                "call": "\(name)", "code": "\(outcome)", "ms": "\(Int64(took / .milliseconds(1)))",
            ]
            if let reason { facts["reason"] = "\(reason)" }
            let isQuiet =
                outcome == "OK" && ["Probe", "NodeGetCapabilities", "NodeGetVolumeStats"].contains(name)
            logger.log(level: outcome == "OK" ? (isQuiet ? .debug : .info) : .error, "call", metadata: facts)
        }
        do {
            let response = try await next(request, context)
            if case .failure(let error) = response.accepted {
                (outcome, reason) = ("\(error.code)", error.message)
            }
            return response
        } catch let error as RPCError {
            (outcome, reason) = ("\(error.code)", error.message)
            throw error
        }
    }
}
