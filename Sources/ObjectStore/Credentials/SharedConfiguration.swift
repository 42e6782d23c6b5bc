internal import SmallFiles
internal import Synchronization

/// The shared files `~/.aws/config` and `~/.aws/credentials`, read again when they change.
///
/// Any thread may call it. The environment is passed in; nothing is read before a profile is asked for.
public final class SharedConfiguration: Sendable {
    /// One profile, put together from both files.
    public struct Profile: Hashable, Sendable {
        /// Its name.
        public let name: String
        /// Its properties by lower-case name; those of the credentials file win.
        public let properties: [String: String]
        /// The properties of the `services` section it names: `s3.endpoint_url` and the like.
        public let services: [String: String]

        /// The region, or nil.
        public var region: String? { self["region"] }

        /// The endpoint that the profile wants for a service: its own, else the one for all services.
        /// - Parameter service: The service's name, lower case: `s3`, `sts`.
        /// - Returns: A URL, or nil.
        public func endpointURL(of service: String) -> String? {
            if let own = services["\(service).endpoint_url"], !own.isEmpty { return own }
            return self["endpoint_url"]
        }

        /// A property; nil if it is missing or empty.
        subscript(name: String) -> String? {
            properties[name].flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    /// The name of the profile that is used.
    public let profileName: String
    /// Whether the name was chosen by someone, so that a missing profile is an error.
    let isProfileChosen: Bool
    /// Both files' paths; nil where there is no home directory to look in.
    let paths: (credentials: String?, config: String?)

    /// The largest file that is read.
    private static let sizeBytesMaximum = 1 << 20

    private struct Loaded: Sendable {
        var stamp: SmallFile.Stamp
        var document: ProfileDocument
    }
    private let loaded = Mutex<[String: Loaded]>([:])

    /// Finds out which files and which profile are meant.
    /// - Parameters:
    ///   - environment: `AWS_SHARED_CREDENTIALS_FILE`, `AWS_CONFIG_FILE`, `AWS_PROFILE`, `HOME` count.
    ///   - profile: The profile to use; nil for the environment's, else `default`.
    public init(environment: [String: String], profile: String? = nil) {
        let home = Self.nonEmpty(environment["HOME"])
        func path(_ variable: String, _ standard: String) -> String? {
            guard let given = Self.nonEmpty(environment[variable]) else {
                return home.map { "\($0)/\(standard)" }
            }
            guard given.hasPrefix("~/"), let home else { return given }
            return home + given.dropFirst()
        }
        paths = (
            path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            path("AWS_CONFIG_FILE", ".aws/config")
        )
        let chosen =
            Self.nonEmpty(profile) ?? Self.nonEmpty(environment["AWS_PROFILE"])
            ?? Self.nonEmpty(environment["AWS_DEFAULT_PROFILE"])
        profileName = chosen ?? "default"
        isProfileChosen = chosen != nil
    }

    /// The profile as the files have it now.
    /// - Returns: nil if neither file has it and nobody chose it by name.
    /// - Throws: ``CredentialsError/failed(_:)`` if a file cannot be read, or a chosen profile is missing.
    public func profile() throws(CredentialsError) -> Profile? {
        let credentials = try document(paths.credentials)
        let config = try document(paths.config)
        let fromCredentials = credentials.sections[profileName]
        var fromConfig = config.sections["profile \(profileName)"]
        if fromConfig == nil, profileName == "default" { fromConfig = config.sections["default"] }
        if fromCredentials == nil, fromConfig == nil {
            guard isProfileChosen else { return nil }
            throw .failed(
                "profile '\(profileName)' is neither in \(placesText)\(unreadableText(credentials, config))"
            )
        }
        let properties = (fromConfig ?? [:]).merging(fromCredentials ?? [:]) { $1 }
        let services = properties["services"].flatMap { config.sections["services \($0)"] } ?? [:]
        return Profile(name: profileName, properties: properties, services: services)
    }

    /// Both paths, for errors.
    var placesText: String {
        "\(paths.credentials ?? "~/.aws/credentials (HOME is not set)") nor "
            + "\(paths.config ?? "~/.aws/config (HOME is not set)")"
    }

    private func unreadableText(_ credentials: ProfileDocument, _ config: ProfileDocument) -> String {
        let lines =
            credentials.unreadableLines.prefix(1).map { "line \($0) of \(paths.credentials ?? "")" }
            + config.unreadableLines.prefix(1).map { "line \($0) of \(paths.config ?? "")" }
        return lines.isEmpty ? "" : "; \(lines.joined(separator: " and ")) is no 'name = value'"
    }

    /// A file's document, from memory while its stamp is the same.
    ///
    /// Empty if there is no such file, and for `/dev/null`.
    private func document(_ path: String?) throws(CredentialsError) -> ProfileDocument {
        let none = ProfileDocument(bytes: [])
        guard let path, path != "/dev/null" else { return none }
        do throws(SmallFile.Failure) {
            let stamp = try SmallFile.stamp(path)
            if let known = loaded.withLock({ $0[path] }), known.stamp == stamp { return known.document }
            let (bytes, read) = try SmallFile.readStamped(path, atMostBytes: Self.sizeBytesMaximum)
            let document = ProfileDocument(bytes: bytes)
            loaded.withLock { $0[path] = Loaded(stamp: read, document: document) }
            return document
        } catch {
            guard case .failed(let why) = error else { return none }
            throw .failed("\(path) \(why)")
        }
    }

    private static func nonEmpty(_ text: String?) -> String? {
        text.flatMap { $0.isEmpty ? nil : $0 }
    }
}
