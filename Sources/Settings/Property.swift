/// What a property's text must look like.
package enum PropertyKind: Sendable {
    /// `true`, `false`, `yes`, `no`, `1`, `0`; as an option also the bare name.
    case flag
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// A mode in octal, such as `022`.
    case octal(ClosedRange<Int>)
    /// A number of bytes: `4096`, `512MB`, `1.5GB`; units are powers of 1024.
    case bytes(ClosedRange<Int>)
    /// A time: `500ms`, `1s`, `10min`, `2h`, `1d`; a bare number has the unit given. `-1` is "for ever" if
    /// allowed.
    case duration(ClosedRange<Duration>, allowsForever: Bool, bareUnit: Duration = .milliseconds(1))
    /// An absolute path.
    case path
    /// An `http` or `https` address.
    case address
    /// One of the words.
    case word([String])
    /// Any text.
    case text
    /// Text that is never printed.
    case secret
}

/// Where a property may be set.
package enum PropertyPlace: Sendable {
    /// With `-o`, in the environment, and in the properties file.
    case everywhere
    /// With `-o` (and in `alluxio.fuse.mount.options`) only.
    case option
}

/// What setting a property does.
package enum PropertyEffect: Sendable {
    /// What the summary says.
    case used
    /// Nothing; the text says why it is accepted nevertheless.
    case accepted(because: String)
}

/// One row of the catalogue: a setting with its type, range, default and meaning.
package struct Property: Sendable {
    /// The canonical name.
    package let key: String
    /// Other names that mean the same, short `-o` names among them.
    package let aliases: [String]
    /// What its text must look like.
    package let kind: PropertyKind
    /// The default as a user would write it; nil if there is none.
    package let fallback: String?
    /// One or two sentences for the table of all settings.
    package let summary: String
    /// Where it may be set.
    package let place: PropertyPlace
    /// What setting it does.
    package let effect: PropertyEffect

    init(
        _ key: String,
        _ kind: PropertyKind,
        default fallback: String? = nil,
        aliases: [String] = [],
        place: PropertyPlace = .everywhere,
        effect: PropertyEffect = .used,
        _ summary: String
    ) {
        self.key = key
        self.aliases = aliases
        self.kind = kind
        self.fallback = fallback
        self.summary = summary
        self.place = place
        self.effect = effect
    }

    /// A property that is read and does nothing here.
    static func accepted(
        _ key: String,
        _ kind: PropertyKind,
        aliases: [String] = [],
        place: PropertyPlace = .everywhere,
        because reason: String
    ) -> Property {
        Property(
            key,
            kind,
            aliases: aliases,
            place: place,
            effect: .accepted(because: reason),
            "No effect: \(reason)"
        )
    }

    /// Whether the value must never be shown.
    package var isSecret: Bool {
        if case .secret = kind { true } else { false }
    }

    /// The canonical name, then the others.
    package var names: [String] { [key] + aliases }
}

/// A value that fits its property.
package enum PropertyValue: Equatable, Sendable {
    /// Of a flag.
    case flag(Bool)
    /// Of a number, and of a size in bytes.
    case integer(Int)
    /// nil stands for "for ever".
    case duration(Duration?)
    /// Of everything else.
    case text(String)
}
