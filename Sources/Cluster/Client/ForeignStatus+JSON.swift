internal import FoundationEssentials

extension ForeignStatus {
    private struct Document: Decodable {
        var mType: String?
        var mLength: Int64?
        var mLastModificationTimeMs: Int64?
        var mCompleted: Bool?
        var mContentHash: String?
    }

    /// Reads the answer of `/v1/info`: an array with one object, of which unknown keys are ignored.
    /// - Returns: nil if it is something else.
    init?(json: [UInt8]) {
        guard let documents = try? JSONDecoder().decode([Document].self, from: Data(json)),
            documents.count == 1, let length = documents[0].mLength
        else { return nil }
        let document = documents[0]
        isFile = document.mType == "file" && document.mCompleted != false
        self.length = length
        modifiedMilliseconds = document.mLastModificationTimeMs ?? 0
        contentHash = document.mContentHash ?? ""
    }
}
