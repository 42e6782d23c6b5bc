import CSIProtocol
import GRPCCore
import SwiftProtobuf

/// The Identity service of CSI: who the driver is, and whether it answers.
struct IdentityService: Csi_V1_Identity.SimpleServiceProtocol {
    let health: Health

    func getPluginInfo(
        request: Csi_V1_GetPluginInfoRequest,
        context: ServerContext
    ) async throws -> Csi_V1_GetPluginInfoResponse {
        .with {
            $0.name = DriverFacts.name
            $0.vendorVersion = DriverFacts.version
        }
    }

    func getPluginCapabilities(
        request: Csi_V1_GetPluginCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Csi_V1_GetPluginCapabilitiesResponse {
        .with { $0.capabilities = [.with { $0.service.type = .controllerService }] }
    }

    func probe(request: Csi_V1_ProbeRequest, context: ServerContext) async throws -> Csi_V1_ProbeResponse {
        if let problem = health.problem { throw RPCError(code: .failedPrecondition, message: problem) }
        return .with { $0.ready.value = true }
    }
}
