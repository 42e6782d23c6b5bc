public import Pages

/// Something that a check of a bucket found not to be as it should.
public struct AttributeFinding: Hashable, Sendable {
    /// What it is.
    public enum Kind: String, Sendable {
        /// Something is said of a name that is not there.
        case strayEntry = "stray-entry"
        /// A name of an object that is not there, or does not know of it.
        case danglingLink = "dangling-link"
        /// An attribute object that cannot be read; it is left alone.
        case unreadable
        /// A rename that was not finished.
        case unfinishedIntent = "unfinished-rename"
        /// An object of ours that nothing leads to.
        case leftover
        /// Uploads that nobody ended.
        case abandonedUploads = "abandoned-uploads"
    }

    /// What it is.
    public let kind: Kind
    /// Where it is.
    public let uri: UFSURI
    /// One line for people.
    public let text: String
    /// Whether it is as it should now.
    public let isRepaired: Bool
}
