/// A JSON value, whole and mutable.
///
/// What the plugin does not look into passes through it unchanged: numbers keep the text they came with, and
/// unknown members stay. A value; any thread may use it.
public enum JSON: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number as it is written.
    case number(String)
    /// Text.
    case string(String)
    /// Values in order.
    case array([JSON])
    /// Members; written in the order of their names.
    case object([String: JSON])

    /// The most values inside each other that are read.
    public static let depthMaximum = 64

    /// A member of an object.
    ///
    /// Setting a member of something that is no object makes it one; setting nil removes the member.
    /// - Parameter name: The member's name.
    /// - Returns: Its value; nil if there is none or if this is no object.
    public subscript(name: String) -> JSON? {
        get {
            guard case .object(let members) = self else { return nil }
            return members[name]
        }
        set {
            var members: [String: JSON] = [:]
            if case .object(let before) = self { members = before }
            // Let go of the old value first, so that a change of a large object copies nothing.
            self = .null
            members[name] = newValue
            self = .object(members)
        }
    }

    /// What is found by following names.
    /// - Parameter names: Members of members.
    /// - Returns: The value; nil as soon as a member is missing.
    public subscript(path names: String...) -> JSON? {
        var value: JSON? = self
        for name in names { value = value?[name] }
        return value
    }

    /// The text, if this is text.
    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The truth value, if this is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The whole number, if this is one that fits in 64 bits.
    public var int: Int? {
        if case .number(let text) = self { Int(text) } else { nil }
    }

    /// The values, if this is an array.
    public var array: [JSON]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// The members, if this is an object.
    public var object: [String: JSON]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The members that are text, if this is an object; else none.
    public var strings: [String: String] { object?.compactMapValues(\.string) ?? [:] }

    /// What kind of value this is, with its article: "an object".
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// Text.
    /// - Parameter value: The text.
    public init(stringLiteral value: String) { self = .string(value) }

    /// A whole number.
    /// - Parameter value: The number.
    public init(integerLiteral value: Int) { self = .number(String(value)) }

    /// A truth value.
    /// - Parameter value: The value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }

    /// Values in order.
    /// - Parameter elements: The values.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }

    /// Members.
    /// - Parameter elements: Names and values; of two with one name the last stays.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }

    /// `null`.
    /// - Parameter nilLiteral: Nothing.
    public init(nilLiteral: ()) { self = .null }
}
