import CSIProtocol
import GRPCCore
import NIOPosix
import Node
import SwiftProtobuf
import Volumes

/// The Node service of CSI: what the kubelet calls.
///
/// Calls block on threads of a pool.
struct NodeService: Csi_V1_Node.SimpleServiceProtocol {
    let node: String
    let volumes: WatchedVolumes
    let pool: NIOThreadPool

    private var all: NodeVolumes { volumes.volumes }

    private func blocking<Answer: Sendable>(
        _ body: @escaping @Sendable () throws(VolumeError) -> Answer
    ) async throws -> Answer {
        do {
            return try await pool.runIfActive(body)
        } catch let error as VolumeError {
            throw RPCError(error)
        }
    }

    func nodeStageVolume(
        request: Csi_V1_NodeStageVolumeRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodeStageVolumeResponse {
        try await blocking { () throws(VolumeError) in
            try VolumeID.check(request.volumeID)
            try VolumeError.check(request.volumeCapability, isThere: request.hasVolumeCapability)
            try all.stage(
                VolumeRequest(
                    id: request.volumeID,
                    path: request.stagingTargetPath,
                    context: request.volumeContext,
                    secrets: request.secrets,
                    capability: request.volumeCapability
                )
            )
            return Csi_V1_NodeStageVolumeResponse()
        }
    }

    func nodeUnstageVolume(
        request: Csi_V1_NodeUnstageVolumeRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodeUnstageVolumeResponse {
        try await blocking { () throws(VolumeError) in
            try VolumeID.check(request.volumeID)
            try all.unstage(request.volumeID, request.stagingTargetPath)
            return Csi_V1_NodeUnstageVolumeResponse()
        }
    }

    func nodePublishVolume(
        request: Csi_V1_NodePublishVolumeRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodePublishVolumeResponse {
        try await blocking { () throws(VolumeError) in
            try VolumeID.check(request.volumeID)
            try VolumeError.check(request.volumeCapability, isThere: request.hasVolumeCapability)
            try all.publish(
                VolumeRequest(
                    id: request.volumeID,
                    path: request.targetPath,
                    context: request.volumeContext,
                    secrets: request.secrets,
                    capability: request.volumeCapability,
                    isReadOnly: request.readonly
                )
            )
            return Csi_V1_NodePublishVolumeResponse()
        }
    }

    func nodeUnpublishVolume(
        request: Csi_V1_NodeUnpublishVolumeRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodeUnpublishVolumeResponse {
        try await blocking { () throws(VolumeError) in
            try VolumeID.check(request.volumeID)
            try all.unpublish(request.volumeID, request.targetPath)
            return Csi_V1_NodeUnpublishVolumeResponse()
        }
    }

    func nodeGetVolumeStats(
        request: Csi_V1_NodeGetVolumeStatsRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodeGetVolumeStatsResponse {
        try await blocking { () throws(VolumeError) in
            try VolumeID.check(request.volumeID)
            guard !request.volumePath.isEmpty else { throw .invalid("volume_path is missing") }
            let condition = try all.condition(of: request.volumeID, at: request.volumePath)
            return .with { answer in
                if let usage = condition.usage {
                    answer.usage = [(Csi_V1_VolumeUsage.Unit.bytes, usage.bytes), (.inodes, usage.inodes)]
                        .map { unit, numbers in
                            .with {
                                $0.unit = unit
                                ($0.available, $0.total, $0.used) = (numbers[0], numbers[1], numbers[2])
                            }
                        }
                }
                answer.volumeCondition.abnormal = condition.problem != nil
                answer.volumeCondition.message = condition.problem ?? "the mount answers"
            }
        }
    }

    func nodeGetCapabilities(
        request: Csi_V1_NodeGetCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodeGetCapabilitiesResponse {
        .with {
            $0.capabilities = [
                .stageUnstageVolume, .getVolumeStats, .volumeCondition, .singleNodeMultiWriter,
            ].map { type in
                .with { $0.rpc.type = type }
            }
        }
    }

    func nodeGetInfo(
        request: Csi_V1_NodeGetInfoRequest,
        context: ServerContext
    ) async throws -> Csi_V1_NodeGetInfoResponse {
        .with { $0.nodeID = node }
    }
}
