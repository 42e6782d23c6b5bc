import Testing

@Suite("Imports go down only, as docs/architecture.md says")
struct LayerTests {
    /// What each target may not import; the last column of the table in docs/architecture.md.
    private static let forbidden: [String: Set<String>] = [
        "Pages": Set(own).subtracting(["Pages"]),
        "Threading": Set(own).subtracting(["Threading", "CLinux"]),
        "SmallFiles": Set(own).subtracting(["SmallFiles"]),
        "Metadata": ["HTTPTransport", "ObjectStore", "CCurl", "CCurlShim", "CCrypto"] + upper,
        "HTTPTransport": ["Pages", "Metadata", "ObjectStore", "CFuse3", "CFuse3Shim"] + upper,
        "Telemetry": Set(own).subtracting(["Telemetry", "Threading", "CLinux"]),
        "FileSystem": [
            "CFuse3", "CFuse3Shim", "FuseMount", "HTTPTransport", "CCurl", "CCurlShim", "ObjectStore",
            "PageCache", "Cluster", "Settings", "Servers",
        ],
        "PageCache": [
            "HTTPTransport", "CCurl", "CCurlShim", "ObjectStore", "FileSystem", "FuseMount", "CFuse3",
            "CFuse3Shim", "Cluster", "Settings", "Servers",
        ],
        "ObjectStore": [
            "PageCache", "Cluster", "FileSystem", "FuseMount", "CFuse3", "CFuse3Shim", "Settings", "Servers",
        ],
        "Cluster": [
            "ObjectStore", "PageCache", "FileSystem", "FuseMount", "CFuse3", "CFuse3Shim", "Settings",
            "Servers",
        ],
        "FuseMount": [
            "HTTPTransport", "CCurl", "CCurlShim", "ObjectStore", "PageCache", "Cluster", "Settings",
            "Servers",
        ],
        "Settings": [
            "FileSystem", "PageCache", "FuseMount", "CFuse3", "CFuse3Shim", "AlluxioFuse", "Alluxio",
            "Servers",
        ],
        "Servers": [
            "CCurl", "CCurlShim", "ObjectStore", "Cluster", "FileSystem", "FuseMount", "CFuse3", "CFuse3Shim",
            "Settings", "AlluxioFuse", "Alluxio",
        ],
    ]
    private static let upper: Set<String> = [
        "FileSystem", "PageCache", "Cluster", "FuseMount", "Servers", "Settings", "AlluxioFuse", "Alluxio",
    ]
    private static let own: [String] = [
        "Pages", "Metadata", "HTTPTransport", "Telemetry", "FileSystem", "PageCache", "ObjectStore",
        "Cluster", "FuseMount", "Servers", "Settings", "AlluxioFuse", "Alluxio",
        "Threading", "SmallFiles", "CFuse3", "CFuse3Shim", "CCurl", "CCurlShim", "CCrypto",
        "CLinux",
    ]
    private static let dataPlane: Set<String> = [
        "Pages", "Threading", "Metadata", "HTTPTransport", "FileSystem", "PageCache", "ObjectStore",
        "Cluster", "FuseMount",
    ]

    @Test func noTargetImportsWhatItMayNot() {
        for file in SourceTree.swift {
            guard let target = file.target, let rule = Self.forbidden[target] else { continue }
            for (index, module) in imports(of: file) where rule.contains(module) {
                Issue.record("\(file.at(index)): \(target) may not import \(module)")
            }
        }
    }

    @Test func everyTargetOfTheSourcesHasARule() {
        let targets = Set(SourceTree.swift.compactMap(\.target)).subtracting(["AlluxioFuse", "Alluxio"])
        #expect(targets == Set(Self.forbidden.keys))
    }

    @Test func nothingImportsTheWholeOfFoundation() {
        for file in SourceTree.swift where file.target != nil {
            for (index, module) in imports(of: file) where ["Foundation", "FoundationXML"].contains(module) {
                Issue.record("\(file.at(index)): \(module) costs start time and memory; use Glibc")
            }
        }
    }

    @Test func theDataPlaneNeverSuspends() {
        let words: Set<Substring> = ["async", "await", "actor", "Task"]
        for file in SourceTree.swift {
            guard let target = file.target, Self.dataPlane.contains(target) else { continue }
            for (index, line) in SwiftText(file.lines).lines.enumerated() {
                let used = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
                for word in used where words.contains(word) {
                    Issue.record("\(file.at(index)): \(word): the data plane is plain functions on threads")
                }
            }
        }
    }

    /// Files that ask the system themselves and read its errno; none of them answers a request with one.
    private static let callersOfTheSystem: [String: String] = [
        "Sources/FileSystem/Writing/StagingDirectory.swift": "local files, told as FileSystemError",
        "Sources/FileSystem/Writing/StagingLog.swift": "a local file, told by its caller",
        "Sources/FuseMount/MountCheck.swift": "stat, opendir and open of /dev/fuse, told as a MountError",
        "Sources/FuseMount/MountTable.swift": "stat and umount2, told as a state or an UnmountError",
        "Sources/FuseMount/Fusermount.swift": "waitpid, repeated after a signal",
    ]

    @Test func everyCallerOfTheSystemIsAFileThatReadsErrno() {
        for path in Self.callersOfTheSystem.keys.sorted() {
            let file = SourceTree.swift.first { $0.path == path }
            let reads = file.map { SwiftText($0.lines).lines.contains { !errnoNames(in: $0).isEmpty } }
            if reads != true { Issue.record("\(path): reads no errno; take it off the list") }
        }
    }

    @Test func errorsBecomeErrnoInOneFileOfTheMountAndNowhereAboveIt() {
        for file in SourceTree.swift {
            guard let target = file.target,
                ["FuseMount", "FileSystem", "Metadata", "Pages"].contains(target),
                file.path != "Sources/FuseMount/Errno.swift",
                Self.callersOfTheSystem[file.path] == nil
            else { continue }
            for (index, line) in SwiftText(file.lines).lines.enumerated() {
                for name in errnoNames(in: line) {
                    Issue.record(
                        "\(file.at(index)): \(name): errors become errno in FuseMount/Errno.swift only"
                    )
                }
            }
        }
    }

    private func errnoNames(in line: String) -> [Substring] {
        let known: Set<Substring> = [
            "ENOENT", "EIO", "EROFS", "ESTALE", "EINTR", "ENOTDIR", "EISDIR", "EACCES", "EPERM", "EINVAL",
            "ENOSYS",
            "ENODATA", "ENXIO", "ENAMETOOLONG", "ENOTSUP", "EOPNOTSUPP", "ENFILE", "EMFILE", "ENOMEM",
            "ENOSPC",
            "ERANGE", "EEXIST", "EAGAIN", "EBADF", "EBUSY",
        ]
        return line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.filter(known.contains)
    }

    private func imports(of file: SourceFile) -> [(index: Int, module: String)] {
        var found: [(index: Int, module: String)] = []
        for (index, line) in SwiftText(file.lines).lines.enumerated() {
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place <= 2, words.count > place + 1 else {
                continue
            }
            let kinds: Set<Substring> = [
                "struct", "class", "enum", "func", "protocol", "typealias", "var", "let",
            ]
            let next = words[place + 1]
            let name = kinds.contains(next) && words.count > place + 2 ? words[place + 2] : next
            found.append((index, String(name.split(separator: ".").first ?? name)))
        }
        return found
    }
}

private func + (left: Set<String>, right: Set<String>) -> Set<String> { left.union(right) }
