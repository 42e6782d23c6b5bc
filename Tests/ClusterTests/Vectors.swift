import FoundationEssentials

/// The vectors that every implementation of the ring must meet; made with independent ones.
struct Vectors: Decodable {
    struct Hash: Decodable {
        let inputHex: String
        let hashInt32: Int32
        let hashUint32Hex: String
    }

    struct HostIdentity: Decodable {
        let hostname: String
        let version: Int
        let identifier: String
        let workerIdString: String
    }

    struct VirtualNode: Decodable {
        let version: Int
        let identifier: String
        let vnodeIndex: Int
        let preimageHex: String
        let positionInt32: Int32
    }

    struct KeyPosition: Decodable {
        let key: String
        let attempt: Int
        let positionInt32: Int32
    }

    struct Worker: Decodable {
        let version: Int
        let identifier: String
    }

    struct Point: Decodable {
        let position: Int32
        let identifier: String
    }

    struct Ring: Decodable {
        let vnodesPerWorker: Int
        let workers: [Worker]
        let points: Int
        let collisions: [Point]
        let firstPoints: [Point]
        let lastPoints: [Point]
        let ringSha256: String
        let allPoints: [PlainPoint]?
    }

    /// A point as a list of two: position and identifier.
    struct PlainPoint: Decodable {
        let position: Int32
        let identifier: String

        init(from decoder: any Decoder) throws {
            var parts = try decoder.unkeyedContainer()
            position = try parts.decode(Int32.self)
            identifier = try parts.decode(String.self)
        }
    }

    struct Selection: Decodable {
        let ring: String
        let key: String
        let count: Int
        let hashAttempt1: Int32
        let replicas: [String]
    }

    struct File: Decodable {
        let ufsFullPath: String
        let fileId: String
    }

    let hashes: [Hash]
    let hostIdentities: [HostIdentity]
    let virtualNodes: [VirtualNode]
    let keyPositions: [KeyPosition]
    let rings: [String: Ring]
    let selections: [Selection]
    let files: [File]

    enum CodingKeys: String, CodingKey {
        // As the decoder turns the names of the file.
        case hashes = "murmur332Seed0"
        case hostIdentities = "identityFromHostname"
        case virtualNodes = "virtualNodePositions"
        case keyPositions
        case rings
        case selections = "selection"
        case files = "fileIdSha256"
    }

    /// The file beside this one.
    static func load() throws -> Vectors {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let file = folder.appending(path: "Vectors/hashring-vectors.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Vectors.self, from: Data(contentsOf: file))
    }
}
