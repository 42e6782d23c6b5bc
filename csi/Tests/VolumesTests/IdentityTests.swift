import Testing

@testable import Volumes

struct IdentityTests {
    private func refusal(_ entries: [String: String]) -> VolumeError? {
        #expect(throws: VolumeError.self) { try SecretProperties(entries) }
    }

    @Test(
        arguments: [
            ("s3a.accessKeyId", "s3a.secretKey", "aws.sessionToken"),
            ("key_id", "access_key", "session_token"),
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        ]
    )
    func `the names of other drivers mean the same`(access: String, secret: String, token: String) throws {
        let read = try SecretProperties([access: "A", secret: "S", token: "T"])
        #expect((read.accessKey, read.secretKey, read.sessionToken) == ("A", "S", "T"))
        #expect(
            read.credentialsFile
                == "[default]\naws_access_key_id = A\naws_secret_access_key = S\naws_session_token = T\n"
        )
        #expect(try SecretProperties([access: "A", secret: "S"]).sessionToken == nil)
    }

    @Test func `an entry that is unknown, missing or unusable is told without any value`() {
        let unknown = refusal(["key_id": "A", "access_key": "hidden", "passwort": "hidden"])
        #expect(unknown?.kind == .invalidArgument && unknown?.description.contains("'passwort'") == true)
        let missing = refusal(["key_id": "hidden"])
        #expect(missing?.kind == .unauthenticated && missing?.description.contains("s3a.secretKey") == true)
        for value in ["", "hidden\n", "hid den", "hidden\u{e4}", "hidden\n[profile x]"] {
            let unusable = refusal(["key_id": "A", "access_key": value])
            #expect(unusable?.description.contains("'access_key'") == true)
            #expect(unusable?.description.contains("hid") == false)
        }
        #expect(
            unknown?.description.contains("hidden") == false
                && missing?.description.contains("hidden") == false
        )
    }

    @Test func `each part of a Secret makes another identity`() throws {
        let secrets = try [
            SecretProperties(["key_id": "A", "access_key": "S"]),
            SecretProperties(["key_id": "B", "access_key": "S"]),
            SecretProperties(["key_id": "A", "access_key": "T"]),
            SecretProperties(["key_id": "A", "access_key": "S", "session_token": "T"]),
            SecretProperties(["key_id": "AS", "access_key": "T"]),
        ]
        #expect(Set(secrets.map(\.digest)).count == secrets.count)
        #expect(
            try SecretProperties(["AWS_ACCESS_KEY_ID": "A", "secret-key": "S"]).digest == secrets[0].digest
        )
    }

    @Test func `a pod's account is what Kubernetes says of it`() throws {
        let context = [
            "csi.storage.k8s.io/pod.namespace": "ns", "csi.storage.k8s.io/serviceAccount.name": "sa",
            "csi.storage.k8s.io/serviceAccount.tokens":
                #"{"aud":{"token":"T","expirationTimestamp":"2026-01-01T00:00:00Z"},"other":{"token":"U"}}"#,
        ]
        let account = try Identity.ServiceAccount(context, role: "r", audience: "aud")
        #expect(account.namespace == "ns" && account.name == "sa" && account.token == "T")
        let audience = #expect(throws: VolumeError.self) {
            try Identity.ServiceAccount(context, role: "r", audience: "sts.amazonaws.com")
        }
        #expect(
            audience?.kind == .failedPrecondition && audience?.description.contains("tokenRequests") == true
        )
        let unknown = #expect(throws: VolumeError.self) {
            try Identity.ServiceAccount([:], role: "r", audience: "aud")
        }
        #expect(unknown?.description.contains("podInfoOnMount") == true)
    }
}
