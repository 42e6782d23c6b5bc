import Cluster
import Settings

/// Where `--ring` gets the workers from.
enum RingSource: Equatable, Sendable {
    /// A file that lists them.
    case file(String)

    /// The word that stands for the workers of a live cluster; no file is meant by it.
    private static let liveCluster = "etcd"

    /// Reads the argument of `--ring`.
    /// - Throws: A usage ``Failure`` for a word that names no file.
    init(argument: String) throws(Failure) {
        guard !argument.isEmpty else {
            throw .usage("--ring needs the name of a file that lists the workers")
        }
        guard argument != Self.liveCluster else {
            throw .usage(
                "--ring etcd is not supported by this version; give a file (./etcd if it is named so)"
            )
        }
        self = .file(argument)
    }

    /// The workers of the ring, each once.
    /// - Throws: A ``Failure`` that names the source and what is wrong with it.
    func workers() throws(Failure) -> [WorkerIdentity] {
        switch self {
        case .file(let path): try RingFile.workers(at: path)
        }
    }
}
