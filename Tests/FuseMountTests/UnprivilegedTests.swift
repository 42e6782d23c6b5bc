import CFuse3
import Glibc
import Testing

@testable import FuseMount

/// What the tests of user 65534 need: the helper, and that user may run this very program.
private let canTestUnprivileged: Bool = {
    guard canMount, Fusermount.path != nil, let program = testProgram else { return false }
    let script = "exec setpriv --reuid 65534 --regid 65534 --clear-groups test -x \"$1\""
    guard let child = try? ChildProcess("unshare", ["-m", "sh", "-c", script, "sh", program]) else {
        return false
    }
    return child.wait(atMost: .seconds(10)) == 0
}()

private var testProgram: String? {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    guard count > 0 else { return nil }
    return String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

@Suite(
    .enabled(if: canTestUnprivileged, "needs root, fusermount3, unshare and setpriv"),
    .timeLimit(.minutes(10))
)
struct UnprivilegedTests {
    // The device gets the mode that it has on a desktop, in a mount namespace that ends with the script.
    private static let script = """
        program=$1 point=$2 node=$3 other=$4
        mount --make-rprivate /
        mknod "$node" c 10 229 && chmod 666 "$node" && mount --bind "$node" /dev/fuse || exit 90
        user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
        export ALLUXIO_FUSE_SERVE=/etc/passwd ALLUXIO_FUSE_SERVE_AT="$point" SWIFT_BACKTRACE=enable=no
        export ALLUXIO_FUSE_SERVE_FLAGS=$other
        set -- --testing-library swift-testing --filter BenchmarkServer
        user timeout 30 "$program" "$@" >"$node.log" 2>&1 &
        for try in $(seq 200); do
            grep -q " $point fuse.alluxio-fuse " /proc/mounts && break
            kill -0 $! 2>/dev/null && { sleep 0.05; continue; }
            grep -o 'allow_other.*' "$node.log" | head -1
            rm -f "$node.log"
            exit 91
        done
        rm -f "$node.log"
        grep -q "user_id=65534" /proc/mounts || exit 92
        user cmp "$point/file" /etc/passwd || exit 93
        user fusermount3 -u "$point" || exit 94
        wait $! || exit 95
        grep -q " $point " /proc/mounts && exit 96
        exit 0
        """

    private func run(flags: String) throws -> (status: Int32?, text: String) {
        try withDirectory { path in
            try #require(chown(path, 65534, 65534) == 0)
            // Beside the real one: other places may be mounted without devices.
            let node = "/dev/fuse-test-\(getpid())-\(flags)"
            defer { unlink(node) }
            let program = try #require(testProgram)
            let child = try ChildProcess(
                "unshare",
                ["-m", "sh", "-c", Self.script, "sh", program, path, node, flags]
            )
            let status = child.wait(atMost: .seconds(60))
            return (status.map { ($0 >> 8) & 0xff }, child.text())
        }
    }

    @Test("a user mounts through fusermount3, reads, and unmounts")
    func mounting() throws {
        let result = try run(flags: "m")
        #expect(result.status == 0, "\(result.text)")
    }

    @Test("allow_other of a user is refused with its remedy where fuse.conf does not allow it")
    func allowOther() throws {
        guard !MountCheck.usersMayAllowOthers(configuration: "/etc/fuse.conf") else { return }
        let result = try run(flags: "o")
        #expect(result.status == 91)
        #expect(result.text.contains("user_allow_other"), "\(result.text)")
    }

    @Test("fuse.conf is read line by line, comments are not taken for settings")
    func configuration() throws {
        for (text, allows) in [
            ("user_allow_other\n", true), ("# x\n  user_allow_other  \n", true),
            ("#user_allow_other\n", false),
            ("user_allow_other_not\n", false), ("", false),
        ] {
            try withDirectory { path in
                let file = "\(path)/fuse.conf"
                let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
                defer { unlink(file) }
                #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
                close(descriptor)
                #expect(MountCheck.usersMayAllowOthers(configuration: file) == allows)
            }
        }
        #expect(!MountCheck.usersMayAllowOthers(configuration: "/none"))
    }
}
