internal import FoundationEssentials

/// The JSON value of a mount's key in etcd; `docs/membership.md` has the format.
struct MountDocument: Codable, Hashable {
    /// The version that is written, and the only one that is understood.
    static let version = 1

    var version: Int
    /// Random; tells one mount from a later one at the same path, and a repeated request from another's.
    var id: String
    var path: String
    var ufs: String
    var options: [String: String]
    /// Left out of the JSON unless it is true.
    var isReadOnly: Bool?

    private enum CodingKeys: String, CodingKey {
        case version = "Version"
        case id = "Id"
        case path = "Path"
        case ufs = "UfsUri"
        case options = "Options"
        case isReadOnly = "ReadOnly"
    }

    /// Describes a new mount.
    init(_ entry: MountEntry) {
        version = Self.version
        id = IdentityFile.random().hexIdentifier
        path = entry.path
        ufs = entry.ufs
        options = entry.options
        isReadOnly = entry.isReadOnly ? true : nil
    }

    /// Reads a value.
    /// - Returns: nil if it is no JSON of this version.
    init?(json: [UInt8]) {
        guard let document = try? JSONDecoder().decode(Self.self, from: Data(json)),
            document.version == Self.version
        else { return nil }
        self = document
    }

    /// Fields sorted by name.
    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else {
            preconditionFailure("text and numbers can be written as JSON")
        }
        return Array(data)
    }
}

/// What the entries of etcd say about mounts; a plain value without I/O.
struct MountDocuments {
    /// The table of everything that can be mounted.
    private(set) var table = MountTable.empty
    /// Keys that are left out, with the reason.
    private(set) var skipped: [(key: String, reason: String)] = []

    /// Sorts entries.
    /// - Parameters:
    ///   - entries: In ascending order of keys; of two that can't be there together, the first one stays.
    ///   - prefix: What the keys begin with.
    init(_ entries: [EtcdEntry], prefix: String) {
        var mounts: [MountEntry] = []
        for entry in entries {
            guard let document = MountDocument(json: entry.value) else {
                skipped.append((entry.key, "no JSON of version \(MountDocument.version)"))
                continue
            }
            do throws(MountTableError) {
                let mount = try MountEntry(
                    path: document.path,
                    ufs: document.ufs,
                    options: document.options,
                    isReadOnly: document.isReadOnly ?? false
                )
                guard entry.key == prefix + mount.name else {
                    throw .refused("the key is not that of \(mount.path)")
                }
                mounts.append(mount)
            } catch {
                skipped.append((entry.key, error.description))
            }
        }
        for mount in mounts {
            do throws(MountTableError) {
                table = try table.adding(mount)
            } catch {
                skipped.append((prefix + mount.name, error.description))
            }
        }
    }
}
