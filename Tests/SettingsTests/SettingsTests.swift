import Configuration
import Glibc
import Testing

@testable import Settings

@Suite struct SettingsTests {
    private func settings(
        _ options: String = "",
        _ environment: [String: String] = [:],
        _ file: String? = nil
    ) throws(Failure) -> Settings {
        let source: PropertiesSource?
        if let file {
            source = try PropertiesSource(path: "/f", contents: Array(file.utf8))
        } else {
            source = nil
        }
        return try Settings(options: try OptionList([options]), environment: environment, file: source)
    }

    private let variable = "ALLUXIO_USER_CLIENT_CACHE_SIZE"

    @Test func optionsGoBeforeEnvironmentBeforeFileBeforeDefault() throws {
        let file = "alluxio.user.client.cache.size=3GB"
        #expect(try settings().number(.cacheSize) == 512 << 20)
        #expect(try settings("", [:], file).number(.cacheSize) == 3 << 30)
        #expect(try settings("", [variable: "2GB"], file).number(.cacheSize) == 2 << 30)
        #expect(try settings("local_cache_size=1GB", [variable: "2GB"], file).number(.cacheSize) == 1 << 30)
        #expect(try settings("", [variable: ""], file).number(.cacheSize) == 3 << 30)
    }

    @Test func mountOptionsOfTheFileHoldUnlessTheCommandSaysOtherwise() throws {
        let file = "alluxio.fuse.mount.options=attr_timeout=60,entry_timeout=60,noatime,nodev"
        let both = try settings("attr_timeout=1,atime", [:], file)
        #expect(both.duration(.attributeTimeout) == .seconds(1))
        #expect(both.duration(.entryTimeout) == .seconds(60))
        #expect(both.passedOn == ["nodev", "atime"])
        #expect(throws: Failure.self) { try settings("", [:], "alluxio.fuse.mount.options=nonsense") }
    }

    @Test func anIllFormedVariableIsNamed() {
        do {
            _ = try settings("", [variable: "x"])
            Issue.record("accepted")
        } catch {
            #expect(error.message.hasPrefix("environment variable \(variable): 'x' is not a size"))
        }
    }

    @Test func theSyncIntervalHasAnOlderName() throws {
        #expect(try settings().syncInterval == .seconds(1))
        #expect(try settings("local_metadata_cache_expire=10min").syncInterval == .seconds(600))
        #expect(
            try settings("local_metadata_cache_expire=10min,alluxio.user.file.metadata.sync.interval=0")
                .syncInterval
                == .zero
        )
        #expect(try settings("alluxio.user.file.metadata.sync.interval=-1").syncInterval == nil)
    }

    @Test func aCacheDirectoryIsUsedWhenItIsNamedOrTheCacheIsOn() throws {
        #expect(try settings().cacheDirectory == nil)
        #expect(try settings("local_data_cache=/c").cacheDirectory == "/c")
        #expect(try settings("alluxio.user.client.cache.enabled=true").cacheDirectory == "/tmp/alluxio_cache")
        #expect(
            try settings("local_data_cache=/c,alluxio.user.client.cache.enabled=false").cacheDirectory == nil
        )
    }

    @Test(arguments: [
        "s3a.accessKeyId=a", "s3a.secretKey=b", "aws.sessionToken=c",
        "anonymous,s3a.accessKeyId=a,s3a.secretKey=b",
        "allow_other,allow_root", "alluxio.fuse.waiting.threads.max=8,alluxio.fuse.readahead.threads.max=8",
    ])
    func whatDoesNotFitTogetherIsRefused(options: String) {
        #expect(throws: Failure.self) { try settings(options) }
    }

    @Test func secretsAreMaskedInEveryPrintedForm() throws {
        let secrets = ["s3cr3t-one", "s3cr3t-two", "s3cr3t-three"]
        let options = "s3a.accessKeyId=s3cr3t-one,s3a.secretKey=s3cr3t-two"
        let all = try settings(
            options,
            ["ALLUXIO_UNDERFS_S3_SESSION_TOKEN": "s3cr3t-three"],
            "s3a.secretKey=s3cr3t-two\naws.sessionToken=s3cr3t-three"
        )
        #expect(all.text(.secretKey) == "s3cr3t-two")
        #expect(all.text(.sessionToken) == "s3cr3t-three")
        var dumped = ""
        dump(all.shown, to: &dumped)
        let marked = Settings.marked(["s3a.secretKey": "s3cr3t-two", "made.up": "s3cr3t-one"])
        let provider = PropertiesProvider(path: "/f", values: marked)
        let variables = EnvironmentSource.provider(of: ["aws.sessionToken": "s3cr3t-three"])
        let printed = [
            "\(all)", dumped, "\(provider)", provider.debugDescription, "\(variables)",
            variables.debugDescription,
            "\(InMemoryProvider(name: "-o", values: marked).debugDescription)",
        ]
        for text in printed {
            for secret in secrets { #expect(!text.contains(secret), "\(text)") }
        }
        #expect(all.description.contains("s3a.secretKey=<REDACTED>"))
    }

    @Test func theFirstDirectoryWithAFileCounts() throws {
        let directory = "/tmp/alluxio-fuse-settings-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let path = "\(directory)/alluxio-site.properties"
        #expect(mkdir(directory, 0o700) == 0)
        defer {
            unlink(path)
            rmdir(directory)
        }
        #expect(throws: Failure.self) { try PropertiesSource.load(from: directory, environment: [:]) }
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        let text = Array("alluxio.fuse.log.level=debug\n".utf8)
        #expect(write(descriptor, text, text.count) == text.count)
        close(descriptor)
        for (named, environment) in [(directory, [:]), (nil, ["ALLUXIO_CONF_DIR": directory])] {
            let source = try PropertiesSource.load(from: named, environment: environment)
            #expect(source?.path == path)
            #expect(source?.values == ["alluxio.fuse.log.level": "debug"])
        }
    }
}

