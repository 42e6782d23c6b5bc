import SeededRandom
import Testing

@testable import Settings

@Suite struct OptionListTests {
    @Test(arguments: [
        ("a,b", ["a", "b"]), ("", []), (",,a,", ["a"]), (#"a=1\,2,b"#, ["a=1,2", "b"]),
        (#"a=\\,b"#, [#"a=\"#, "b"]),
        (#"a=\x"#, [#"a=\x"#]), (#"a\"#, [#"a\"#]), (" a , b=c d ", ["a", "b=c d"]),
    ])
    func aListIsSplitAtCommasThatNothingProtects(list: String, items: [String]) {
        #expect(OptionList.split(list) == items)
        #expect(OptionList.split(items.map(OptionList.escape).joined(separator: ",")) == items)
    }

    @Test func optionsOfEveryKindAreTaken() throws {
        let options = try OptionList([
            "allow_other,attr_timeout=60,uid=1000,umask=022,noatime,nosuid",
            "local_data_cache=/var/cache/a,local_cache_size=1GB,alluxio.user.file.metadata.sync.interval=-1",
            "s3a.accessKeyId=k,s3a.secretKey=s=s,ro,_netdev,nofail,x-systemd.automount,comment=hello,user",
        ])
        #expect(
            options.values == [
                "allow_other": "true", "attr_timeout": "60", "uid": "1000", "umask": "022",
                "alluxio.user.client.cache.dirs": "/var/cache/a", "alluxio.user.client.cache.size": "1GB",
                "alluxio.user.file.metadata.sync.interval": "-1", "s3a.accessKeyId": "k",
                "s3a.secretKey": "s=s",
                "ro": "true",
            ]
        )
        #expect(options.passedOn == ["noatime", "nosuid"])
        #expect(options.notices.isEmpty)
    }

    @Test func ofANameThatComesTwiceTheLastCountsWhateverItIsCalled() throws {
        let options = try OptionList([
            "local_cache_size=1GB", "alluxio.user.client.cache.size=2GB,atime,noatime",
        ])
        #expect(options.values == ["alluxio.user.client.cache.size": "2GB"])
        #expect(options.passedOn == ["noatime"])
    }

    @Test(arguments: [
        "rw", "kernel_cache", "auto_cache", "fuse=2", "big_writes", "alluxio.underfs.s3.inherit.acl=false",
    ])
    func whatHasNoEffectIsAcceptedAndSaid(option: String) throws {
        let options = try OptionList([option, option])
        #expect(options.notices.count == 1)
        #expect(options.notices.first?.facts["reason"]?.isEmpty == false)
    }

    @Test(arguments: [
        ("attr_timout=1", "unknown option 'attr_timout'; did you mean 'attr_timeout'?"),
        ("allow_ohter", "did you mean 'allow_other'?"), ("noatim", "did you mean 'noatime'?"),
        ("alluxio.user.client.cache.sizes=1", "did you mean 'alluxio.user.client.cache.size'?"),
        ("zzzzzzzzzzzzz", "unknown option 'zzzzzzzzzzzzz'; 'alluxio-fuse help properties' lists all"),
        ("uid=-1", "option 'uid': '-1' is not a whole number from 0 to 4294967294"),
        ("umask=999", "option 'umask': '999' is not an octal number from 00 to 0777"),
        ("local_cache_size=lots", "is not a size from 1MB to 1PB, such as 512MB"),
        ("local_data_cache=cache", "option 'local_data_cache': 'cache' is not one absolute path"),
        ("attr_timeout", "option 'attr_timeout' needs a value: attr_timeout=<a time from 0s to 365d"),
        ("allow_other=maybe", "'maybe' is not true or false"),
        ("alluxio.fuse.log.level=loud", "is not one of trace, debug, info, notice, warning, error, critical"),
        ("alluxio.underfs.s3.endpoint=ftp://x", "http://host[:port]"),
    ])
    func whatIsUnknownOrIllFormedIsRefusedWithNameAndRemedy(option: String, message: String) {
        do {
            _ = try OptionList([option])
            Issue.record("\(option) was accepted")
        } catch {
            #expect(error.message.contains(message), "\(error.message)")
            #expect(error.kind == .usage)
        }
    }

    @Test func anIllFormedSecretIsNotShown() {
        do {
            _ = try OptionList(["s3a.secretKey=hush\u{0}hush"])
            Issue.record("a zero byte was accepted")
        } catch {
            #expect(!error.message.contains("hush"))
        }
    }

    @Test func anyTextIsSplitAndReadWithoutATrap() {
        var generator = SeededGenerator.announced()
        let pieces = [
            "alluxio", ".", "=", ",", "\\", "uid", "1", "MB", "-", "umask", "\u{0}", "ä", " ",
            "9999999999999999999",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...12, using: &generator))
                .map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            _ = OptionList.split(text)
            _ = try? OptionList([text])
        }
    }
}
