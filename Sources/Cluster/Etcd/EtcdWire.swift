internal import FoundationEssentials

/// The JSON of etcd's gateway: protobuf's mapping, so 64-bit numbers are text, bytes are base64, and what is
/// zero or empty is left out.
enum EtcdWire {
    /// A 64-bit number.
    struct Number: Codable, Hashable {
        var value: Int64

        init(_ value: Int64) { self.value = value }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = number
                return
            }
            guard let number = Int64(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a number")
            }
            value = number
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(String(value))
        }
    }

    struct Empty: Codable {}

    struct Header: Decodable {
        var revision: Number?
    }

    struct KeyValue: Decodable {
        var key: Data
        var value: Data?
        var modRevision: Number?
        var lease: Number?

        private enum CodingKeys: String, CodingKey {
            case key, value, lease
            case modRevision = "mod_revision"
        }

        var entry: EtcdEntry? {
            guard let key = String(validating: key, as: UTF8.self) else { return nil }
            return EtcdEntry(
                key: key,
                value: value.map { Array($0) } ?? [],
                modRevision: modRevision?.value ?? 0,
                lease: lease?.value ?? 0
            )
        }
    }

    /// Keys of a request: one, or all from `key` to before `rangeEnd`.
    struct Keys: Encodable {
        var key: Data
        var rangeEnd: Data?

        private enum CodingKeys: String, CodingKey {
            case key
            case rangeEnd = "range_end"
        }

        init(_ keys: EtcdKeys) {
            switch keys {
            case .key(let name):
                key = Data(name.utf8)
            case .prefix(let prefix):
                key = Data(prefix.utf8)
                rangeEnd = Data(EtcdWire.end(ofPrefix: Array(prefix.utf8)))
            }
        }
    }

    /// The first key after all that begin with a prefix.
    static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
        var end = prefix
        while let last = end.popLast() {
            guard last < 0xFF else { continue }
            return end + [last + 1]
        }
        // etcd's word for the end of all keys.
        return [0]
    }

    struct RangeAnswer: Decodable {
        var header: Header?
        var kvs: [KeyValue]?
    }

    struct Put: Encodable {
        var key: Data
        var value: Data
        var lease: Number?

        init(key: String, value: [UInt8], lease: Int64) {
            self.key = Data(key.utf8)
            self.value = Data(value)
            self.lease = lease == 0 ? nil : Number(lease)
        }
    }

    struct PutAnswer: Decodable {
        var header: Header?
    }

    struct DeleteAnswer: Decodable {
        var deleted: Number?
    }

    struct LeaseGrant: Encodable {
        var seconds: Number

        private enum CodingKeys: String, CodingKey { case seconds = "TTL" }
    }

    struct LeaseIdentity: Encodable {
        var id: Number

        private enum CodingKeys: String, CodingKey { case id = "ID" }
    }

    struct LeaseAnswer: Decodable {
        var id: Number?
        var seconds: Number?

        private enum CodingKeys: String, CodingKey {
            case id = "ID"
            case seconds = "TTL"
        }
    }

    /// What wraps every message of a stream.
    struct Streamed<Message: Decodable>: Decodable {
        var result: Message?
        var error: Failure?
    }

    struct Authenticate: Encodable {
        var name: String
        var password: String
    }

    struct AuthenticateAnswer: Decodable {
        var token: String?
    }

    /// The body of an answer that is no success; `grpc_code` in a stream, `code` elsewhere.
    struct Failure: Decodable {
        var message: String?
        var code: Int?
        var streamCode: Int?

        private enum CodingKeys: String, CodingKey {
            case message, code
            case streamCode = "grpc_code"
        }
    }

    struct WatchRequest: Encodable {
        var create: Create

        private enum CodingKeys: String, CodingKey { case create = "create_request" }

        struct Create: Encodable {
            var key: Data
            var rangeEnd: Data?
            var startRevision: Number

            private enum CodingKeys: String, CodingKey {
                case key
                case rangeEnd = "range_end"
                case startRevision = "start_revision"
            }
        }
    }

    struct WatchAnswer: Decodable {
        var created: Bool?
        var canceled: Bool?
        var compactRevision: Number?
        var cancelReason: String?
        var events: [Event]?

        private enum CodingKeys: String, CodingKey {
            case created, canceled, events
            case compactRevision = "compact_revision"
            case cancelReason = "cancel_reason"
        }
    }

    struct Event: Decodable {
        var type: String?
        var kv: KeyValue?

        var event: EtcdEvent? {
            guard let entry = kv?.entry else { return nil }
            return type == "DELETE" ? .delete(key: entry.key) : .put(entry)
        }
    }

    static func encode(_ value: some Encodable) throws(EtcdError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw .invalid("a request of etcd can't be written as JSON: \(error)")
        }
    }

    static func decode<Value: Decodable>(_ bytes: [UInt8]) throws(EtcdError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            let start = String(decoding: bytes.prefix(80), as: UTF8.self).debugDescription
            throw .malformed("the body begins with \(start)")
        }
    }
}
