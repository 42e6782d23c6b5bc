import Cluster
import Pages
import Servers

/// Who holds which file, by the ring of the cluster as it is now.
///
/// Any thread may call it; it answers from memory.
struct RingDirectory: WorkerDirectory {
    private let membership: Membership
    private let own: WorkerIdentity
    private let blocks: VirtualBlocks

    /// Asks a membership.
    /// - Parameters:
    ///   - membership: Started.
    ///   - own: Who this worker is.
    ///   - blocks: How files are spread over workers.
    init(_ membership: Membership, own: WorkerIdentity, blocks: VirtualBlocks) {
        self.membership = membership
        self.own = own
        self.blocks = blocks
    }

    /// The worker that holds a file, or its first block where files are split.
    /// - Parameter file: Its full address.
    /// - Returns: nil if it is this worker, or nobody is known.
    func owner(of file: UFSURI) -> Servers.WorkerAddress? {
        let view = membership.view
        guard let owner = view.ring.workers(for: blocks.attributesKey(of: file), count: 1).first,
            owner != own, let record = view.member(owner)?.record
        else { return nil }
        return Servers.WorkerAddress(
            host: record.address.host,
            httpPort: record.address.httpServerPort,
            s3Port: record.s3Port
        )
    }
}
