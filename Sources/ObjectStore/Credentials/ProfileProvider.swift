/// Keys, or a command that prints keys, of a profile in the shared files.
struct ProfileProvider: CredentialsProvider {
    /// After how many seconds the files' stamps are looked at again.
    static let recheckSeconds: Int64 = 10

    let configuration: SharedConfiguration
    /// What the command of a profile gets as its environment.
    let environment: [String: String]

    var name: String { "profile '\(configuration.profileName)'" }

    func fetch() throws(CredentialsError) -> ProviderAnswer {
        guard let profile = try configuration.profile() else {
            return .absent("neither in \(configuration.placesText)")
        }
        try refuseWhatNeedsMore(profile)
        let id = profile["aws_access_key_id"]
        let secret = profile["aws_secret_access_key"]
        if let id, let secret {
            let keys = Credentials(
                accessKeyID: id,
                secretAccessKey: secret,
                sessionToken: profile["aws_session_token"]
            )
            return .found(keys, recheck: Self.recheckSeconds)
        }
        guard id == nil, secret == nil else {
            let missing = id == nil ? "aws_access_key_id" : "aws_secret_access_key"
            throw .failed("\(name) has no \(missing); add it beside the other half")
        }
        if let command = profile["credential_process"] {
            let source = "credential_process of \(name)"
            let output = try CredentialProcess(command: command, environment: environment, source: source)
                .run()
            return .found(try CredentialsJSON.process(output, from: source))
        }
        return .absent("has no keys and no credential_process")
    }

    /// Roles and single sign-on need signed calls to other services; the AWS command line makes them for us.
    private func refuseWhatNeedsMore(_ profile: SharedConfiguration.Profile) throws(CredentialsError) {
        let remedy =
            "not supported; use a profile with credential_process = "
            + "aws configure export-credentials --profile \(profile.name) --format process"
        if profile["role_arn"] != nil, profile["source_profile"] != nil || profile["credential_source"] != nil
        {
            throw .failed("\(name) assumes role_arn from another profile, which is \(remedy)")
        }
        let hasOwn = profile["aws_access_key_id"] != nil || profile["credential_process"] != nil
        if !hasOwn, profile["sso_session"] != nil || profile["sso_start_url"] != nil {
            throw .failed("\(name) uses single sign-on, which is \(remedy)")
        }
    }
}
