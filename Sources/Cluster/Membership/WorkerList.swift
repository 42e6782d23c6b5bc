import Glibc
import SmallFiles

/// A fixed list of workers: `host[:httpPort]`, each host once.
///
/// The identity of such a worker is made from the bytes of its host name alone, so the name must be spelt the
/// same in every client.
public struct WorkerList: Hashable, Sendable {
    /// The most bytes of a file of host names.
    static let fileMaximumBytes = 4 << 20

    /// The workers, in the order of the list.
    public let workers: [WorkerRecord]

    /// Reads a list.
    /// - Parameter text: Workers, separated by commas, blanks or line ends; what follows a `#` on a line is
    ///   a comment. An IPv6 address with a port stands in brackets.
    /// - Throws: ``MembershipError/invalid(_:)`` for an empty list, an impossible port, or a host that comes
    ///   twice.
    public init(_ text: String) throws(MembershipError) {
        var workers: [WorkerRecord] = []
        var hosts: Set<String> = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.prefix { $0 != "#" }.split { $0 == "," || $0.isWhitespace }
            for word in words {
                let address = try Self.address(word)
                guard hosts.insert(address.host).inserted else {
                    throw .invalid(
                        "\(address.host) is twice in the list of workers; its identity is its name"
                    )
                }
                let identity = WorkerIdentity(hostName: address.host)
                workers.append(WorkerRecord(identity: identity, address: address))
            }
        }
        guard !workers.isEmpty else {
            throw .invalid("the list of workers is empty; give host[:port] of each, separated by commas")
        }
        self.workers = workers
    }

    /// Reads a list from a file.
    /// - Parameter path: A file of at most 4 MiB.
    /// - Throws: ``MembershipError``.
    public init(file path: String) throws(MembershipError) {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) {
            bytes = try SmallFile.read(path, atMostBytes: Self.fileMaximumBytes)
        } catch {
            throw .file("\(path): the list of workers \(error.text)")
        }
        try self.init(String(decoding: bytes, as: UTF8.self))
    }

    private static func address(_ word: Substring) throws(MembershipError) -> WorkerAddress {
        var host = word
        var port: Substring?
        if word.hasPrefix("["), let end = word.lastIndex(of: "]") {
            host = word[word.index(after: word.startIndex)..<end]
            let rest = word[word.index(after: end)...]
            if rest.hasPrefix(":") { port = rest.dropFirst() } else if !rest.isEmpty { host = "" }
        } else if let colon = word.lastIndex(of: ":"), word.firstIndex(of: ":") == colon {
            host = word[..<colon]
            port = word[word.index(after: colon)...]
        }
        var address = WorkerAddress(host: String(host))
        if let port {
            guard let number = Int(port), (1...65535).contains(number) else {
                throw .invalid("\(word): \(port) is no port; write host:port with a port from 1 to 65535")
            }
            address.httpServerPort = number
        }
        guard !host.isEmpty, !host.contains("/"), !host.contains("[") else {
            throw .invalid("\(word) is no worker; write host or host:port")
        }
        return address
    }

    /// The workers as members, all of them live.
    public var members: [ClusterMember] {
        workers.map { ClusterMember(record: $0, state: .live, isRegistered: true) }
    }
}
