import Pages

/// Whether an operation may wait for the store.
public enum Patience: Sendable {
    /// Answer from memory and local disk, or throw ``FileSystemError/wouldWait``.
    case immediate
    /// Wait as long as the store's deadlines allow.
    case waiting
}

/// Why an operation failed; the mount has one errno for each.
public enum FileSystemError: Error, Hashable, Sendable {
    /// The answer needs a wait and the caller has ``Patience/immediate``.
    case wouldWait
    /// No such name.
    case notFound
    /// The node's version has been replaced; the path must be walked again.
    case stale
    /// Not a directory.
    case notDirectory
    /// Is a directory.
    case isDirectory
    /// The mount is read-only.
    case readOnly
    /// The store refuses; the text says what.
    case denied(String)
    /// The name is longer than 255 bytes.
    case nameTooLong
    /// A parameter is out of range.
    case invalid
    /// No such extended attribute.
    case noAttribute
    /// No data or hole at or after that offset.
    case noSuchOffset
    /// Too many open handles or nodes; the named limit is in the text.
    case tooMany(String)
    /// Not possible here.
    case unsupported
    /// The store failed; the text names the object and why.
    case inputOutput(String)
    /// Whoever asked is gone.
    case cancelled
    /// There is something under that name already.
    case exists
    /// The directory has entries.
    case notEmpty
    /// The caller may not do this, whatever the permission bits say.
    case notPermitted
    /// It is a mount point, which stays where it is.
    case busy
    /// Source and target lie in different stores.
    case crossDevice
    /// No room; the text says where.
    case noSpace(String)
    /// The store's quota is used up.
    case quotaExceeded(String)
    /// The file would be larger than the store can hold.
    case tooLarge
    /// More names of one file than there may be.
    case tooManyLinks
    /// The handle was not opened for this.
    case badHandle
    /// The value does not fit.
    case outOfRange
}

extension FileSystemError {
    /// What an error of the chain is to whoever called the file system.
    init(_ error: StoreError) {
        switch error {
        case .wouldWait: self = .wouldWait
        case .notFound: self = .notFound
        case .stale: self = .stale
        case .denied(let text): self = .denied(text)
        // The store has the object and will not hand it out until somebody restores it.
        case .archived(let text): self = .denied(text)
        case .unavailable(let text): self = .inputOutput(text)
        case .corrupt(let text): self = .inputOutput(text)
        case .unsupported: self = .unsupported
        case .cancelled: self = .cancelled
        case .exists: self = .exists
        case .notEmpty: self = .notEmpty
        case .isDirectory: self = .isDirectory
        case .notDirectory: self = .notDirectory
        case .nameTooLong: self = .nameTooLong
        case .otherStore: self = .crossDevice
        case .readOnly: self = .readOnly
        case .noSpace(let text): self = .noSpace(text)
        case .quotaExceeded(let text): self = .quotaExceeded(text)
        case .tooLarge: self = .tooLarge
        case .tooManyLinks: self = .tooManyLinks
        }
    }
}
