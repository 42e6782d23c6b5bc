import Configuration

/// All settings of one process, from every source, valid.
///
/// Precedence and the masking of secrets are the configuration library's; types, ranges and defaults the
/// catalogue's.
package struct Settings: Sendable, CustomStringConvertible {
    private let reader: ConfigReader
    /// The sources, the one that counts first in front.
    let providers: [any ConfigProvider]
    /// What was found out while reading the sources.
    package let notices: [Notice]
    /// Words for the kernel or fusermount3.
    package let passedOn: [String]

    /// Joins the sources.
    /// - Parameters:
    ///   - options: What `-o` said.
    ///   - environment: The process's variables.
    ///   - file: The properties file, if there is one.
    /// - Throws: A ``Failure`` that names source and setting.
    package init(options: OptionList, environment: [String: String], file: PropertiesSource?) throws(Failure)
    {
        let variables = try EnvironmentSource.values(in: environment)
        let listed =
            options.values[Property.defaultOptions.key] ?? variables[Property.defaultOptions.key]
            ?? file?.values[Property.defaultOptions.key]
        let defaults: OptionList
        do {
            defaults = try OptionList([listed ?? ""])
        } catch {
            throw Failure("\(Property.defaultOptions.key): \(error.message)", kind: error.kind)
        }
        let providers: [any ConfigProvider] = [
            InMemoryProvider(name: "-o", values: Self.marked(options.values)),
            InMemoryProvider(name: Property.defaultOptions.key, values: Self.marked(defaults.values)),
            EnvironmentSource.provider(of: variables),
            PropertiesProvider(path: file?.path ?? "none", values: Self.marked(file?.values ?? [:])),
        ]
        try self.init(
            providers: providers,
            notices: options.notices + defaults.notices + (file?.notices ?? []),
            passedOn: Self.join(defaults.passedOn, options.passedOn)
        )
    }

    /// Puts valid sources together.
    /// - Throws: A ``Failure`` if they do not fit together.
    init(providers: [any ConfigProvider], notices: [Notice], passedOn: [String]) throws(Failure) {
        self.providers = providers
        self.reader = ConfigReader(providers: providers)
        self.notices = notices
        self.passedOn = passedOn
        try checkTogether()
    }

    /// Values for the library, secrets marked.
    static func marked(_ values: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        var result: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in values {
            let isSecret = PropertyCatalogue.find(key)?.isSecret ?? true
            result[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(.string(value), isSecret: isSecret)
        }
        return result
    }

    private static func join(_ defaults: [String], _ own: [String]) -> [String] {
        defaults.filter { word in !own.contains { $0 == word || $0 == MountWords.opposite(of: word) } } + own
    }

    /// The text that a property has somewhere, or its default.
    private func raw(_ property: Property) -> String? {
        reader.string(forKey: ConfigKey(property.key), isSecret: property.isSecret) ?? property.fallback
    }

    private func value(_ property: Property) -> PropertyValue? {
        guard let raw = raw(property) else { return nil }
        // Every source was checked when it was read, every default by a test.
        return try? property.kind.parse(raw)
    }

    /// Whether a property has a value that is not its default.
    package func isSet(_ property: Property) -> Bool {
        reader.string(forKey: ConfigKey(property.key), isSecret: property.isSecret) != nil
    }

    /// A flag; nil if it has neither value nor default.
    package func flag(_ property: Property) -> Bool? {
        if case .flag(let flag) = value(property) { flag } else { nil }
    }

    /// A number or a size in bytes.
    package func number(_ property: Property) -> Int? {
        if case .integer(let number) = value(property) { number } else { nil }
    }

    /// A text, path, word or secret; an empty one counts as none.
    package func text(_ property: Property) -> String? {
        if case .text(let text) = value(property), !text.isEmpty { text } else { nil }
    }

    /// A time that has a default; nil for "for ever".
    package func duration(_ property: Property) -> Duration? {
        if case .duration(let duration) = value(property) { duration } else { nil }
    }

    /// The sync interval, also under its older name; nil for "for ever".
    package var syncInterval: Duration? {
        let isOlderName = !isSet(.syncInterval) && isSet(.metadataCacheExpiry)
        return duration(isOlderName ? .metadataCacheExpiry : .syncInterval)
    }

    /// The cache directory, if data is to be kept on disk.
    package var cacheDirectory: String? {
        let isWanted = flag(.cacheEnabled) ?? isSet(.cacheDirectory)
        return isWanted ? text(.cacheDirectory) : nil
    }

    /// What is set, by key, secrets masked; for the log.
    var shown: [(key: String, value: String)] {
        PropertyCatalogue.all.compactMap { property in
            let key = AbsoluteConfigKey(ConfigKey(property.key))
            for provider in providers {
                guard let value = try? provider.value(forKey: key, type: .string).value else { continue }
                guard !value.isSecret, case .string(let text) = value.content else {
                    return (property.key, "<REDACTED>")
                }
                return (property.key, text)
            }
            return nil
        }
    }

    /// What is set, secrets masked.
    package var description: String { shown.map { "\($0.key)=\($0.value)" }.joined(separator: " ") }

    /// What no single value shows.
    private func checkTogether() throws(Failure) {
        let hasAccess = text(.accessKey) != nil
        if hasAccess != (text(.secretKey) != nil) {
            let (has, lacks) = hasAccess ? ("access", "secret") : ("secret", "access")
            let name = hasAccess ? Property.secretKey.key : Property.accessKey.key
            throw .usage("there is a \(has) key without its \(lacks) key; set \(name) too, or neither")
        }
        if text(.sessionToken) != nil && !hasAccess {
            throw .usage(
                "\(Property.sessionToken.key) needs \(Property.accessKey.key) and \(Property.secretKey.key)"
            )
        }
        if flag(.anonymous) == true && hasAccess {
            throw .usage("\(Property.anonymous.key) and keys exclude each other; remove one")
        }
        if flag(.allowOther) == true && flag(.allowRoot) == true {
            throw .usage("options 'allow_other' and 'allow_root' exclude each other; remove one")
        }
        let (pool, ahead) = (number(.poolThreads) ?? 0, number(.aheadThreads) ?? 0)
        if ahead >= pool {
            throw .usage(
                "\(Property.aheadThreads.key)=\(ahead) must be less than \(Property.poolThreads.key)=\(pool)"
            )
        }
    }
}
