internal import CoreMetrics
internal import Glibc
public import HTTPTransport
public import Logging
internal import Synchronization

/// What a ``CredentialsChain`` looks at.
public struct CredentialsOptions: Sendable {
    /// `s3a.accessKeyId`; nil or empty if it is not set.
    public var accessKeyID: String?
    /// `s3a.secretKey`; nil or empty if it is not set.
    public var secretAccessKey: String?
    /// The session token that goes with the two; nil or empty for none.
    public var sessionToken: String?
    /// The profile of the shared files to use; if given, keys and roles of the environment are not looked at.
    public var profile: String?
    /// The region whose STS is asked; nil for the environment's or the profile's.
    public var region: String?
    /// The process's environment: the `AWS_*` variables and `HOME`; a `credential_process` gets all of it.
    public var environment: [String: String]

    /// Looks at nothing but an environment.
    /// - Parameter environment: The environment of the process.
    public init(environment: [String: String]) {
        self.environment = environment
    }
}

/// Finds credentials in the places and the order that users of AWS know, and renews them before they end.
///
/// Mount settings, environment, web identity, profile, container, instance. Any thread may call it. While
/// there are usable credentials one thread at most waits for new ones, the others go on with the old; if
/// there are none, all wait for the one that asks, at most for the sum of the deadlines of what it asks (a
/// `credential_process` has 30 s, a metadata service the transport's).
public final class CredentialsChain: CredentialsSource {
    /// The shared files, also for their `region` and `endpoint_url`.
    public let configuration: SharedConfiguration

    private let providers: [any CredentialsProvider]
    private let now: @Sendable () -> Int64
    private let logger: Logger
    private let state: Mutex<RefreshState>
    /// Held by the thread that fetches; never taken while `state` is locked.
    private let fetching = Mutex<Void>(())

    /// Puts the usual chain together; asks nobody yet.
    /// - Parameters:
    ///   - options: What to look at.
    ///   - transport: Sends requests to STS, with the trust and the proxies of the store.
    ///   - metadata: Sends requests to the metadata services of containers and instances; see
    ///     ``metadataTransportOptions(from:)``.
    ///   - logger: Where failed refreshes are told of.
    public convenience init(
        options: CredentialsOptions,
        transport: HTTPTransport,
        metadata: HTTPTransport,
        logger: Logger
    ) {
        self.init(options: options, exchange: transport, metadata: metadata, logger: logger)
    }

    convenience init(
        options: CredentialsOptions,
        exchange: any HTTPExchanging,
        metadata: any HTTPExchanging,
        logger: Logger,
        now: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
    ) {
        let environment = options.environment
        let isProfileChosen = options.profile.map { !$0.isEmpty } ?? false
        let configuration = SharedConfiguration(environment: environment, profile: options.profile)
        let service = MetadataServiceClient(transport: metadata)
        var providers: [any CredentialsProvider] = [
            KeysProvider.settings(
                id: options.accessKeyID,
                secret: options.secretAccessKey,
                token: options.sessionToken
            )
        ]
        if !isProfileChosen { providers.append(KeysProvider.environment(environment)) }
        providers += [
            WebIdentityProvider(
                environment: environment,
                usesEnvironment: !isProfileChosen,
                configuration: configuration,
                region: options.region,
                client: MetadataServiceClient(transport: exchange)
            ),
            ProfileProvider(configuration: configuration, environment: environment),
            ContainerProvider(environment: environment, client: service),
            InstanceMetadataProvider(environment: environment, client: service),
        ]
        self.init(providers: providers, configuration: configuration, logger: logger, now: now)
    }

    init(
        providers: [any CredentialsProvider],
        configuration: SharedConfiguration,
        limits: RefreshState.Limits = .init(),
        logger: Logger,
        now: @escaping @Sendable () -> Int64
    ) {
        self.providers = providers
        self.configuration = configuration
        self.logger = logger
        self.now = now
        self.state = Mutex(RefreshState(limits: limits))
    }

    /// The options that suit metadata services: they are a hop away, or not there at all.
    /// - Parameter options: The options of the store's transport.
    /// - Returns: The same with 1 s to connect, 5 s in all, and no proxy.
    public static func metadataTransportOptions(from options: HTTPTransportOptions) -> HTTPTransportOptions {
        var options = options
        options.connectTimeout = .seconds(1)
        options.stallTimeout = .seconds(2)
        options.totalTimeout = .seconds(5)
        options.idleConnectionsMaximum = 1
        options.usesProxies = false
        return options
    }

    /// The credentials of the first place that has any; from memory as long as they are good.
    /// - Returns: Credentials, never nil.
    /// - Throws: ``CredentialsError/notFound(_:)`` with the places that were asked, or
    ///   ``CredentialsError/failed(_:)`` of a place that is set up but cannot give any.
    public func credentials() throws(CredentialsError) -> Credentials? {
        let time = now()
        switch state.withLock({ $0.decide(now: time) }) {
        case .use(let credentials):
            return credentials
        case .useAndFetch(let old):
            let fetched = fetching.withLockIfAvailable { _ in try? fetchUnlessDone() }
            return (fetched ?? nil) ?? old
        case .fail(let error):
            throw error
        case .fetch:
            return try fetching.withLock { _ throws(CredentialsError) in try fetchUnlessDone() }
        }
    }

    /// Has the next call fetch new credentials, unless others have taken the place of these already.
    /// - Parameter used: What the refused request was signed with.
    public func invalidate(_ used: Credentials) {
        let time = now()
        state.withLock { $0.refused(used, now: time) }
    }

    /// Fetches, unless another thread has had an answer before it was this one's turn; only under `fetching`.
    private func fetchUnlessDone() throws(CredentialsError) -> Credentials {
        let time = now()
        switch state.withLock({ $0.decide(now: time) }) {
        case .use(let credentials):
            return credentials
        case .fail(let error):
            throw error
        case .fetch:
            return try fetch()
        case .useAndFetch(let old):
            do throws(CredentialsError) {
                return try fetch()
            } catch {
                logger.warning(
                    "Credentials could not be refreshed; the old ones are used until they end",
                    metadata: ["error": "\(error.text)", "credentials": "\(old)"]
                )
                return old
            }
        }
    }

    /// Asks the places in order and tells the state machine; only under `fetching`.
    private func fetch() throws(CredentialsError) -> Credentials {
        do throws(CredentialsError) {
            let (credentials, recheck, place) = try firstFound()
            let time = now()
            state.withLock { $0.fetched(credentials, recheck: recheck, now: time) }
            Self.fetches(outcome: "ok").increment()
            logger.debug(
                "Credentials fetched",
                metadata: ["place": "\(place)", "credentials": "\(credentials)"]
            )
            return credentials
        } catch {
            let time = now()
            state.withLock { $0.failed(error, now: time) }
            Self.fetches(outcome: "failed").increment()
            throw error
        }
    }

    private func firstFound() throws(CredentialsError) -> (Credentials, recheck: Int64?, place: String) {
        var tried: [String] = []
        for provider in providers {
            switch try provider.fetch() {
            case .found(let credentials, let recheck): return (credentials, recheck, provider.name)
            case .absent(let why): tried.append("\(provider.name) (\(why))")
            }
        }
        throw .notFound(
            "no credentials; tried \(tried.joined(separator: ", ")); "
                + "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ask for anonymous access"
        )
    }

    private static func fetches(outcome: String) -> Counter {
        Counter(label: "alluxio_fuse_credentials_fetches_total", dimensions: [("outcome", outcome)])
    }
}
