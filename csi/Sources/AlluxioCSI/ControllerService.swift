import CSIProtocol
import GRPCCore
import SwiftProtobuf
import Volumes

/// The Controller service of CSI: volumes are names, and nothing is provisioned.
struct ControllerService: Csi_V1_Controller.SimpleServiceProtocol {
    let known: KnownVolumes

    private static let nameBytesMaximum = 1024

    func createVolume(
        request: Csi_V1_CreateVolumeRequest,
        context: ServerContext
    ) async throws -> Csi_V1_CreateVolumeResponse {
        do throws(VolumeError) {
            guard !request.name.isEmpty, request.name.utf8.count <= Self.nameBytesMaximum else {
                throw .invalid("name is missing, or longer than \(Self.nameBytesMaximum) bytes")
            }
            guard !request.volumeCapabilities.isEmpty else {
                throw .invalid("volume_capabilities are missing")
            }
            for capability in request.volumeCapabilities { try VolumeError.check(capability, isThere: true) }
            guard !request.hasVolumeContentSource else {
                throw .invalid("a volume can't be made of another one")
            }
            let range = request.capacityRange
            guard range.requiredBytes >= 0, range.limitBytes >= 0,
                range.limitBytes == 0 || range.requiredBytes <= range.limitBytes
            else { throw .invalid("capacity_range contradicts itself") }
            guard request.mutableParameters.isEmpty else {
                throw .invalid("a volume has no mutable parameters")
            }
            var rules = VolumeAttributes.Rules()
            // Only the node knows what it allows.
            rules.allowsLocalStores = true
            if !request.parameters.isEmpty {
                _ = try VolumeAttributes(request.parameters, rules: rules)
            }
            let id = VolumeID.made(of: request.name)
            let volume = KnownVolumes.Volume(
                capacityBytes: range.requiredBytes,
                parameters: request.parameters
            )
            let made = known.make(id, volume)
            guard made.parameters == volume.parameters, made.capacityBytes >= range.requiredBytes,
                range.limitBytes == 0 || made.capacityBytes <= range.limitBytes
            else {
                throw VolumeError(
                    .alreadyExists,
                    "volume '\(request.name)' is there with other parameters or size"
                )
            }
            return .with {
                $0.volume.volumeID = id
                $0.volume.capacityBytes = made.capacityBytes
                $0.volume.volumeContext = made.parameters
            }
        } catch {
            throw RPCError(error)
        }
    }

    func deleteVolume(
        request: Csi_V1_DeleteVolumeRequest,
        context: ServerContext
    ) async throws -> Csi_V1_DeleteVolumeResponse {
        do throws(VolumeError) {
            try VolumeID.check(request.volumeID)
        } catch {
            throw RPCError(error)
        }
        known.forget(request.volumeID)
        return Csi_V1_DeleteVolumeResponse()
    }

    func validateVolumeCapabilities(
        request: Csi_V1_ValidateVolumeCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Csi_V1_ValidateVolumeCapabilitiesResponse {
        do throws(VolumeError) {
            try VolumeID.check(request.volumeID)
            guard !request.volumeCapabilities.isEmpty else {
                throw .invalid("volume_capabilities are missing")
            }
            guard try known.contains(request.volumeID) else {
                throw VolumeError(.notFound, "there is no volume '\(request.volumeID)'")
            }
        } catch {
            throw RPCError(error)
        }
        for capability in request.volumeCapabilities {
            do throws(VolumeError) {
                try VolumeError.check(capability, isThere: true)
            } catch {
                return .with { $0.message = error.description }
            }
        }
        return .with {
            $0.confirmed.volumeContext = request.volumeContext
            $0.confirmed.volumeCapabilities = request.volumeCapabilities
            $0.confirmed.parameters = request.parameters
        }
    }

    func controllerGetCapabilities(
        request: Csi_V1_ControllerGetCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Csi_V1_ControllerGetCapabilitiesResponse {
        .with {
            $0.capabilities = [.createDeleteVolume, .singleNodeMultiWriter].map { type in
                .with { $0.rpc.type = type }
            }
        }
    }
}
