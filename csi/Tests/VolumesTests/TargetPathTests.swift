import Testing

@testable import Volumes

struct TargetPathTests {
    @Test(arguments: [
        "", "k/pods/x", "/k", "/k/", "/k/../etc", "/k/./x", "/k//x", "/kk/x", "/etc/x", "/k/x\0", "/k/x/",
    ])
    func `a path that may lead elsewhere is refused`(path: String) {
        #expect(throws: VolumeError.self) { try TargetPath.check(path, "target_path", below: "/k") }
    }

    @Test func `a path below the kubelet's directory is taken`() throws {
        try TargetPath.check("/k/pods/a b/volumes/mount", "target_path", below: "/k")
        let long = "/k/" + String(repeating: "x", count: 4000)
        #expect(throws: VolumeError.self) { try TargetPath.check(long, "target_path", below: "/k") }
    }

    @Test func `a volume's id becomes a name that other names can hold`() throws {
        #expect(VolumeID.made(of: "PVC-1") == "pvc-1")
        for name in [String(repeating: "x", count: 64), "a/b"] {
            let id = VolumeID.made(of: name)
            #expect(id.utf8.count <= 63 && id.hasPrefix("volume-") && VolumeID.made(of: name) == id)
        }
        #expect(
            VolumeRecord.fileName(of: "../../etc/passwd").allSatisfy { $0.isHexDigit || ".json".contains($0) }
        )
        #expect(throws: VolumeError.self) { try VolumeID.check("") }
        #expect(throws: VolumeError.self) { try VolumeID.check(String(repeating: "x", count: 1025)) }
    }
}
