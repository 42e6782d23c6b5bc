import Configuration

/// The values of an `alluxio-site.properties` file, as a provider of the configuration library.
struct PropertiesProvider: ConfigProvider, ConfigSnapshot, CustomStringConvertible,
    CustomDebugStringConvertible
{
    let path: String
    /// Valid values by canonical key; secrets are marked, so that every printed form masks them.
    private let values: [AbsoluteConfigKey: ConfigValue]

    init(path: String, values: [AbsoluteConfigKey: ConfigValue]) {
        self.path = path
        self.values = values
    }

    var providerName: String { "PropertiesProvider[\(path)]" }
    var description: String { "PropertiesProvider[\(path), \(values.count) values]" }
    var debugDescription: String {
        let pairs = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return "PropertiesProvider[\(path), \(pairs.joined(separator: ", "))]"
    }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        // The catalogue reads every value as text and gives it its type.
        precondition(type == .string, "the catalogue asks for text")
        return LookupResult(encodedKey: key.description, value: values[key])
    }

    func fetchValue(forKey key: AbsoluteConfigKey, type: ConfigType) async throws -> LookupResult {
        try value(forKey: key, type: type)
    }

    func watchValue<Return: ~Copyable>(
        forKey key: AbsoluteConfigKey,
        type: ConfigType,
        updatesHandler: (_ updates: ConfigUpdatesAsyncSequence<Result<LookupResult, any Error>, Never>)
            async throws -> Return
    ) async throws -> Return {
        try await watchValueFromValue(forKey: key, type: type, updatesHandler: updatesHandler)
    }

    func snapshot() -> any ConfigSnapshot { self }

    func watchSnapshot<Return: ~Copyable>(
        updatesHandler: (_ updates: ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>) async throws ->
            Return
    ) async throws -> Return {
        try await watchSnapshotFromSnapshot(updatesHandler: updatesHandler)
    }
}
