import Testing

@testable import Volumes

struct MountInfoTests {
    private static let plain =
        "36 35 0:77 /part /mnt/a rw,noatime master:1 - fuse.alluxio-fuse s3://b rw,user_id=0"

    @Test func `a line of the kernel is read`() throws {
        let mount = try #require(MountInfo(Self.plain))
        #expect((mount.id, mount.parent) == (36, 35))
        #expect(mount.device == "0:77" && mount.root == "/part" && mount.place == "/mnt/a")
        #expect(mount.isOurs && !mount.isReadOnly)
    }

    @Test func `any number of propagation fields may stand before the dash`() throws {
        for fields in ["", "shared:1 ", "shared:1 master:2 propagate_from:3 unbindable "] {
            let mount = try #require(MountInfo("1 2 0:3 / /x ro,nosuid \(fields)- tmpfs none rw"))
            #expect(mount.type == "tmpfs" && mount.isReadOnly && !mount.isOurs)
        }
    }

    @Test func `only the mount's own options say whether it is read only`() throws {
        let mount = try #require(MountInfo("1 2 0:3 / /x rw,noatime - fuse.alluxio-fuse s3://b ro"))
        #expect(!mount.isReadOnly)
    }

    @Test func `blanks and backslashes in names are decoded`() throws {
        let mount = try #require(MountInfo(#"1 2 0:3 /a\040b /x\134y\011\04 rw - tmpfs none rw"#))
        #expect(mount.root == "/a b" && mount.place == #"/x\y"# + "\t" + #"\04"#)
    }

    @Test(arguments: [
        "", "1 2 0:3 / /x rw", "a b c d e f g h i j", "1 2 0:3 / /x rw a b c d", "1 2 0:3 / /x rw a b c -",
    ])
    func `a line of another form is none`(line: String) {
        #expect(MountInfo(line) == nil)
    }

    @Test func `the topmost mount of a place is the last one`() throws {
        let table = MountInfoTable(
            """
            1 0 0:1 / /x rw - tmpfs none rw
            2 1 0:2 / /x rw - fuse.alluxio-fuse s3://b rw
            nonsense
            3 2 0:3 / /x rw - fuse.alluxio-fuse s3://b rw
            4 1 0:4 / /x/y rw - tmpfs none rw
            """
        )
        #expect(table.mounts.count == 4)
        #expect(table.layers(at: "/x").map(\.device) == ["0:1", "0:2", "0:3"])
        #expect(table.top(at: "/x")?.device == "0:3")
        #expect(table.top(at: "/z") == nil)
    }
}
