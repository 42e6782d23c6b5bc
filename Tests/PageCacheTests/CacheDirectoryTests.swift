import Glibc
import Logging
import Pages
import Testing

@testable import PageCache

/// What bad cache directories and options get.
@Suite struct CacheDirectoryTests {
    private func refusal(_ path: String, bytesMaximum: Int64 = 1 << 20) -> PageCacheError? {
        do throws(PageCacheError) {
            _ = try DiskCacheTests.cache(path, ScriptedSource(), bytesMaximum: bytesMaximum)
            return nil
        } catch {
            #expect(!error.description.contains("\n"))
            return error
        }
    }

    @Test func `a directory is made with its parents and used again`() {
        let directory = TemporaryDirectory()
        #expect(refusal(directory.path + "/a/b/c") == nil)
        #expect(refusal(directory.path + "/a/b/c") == nil)
        #expect(refusal(directory.path) == .notOurs(path: directory.path))
    }

    @Test func `a second user is refused with the first one's process id`() throws {
        let directory = TemporaryDirectory()
        let cache = try DiskCacheTests.cache(directory.path, ScriptedSource())
        let error = refusal(directory.path)
        #expect(error == .inUse(path: directory.path, processID: "\(getpid())"))
        #expect(error?.description.contains("process \(getpid())") == true)
        withExtendedLifetime(cache) {}
    }

    @Test func `a file, and a directory below a file, are not directories`() {
        let directory = TemporaryDirectory()
        let path = directory.path + "/file"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(refusal(path) == .notDirectory(path: path))
        #expect(refusal(path + "/below") == .notDirectory(path: path + "/below"))
        #expect(refusal("") != nil)
    }

    @Test func `another format is refused by name`() throws {
        let directory = TemporaryDirectory()
        #expect(refusal(directory.path) == nil)
        let marker = open(directory.path + "/alluxio-fuse-cache", O_WRONLY | O_TRUNC)
        let text = Array("alluxio-fuse page cache 9\n".utf8)
        write(marker, text, text.count)
        close(marker)
        #expect(
            refusal(directory.path) == .otherFormat(path: directory.path, found: "alluxio-fuse page cache 9")
        )
    }

    @Test func `a read-only directory says so`() {
        guard getuid() == 0 else { return }
        let directory = TemporaryDirectory()
        guard mount("tmpfs", directory.path, "tmpfs", 1 /* MS_RDONLY */, "size=1m") == 0 else {
            return
        }
        defer { umount2(directory.path, 2 /* MNT_DETACH */) }
        #expect(refusal(directory.path)?.description.contains("Read-only file system") == true)
    }

    @Test func `options out of range are named`() {
        let directory = TemporaryDirectory()
        #expect(refusal(directory.path, bytesMaximum: 5)?.description.contains("5 bytes") == true)
        var options = PageCacheOptions(storage: .memory(bytesMaximum: 1 << 20))
        options.descriptorsMaximum = 7
        #expect(throws: PageCacheError.self) { try options.validate() }
        options.descriptorsMaximum = 8
        options.uncachedBytesMaximum = 5
        #expect(throws: PageCacheError.self) { try options.validate() }
    }
}