@Suite struct SettingsOverrideTests {
    private func settings(_ options: String) throws(Failure) -> Settings {
        try Settings(options: try OptionList([options]), environment: [:], file: nil)
    }

    @Test func theOptionsOfOneStoreGoBeforeAllOthers() throws {
        let all = try settings("endpoint=http://a,region=r")
        let one = try all.overridden(by: ["endpoint": "http://b"], of: "mount /x")
        #expect(one.text(.endpoint) == "http://b")
        #expect(one.text(.region) == "r")
        #expect(all.text(.endpoint) == "http://a")
        let both = ["endpoint": "http://b", "alluxio.underfs.s3.endpoint": "http://c"]
        #expect(try all.overridden(by: both, of: "mount /x").text(.endpoint) == "http://c")
    }

    @Test func credentialsOfOneStoreAreNotMixedWithOthers() throws {
        let all = try settings("s3a.accessKeyId=a,s3a.secretKey=b,aws.sessionToken=c")
        let keys = try all.overridden(by: ["s3a.accessKeyId": "x", "s3a.secretKey": "y"], of: "mount /x")
        #expect(keys.text(.accessKey) == "x")
        #expect(keys.text(.secretKey) == "y")
        #expect(keys.text(.sessionToken) == nil)
        let nobody = try all.overridden(by: [Property.anonymous.key: "true"], of: "mount /x")
        #expect(nobody.flag(.anonymous) == true)
        #expect(nobody.text(.accessKey) == nil)
        let signed = try settings("anonymous")
            .overridden(by: ["s3a.accessKeyId": "x", "s3a.secretKey": "y"], of: "mount /x")
        #expect(signed.flag(.anonymous) == false)
        #expect(!"\(keys)".contains("y ") && "\(keys)".contains("s3a.secretKey=<REDACTED>"))
    }

    @Test func whereOnlyTheEnvironmentCountsOneStoreHasNoCredentialsOfItsOwn() throws {
        let only = Property.environmentOnly.key
        let all = try settings("\(only)")
        let keys = ["s3a.accessKeyId": "x", "aws.secretKey": "y", "aws.profile": "p", only: "false"]
        let store = try all.overridden(by: keys, of: "mount /x")
        #expect(store.flag(.environmentOnly) == true)
        #expect(store.text(.accessKey) == nil && store.text(.secretKey) == nil && store.text(.profile) == nil)
    }

    @Test func aWrongOptionOfOneStoreIsRefusedByName() throws {
        for wrong in [["endpoint": "ftp://x"], ["s3a.accessKeyId": "x"]] {
            do {
                _ = try settings("").overridden(by: wrong, of: "mount /x")
                Issue.record("accepted")
            } catch {
                #expect(error.message.hasPrefix("mount /x: "))
            }
        }
    }

    @Test func whatIsNoOptionOfAStoreIsRemarkedOnAndIgnored() throws {
        let one = try settings("").overridden(by: ["allow_other": "true", "nonsense": "1"], of: "mount /x")
        #expect(one.flag(.allowOther) == false)
        #expect(one.notices.compactMap { $0.facts["property"] } == ["allow_other", "nonsense"])
    }
}
