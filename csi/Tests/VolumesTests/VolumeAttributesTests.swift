import Testing

@testable import Volumes

struct VolumeAttributesTests {
    private let store = ["ufs": "s3://bucket/prefix"]

    private func read(
        _ context: [String: String],
        mountFlags: [String] = [],
        hasSecrets: Bool = false,
        rules: VolumeAttributes.Rules = .init()
    ) throws(VolumeError) -> VolumeAttributes {
        try VolumeAttributes(context, mountFlags: mountFlags, hasSecrets: hasSecrets, rules: rules)
    }

    private func refusal(_ context: [String: String], hasSecrets: Bool = false) -> VolumeError? {
        #expect(throws: VolumeError.self) { try read(context, hasSecrets: hasSecrets) }
    }

    @Test func `a store needs nothing but its address`() throws {
        let attributes = try read(store)
        #expect(attributes.source == .store("s3://bucket/prefix"))
        #expect(attributes.path.isEmpty && attributes.options.isEmpty && !attributes.isInline)
        #expect(attributes.authentication == .driver && attributes.audience == "sts.amazonaws.com")
    }

    @Test func `a cluster is in the namespace default unless it says another one`() throws {
        #expect(
            try read(["alluxioClusterName": "c"]).source == .cluster(namespace: "default", name: "c")
        )
        let named = ["alluxioClusterName": "c", "alluxioClusterNamespace": "data"]
        #expect(try read(named).source == .cluster(namespace: "data", name: "c"))
    }

    @Test(
        arguments: [
            (["ufs": "s3://b", "alluxioClusterName": "c"], "exclude"),
            (["path": "x"], "needs 'alluxioClusterName' or 'ufs'"),
            (["ufs": "http://host/x"], "none of s3://"),
            (["ufs": "s3://"], "no bucket"),
            (["ufs": "s3://key:secret@b"], "no bucket"),
            (["ufs": "s3://b?x=y"], "no bucket"),
            (["alluxioClusterName": "../x"], "no name of Kubernetes"),
            (["alluxioClusterName": "-x"], "no name of Kubernetes"),
            (["alluxioClusterName": "c", "alluxioClusterNamespace": "A"], "no name of Kubernetes"),
            (["ufs": "s3://b", "uffs": "x"], "'uffs' is unknown"),
            (["ufs": "s3://b", "path": "a/../b"], "'.' or '..'"),
            (["ufs": "s3://b", "path": "a\nb"], "control characters"),
            (["ufs": "s3://b", "options": String(repeating: "x", count: 4097)], "longer than 4096"),
            (["ufs": "s3://b", "authentication": "root"], "none of driver, secret, pod"),
            (["ufs": "s3://b", "authentication": "pod"], "needs 'roleArn'"),
        ]
    )
    func `what is wrong is told by its name`(context: [String: String], words: String) {
        let error = refusal(context)
        #expect(error?.kind == .invalidArgument && error?.description.contains(words) == true)
    }

    @Test func `attributes of Kubernetes itself are let through, however long`() throws {
        let tokens = ["csi.storage.k8s.io/serviceAccount.tokens": String(repeating: "x", count: 10_000)]
        _ = try read(store.merging(tokens) { $1 })
        _ = try read(store.merging(["storage.kubernetes.io/csiProvisionerIdentity": "1-2-alluxio"]) { $1 })
    }

    @Test func `a Secret that comes with the volume is its identity`() throws {
        #expect(try read(store, hasSecrets: true).authentication == .secret)
        let both = refusal(store.merging(["authentication": "driver"]) { $1 }, hasSecrets: true)
        #expect(both?.description.contains("leave one of them out") == true)
    }

    @Test func `an inline volume of a store does not get the driver's identity unless that is allowed`()
        throws
    {
        let inline = store.merging(["csi.storage.k8s.io/ephemeral": "true"]) { $1 }
        #expect(refusal(inline)?.kind == .permissionDenied)
        var rules = VolumeAttributes.Rules()
        rules.allowsDriverIdentityInline = true
        #expect(try read(inline, rules: rules).isInline)
        #expect(try read(inline, hasSecrets: true).isInline)
    }

    @Test func `directories of the node are shown only if that is allowed`() throws {
        #expect(refusal(["ufs": "file:///etc"])?.kind == .permissionDenied)
        var rules = VolumeAttributes.Rules()
        rules.allowsLocalStores = true
        #expect(try read(["ufs": "file:///etc"], rules: rules).source == .store("file:///etc"))
    }

    @Test func `a path is components, without empty ones`() throws {
        let attributes = try read(store.merging(["path": "//a/b c//"]) { $1 })
        #expect(attributes.path == ["a", "b c"])
        let long = store.merging(["path": String(repeating: "x", count: 256)]) { $1 }
        #expect(refusal(long)?.description.contains("255 bytes") == true)
    }

    @Test func `options of the volume and of its mount are one list`() throws {
        let attributes = try read(
            store.merging(["options": "uid=7, attr_timeout=3"]) { $1 },
            mountFlags: ["ro", "uid=7"]
        )
        #expect(attributes.options == ["attr_timeout=3", "ro", "uid=7"])
    }
}
