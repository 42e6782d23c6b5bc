import Glibc
import SmallFiles
import Testing

/// A directory that is gone when the test ends.
private final class Scratch {
    let path: String

    init() {
        var template = Array("/tmp/small-file-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { name in
            name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
        }
    }

    var names: [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
            )
        }
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

@Suite("Small files", .timeLimit(.minutes(10)))
struct SmallFileTests {
    private let scratch = Scratch()

    @Test func `a file is made once, whole, and read back`() throws {
        let path = "\(scratch.path)/file"
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        #expect(try SmallFile.create(path, bytes))
        #expect(try !SmallFile.create(path, [1]))
        #expect(try SmallFile.read(path, atMostBytes: bytes.count) == bytes)
        #expect(scratch.names == ["file"])
        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & 0o777 == 0o444)
    }

    @Test func `a file over the limit is refused, one at the limit is not`() throws {
        let path = "\(scratch.path)/file"
        #expect(try SmallFile.create(path, [UInt8](repeating: 7, count: 2048)))
        #expect(try SmallFile.read(path, atMostBytes: 2048).count == 2048)
        let errors = [(2047, "2047 bytes"), (1024, "1 KiB"), (0, "0 MiB")].map { limit, text in
            (#expect(throws: SmallFile.Failure.self) { try SmallFile.read(path, atMostBytes: limit) }, text)
        }
        for (error, text) in errors { #expect(error?.text == "is larger than \(text)") }
    }

    @Test func `what is no regular file is refused at once`() throws {
        let fifo = "\(scratch.path)/fifo"
        mkfifo(fifo, 0o600)
        for path in [fifo, scratch.path, "/dev/zero"] {
            #expect(throws: SmallFile.Failure.failed("is not a regular file")) {
                try SmallFile.read(path, atMostBytes: 10)
            }
        }
    }

    @Test func `a missing file is told from one that cannot be read or made`() throws {
        let missing = "\(scratch.path)/missing"
        #expect(throws: SmallFile.Failure.missing) { try SmallFile.read(missing, atMostBytes: 1) }
        #expect(throws: SmallFile.Failure.missing) { try SmallFile.stamp(missing + "/below") }
        let loop = "\(scratch.path)/loop"
        symlink("loop", loop)
        let error = #expect(throws: SmallFile.Failure.self) { try SmallFile.read(loop, atMostBytes: 1) }
        #expect(error?.text.hasPrefix("cannot be read: ") == true)
        let unmade = #expect(throws: SmallFile.Failure.self) { try SmallFile.create(missing + "/file", []) }
        #expect(unmade?.text == "cannot be made: No such file or directory")
    }

    @Test func `a stamp changes with the file, and a read says whose contents it gave`() throws {
        let path = "\(scratch.path)/file"
        #expect(try SmallFile.create(path, [1]))
        let first = try SmallFile.stamp(path)
        #expect(try SmallFile.readStamped(path, atMostBytes: 1).stamp == first)
        unlink(path)
        #expect(try SmallFile.create(path, [1, 2]))
        #expect(try SmallFile.stamp(path) != first)
    }

    @Test func `a pipe is read to its end`() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        #expect(write(ends[1], "abc", 3) == 3)
        close(ends[1])
        #expect(try SmallFile.contents(of: ends[0], atMostBytes: 3) == Array("abc".utf8))
        #expect(try SmallFile.contents(of: ends[0], atMostBytes: 3) == [])
    }
}
