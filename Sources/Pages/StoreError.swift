/// Why a link of the chain could not answer, from the local cache down to the object store.
///
/// The mount turns each case into one errno; the text goes to the log and names the object.
public enum StoreError: Error, Hashable, Sendable {
    /// The answer needs a wait, and the caller said that it must not wait.
    case wouldWait
    /// There is nothing under that name.
    case notFound
    /// The version that was asked for has been replaced or removed.
    case stale
    /// The store refuses this identity; the text names action and object.
    case denied(String)
    /// The object must be restored from an archive tier first.
    case archived(String)
    /// The store did not give a usable answer before the deadline, or kept failing.
    case unavailable(String)
    /// The store answered, but with bytes or a document that cannot be right.
    case corrupt(String)
    /// The operation or the name is not possible in this store.
    case unsupported(String)
    /// Whoever asked no longer wants the answer.
    case cancelled

    // What only a change can meet.

    /// There is something under that name already.
    case exists
    /// The directory has entries.
    case notEmpty
    /// A directory is in the way.
    case isDirectory
    /// A name on the way, or the thing itself, is no directory.
    case notDirectory
    /// The name, or the key that it would need, is too long; the text says which and the limit.
    case nameTooLong(String)
    /// Both names do not lie in one store.
    case otherStore
    /// The store may not be written to.
    case readOnly(String)
    /// No room: on the local disk or in the store.
    case noSpace(String)
    /// The store's quota for this identity is used up.
    case quotaExceeded(String)
    /// The file would be larger than the store can hold.
    case tooLarge(String)
    /// The file has as many names, or the directory as many directories, as the store allows.
    case tooManyLinks(String)
}
