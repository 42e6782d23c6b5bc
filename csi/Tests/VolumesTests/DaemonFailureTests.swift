import Testing

@testable import Volumes

struct DaemonFailureTests {
    /// The lines are those that the daemon's check of a store prints.
    @Test(
        arguments: [
            ("no credentials for s3://b: AWS_ACCESS_KEY_ID is not set", 1, VolumeError.Kind.unauthenticated),
            (
                "no credentials for s3://b: STS at x refused the role r: AccessDenied", 1,
                .unauthenticated
            ),
            ("http://e does not know the access key; check the access key", 1, .unauthenticated),
            ("the secret key does not fit the access key at http://e; check it", 1, .unauthenticated),
            ("access denied: this identity may not list s3://b (403 AccessDenied)", 1, .permissionDenied),
            ("the bucket b does not exist at http://e; check its name", 1, .notFound),
            ("the S3 endpoint http://e does not answer: timeout; check the endpoint", 1, .unavailable),
            ("unknown option 'atr_timeout'; did you mean 'attr_timeout'?", 2, .invalidArgument),
        ]
    )
    func `a daemon's own line tells which code the kubelet gets`(
        line: String,
        status: Int32,
        kind: VolumeError.Kind
    ) {
        let failed = DaemonStatus(state: .failed, reason: line, exitStatus: status, starts: 1)
        let error = VolumeError(daemon: failed)
        #expect(error.kind == kind)
        #expect(error.description == "the daemon cannot mount: \(line)")
    }
}
