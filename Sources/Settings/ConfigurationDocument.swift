/// Writes `docs/configuration.md` from the catalogue.
package enum ConfigurationDocument {
    /// The document, or a plain list for a terminal.
    package static func make(markdown isMarkdown: Bool) -> String { isMarkdown ? markdown() : list() }

    private static func list() -> String {
        var text = ""
        for group in PropertyCatalogue.groups {
            text += "\n\(group.title)\n"
            for property in group.properties {
                let fallback = property.fallback.map { " (default \($0))" } ?? ""
                text += "  \(property.names.joined(separator: ", "))\n      \(property.summary)"
                text += " Takes \(property.isSecret ? "secret text" : property.kind.accepted)\(fallback).\n"
            }
        }
        return text
    }

    static func markdown() -> String {
        var text = introduction
        for group in PropertyCatalogue.groups {
            text += "\n## \(group.title)\n\n\(group.introduction)\n\n"
            text += "| name | takes | default | meaning |\n| --- | --- | --- | --- |\n"
            for property in group.properties {
                text += row(property)
            }
        }
        return text
    }

    private static func row(_ property: Property) -> String {
        let names = property.names.map { "`\($0)`" }.joined(separator: ", ")
        let fallback = property.fallback.map { "`\($0)`" } ?? "–"
        let takes = property.isSecret ? "secret text" : property.kind.accepted
        return "| \(names) | \(takes) | \(fallback) | \(property.summary) |\n"
    }

    private static let introduction = """
        # Configuration

        Made from the property catalogue by `alluxio-fuse help properties --markdown`; a test holds the two
        together.

        A setting is taken from the first of these that has it:

        1. `-o name=value` on the command line or in `/etc/fstab`. Several with commas; `\\,` is a comma in a
           value and `\\\\` a backslash. An unknown name is refused. The last one of a name counts.
           For `alluxio`, `-D name=value`, where commas and backslashes belong to the value.
        2. The mount options in `alluxio.fuse.mount.options`, wherever that is set.
        3. The environment, for names that begin with `alluxio.`: upper case, with `_` for every dot, so that
           `alluxio.user.client.cache.size` is `ALLUXIO_USER_CLIENT_CACHE_SIZE`. An empty variable counts as
           not set.
        4. `alluxio-site.properties`, the syntax of Java's properties files in UTF-8, `${name}` for the value
           of another name of the file. It is looked for in the directory of `-o alluxio.conf.dir`, then in
           `$ALLUXIO_CONF_DIR`, `~/.alluxio`, `/etc/alluxio`, `/opt/alluxio/conf`; the first one found is
           read. Unknown names that look like ours are warned about, not refused, since other programs share
           the file.
        5. The default.

        Sizes take `KB`, `MB`, `GB`, `TB`, which are powers of 1024. Times take `ms`, `s`, `min`, `h`, `d`; a
        bare number is milliseconds, but seconds for `attr_timeout`, `entry_timeout` and `negative_timeout`.
        A flag's bare name is `true`.

        Words that belong to mount(8) are taken as it does: `noatime`, `relatime`, `nodev`, `nosuid`,
        `noexec`, `sync`, `async`, `dirsync` and their opposites go to the kernel; `_netdev`, `nofail`,
        `auto`, `noauto`, `defaults`, `user`, `users`, `owner`, `group`, `x-…`, `X-…` and `comment=` are
        ignored.

        Secrets are never printed, logged or put on a command line by the daemon. In `-o` other users can see
        them while the command runs, so prefer the file.

        """
}
