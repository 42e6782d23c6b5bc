import CFuse3
import FileSystem
import Glibc
import Testing

@testable import FuseMount

@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)))
struct DirectoryTests {
    private static let count = 20_000

    private func bigDirectory() -> (FakeFileSystem, NodeID) {
        let files = FakeFileSystem(valid: .seconds(60))
        let directory = files.add("d", .directory([]))
        files.addMany((0..<Self.count).map { "file-\($0)" }, to: directory)
        return (files, directory)
    }

    /// Counts lines without keeping them.
    private func listing(_ arguments: [String], lines expected: Int) throws {
        let child = try ChildProcess("sh", ["-c", "ls \"$@\" | wc -l", "sh"] + arguments)
        #expect(child.wait(atMost: .seconds(60)) == 0)
        #expect(child.text().split(separator: "\n").first.map(String.init) == "\(expected)")
    }

    @Test("ls -l of 20 000 entries asks for no name by itself")
    func longListing() throws {
        let (files, _) = bigDirectory()
        try withMount(files) { mount in
            try listing(["-l", mount.at("d")], lines: Self.count + 1)
            let calls = files.calls
            #expect(calls.lookups <= 20, "\(calls)")
            #expect(calls.getattrs <= 20, "\(calls)")
            #expect(calls.plusReads > 0)
        }
    }

    @Test("ls -f of 20 000 entries makes few inodes")
    func plainListing() throws {
        let (files, directory) = bigDirectory()
        try withMount(files) { mount in
            try listing(["-f", mount.at("d")], lines: Self.count + 2)
            let known = (1...NodeID(Self.count)).filter { files.references(directory + $0) > 0 }.count
            #expect(known < 1000, "\(known) inodes, \(files.calls)")
        }
    }

    @Test("a directory position can be returned to exactly")
    func seeking() throws {
        let (files, _) = bigDirectory()
        try withMount(files) { mount in
            let directory = try #require(opendir(mount.at("d")))
            defer { closedir(directory) }
            var positions: [(Int, String)] = []
            func name() -> String? {
                readdir(directory).map { entry in
                    withUnsafePointer(to: &entry.pointee.d_name) {
                        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    }
                }
            }
            for index in 0..<5000 {
                let position = telldir(directory)
                let found = try #require(name())
                if index % 997 == 0 { positions.append((position, found)) }
            }
            for (position, expected) in positions.reversed() {
                seekdir(directory, position)
                #expect(name() == expected)
            }
        }
    }

    @Test("entries that do not fit stay for the next buffer, none twice and none lost")
    func buffers() throws {
        let files = FakeFileSystem()
        let names = (0..<50).map { index in String(repeating: "n", count: 1 + index * 5) }
        files.addMany(names, to: 1)
        let handle = try files.openDirectory(1, .immediate)
        for plus in [false, true] {
            var cookie: UInt64 = 0
            var rounds = 0
            var filled = 0
            repeat {
                let buffer = try DirectoryBuffer(room: 600, plus: plus)
                    .fill(from: files, handle, cookie: cookie, .immediate)
                #expect(buffer.count <= 600)
                filled = buffer.count
                cookie = lastCookie(buffer.bytes, plus: plus) ?? cookie
                rounds += 1
                buffer.forEachNode { files.forget($0, count: 1) }
            } while filled > 0 && rounds < 200
            #expect(cookie == 52)
        }
        #expect((2...51).allSatisfy { files.references($0) == 0 })
    }

    /// The cookie of the last record, read from the layout that linux/fuse.h defines.
    private func lastCookie(_ bytes: UnsafeRawBufferPointer, plus: Bool) -> UInt64? {
        var (offset, last): (Int, UInt64?) = (0, nil)
        while offset < bytes.count {
            let record = offset + (plus ? 128 : 0)
            last = bytes.load(fromByteOffset: record + 8, as: UInt64.self)
            let nameCount = Int(bytes.load(fromByteOffset: record + 16, as: UInt32.self))
            offset = (record + 24 + nameCount + 7) / 8 * 8
        }
        return last
    }

    @Test("a buffer without room for one entry is an error, not the end of the directory")
    func noRoom() throws {
        let files = FakeFileSystem()
        let handle = try files.openDirectory(1, .immediate)
        #expect(throws: FileSystemError.invalid) {
            try DirectoryBuffer(room: 8, plus: false).fill(from: files, handle, cookie: 0, .immediate)
        }
    }
}
