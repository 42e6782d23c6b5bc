import Configuration
import Glibc

/// Settings in environment variables: names of the catalogue that begin with `alluxio.`.
package enum EnvironmentSource {
    private static let naming = EnvironmentVariablesProvider(environmentVariables: [:])

    /// The variable of a property's name, in the library's encoding.
    static func variable(of name: String) -> String {
        let key = AbsoluteConfigKey(ConfigKey(name))
        let encoded = try? naming.value(forKey: key, type: .string).encodedKey
        return encoded ?? name
    }

    /// Finds and checks the variables that are set.
    /// - Returns: Raw values by canonical key.
    /// - Throws: A ``Failure`` that names the variable.
    static func values(in environment: [String: String]) throws(Failure) -> [String: String] {
        var values: [String: String] = [:]
        guard environment.keys.contains(where: { $0.hasPrefix("ALLUXIO_") }) else { return values }
        for property in PropertyCatalogue.all {
            guard property.place == .everywhere, case .used = property.effect else { continue }
            for name in property.names where name.hasPrefix("alluxio.") && values[property.key] == nil {
                let variable = variable(of: name)
                guard let value = environment[variable], !value.isEmpty else { continue }
                try property.check(value, as: "environment variable \(variable)")
                values[property.key] = value
            }
        }
        return values
    }

    /// A provider of checked values, secrets marked.
    static func provider(of values: [String: String]) -> EnvironmentVariablesProvider {
        var variables: [String: String] = [:]
        var secrets: Set<String> = []
        for (key, value) in values {
            let variable = variable(of: key)
            variables[variable] = value
            if PropertyCatalogue.find(key)?.isSecret ?? true { secrets.insert(variable) }
        }
        return EnvironmentVariablesProvider(
            environmentVariables: variables,
            secretsSpecifier: .specific(secrets)
        )
    }

    /// The variables of this process.
    package static func current() -> [String: String] {
        var result: [String: String] = [:]
        // Safety: read once at start, before any thread runs that could change the environment.
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text)
            if let split = pair.firstIndex(of: "=") {
                result[String(pair[..<split])] = String(pair[pair.index(after: split)...])
            }
            entry += 1
        }
        return result
    }
}
