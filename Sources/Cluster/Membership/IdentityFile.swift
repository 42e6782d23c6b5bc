import SmallFiles

/// Where a worker's identity comes from, so that it is the same after a restart.
public enum IdentityFile {
    private static let maximumBytes = 64 << 10

    /// The identity of this worker.
    ///
    /// The property wins; then the file; without either, a random identity is made and written there.
    /// - Parameters:
    ///   - uuid: `alluxio.worker.identity.uuid`; nil if it is not set.
    ///   - path: `alluxio.worker.identity.uuid.file.path`; its directory must exist.
    /// - Returns: The identity, of version 1.
    /// - Throws: ``MembershipError/invalid(_:)`` for a text that is no UUID;
    ///   ``MembershipError/file(_:)`` for a file that can't be read, understood or written.
    public static func identity(uuid: String?, path: String) throws(MembershipError) -> WorkerIdentity {
        if let uuid {
            do throws(WorkerIdentityError) {
                return try WorkerIdentity(uuid: uuid)
            } catch {
                throw .invalid("alluxio.worker.identity.uuid: \(error)")
            }
        }
        if let bytes = try contents(path) { return try parse(bytes, path) }
        let identity = random()
        if try isKept(identity, path) { return identity }
        // Another process was faster.
        guard let bytes = try contents(path) else {
            throw .file(
                "\(path): another process made the worker's identity and removed it; start this one again"
            )
        }
        return try parse(bytes, path)
    }

    /// The bytes of the file; nil if there is none.
    private static func contents(_ path: String) throws(MembershipError) -> [UInt8]? {
        do throws(SmallFile.Failure) {
            return try SmallFile.read(path, atMostBytes: maximumBytes)
        } catch {
            if case .missing = error { return nil }
            throw .file("\(path): the worker's identity \(error.text)")
        }
    }

    /// Writes an identity, unless there is one by now.
    private static func isKept(
        _ identity: WorkerIdentity,
        _ path: String
    ) throws(MembershipError) -> Bool {
        do throws(SmallFile.Failure) {
            return try SmallFile.create(path, text(of: identity))
        } catch {
            throw .file(
                "\(path): the worker's identity \(error.text); make its directory writable, or set"
                    + " alluxio.worker.identity.uuid.file.path"
            )
        }
    }

    private static func parse(_ bytes: [UInt8], _ path: String) throws(MembershipError) -> WorkerIdentity {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
        let problem = "write one line with a UUID there, or remove the file for a new identity"
        guard lines.count == 1, let line = lines.first else {
            throw .file("\(path): \(lines.count) lines instead of one; \(problem)")
        }
        do throws(WorkerIdentityError) {
            return try WorkerIdentity(uuid: String(line.prefix { !$0.isWhitespace }))
        } catch {
            throw .file("\(path): \(error); \(problem)")
        }
    }

    private static func text(of identity: WorkerIdentity) -> [UInt8] {
        let comment = """
            # The identity of this worker. What it has cached is found by it: keep it with the cache, and
            # never give it to a second worker.
            """
        return Array("\(comment)\n\(identity.entityName.dropFirst("worker-".count))\n".utf8)
    }

    /// A random UUID of version 4.
    static func random() -> WorkerIdentity {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        guard let identity = try? WorkerIdentity(version: 1, identifier: bytes) else {
            preconditionFailure("16 bytes are an identity of version 1")
        }
        return identity
    }
}
