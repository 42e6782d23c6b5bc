import CSIProtocol
import Node
import Volumes

extension VolumeError {
    /// Checks what an orchestrator wants of a volume.
    /// - Throws: ``VolumeError`` if there is nothing, or it is a block device.
    static func check(_ capability: Csi_V1_VolumeCapability, isThere: Bool) throws(VolumeError) {
        guard isThere, capability.accessType != nil else { throw .invalid("volume_capability is missing") }
        if case .block = capability.accessType { throw .invalid("a volume of files is no block device") }
        guard capability.accessMode.mode != .unknown else { throw .invalid("the access mode is missing") }
    }
}

extension Csi_V1_VolumeCapability {
    /// Whether the access mode says that nothing is written.
    var isReadOnly: Bool {
        accessMode.mode == .singleNodeReaderOnly || accessMode.mode == .multiNodeReaderOnly
    }

    /// Whether the access mode says that one pod has it.
    var isExclusive: Bool { accessMode.mode == .singleNodeSingleWriter }
}

extension VolumeRequest {
    /// What a call asks for, with what its capability says.
    init(
        id: String,
        path: String,
        context: [String: String],
        secrets: [String: String],
        capability: Csi_V1_VolumeCapability,
        isReadOnly: Bool = false
    ) {
        self.init(
            id: id,
            path: path,
            context: context,
            secrets: secrets,
            mountFlags: capability.mount.mountFlags,
            isReadOnly: isReadOnly || capability.isReadOnly,
            isExclusive: capability.isExclusive
        )
    }
}
