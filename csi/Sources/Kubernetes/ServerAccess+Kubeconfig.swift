internal import FoundationEssentials
internal import SmallFiles

extension ServerAccess {
    /// The API server that a kubeconfig names.
    /// - Parameters:
    ///   - path: The file; names of files in it are relative to its folder.
    ///   - context: Which of its contexts; nil for `current-context`.
    ///   - allowsUnchecked: Whether `insecure-skip-tls-verify` is obeyed instead of refused.
    /// - Returns: The access.
    /// - Throws: ``KubernetesError/configuration(_:)`` if the file cannot be read, names something that is
    ///   not in it, or wants what this client does not do: programs and plugins for credentials, passwords,
    ///   impersonation, proxies, another name for TLS.
    public static func kubeconfig(
        _ path: String,
        context: String? = nil,
        allowsUnchecked: Bool = false
    ) throws(KubernetesError) -> ServerAccess {
        guard !path.contains(":") else {
            throw .configuration("KUBECONFIG=\(path) names several files; name one, with one context in it")
        }
        let bytes: [UInt8]
        do throws(SmallFile.Failure) {
            bytes = try SmallFile.read(path, atMostBytes: fileMaximumBytes)
        } catch {
            throw .configuration("the kubeconfig \(path) \(error.text)")
        }
        let document: JSON
        do throws(YAMLError) {
            document = try JSON(yaml: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw .configuration("the kubeconfig \(path) \(error)")
        }
        return try Kubeconfig(document, path: path, allowsUnchecked: allowsUnchecked).access(context)
    }
}

/// One kubeconfig, read.
struct Kubeconfig {
    private let document: JSON
    private let path: String
    private let allowsUnchecked: Bool

    init(_ document: JSON, path: String, allowsUnchecked: Bool) {
        self.document = document
        self.path = path
        self.allowsUnchecked = allowsUnchecked
    }

    func access(_ wanted: String?) throws(KubernetesError) -> ServerAccess {
        guard let name = wanted ?? document["current-context"]?.string, !name.isEmpty else {
            throw wrong("has no current-context: kubectl config use-context NAME")
        }
        let context = try entry("contexts", name, "context")
        guard let clusterName = context["cluster"]?.string else {
            throw wrong("context \(name) has no cluster")
        }
        let cluster = try entry("clusters", clusterName, "cluster")
        guard let server = cluster["server"]?.string else {
            throw wrong("cluster \(clusterName) has no server")
        }
        var user: JSON = [:]
        if let userName = context["user"]?.string, !userName.isEmpty {
            user = try entry("users", userName, "user")
        }
        let namespace = context["namespace"]?.string ?? ""
        return try ServerAccess(
            server: server,
            trust: try trust(cluster),
            identity: try identity(user),
            namespace: namespace.isEmpty ? "default" : namespace
        )
    }

    private func entry(_ list: String, _ name: String, _ member: String) throws(KubernetesError) -> JSON {
        let entry = document[list]?.array?.first { $0["name"]?.string == name }
        guard let entry = entry?[member] else { throw wrong("has no \(member) \(name)") }
        return entry
    }

    private func trust(_ cluster: JSON) throws(KubernetesError) -> ServerAccess.Trust {
        for name in ["proxy-url", "tls-server-name"] where !(cluster[name]?.string ?? "").isEmpty {
            throw wrong("has \(name), which is not supported: name the server by its own address")
        }
        if cluster["insecure-skip-tls-verify"]?.bool == true {
            guard allowsUnchecked else {
                throw wrong(
                    "has insecure-skip-tls-verify, which gives the token to anybody who answers: "
                        + "use certificate-authority"
                )
            }
            return .unchecked
        }
        return try pem("certificate-authority", of: cluster).map { .authorities($0) } ?? .system
    }

    private func identity(_ user: JSON) throws(KubernetesError) -> ServerAccess.Identity {
        for name in ["exec", "auth-provider"] where user[name] != nil {
            let program = user[path: name, "command"]?.string ?? user[path: name, "name"]?.string ?? "?"
            throw wrong(
                "gets its token from \(name) \(program), which is not run here: "
                    + "use token, tokenFile or a client certificate, as of a service account"
            )
        }
        let others = ["username", "password", "as", "as-uid", "as-groups", "as-user-extra"]
        for name in others where user[name] != nil {
            throw wrong("has \(name), which is not supported: use token, tokenFile or a client certificate")
        }
        // kubectl takes the file before the text too.
        if let file = user["tokenFile"]?.string, !file.isEmpty { return .tokenFile(absolute(file)) }
        if let token = user["token"]?.string, !token.isEmpty { return .token(token) }
        let certificate = try pem("client-certificate", of: user)
        let key = try pem("client-key", of: user)
        switch (certificate, key) {
        case (let certificate?, let key?): return .certificate(certificate, key: key)
        case (nil, nil): return .anonymous
        default: throw wrong("has one of client-certificate and client-key without the other")
        }
    }

    /// What `NAME-data` holds or `NAME` names; data goes first, as kubectl has it.
    private func pem(_ name: String, of object: JSON) throws(KubernetesError) -> ServerAccess.PEM? {
        if let text = object["\(name)-data"]?.string, !text.isEmpty {
            guard let data = Data(base64Encoded: text) else { throw wrong("\(name)-data is no base64") }
            return .text(Array(data))
        }
        guard let file = object[name]?.string, !file.isEmpty else { return nil }
        return .file(absolute(file))
    }

    private func absolute(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return "\(path[...slash])\(file)"
    }

    private func wrong(_ what: String) -> KubernetesError {
        .configuration("the kubeconfig \(path): \(what)")
    }
}
