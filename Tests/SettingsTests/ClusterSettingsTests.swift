import Cluster
import Testing

@testable import Settings

@Suite struct ClusterSettingsTests {
    /// Settings of the lines of a properties file.
    private func settings(_ lines: String...) throws -> Settings {
        let source = try PropertiesSource(path: "/f", contents: Array(lines.joined(separator: "\n").utf8))
        return try Settings(options: OptionList(), environment: [:], file: source)
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing is wrong"
        } catch {
            return "\(error)"
        }
    }

    @Test func withoutAClusterThereIsNone() throws {
        let settings = try settings()
        #expect(!settings.hasCluster)
        #expect(try settings.etcdOptions() == nil)
        #expect(try settings.mountTablePlace() == nil)
        #expect(try settings.clusterKeys().cluster == "DefaultAlluxioCluster")
    }

    @Test func etcdHasMembersALoginAndCertificates() throws {
        let options = try #require(
            try settings(
                "alluxio.etcd.endpoints=http://a:2379, b:2379,",
                "alluxio.etcd.username=u",
                "alluxio.etcd.password=p",
                "alluxio.etcd.tls.ca.file=/ca.pem",
                "alluxio.etcd.tls.client.certificate.file=/c.pem",
                "alluxio.etcd.tls.client.key.file=/k.pem"
            ).etcdOptions()
        )
        #expect(options.endpoints == ["http://a:2379", "b:2379"])
        #expect(options.login?.username == "u" && options.login?.password == "p")
        #expect(options.certificateAuthorityFile == "/ca.pem")
        #expect(options.clientCertificateFile == "/c.pem" && options.clientKeyFile == "/k.pem")
        #expect(options.verifiesPeer)
    }

    @Test func aLoginIsWholeOrNone() throws {
        let half = try settings("alluxio.etcd.endpoints=a:1", "alluxio.etcd.username=u")
        #expect(message { _ = try half.etcdOptions() }.contains("without alluxio.etcd.password"))
        let other = try settings("alluxio.etcd.endpoints=a:1", "alluxio.etcd.password=p")
        #expect(message { _ = try other.etcdOptions() }.contains("without alluxio.etcd.username"))
    }

    @Test func withTLSNoEndpointIsSpokenToInTheClear() throws {
        let secure = try settings("alluxio.etcd.endpoints=a:1,https://b:2", "alluxio.etcd.tls.enabled=true")
        #expect(try secure.etcdOptions()?.endpoints == ["https://a:1", "https://b:2"])
        let mixed = try settings("alluxio.etcd.endpoints=http://a:1", "alluxio.etcd.tls.enabled=true")
        #expect(message { _ = try mixed.etcdOptions() }.contains("write https:// there"))
    }

    @Test func thePasswordAndTheTokenAreNeverShown() throws {
        let shown = try settings(
            "alluxio.etcd.password=hidden1",
            "alluxio.etcd.username=u",
            "alluxio.worker.http.auth.token=hidden2"
        )
        #expect(!shown.description.contains("hidden"))
    }

    @Test func theRingHasBothNamesOfTheNumberOfVirtualNodes() throws {
        let plain = try settings().ringSettings()
        #expect(plain == RingSettings() && plain.virtualNodes == 2000 && plain.isDynamic)
        let consistent = "alluxio.user.worker.selection.policy.consistent.hash"
        for name in [
            "\(consistent).virtual.node.count.per.worker",
            "alluxio.user.consistent.hash.virtual.node.count.per.worker",
        ] {
            let ring = try settings(
                "\(name)=5",
                "\(consistent).provider.impl=capacity",
                "alluxio.user.dynamic.consistent.hash.ring.enabled=false"
            ).ringSettings()
            #expect(ring.virtualNodes == 5 && ring.provider == .capacity && !ring.isDynamic)
        }
    }

    @Test(arguments: ["alluxio.user.worker.selection.policy", "alluxio.user.worker.selection.policy.type"])
    func otherPoliciesAreRefusedByName(name: String) throws {
        #expect(throws: Never.self) { try settings("\(name)=CONSISTENT").ringSettings() }
        let text = message { _ = try settings("\(name)=KETAMA").ringSettings() }
        #expect(text.contains("KETAMA is not supported; set CONSISTENT_HASH"))
    }

    @Test func theWorkersAreInEtcdOrListed() throws {
        #expect(try settings().membershipKind() == .etcd)
        let list = "alluxio.worker.static.membership.list=a:1,b"
        #expect(try settings(list).membershipKind() == .list)
        #expect(try settings(list, "alluxio.etcd.endpoints=e:1").membershipKind() == .etcd)
        let membership = try settings(list).membership(etcd: nil)
        #expect(membership.view.members.map(\.record.address.host).sorted() == ["a", "b"])
        let kind = "alluxio.worker.membership.manager.type"
        #expect(message { _ = try settings("\(kind)=STATIC").membership(etcd: nil) }.contains("needs a list"))
        #expect(message { _ = try settings("\(kind)=MASTER").membership(etcd: nil) }.contains("MASTER needs"))
        #expect(message { _ = try settings().membership(etcd: nil) }.contains("alluxio.etcd.endpoints"))
    }

    @Test func theMountTableIsInEtcdOrAFile() throws {
        let file = "alluxio.mount.table.static.conf.file=/mounts"
        let source = "alluxio.mount.table.source"
        #expect(try settings(file).mountTablePlace() == .file("/mounts"))
        #expect(try settings("alluxio.etcd.endpoints=a:1").mountTablePlace() == .etcd)
        #expect(
            try settings(file, "alluxio.etcd.endpoints=a:1", "\(source)=ETCD").mountTablePlace() == .etcd
        )
        let noFile = try settings("\(source)=STATIC_FILE")
        #expect(message { _ = try noFile.mountTablePlace() }.contains("static.conf.file"))
        let noEtcd = try settings("\(source)=ETCD")
        #expect(message { _ = try noEtcd.mountTablePlace() }.contains("alluxio.etcd.endpoints"))
        #expect(message { _ = try settings().mountTableFeed(etcd: nil) }.contains("there is no mount table"))
    }

    @Test func eachPageDirectoryHasItsSize() throws {
        let paths = "alluxio.worker.page.store.dirs=/a, /b"
        let sizes = "alluxio.worker.page.store.sizes"
        let each = try settings(paths, "\(sizes)=1GB,2GB").workerPageDirectories()
        #expect(each.map(\.path) == ["/a", "/b"] && each.map(\.bytesMaximum) == [1 << 30, 2 << 30])
        #expect(try settings(paths).workerPageDirectories().map(\.bytesMaximum) == [512 << 20, 512 << 20])
        let three = try settings(paths, "\(sizes)=1GB,1GB,1GB")
        #expect(message { _ = try three.workerPageDirectories() }.contains("3 sizes for 2 directories"))
        let relative = try settings("alluxio.worker.page.store.dirs=/a,b")
        #expect(message { _ = try relative.workerPageDirectories() }.contains("'b' is not an absolute path"))
    }

    @Test func theIdentityLiesWithTheConfiguration() throws {
        let settings = try settings()
        #expect(settings.workerIdentityPath(environment: ["HOME": "/h"]) == "/h/.alluxio/worker_identity")
        let both = ["HOME": "/h", "ALLUXIO_CONF_DIR": "/conf"]
        #expect(settings.workerIdentityPath(environment: both) == "/conf/worker_identity")
    }
}
