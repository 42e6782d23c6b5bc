internal import SmallFiles
internal import Synchronization

/// The token that requests carry; read again when its file changes, which the kubelet does every hour.
///
/// Owned by a client; any thread may ask.
final class TokenSource: Sendable {
    /// The largest token, in bytes: the API server takes header fields of no more.
    static let tokenMaximumBytes = 64 << 10

    private struct Read {
        let stamp: SmallFile.Stamp
        let token: String
    }

    private let identity: ServerAccess.Identity
    private let last = Mutex<Read?>(nil)

    init(_ identity: ServerAccess.Identity) { self.identity = identity }

    /// The token as it is now; nil for who has none.
    /// - Throws: ``KubernetesError/configuration(_:)`` that names the file.
    func token() throws(KubernetesError) -> String? {
        switch identity {
        case .anonymous, .certificate: return nil
        case .token(let token): return try checked(Array(token.utf8), "the token of the kubeconfig")
        case .tokenFile(let path): return try read(path)
        }
    }

    private func read(_ path: String) throws(KubernetesError) -> String {
        let bytes: [UInt8]
        let stamp: SmallFile.Stamp
        do throws(SmallFile.Failure) {
            let now = try SmallFile.stamp(path)
            if let last = last.withLock({ $0 }), last.stamp == now { return last.token }
            (bytes, stamp) = try SmallFile.readStamped(path, atMostBytes: Self.tokenMaximumBytes)
        } catch {
            throw .configuration("the token file \(path) \(error.text)")
        }
        let token = try checked(bytes, "the token file \(path)")
        last.withLock { $0 = Read(stamp: stamp, token: token) }
        return token
    }

    private func checked(_ bytes: [UInt8], _ source: String) throws(KubernetesError) -> String {
        let isBlank = { (byte: UInt8) in byte <= UInt8(ascii: " ") }
        let head = bytes.drop(while: isBlank)
        let text = head[..<((head.lastIndex { !isBlank($0) } ?? head.startIndex - 1) + 1)]
        guard !text.isEmpty, text.allSatisfy({ $0 > UInt8(ascii: " ") && $0 < 0x7F }) else {
            throw .configuration("\(source) is empty or holds characters that no token has")
        }
        return String(decoding: text, as: UTF8.self)
    }
}
