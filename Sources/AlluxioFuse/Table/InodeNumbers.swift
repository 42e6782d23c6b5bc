import Cluster
import Metadata
import Pages

/// The inode numbers that a mount table shows of one store.
///
/// Two local stores may have the same numbers, and programs that copy or archive take equal numbers for one
/// file. They depend on the mount's name alone, so that they are the same after the next start.
struct InodeNumbers: Sendable {
    private let difference: UInt64

    /// The numbers of a mount.
    /// - Parameter name: The directory of the root.
    init(of name: String) {
        difference = FNV1a.hash(name.utf8)
    }

    /// What the table shows of what its store says.
    func shown(_ attributes: Attributes) -> Attributes {
        var shown = attributes
        shown.posix = attributes.posix.map(exchanged)
        return shown
    }

    /// What the store said of what the table shows.
    func stored(_ attributes: Attributes) -> Attributes { shown(attributes) }

    /// What the store said of what the table shows.
    func stored(_ native: POSIXAttributes) -> POSIXAttributes { exchanged(native) }

    /// Its own inverse; 0 is no number but says that there is none, so it stays.
    private func exchanged(_ native: POSIXAttributes) -> POSIXAttributes {
        guard native.inode != 0, native.inode != difference else { return native }
        var exchanged = native
        exchanged.inode ^= difference
        return exchanged
    }
}
