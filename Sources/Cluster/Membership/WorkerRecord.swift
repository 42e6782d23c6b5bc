internal import FoundationEssentials

/// Where a worker can be reached.
public struct WorkerAddress: Hashable, Sendable {
    /// The name or address of its host.
    public var host: String
    /// The name or address of its container; empty if there is none.
    public var containerHost = ""
    /// gRPC; 0 means none, here and below.
    public var rpcPort = 29999
    /// Data over gRPC.
    public var dataPort = 29997
    /// gRPC with TLS.
    public var secureRpcPort = 0
    /// Data over Netty's protocol.
    public var nettyDataPort = 29997
    /// Web pages and metrics.
    public var webPort = 30000
    /// The path of a Unix socket; empty for none.
    public var domainSocketPath = ""
    /// HTTP, which is what this program reads by.
    public var httpServerPort = 28080

    /// An address with the usual ports.
    /// - Parameter host: The name or address of the host.
    public init(host: String) { self.host = host }

    /// Whether two addresses are the same but for the HTTP port, which older workers don't register.
    /// - Parameter other: The other address.
    /// - Returns: Whether it is the same place.
    public func isSamePlace(as other: WorkerAddress) -> Bool {
        var other = other
        other.httpServerPort = httpServerPort
        return self == other
    }
}

/// What is registered about a worker: the JSON value of its keys in etcd.
public struct WorkerRecord: Hashable, Sendable {
    /// Who it is.
    public var identity: WorkerIdentity
    /// Where it is.
    public var address: WorkerAddress
    /// `JOINED`, `AUTHORIZED` or `DECOMMISSIONED`; kept as it came.
    public var state = "AUTHORIZED"
    /// Always -1 so far.
    public var generationNumber: Int64 = -1
    /// How many bytes it can cache: our additive field `CapacityBytes`; nil if the worker does not say.
    public var capacityBytes: Int64?
    /// The port of its S3 API: our additive field `S3Port`; nil if it has none, or does not say.
    public var s3Port: Int?

    /// Describes a worker.
    /// - Parameters:
    ///   - identity: Who it is.
    ///   - address: Where it is.
    ///   - capacityBytes: How many bytes it can cache; nil to say nothing.
    public init(identity: WorkerIdentity, address: WorkerAddress, capacityBytes: Int64? = nil) {
        self.identity = identity
        self.address = address
        self.capacityBytes = capacityBytes
    }

    /// Reads the JSON value of a key.
    ///
    /// Unknown fields are ignored, and missing ports are the usual ones. What is no JSON, or lacks identity
    /// or host, gives nil.
    /// - Parameter json: The value.
    public init?(json: [UInt8]) {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(json)),
            let identity = try? WorkerIdentity(
                version: document.identity.version,
                hexIdentifier: document.identity.identifier
            ),
            !document.address.host.isEmpty
        else { return nil }
        self.identity = identity
        address = document.address.address
        state = document.state ?? "AUTHORIZED"
        generationNumber = document.generationNumber ?? -1
        capacityBytes = document.capacityBytes
        s3Port = document.s3Port
    }

    /// The JSON value of the worker's keys: all fields, sorted by name, the same bytes every time.
    public var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(Document(self)) else {
            preconditionFailure("text and numbers can be written as JSON")
        }
        return Array(data)
    }
}

extension WorkerRecord {
    private struct Document: Codable {
        var identity: Identity
        var address: Address
        var state: String?
        var generationNumber: Int64?
        var entityName: String?
        var capacityBytes: Int64?
        var s3Port: Int?

        enum CodingKeys: String, CodingKey {
            case identity = "Identity"
            case address = "WorkerNetAddress"
            case state = "State"
            case generationNumber = "GenerationNumber"
            case entityName = "ServiceEntityName"
            case capacityBytes = "CapacityBytes"
            case s3Port = "S3Port"
        }

        init(_ record: WorkerRecord) {
            identity = Identity(version: record.identity.version, identifier: record.identity.hexIdentifier)
            address = Address(record.address)
            state = record.state
            generationNumber = record.generationNumber
            entityName = record.identity.entityName
            capacityBytes = record.capacityBytes
            s3Port = record.s3Port
        }
    }

    private struct Identity: Codable {
        var version: Int
        var identifier: String
    }

    private struct Address: Codable {
        var host: String
        var containerHost: String?
        var rpcPort: Int?
        var dataPort: Int?
        var secureRpcPort: Int?
        var nettyDataPort: Int?
        var webPort: Int?
        var domainSocketPath: String?
        var httpServerPort: Int?

        enum CodingKeys: String, CodingKey {
            case host = "Host"
            case containerHost = "ContainerHost"
            case rpcPort = "RpcPort"
            case dataPort = "DataPort"
            case secureRpcPort = "SecureRpcPort"
            case nettyDataPort = "NettyDataPort"
            case webPort = "WebPort"
            case domainSocketPath = "DomainSocketPath"
            case httpServerPort = "HttpServerPort"
        }

        init(_ address: WorkerAddress) {
            host = address.host
            containerHost = address.containerHost
            rpcPort = address.rpcPort
            dataPort = address.dataPort
            secureRpcPort = address.secureRpcPort
            nettyDataPort = address.nettyDataPort
            webPort = address.webPort
            domainSocketPath = address.domainSocketPath
            httpServerPort = address.httpServerPort
        }

        var address: WorkerAddress {
            var address = WorkerAddress(host: host)
            address.containerHost = containerHost ?? address.containerHost
            address.rpcPort = rpcPort ?? address.rpcPort
            address.dataPort = dataPort ?? address.dataPort
            address.secureRpcPort = secureRpcPort ?? address.secureRpcPort
            address.nettyDataPort = nettyDataPort ?? address.nettyDataPort
            address.webPort = webPort ?? address.webPort
            address.domainSocketPath = domainSocketPath ?? address.domainSocketPath
            address.httpServerPort = httpServerPort ?? address.httpServerPort
            return address
        }
    }
}
