import HTTPTransport
import Logging
package import Metadata
package import ObjectStore
package import Pages

/// The store at the end of the chain, with what only the composition does with it.
///
/// Any thread may use it.
package struct StoreLink: Sendable {
    /// Names, attributes and bytes.
    package let source: any MetadataSource & SpanSource
    /// Whether the store, as POSIX wants it, keeps a journal: making it may then take questions.
    package let keepsJournal: Bool
    /// Makes the store as POSIX wants it; gets what reads through the links that are put before it, and what
    /// a
    /// mount shows of names of which the store says nothing.
    package let posix:
        @Sendable (_ source: any MetadataSource & SpanSource, _ shown: AttributedStoreOptions) throws(Failure)
            -> any WritableStore & SpanSource
    /// Asks one cheap question, within five seconds or so.
    ///
    /// Throws a ``Failure`` that says what the store refuses.
    package let check: @Sendable () throws(Failure) -> Void
    /// Closes what has been idle; to be called every few seconds.
    package let housekeep: @Sendable () -> Void

    /// Sets the store up without asking it anything.
    /// - Parameters:
    ///   - address: Where the data lies.
    ///   - settings: How to ask; of one store among several, see
    ///     ``Settings/overridden(by:of:)``.
    ///   - environment: The variables of the process, for what AWS tools read from them.
    ///   - userAgent: What requests say of the program: name and version, such as `alluxio-fuse/1.0`.
    /// - Throws: A ``Failure`` that names the setting.
    package init(
        address: UFSAddress,
        settings: Settings,
        environment: [String: String],
        userAgent: String
    ) throws(Failure) {
        switch address {
        case .s3(let scheme, let bucket, let prefix):
            var options = S3Options(bucket: bucket, prefix: Array(prefix.utf8))
            options.scheme = scheme
            self = try Self.s3(options, settings, environment, userAgent: userAgent)
        case .file(let path):
            self = try Self.local(path, uri: address.description)
        }
    }

    private init(
        source: any MetadataSource & SpanSource,
        keepsJournal: Bool,
        posix:
            @escaping @Sendable (
                _ source: any MetadataSource & SpanSource,
                _ shown: AttributedStoreOptions
            ) throws(Failure) -> any WritableStore & SpanSource,
        check: @escaping @Sendable () throws(Failure) -> Void,
        housekeep: @escaping @Sendable () -> Void
    ) {
        self.source = source
        self.keepsJournal = keepsJournal
        self.posix = posix
        self.check = check
        self.housekeep = housekeep
    }

    private static func local(_ path: String, uri: String) throws(Failure) -> StoreLink {
        do {
            let store = try LocalStore(root: path, uri: uri)
            return StoreLink(
                source: store,
                keepsJournal: false,
                posix: { _, _ in store },
                check: {},
                housekeep: {}
            )
        } catch {
            throw Failure("\(error)")
        }
    }

    private static func s3(
        _ place: S3Options,
        _ settings: Settings,
        _ environment: [String: String],
        userAgent: String
    ) throws(Failure) -> StoreLink {
        let transportOptions = transportOptions(settings, userAgent: userAgent)
        let transport = HTTPTransport(options: transportOptions)
        let shared = try sharedProfile(settings, environment)
        var options = place
        options.endpoint = endpoint(settings, environment, shared)
        options.region = region(settings, environment, shared)
        options.usesPathStyle = settings.flag(.pathStyle)
        options.requesterPays = settings.flag(.requesterPays) ?? false
        options.anonymous = settings.flag(.anonymous) ?? false
        if let total = settings.duration(.totalTimeout) { options.retries.totalDeadline = total }
        describeObjects(&options, settings)
        var credentials: any CredentialsSource = StaticCredentials.anonymous
        if !options.anonymous {
            credentials = chain(settings, environment, transport, transportOptions, region: options.region)
        }
        do {
            let store = try S3Store(
                options: options,
                transport: transport,
                credentials: credentials,
                logger: Logger(label: "s3")
            )
            return StoreLink(
                source: store,
                keepsJournal: true,
                posix: { source, shown throws(Failure) in
                    do throws(StoreError) {
                        return try AttributedStore(next: source, store: store, options: shown)
                    } catch {
                        throw Failure("\(error)")
                    }
                },
                check: { () throws(Failure) in
                    do { try store.check() } catch { throw Failure("\(error)") }
                },
                housekeep: { transport.closeConnections(idleFor: idleConnectionAge) }
            )
        } catch {
            throw .usage("\(error)")
        }
    }

    /// What new objects are like.
    private static func describeObjects(_ options: inout S3Options, _ settings: Settings) {
        options.storageClass = settings.text(.storageClass)
        options.cannedACL = settings.text(.cannedACL)
        options.tags = settings.text(.objectTags)
        if settings.flag(.encryption) == true { options.encryption = .managed }
        if let key = settings.text(.encryptionKey) { options.encryption = .key(key) }
        if let bytes = settings.number(.partBytes) { options.partBytes = bytes }
        if let count = settings.number(.uploadThreads) { options.uploadThreadsMaximum = count }
    }

    /// How long a connection stays open unused; servers commonly close theirs after a minute or less.
    private static let idleConnectionAge = Duration.seconds(45)

    private static func transportOptions(
        _ settings: Settings,
        userAgent: String
    ) -> HTTPTransportOptions {
        var options = HTTPTransportOptions()
        if let timeout = settings.duration(.connectTimeout) { options.connectTimeout = timeout }
        if let timeout = settings.duration(.stallTimeout) { options.stallTimeout = timeout }
        if let timeout = settings.duration(.totalTimeout) { options.totalTimeout = timeout }
        if let count = settings.number(.connectionsMaximum) { options.idleConnectionsMaximum = count }
        options.certificateAuthorityFile = settings.text(.certificateAuthorityFile)
        options.verifiesPeer = settings.flag(.verifiesPeer) ?? true
        options.userAgent = userAgent
        return options
    }

    private static func chain(
        _ settings: Settings,
        _ environment: [String: String],
        _ transport: HTTPTransport,
        _ transportOptions: HTTPTransportOptions,
        region: String?
    ) -> CredentialsChain {
        var options = CredentialsOptions(environment: environment)
        if settings.flag(.environmentOnly) != true {
            options.accessKeyID = settings.text(.accessKey)
            options.secretAccessKey = settings.text(.secretKey)
            options.sessionToken = settings.text(.sessionToken)
            options.profile = settings.text(.profile)
        }
        options.region = region
        let metadata = HTTPTransport(
            options: CredentialsChain.metadataTransportOptions(from: transportOptions)
        )
        return CredentialsChain(
            options: options,
            transport: transport,
            metadata: metadata,
            logger: Logger(label: "credentials")
        )
    }

    private static func sharedProfile(
        _ settings: Settings,
        _ environment: [String: String]
    ) throws(Failure) -> SharedConfiguration.Profile? {
        do {
            return try SharedConfiguration(environment: environment, profile: settings.text(.profile))
                .profile()
        } catch {
            // Keys from elsewhere may do without a readable profile; without them, the chain says what is
            // wrong.
            return nil
        }
    }

    private static func region(
        _ settings: Settings,
        _ environment: [String: String],
        _ shared: SharedConfiguration.Profile?
    ) -> String? {
        let variables = [environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]]
        return ([settings.text(.region)] + variables + [shared?.region]).firstNonEmpty
    }

    private static func endpoint(
        _ settings: Settings,
        _ environment: [String: String],
        _ shared: SharedConfiguration.Profile?
    ) -> String? {
        let variables = [environment["AWS_ENDPOINT_URL_S3"], environment["AWS_ENDPOINT_URL"]]
        guard
            let found = ([settings.text(.endpoint)] + variables + [shared?.endpointURL(of: "s3")])
                .firstNonEmpty
        else { return nil }
        let trimmed = found.hasSuffix("/") ? String(found.dropLast()) : found
        guard trimmed.range(of: "://") == nil else { return trimmed }
        return (settings.flag(.secureEndpoint) == false ? "http://" : "https://") + trimmed
    }
}

extension [String?] {
    /// The first text that has something in it.
    fileprivate var firstNonEmpty: String? {
        for case let text? in self where !text.isEmpty { return text }
        return nil
    }
}
