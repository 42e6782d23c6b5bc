import Glibc
import HTTPTransport
import Metadata
import Pages
import Synchronization

extension S3Store {
    /// The most keys of one DeleteObjects.
    static let bulkDeleteMaximum = 1000

    func delete(_ path: RelativePath, if condition: ChangeCondition) throws(StoreError) {
        try delete(key(of: path), if: condition)
    }

    func deleteMarker(_ directory: RelativePath) throws(StoreError) {
        try delete(keyPrefix(of: directory), if: .always)
    }

    func delete(_ key: [UInt8], if condition: ChangeCondition) throws(StoreError) {
        var request = S3Request(.deleteObject, key: key)
        if case .version(let etag) = condition, honours(.delete) { request.etag = etag }
        do throws(S3ChangeFailure) {
            try change(request, object: objectText(key)) { _, _ in }
        } catch {
            // Gone is gone, whoever did it.
            if error.error == .notFound { return }
            throw condition.error(error)
        }
    }

    func delete(_ paths: [RelativePath]) throws(StoreError) {
        var single: [[UInt8]] = []
        var bulk: [[UInt8]] = []
        for path in paths {
            let key = key(of: path)
            if S3Bulk.canName(key) { bulk.append(key) } else { single.append(key) }
        }
        var start = 0
        while start < bulk.count, changing.hasBulkDelete.load(ordering: .relaxed), bulk.count > 1 {
            let keys = Array(bulk[start..<min(start + Self.bulkDeleteMaximum, bulk.count)])
            guard let failed = try deleteAtOnce(keys) else { break }
            single += failed
            start += keys.count
        }
        try deleteEach(single + bulk[start...])
    }

    private func deleteEach(_ keys: [[UInt8]]) throws(StoreError) {
        guard !keys.isEmpty else { return }
        let failure = FirstFailure()
        changing.inParallel(keys.count) { [self] index in
            failure.keep { () throws(StoreError) in try delete(keys[index], if: .always) }
        }
        try failure.rethrow()
    }

    /// DeleteObjects.
    /// - Returns: The keys that it could not delete; nil if the server has no such request.
    private func deleteAtOnce(_ keys: [[UInt8]]) throws(StoreError) -> [[UInt8]]? {
        var request = S3Request(.deleteObjects)
        request.query = Array("delete=".utf8)
        let document = S3Bulk.document(keys)
        request.body = document
        // Required, whatever other checksum there is.
        guard let field = S3Checksum.md5.field(of: S3Body(document)) else { return nil }
        request.fields = [field, ("content-type", "application/xml")]
        let object = objectText(keyPrefix(of: .root))
        do throws(S3ChangeFailure) {
            let result = try change(request, object: object) { head, body throws(S3Failure) in
                try S3Element.parse(head, body, root: "DeleteResult")
            }
            return result.children.filter { $0.name == "Error" && $0.string("Code") != "NoSuchKey" }
                .compactMap { $0["Key"] }
        } catch {
            guard let answer = error.answer, S3Refusal.isUnknown(answer) || answer.code == "MalformedXML"
            else { throw error.error }
            changing.hasBulkDelete.store(false, ordering: .relaxed)
            return nil
        }
    }
}

/// The document of a DeleteObjects request.
enum S3Bulk {
    /// Whether XML can name a key: UTF-8 without control characters.
    static func canName(_ key: [UInt8]) -> Bool {
        key.allSatisfy { $0 >= 0x20 && $0 != 0x7F } && String(validating: key, as: UTF8.self) != nil
            && !String(decoding: key, as: UTF8.self).unicodeScalars.contains {
                $0 == "\u{FFFE}" || $0 == "\u{FFFF}"
            }
    }

    static func document(_ keys: [[UInt8]]) -> [UInt8] {
        var text = Array("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>".utf8)
        for key in keys {
            text.append(contentsOf: "<Object><Key>".utf8)
            for byte in key {
                switch byte {
                case UInt8(ascii: "&"): text.append(contentsOf: "&amp;".utf8)
                case UInt8(ascii: "<"): text.append(contentsOf: "&lt;".utf8)
                case UInt8(ascii: ">"): text.append(contentsOf: "&gt;".utf8)
                default: text.append(byte)
                }
            }
            text.append(contentsOf: "</Key></Object>".utf8)
        }
        text.append(contentsOf: "</Delete>".utf8)
        return text
    }
}

/// The first error of several threads' work.
final class FirstFailure: Sendable {
    private let first = Mutex<StoreError?>(nil)

    /// Runs work and keeps its error.
    /// - Returns: Whether no work has failed so far.
    func keep(_ work: () throws(StoreError) -> Void) -> Bool {
        do throws(StoreError) {
            try work()
        } catch {
            first.withLock { if $0 == nil { $0 = error } }
        }
        return first.withLock { $0 == nil }
    }

    func rethrow() throws(StoreError) {
        if let error = first.withLock({ $0 }) { throw error }
    }
}
