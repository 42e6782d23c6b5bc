import Testing

@testable import Volumes

struct SharingKeyTests {
    private let places = NodePlaces(mounts: "/m", kubelet: "/k")

    private func specification(
        _ context: [String: String],
        _ identity: Identity = .driver,
        properties: String = ""
    ) throws -> DaemonSpecification {
        let attributes = try VolumeAttributes(context, rules: .init())
        return DaemonSpecification(attributes, identity: identity, properties: properties, places: places)
    }

    private func key(_ context: [String: String], _ identity: Identity = .driver, _ properties: String = "")
        throws
        -> String
    {
        try specification(context, identity, properties: properties).key
    }

    private func account(_ change: (inout Identity.ServiceAccount) -> Void = { _ in }) -> Identity {
        var account = Identity.ServiceAccount(
            namespace: "ns",
            name: "sa",
            role: "arn:r",
            audience: "aud",
            token: "t"
        )
        change(&account)
        return .serviceAccount(account)
    }

    /// A plugin of the next version finds the daemons of this one by their keys.
    @Test func `keys stay what they are from version to version`() throws {
        #expect(try key(["ufs": "s3://bucket/prefix"]) == "72f164d15dbe77020be7ddb21695d84f")
        #expect(try key(["alluxioClusterName": "c"], .driver, "a=b\n") == "4231ae8bcd81d556dbe41b07fde30430")
        #expect(try key(["ufs": "s3://bucket"], account()) == "f1a78b860a1f806ce7074b3fbc5f5ddf")
    }

    @Test func `neither path nor the order of options makes another daemon`() throws {
        let plain = try key(["ufs": "s3://b", "options": "a=1,b=2"])
        #expect(try key(["ufs": "s3://b", "options": "b=2,a=1", "path": "x/y"]) == plain)
        #expect(try key(["ufs": "s3://b", "options": "a=1"]) != plain)
        #expect(try key(["ufs": "s3://b", "options": "a=1,b=3"]) != plain)
    }

    @Test func `cluster, properties and store each make another daemon`() throws {
        let keys = try [
            key(["alluxioClusterName": "c"]), key(["alluxioClusterName": "d"]),
            key(["alluxioClusterName": "c", "alluxioClusterNamespace": "n"]),
            key(["alluxioClusterName": "c"], .driver, "a=b"), key(["ufs": "s3://c"]), key(["ufs": "s3://d"]),
        ]
        #expect(Set(keys).count == keys.count)
    }

    @Test func `every part of an identity but its token makes another daemon`() throws {
        let store = ["ufs": "s3://b"]
        let same = try key(store, account())
        #expect(try key(store, account { $0.token = "another" }) == same)
        let others = try [
            key(store, account { $0.namespace = "x" }), key(store, account { $0.name = "x" }),
            key(store, account { $0.role = "x" }), key(store, account { $0.audience = "x" }), key(store),
            key(store, .secret(try SecretProperties(["key_id": "a", "access_key": "b"]))),
            key(store, .secret(try SecretProperties(["key_id": "ab", "access_key": "c"]))),
        ]
        #expect(Set(others + [same]).count == others.count + 1)
    }

    @Test func `credentials reach the daemon by files, and no secret is in what it is told`() throws {
        let secret = Identity.secret(try SecretProperties(["key_id": "a", "access_key": "hidden"]))
        let told = try specification(["ufs": "s3://b"], secret)
        #expect(
            told.environment["AWS_SHARED_CREDENTIALS_FILE"] == "/m/run/daemons/\(told.key)/credentials"
        )
        #expect(!"\(told)".contains("hidden"))
        let role = try specification(["ufs": "s3://b"], account())
        #expect(role.environment["AWS_ROLE_ARN"] == "arn:r")
        #expect(role.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] == "/m/run/daemons/\(role.key)/token")
        #expect(role.mountPoint == "/m/fuse-\(role.key)")
    }

    @Test func `who has an identity gets nothing of the driver's rights`() throws {
        let driver = [
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
            "AWS_PROFILE": "p",
            "AWS_ROLE_ARN": "arn:driver", "AWS_WEB_IDENTITY_TOKEN_FILE": "/driver",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://driver", "AWS_CONFIG_FILE": "/driver",
            "AWS_REGION": "r", "AWS_ENDPOINT_URL_STS": "http://sts", "PATH": "/bin",
        ]
        let place = ["AWS_REGION": "r", "AWS_ENDPOINT_URL_STS": "http://sts", "PATH": "/bin"]
        let secret = Identity.secret(try SecretProperties(["key_id": "a", "access_key": "hidden"]))
        let cluster = ["alluxioClusterName": "c", "alluxioClusterNamespace": "n"]
        for (volume, proves) in [(["ufs": "s3://b"], false), (cluster, true)] {
            for identity in [secret, account()] {
                let told = try specification(volume, identity)
                let own = told.environment.merging(place) { $1 }
                #expect(told.environment(over: driver) == own)
                #expect(own["AWS_EC2_METADATA_DISABLED"] == "true" && own["AWS_CONFIG_FILE"] == "/dev/null")
                #expect(told.options.contains("alluxio.underfs.s3.credentials.environment.only=true"))
                #expect(told.options.contains("alluxio.fuse.rights.proof.enabled=true") == proves)
            }
            let told = try specification(volume, .driver)
            #expect(told.environment(over: driver) == driver && told.options.isEmpty)
        }
    }
}
