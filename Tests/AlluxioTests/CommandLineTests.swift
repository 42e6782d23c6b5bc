import Testing

@testable import Alluxio
@testable import Settings

@Suite("alluxio's command line")
struct CommandLineTests {
    @Test func theVersionIsThatOfBothPrograms() throws {
        let run = try AlluxioRun(["--version"])
        #expect(run.output == "\(Version.text)\n")
        #expect(run.code == 0)
    }

    @Test func everySettingIsListed() throws {
        let run = try AlluxioRun(["help", "properties"])
        #expect(run.code == 0)
        for name in [
            "alluxio.worker.page.store.dirs", "alluxio.etcd.endpoints", "alluxio.dora.client.ufs.root",
        ] {
            #expect(run.output.contains(name))
        }
    }

    @Test(arguments: [
        (["-D", "alluxio.etcd.endpoint=http://h:1"], "did you mean 'alluxio.etcd.endpoints'?"),
        (["-D", "nonsense"], "unknown property 'nonsense'"),
        (["-D", "allow_other"], "unknown property 'allow_other'"),
        (["-D", "alluxio.cluster.name"], "needs a value"),
        (["-D", "alluxio.user.file.replication.min=many"], "'many' is not"),
        (["-Dalluxio.worker.http.server.port=65536"], "'65536' is not"),
        (["-D", "alluxio.conf.dir=/nowhere"], "there is no /nowhere/alluxio-site.properties"),
        ([], "alluxio.etcd.endpoints"),
    ])
    func aWrongSettingIsRefusedWithTheRemedy(words: [String], part: String) throws {
        expectFailure(try AlluxioRun(["info", "nodes"] + words), code: 2, part)
    }

    @Test(arguments: [
        (["mount", "add", "--path", "/", "--ufs-uri", "s3://b"], "can't be mounted at /"),
        (["mount", "add", "--path", "/a/b", "--ufs-uri", "s3://b"], "direct child of /"),
        (["mount", "add", "--path", "/a", "--ufs-uri", "hdfs://n/b"], "cannot be mounted; use s3://"),
        (
            ["mount", "add", "--path", "/a", "--ufs-uri", "s3://bucket", "--option", "x"],
            "write --option key=value"
        ),
        (
            [
                "mount", "add", "--path", "/a", "--ufs-uri", "s3://bucket", "--option", "a=1", "--option",
                "a=2",
            ],
            "'a' is there twice"
        ),
        (
            [
                "mount", "add", "--path", "/a", "--ufs-uri", "s3://bucket", "--option", "region=r",
                "--option", "s3a.accessKeyId=k",
            ],
            "without its secret key"
        ), (["process", "start", "coordinator"], "alluxio process start worker"),
        (["process", "start", "worker", "-Dalluxio.worker.http.server.enabled=false"], "serves nobody"),
        (["process", "remove-worker", "someone"], "no UUID"), (["fs", "location", "key"], "neither a path"),
        (["fs", "location", "--count", "0", "s3://b/k"], "at least 1 worker"), (["frobnicate"], "frobnicate"),
        (["info", "nodes", "--format", "xml"], "xml"),
        (
            ["process", "start", "worker", "-D", "alluxio.worker.page.store.dirs=cache"],
            "alluxio.dora.client.ufs.root"
        ),
        (
            [
                "process", "start", "worker", "-D", "alluxio.dora.client.ufs.root=s3://b1b", "-D",
                "alluxio.worker.page.store.dirs=cache",
            ], "not an absolute path"
        ),
    ])
    func aWrongCommandLineIsRefusedWithTheRemedy(words: [String], part: String) throws {
        expectFailure(try AlluxioRun(words), code: 2, part)
    }

    @Test func aMountTableInAFileIsListedAndUsedButNotChanged() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.file(
            "mounts",
            "/s3 s3://bucket/p alluxio.underfs.s3.region=r s3a.accessKeyId=k s3a.secretKey=geheim\n"
                + "/l file:///data\n"
        )
        let table = ["-D", "alluxio.mount.table.static.conf.file=\(file)"]
        let list = try AlluxioRun(["mount", "list"] + table)
        #expect(
            list.output == """
                Listing all mount points
                file:///data on /l properties={}
                s3://bucket/p on /s3 properties={alluxio.underfs.s3.region=r, s3a.accessKeyId=******, \
                s3a.secretKey=******}

                """
        )
        expectFailure(try AlluxioRun(["mount", "remove", "--path", "/l"] + table), code: 2, "edit it")
        let workers = ["-D", "alluxio.worker.static.membership.list=a:1,b:2"]
        let found = try AlluxioRun(
            ["fs", "location", "/s3/x/../y z", "/l", "--count", "5"] + table + workers
        )
        let lines = found.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines.first?.hasPrefix(#"{"path":"/s3/x/../y z","uri":"s3://bucket/p/y z","fileId":""#) == true
        )
        #expect(lines.last?.hasPrefix(#"{"path":"/l","uri":"file:///data","fileId":""#) == true)
        for line in lines {
            #expect(line.contains(#""host":"a","httpPort":1,"status":"ONLINE""#))
            #expect(line.contains(#""host":"b","httpPort":2,"status":"ONLINE""#))
        }
        expectFailure(try AlluxioRun(["fs", "location", "/other/x"] + table + workers), code: 1, "at /other")
    }

    @Test func listedWorkersAreNodesAndARing() throws {
        let workers = ["-D", "alluxio.worker.static.membership.list=localhost"]
        let name = "worker-421aa90e-079f-3326-b649-4f812ad13e79"
        let text = try AlluxioRun(["info", "nodes"] + workers)
        #expect(text.output == "WorkerId\tAddress\tStatus\n\(name)\tlocalhost:29999\tONLINE\n")
        let json = try AlluxioRun(["info", "nodes", "--format", "json"] + workers)
        #expect(
            json.output == #"[{"workerId":"\#(name)","host":"localhost","httpPort":28080,"status":"ONLINE","#
                + #""rpcPort":29999,"registered":true}]"# + "\n"
        )
        let ring = try AlluxioRun(["ring", "locate", "--ring", "etcd", "s3://b/k"] + workers)
        #expect(
            ring.output.hasSuffix(
                #""workers":[{"version":1,"identifier":"421aa90e079f3326b6494f812ad13e79"}]}"# + "\n"
            )
        )
    }

    private func expectFailure(_ run: AlluxioRun, code: Int32, _ part: String) {
        #expect(run.code == code)
        #expect(run.output == "")
        #expect(run.errors.hasPrefix("alluxio: "))
        #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        #expect(run.errors.contains(part), "\(run.errors)")
    }
}
