extension OptionList {
    /// Reads definitions as `alluxio -D key=value` has them; of a name that comes twice, the last counts.
    ///
    /// One definition is one setting: commas and backslashes belong to the value, since lists of addresses
    /// have commas. Names that belong to a mount alone are refused.
    /// - Parameter definitions: Each `name=value`, or the bare name of a flag.
    /// - Throws: A ``Failure`` that names the setting, what it takes, and the nearest name.
    package init(definitions: [String]) throws(Failure) {
        self.init()
        for definition in definitions {
            guard definition.utf8.count <= Self.lengthMaximum else {
                throw .usage("a setting of -D is longer than \(Self.lengthMaximum) bytes")
            }
            try define(definition)
        }
    }

    private mutating func define(_ definition: String) throws(Failure) {
        let name = String(definition.prefix { $0 != "=" }).trimmingBlanks
        let value = definition.contains("=") ? String(definition.drop { $0 != "=" }.dropFirst()) : nil
        guard let property = PropertyCatalogue.find(String(name)), property.place == .everywhere else {
            let nearest = PropertyCatalogue.nearest(to: String(name), in: .everywhere)
            let hint = nearest.map { "did you mean '\($0)'? " } ?? ""
            throw .usage("unknown property '\(name)'; \(hint)'alluxio help properties' lists all")
        }
        guard let text = value ?? property.bareValue else {
            throw .usage("property '\(name)' needs a value: -D \(name)=<\(property.kind.accepted)>")
        }
        try property.check(text, as: "property '\(name)'")
        values[property.key] = text
    }
}

extension Property {
    /// What the name alone means: of a flag, that it is on.
    fileprivate var bareValue: String? {
        if case .flag = kind { "true" } else { nil }
    }
}
