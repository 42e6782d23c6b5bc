import Synchronization
import Volumes

/// Which volumes there are: those that this controller made, and those that Kubernetes has.
///
/// A volume is a name and has no other place, so what a controller made before it was restarted is known by
/// its PersistentVolume alone, and then with any size. Any thread may call.
final class KnownVolumes: Sendable {
    /// What a volume was made with.
    struct Volume: Hashable, Sendable {
        /// The size that was asked for, which means nothing.
        var capacityBytes: Int64
        /// The parameters of its StorageClass.
        var parameters: [String: String]
    }

    /// Asks Kubernetes whether a PersistentVolume has a handle.
    typealias Directory = @Sendable (_ id: String) throws(VolumeError) -> Bool

    /// The most volumes that are remembered; beyond, any is forgotten.
    private static let countMaximum = 100_000

    private let made = Mutex<[String: Volume]>([:])
    private let directory: Directory?

    /// - Parameter directory: Asks Kubernetes; nil: there is none to ask.
    init(directory: Directory? = nil) { self.directory = directory }

    /// Makes a volume, or finds it.
    /// - Returns: What it was made with.
    func make(_ id: String, _ volume: Volume) -> Volume {
        made.withLock { made in
            if let there = made[id] { return there }
            if made.count >= Self.countMaximum, let any = made.keys.first { made[any] = nil }
            made[id] = volume
            return volume
        }
    }

    /// Forgets a volume.
    func forget(_ id: String) { made.withLock { $0[id] = nil } }

    /// Whether there is a volume.
    func contains(_ id: String) throws(VolumeError) -> Bool {
        if made.withLock({ $0[id] != nil }) { return true }
        return try directory?(id) ?? false
    }
}
