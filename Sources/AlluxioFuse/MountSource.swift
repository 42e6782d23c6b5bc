import Settings

/// What is to be mounted, as a command or `/etc/fstab` names it.
enum MountSource: Equatable, Sendable, CustomStringConvertible {
    /// One store: its address.
    case store(UFSAddress)
    /// The mount table of a cluster: `alluxio-fuse`, or `alluxio-fuse:` and the cluster's name.
    case table(cluster: String?)

    /// The name of the mount table as a source.
    static let tableWord = "alluxio-fuse"

    /// Reads a source.
    /// - Throws: A ``Failure`` that says which forms there are.
    init(_ text: String) throws(Failure) {
        if text == Self.tableWord {
            self = .table(cluster: nil)
        } else if text.hasPrefix("\(Self.tableWord):") {
            self = .table(cluster: String(text.dropFirst(Self.tableWord.utf8.count + 1)))
        } else {
            self = .store(try UFSAddress(text))
        }
    }

    /// Whether an argument is meant as a source rather than as a command or path.
    static func looksLikeSource(_ text: String) -> Bool {
        UFSAddress.looksLikeAddress(text) || text == tableWord || text.hasPrefix("\(tableWord):")
    }

    /// The source as `mount` shows it.
    var description: String {
        switch self {
        case .store(let address): address.description
        case .table(nil): Self.tableWord
        case .table(let cluster?): "\(Self.tableWord):\(cluster)"
        }
    }
}
