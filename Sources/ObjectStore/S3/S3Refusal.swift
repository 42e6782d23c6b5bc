import Pages

/// What refusals mean that only a change can meet.
enum S3Refusal {
    /// The error of a refusal, or nil if it is one that reads meet too.
    static func ofChange(_ answer: S3Answer, _ text: String) -> StoreError? {
        switch answer.code {
        case "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "QuotaExceededException",
            "ServiceQuotaExceeded":
            return .quotaExceeded("\(text); delete objects, or have the quota of the bucket raised")
        case "XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "InsufficientStorageSpace":
            return .noSpace("\(text); the store is full")
        case "EntityTooLarge", "MaxMessageLengthExceeded":
            return .tooLarge("\(text); the store takes no object of this size")
        case "KeyTooLongError":
            return .nameTooLong("\(text); an object's key has at most \(S3Store.keyMaximumBytes) bytes")
        case "XMinioParentIsObject":
            return .notDirectory
        case "XMinioObjectExistsAsDirectory":
            return .isDirectory
        default: break
        }
        switch answer.status {
        case 413: return .tooLarge("\(text); the store, or a proxy before it, takes no body of this size")
        case 507: return .noSpace("\(text); the store is full")
        default: return nil
        }
    }

    /// Whether a condition was refused, or what it was about has gone.
    static func isCondition(_ answer: S3Answer, _ condition: ChangedWhen) -> Bool {
        if answer.status == 412 || answer.code == "PreconditionFailed" { return true }
        if answer.code == "ConditionalRequestConflict" { return true }
        // If-Match of a key that is not there.
        return condition == .version && answer.status == 404
            && !["NoSuchBucket", "NoSuchUpload"].contains(answer.code)
    }

    /// The kind of a condition.
    enum ChangedWhen {
        case none
        case absent
        case version
    }

    /// Whether the server does not know a header field or an operation that it was sent.
    static func isUnknown(_ answer: S3Answer) -> Bool {
        answer.status == 501 || answer.status == 405 || answer.code == "NotImplemented"
            || answer.code == "MethodNotAllowed"
    }

    /// Whether the server does not take the checksum that it was sent; not that it found a wrong one.
    static func isOfChecksum(_ answer: S3Answer) -> Bool {
        if isUnknown(answer) { return true }
        guard answer.status == 400, answer.code != "BadDigest", answer.code != "XAmzContentChecksumMismatch"
        else { return false }
        let words = answer.message.lowercased()
        return ["InvalidArgument", "InvalidRequest", "InvalidHeader"].contains(answer.code)
            && (words.contains("checksum") || words.contains("header"))
    }
}
