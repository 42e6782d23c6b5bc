internal import FoundationEssentials

extension EtcdWire {
    struct Transaction: Encodable {
        var compare: [Comparison]
        var success: [Step]
        var failure: [Step]

        init(_ transaction: EtcdTransaction) {
            compare = transaction.conditions.map(Comparison.init)
            success = transaction.then.map(Step.init)
            failure = transaction.otherwise.map(Step.init)
        }
    }

    struct Comparison: Encodable {
        var keys: Keys
        var target: String
        var result: String
        var number: Int64

        private enum CodingKeys: String, CodingKey {
            case target, result, version
            case modRevision = "mod_revision"
        }

        init(_ condition: EtcdTransaction.Condition) {
            switch condition {
            case .absent(let key):
                (keys, target, result, number) = (Keys(.key(key)), "VERSION", "EQUAL", 0)
            case .unchanged(let key, let revision):
                (keys, target, result, number) = (Keys(.key(key)), "MOD", "EQUAL", revision)
            case .nothingPut(let prefix, let revision):
                (keys, target, result, number) = (Keys(.prefix(prefix)), "MOD", "LESS", revision + 1)
            }
        }

        func encode(to encoder: any Encoder) throws {
            try keys.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(target, forKey: .target)
            try container.encode(result, forKey: .result)
            try container.encode(Number(number), forKey: target == "VERSION" ? .version : .modRevision)
        }
    }

    struct Step: Encodable {
        var put: Put?
        var delete: Keys?
        var range: Keys?

        private enum CodingKeys: String, CodingKey {
            case put = "request_put"
            case delete = "request_delete_range"
            case range = "request_range"
        }

        init(_ step: EtcdTransaction.Step) {
            switch step {
            case .put(let key, let value, let lease): put = Put(key: key, value: value, lease: lease)
            case .delete(let keys): delete = Keys(keys)
            case .get(let keys): range = Keys(keys)
            }
        }
    }

    struct TransactionAnswer: Decodable {
        var header: Header?
        var succeeded: Bool?
        var responses: [StepAnswer]?

        struct StepAnswer: Decodable {
            var range: RangeAnswer?
            var delete: DeleteAnswer?

            private enum CodingKeys: String, CodingKey {
                case range = "response_range"
                case delete = "response_delete_range"
            }
        }

        var outcome: EtcdOutcome {
            let steps = responses ?? []
            return EtcdOutcome(
                succeeded: succeeded ?? false,
                revision: header?.revision?.value ?? 0,
                reads: steps.compactMap { $0.range.map { ($0.kvs ?? []).compactMap(\.entry) } },
                deletions: steps.compactMap { $0.delete.map { Int($0.deleted?.value ?? 0) } }
            )
        }
    }
}
