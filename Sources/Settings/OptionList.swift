/// What the `-o` lists of one command say, after every name was recognised.
package struct OptionList: Equatable, Sendable {
    /// Raw values by canonical key; valid for their properties.
    package var values: [String: String] = [:]
    /// Words that the kernel or fusermount3 gets, such as `noatime`; in order, each once.
    package var passedOn: [String] = []
    /// What was accepted without effect.
    package var notices: [Notice] = []

    /// The longest list that is read, in bytes; mount(8) itself stops at a page.
    package static let lengthMaximum = 1 << 16

    /// Reads `-o` lists in order; of a name that comes twice, the last counts.
    /// - Throws: A ``Failure`` that names the option, what it takes, and the nearest name.
    package init(_ lists: [String]) throws(Failure) {
        for list in lists {
            guard list.utf8.count <= Self.lengthMaximum else {
                throw .usage("an option list is longer than \(Self.lengthMaximum) bytes")
            }
            for item in Self.split(list) {
                try take(item)
            }
        }
    }

    /// No option at all.
    package init() {}

    /// Splits a list at commas.
    ///
    /// `\,` is a comma and `\\` a backslash; any other backslash stands for itself.
    package static func split(_ list: String) -> [String] {
        var items: [String] = []
        var current = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in list.unicodeScalars {
            if isEscaped {
                if scalar != "," && scalar != "\\" { current.append("\\") }
                current.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "," {
                items.append(String(current))
                current = String.UnicodeScalarView()
            } else {
                current.append(scalar)
            }
        }
        if isEscaped { current.append("\\") }
        items.append(String(current))
        return items.map(\.trimmingBlanks).filter { !$0.isEmpty }
    }

    /// The reverse of ``split(_:)`` for one item.
    package static func escape(_ item: String) -> String {
        item.reduce(into: "") { result, character in
            if character == "," || character == "\\" { result.append("\\") }
            result.append(character)
        }
    }

    private mutating func take(_ item: String) throws(Failure) {
        let name = String(item.prefix { $0 != "=" })
        let value = item.contains("=") ? String(item.dropFirst(name.count + 1)) : nil
        if MountWords.isIgnored(name) { return }
        if MountWords.passedOn.contains(name) {
            passedOn.removeAll { $0 == name || $0 == MountWords.opposite(of: name) }
            passedOn.append(name)
            return
        }
        guard let property = PropertyCatalogue.find(name) else {
            throw Self.unknown(name)
        }
        values[property.key] = try Self.check(property, name: name, value: value)
        remark(on: property)
    }

    private mutating func remark(on property: Property) {
        guard case .accepted(let reason) = property.effect else { return }
        let notice = Notice(
            message: "option has no effect",
            facts: ["option": property.key, "reason": reason]
        )
        if !notices.contains(notice) { notices.append(notice) }
    }

    private static func check(
        _ property: Property,
        name: String,
        value: String?
    ) throws(Failure) -> String {
        guard let value else {
            guard case .flag = property.kind else {
                throw .usage("option '\(name)' needs a value: \(name)=<\(property.kind.accepted)>")
            }
            return "true"
        }
        try property.check(value, as: "option '\(name)'")
        return value
    }

    private static func unknown(_ name: String) -> Failure {
        let words = PropertyCatalogue.names + MountWords.passedOn
        let hint = NearestName.find(name, among: words).map { "did you mean '\($0)'? " } ?? ""
        return .usage("unknown option '\(name)'; \(hint)'alluxio-fuse help properties' lists all")
    }
}

/// The words of mount(8) that are no settings of ours.
package enum MountWords {
    /// What libfuse hands to the kernel or to fusermount3 as it is.
    package static let passedOn = [
        "dev", "nodev", "suid", "nosuid", "exec", "noexec", "atime", "noatime", "diratime", "nodiratime",
        "relatime",
        "norelatime", "strictatime", "nostrictatime", "sync", "async", "dirsync",
    ]

    private static let ignored: Set<String> = [
        "_netdev", "nofail", "fail", "auto", "noauto", "defaults", "user", "nouser", "users", "owner",
        "group",
        "loud", "silent", "mand", "nomand", "iversion", "noiversion", "lazytime", "nolazytime", "comment",
        "uhelper",
        "helper",
    ]

    /// Words for mount(8), systemd and desktops, which mount helpers get and must ignore.
    package static func isIgnored(_ name: String) -> Bool {
        ignored.contains(name) || name.hasPrefix("x-") || name.hasPrefix("X-")
    }

    /// The word that says the contrary.
    static func opposite(of word: String) -> String {
        switch word {
        case "sync": "async"
        case "async": "sync"
        default: word.hasPrefix("no") ? String(word.dropFirst(2)) : "no" + word
        }
    }
}
