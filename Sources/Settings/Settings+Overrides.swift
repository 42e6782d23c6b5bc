import Configuration

extension Settings {
    /// These settings behind others, such as the options of one mounted store.
    ///
    /// Credentials come from one place: if one of them is overridden, the others of these settings are not
    /// used beside it. Where only the environment's count, none is overridden.
    /// - Parameters:
    ///   - values: Texts by name or alias; a canonical name counts before its aliases. Only what may be set
    ///     everywhere counts; other names are remarked on in ``notices`` and ignored.
    ///   - source: Whose values they are, for messages.
    /// - Returns: All settings; with no values these same ones.
    /// - Throws: A ``Failure`` that names source and setting.
    package func overridden(by values: [String: String], of source: String) throws(Failure) -> Settings {
        var checked: [String: String] = [:]
        var remarks: [Notice] = []
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let property = PropertyCatalogue.find(name), property.place == .everywhere else {
                remarks.append(Self.remark(on: name, of: source))
                continue
            }
            guard case .used = property.effect else { continue }
            try property.check(value, as: "\(source): '\(name)'")
            if name == property.key || checked[property.key] == nil { checked[property.key] = value }
        }
        if flag(.environmentOnly) == true {
            // Whoever overrides is not whom the mount acts for.
            let own: [Property] = [.accessKey, .secretKey, .sessionToken, .profile, .environmentOnly]
            for property in own { checked[property.key] = nil }
        }
        Self.completeCredentials(&checked)
        let provider = InMemoryProvider(name: source, values: Self.marked(checked))
        do {
            return try Settings(
                providers: [provider] + providers,
                notices: notices + remarks,
                passedOn: passedOn
            )
        } catch {
            throw Failure("\(source): \(error.message)", kind: error.kind)
        }
    }

    private static func remark(on name: String, of source: String) -> Notice {
        var facts = ["property": name, "file": source]
        facts["nearest"] = PropertyCatalogue.nearest(to: name, in: .everywhere)
        return Notice(message: "unknown property is ignored", facts: facts)
    }

    /// Hides the credentials behind, if there are some in front.
    private static func completeCredentials(_ values: inout [String: String]) {
        guard Property.credentials.contains(where: { values[$0.key] != nil }) else { return }
        for property in Property.credentials where values[property.key] == nil {
            if case .flag = property.kind {
                values[property.key] = "false"
            } else {
                values[property.key] = ""
            }
        }
    }
}
