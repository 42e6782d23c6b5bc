/// Keys given as three values: in the settings of the mount, or in the environment.
struct KeysProvider: CredentialsProvider {
    /// One of the three values, and what it is called.
    struct Setting: Sendable {
        let name: String
        let value: String?

        init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value.flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    let name: String
    let id: Setting
    let secret: Setting
    let token: Setting

    /// Keys of the mount's own settings.
    static func settings(id: String?, secret: String?, token: String?) -> KeysProvider {
        KeysProvider(
            name: "mount settings",
            id: Setting("s3a.accessKeyId", id),
            secret: Setting("s3a.secretKey", secret),
            token: Setting("s3a.sessionToken", token)
        )
    }

    /// Keys of the environment.
    static func environment(_ environment: [String: String]) -> KeysProvider {
        func setting(_ name: String) -> Setting { Setting(name, environment[name]) }
        return KeysProvider(
            name: "environment",
            id: setting("AWS_ACCESS_KEY_ID"),
            secret: setting("AWS_SECRET_ACCESS_KEY"),
            token: setting("AWS_SESSION_TOKEN")
        )
    }

    func fetch() throws(CredentialsError) -> ProviderAnswer {
        switch (id.value, secret.value) {
        case (nil, nil):
            return .absent("\(id.name) is not set")
        case (_, nil):
            throw .failed("\(id.name) is set but \(secret.name) is not; set both or neither")
        case (nil, _):
            throw .failed("\(secret.name) is set but \(id.name) is not; set both or neither")
        case (let id?, let secret?):
            return .found(Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token.value))
        }
    }
}
