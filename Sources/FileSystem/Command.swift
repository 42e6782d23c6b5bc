import Pages

/// What a pseudo name asks for: `ls -l MOUNT/.alluxiocli.metadatacache.size` and the like.
enum Command: Equatable {
    /// Forget the directory in which the name was asked for.
    case drop
    /// Forget everything.
    case dropAll
    /// Show how many names are known, as the file's size.
    case size

    /// Understands a name; nil if it is no command there.
    /// - Parameters:
    ///   - name: One component.
    ///   - inRoot: Whether it was asked for in the root, where all commands are possible.
    init?(name: UnsafeRawBufferPointer, inRoot: Bool) {
        let prefix: StaticString = ".alluxiocli."
        guard
            name.starts(
                with: UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)
            )
        else {
            return nil
        }
        switch String(decoding: name.dropFirst(prefix.utf8CodeUnitCount), as: UTF8.self) {
        case "metadatacache.drop": self = .drop
        case "metadatacache.dropAll" where inRoot: self = .dropAll
        case "metadatacache.size" where inRoot: self = .size
        default: return nil
        }
    }
}
