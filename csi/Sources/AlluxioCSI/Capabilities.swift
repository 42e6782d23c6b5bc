import CSIProtocol
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
