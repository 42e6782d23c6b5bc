internal import Yams

/// Why text is no YAML document; quotes nothing of it, since it may be a secret.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, with the line if it is known, as the end of a sentence about the text.
    public let description: String
}

extension JSON {
    /// Reads a YAML document as Kubernetes does: what JSON has no word for is text.
    /// - Parameter yaml: One document; JSON is YAML too. An empty one is `null`.
    /// - Throws: ``YAMLError`` for what is no YAML, for several documents, for keys that are no text, for
    ///   more than ``depthMaximum`` values inside each other, and for aliases that make too many values of a
    ///   few.
    public init(yaml: String) throws(YAMLError) {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            throw YAMLDocument.failure(error)
        }
        var document = YAMLDocument()
        self = try node.map { node throws(YAMLError) in try document.value(node, depth: 0) } ?? .null
    }
}

/// From Yams' nodes to JSON values.
private struct YAMLDocument {
    /// An alias costs a few bytes and stands for any number of values.
    private static let valuesMaximum = 100_000

    private var valuesLeft = valuesMaximum

    mutating func value(_ node: Node, depth: Int) throws(YAMLError) -> JSON {
        valuesLeft -= 1
        guard valuesLeft >= 0 else {
            throw YAMLError(description: "has more than \(Self.valuesMaximum) values")
        }
        guard depth < JSON.depthMaximum else {
            throw YAMLError(description: "has more than \(JSON.depthMaximum) values inside each other")
        }
        switch node {
        case .scalar(let scalar): return Self.scalar(node, text: scalar.string)
        case .sequence(let sequence):
            var values: [JSON] = []
            for element in sequence { values.append(try value(element, depth: depth + 1)) }
            return .array(values)
        case .mapping(let mapping):
            var members: [String: JSON] = [:]
            for (key, element) in mapping {
                guard let name = key.scalar?.string else {
                    throw YAMLError(description: "has a key that is no text\(Self.line(of: key.mark))")
                }
                members[name] = try value(element, depth: depth + 1)
            }
            return .object(members)
        case .alias(let alias):
            throw YAMLError(description: "has an alias to nothing\(Self.line(of: alias.mark))")
        }
    }

    private static func scalar(_ node: Node, text: String) -> JSON {
        switch node.tag.description {
        case Tag.Name.null.rawValue: .null
        case Tag.Name.bool.rawValue: node.bool.map { .bool($0) } ?? .string(text)
        case Tag.Name.int.rawValue: node.int.map { .number(String($0)) } ?? .string(text)
        case Tag.Name.float.rawValue: node.float.flatMap { number($0) } ?? .string(text)
        default: .string(text)
        }
    }

    /// JSON has no infinity and no NaN.
    private static func number(_ value: Double) -> JSON? {
        value.isFinite ? .number("\(value)") : nil
    }

    static func failure(_ error: any Error) -> YAMLError {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            YAMLError(description: "is no YAML: \(problem) in line \(mark.line)")
        case .duplicatedKeysInMapping:
            YAMLError(description: "has a key twice in one mapping")
        default:
            YAMLError(description: "is no YAML")
        }
    }

    private static func line(of mark: Mark?) -> String { mark.map { " in line \($0.line)" } ?? "" }
}
