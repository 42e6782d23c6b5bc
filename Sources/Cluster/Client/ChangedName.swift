import Pages

/// A name that this process has changed, as workers are told of it.
struct ChangedName: Sendable {
    /// Its address.
    var name: UFSURI
    /// The address of its directory.
    var directory: UFSURI
    /// The version that the owners are to have; nil: none.
    var version: FileVersion?
    /// Whether names below it have changed too.
    var isTree = false

    /// Names what has changed.
    init(_ name: UFSURI, version: FileVersion? = nil, isTree: Bool = false) {
        self.name = name
        directory = name.directory
        self.version = version
        self.isTree = isTree
    }
}

extension UFSURI {
    /// The address of the directory that has a name: all before its last slash.
    var directory: UFSURI {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return self }
        return UFSURI(bytes: Array(bytes[..<slash]))
    }
}
