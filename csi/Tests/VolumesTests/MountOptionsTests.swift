import Testing

@testable import Volumes

struct MountOptionsTests {
    @Test func `options are sorted by name, each once, and what mounts have anyway is left out`() throws {
        #expect(try MountOptions.parse(["b=2,rw", " a=1 ,,defaults", "b=2"]) == ["a=1", "b=2"])
        #expect(try MountOptions.parse([]) == [])
    }

    @Test func `an option with two values is refused`() {
        let error = #expect(throws: VolumeError.self) { try MountOptions.parse(["a=1", "a=2"]) }
        #expect(error?.description.contains("'a' is set twice") == true)
    }

    @Test(
        arguments: [
            "log_file=/x", "alluxio.fuse.staging.dir=/x", "local_data_cache=/x", "credential_process=sh",
            "aws.profile=x", "alluxio.conf.dir=/x", "s3a.secretKey=x", "fsname=x", "alluxio.web.file=x",
            "alluxio.ssl.ca.path=/x", "=x", "a,.=", "alluxio.fuse.mount.options=local_data_cache=/x",
            "alluxio.fuse.rights.proof.enabled=false",
            "alluxio.underfs.s3.credentials.environment.only=false",
        ]
    )
    func `an option that names a file, a program or an identity is refused without its value`(option: String)
    {
        let error = #expect(throws: VolumeError.self) { try MountOptions.parse([option]) }
        #expect(error?.kind == .invalidArgument && error?.description.contains("/x") == false)
    }

    @Test func `a read-only mount is noticed in both forms`() {
        #expect(MountOptions.isReadOnly(["a=1", "ro"]) && MountOptions.isReadOnly(["ro=true"]))
        #expect(!MountOptions.isReadOnly(["ro=false", "rotate"]))
    }
}
