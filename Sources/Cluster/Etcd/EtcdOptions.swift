/// Settings of an ``EtcdClient``; each has the default that `docs/membership.md` documents.
public struct EtcdOptions: Sendable {
    /// Base URLs of the members, such as `http://10.0.0.1:2379`; at least one.
    public var endpoints: [String]
    /// User name and password; nil to ask without.
    public var login: Login?
    /// A PEM file of certificate authorities to trust instead of the system's; nil for the system's.
    public var certificateAuthorityFile: String?
    /// A PEM file with the certificate to show to etcd; nil for none.
    public var clientCertificateFile: String?
    /// A PEM file with the unencrypted key of the certificate; nil if the certificate's file holds it too.
    public var clientKeyFile: String?
    /// Whether etcd's certificates are checked.
    public var verifiesPeer = true
    /// How long a connection may take to be made, TLS included.
    public var connectTimeout: Duration = .seconds(2)
    /// How long one try of an operation may take.
    public var operationTimeout: Duration = .seconds(5)
    /// How often an operation is tried in all, on whichever member; each member is tried at least once.
    public var triesMaximum = 5
    /// The pause after all members failed for the first time; doubled each time after.
    public var firstBackoff: Duration = .milliseconds(500)
    /// The longest pause between tries.
    public var backoffMaximum: Duration = .seconds(5)

    /// A user of etcd.
    public struct Login: Sendable {
        /// The user's name.
        public var username: String
        /// The password.
        public var password: String

        /// Describes a user.
        /// - Parameters:
        ///   - username: The name.
        ///   - password: The password.
        public init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// Default settings.
    /// - Parameter endpoints: Base URLs of the members; at least one.
    public init(endpoints: [String]) {
        self.endpoints = endpoints
    }
}
