import Settings

/// What a command line asks for, before the ordinary commands are parsed.
enum Invocation: Equatable {
    /// Called as mount(8) calls a helper for a file system type.
    case helper(HelperArguments)
    /// `help properties [--markdown]`.
    case properties(markdown: Bool)
    /// `help metrics`.
    case metrics
    /// One of the commands.
    case command([String])

    /// Reads a whole argument vector, program name first.
    /// - Throws: A ``Failure`` if it is a helper call that cannot be read.
    init(_ arguments: [String]) throws(Failure) {
        let program = arguments.first?.split(separator: "/").last ?? ""
        let rest = Array(arguments.dropFirst())
        if program.hasPrefix("mount.") || rest.first.map(MountSource.looksLikeSource) == true {
            self = .helper(try HelperArguments(rest))
        } else if rest.prefix(2) == ["help", "properties"] {
            self = .properties(markdown: rest.dropFirst(2).contains("--markdown"))
        } else if rest.prefix(2) == ["help", "metrics"] {
            self = .metrics
        } else {
            if let word = rest.first, !word.hasPrefix("-"), !Self.commands.contains(word) {
                let hint = NearestName.find(word, among: Self.commands).map { "did you mean '\($0)'? " } ?? ""
                throw .usage("unknown command '\(word)'; \(hint)there are mount, umount, stat and help")
            }
            self = .command(rest)
        }
    }

    private static let commands = ["mount", "umount", "stat", "list", "help", BackgroundStart.subcommand]

    /// Whether the program was called as a mount helper; decides about exit codes, also when nothing can be
    /// parsed.
    static func isHelper(_ arguments: [String]) -> Bool {
        let program = arguments.first?.split(separator: "/").last ?? ""
        return program.hasPrefix("mount.")
            || arguments.dropFirst().first.map(MountSource.looksLikeSource) == true
    }
}

/// The arguments of a mount helper: `source target [-sfnv] [-N namespace] [-o options] [-t type]`.
struct HelperArguments: Equatable {
    var source = ""
    var target = ""
    var options: [String] = []
    /// `-f`: check, but do not mount.
    var isFake = false
    /// `-s`: tolerate options that are not known.
    var isSloppy = false

    init(_ arguments: [String]) throws(Failure) {
        var places: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
                places.append(argument)
                continue
            }
            try take(argument.dropFirst(), &rest)
        }
        guard places.count == 2 else {
            throw .usage(
                "a mount helper takes source and mount point: alluxio-fuse s3://bucket /mnt [-o options]"
            )
        }
        (source, target) = (places[0], places[1])
    }

    /// Takes a cluster of flags; one with a value ends it.
    private mutating func take(_ cluster: Substring, _ rest: inout ArraySlice<String>) throws(Failure) {
        var letters = cluster
        while let letter = letters.popFirst() {
            switch letter {
            case "n", "v": continue
            case "s": isSloppy = true
            case "f": isFake = true
            case "o", "t", "N":
                guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
                    throw .usage("-\(letter) needs a value")
                }
                if letter == "o" { options.append(value) }
                return
            default:
                throw .usage("unknown flag '-\(letter)' of a mount helper; there are -o -f -n -s -t -v -N")
            }
        }
    }

    /// The options, without unknown ones if `-s` says so.
    var accepted: [String] {
        guard isSloppy else { return options }
        return options.flatMap(OptionList.split).filter { item in
            let name = String(item.prefix { $0 != "=" })
            return PropertyCatalogue.find(name) != nil || MountWords.passedOn.contains(name)
                || MountWords.isIgnored(name)
        }.map(OptionList.escape)
    }
}
