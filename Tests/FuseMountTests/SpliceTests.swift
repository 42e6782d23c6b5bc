import CFuse3
import CMountTestSupport
import Glibc
import Testing

@testable import FuseMount

@Suite(.enabled(if: canMount, "needs root and /dev/fuse"), .timeLimit(.minutes(10)))
struct SpliceTests {
    @Test("replies from a file are spliced, each of them", arguments: [128 << 10, 512 << 10])
    func spliced(part: Int) throws {
        let bytes = pattern(8 << 20)
        try withUnnamedFile(bytes) { file in
            let files = FakeFileSystem()
            files.add("a", .file(descriptor: file, size: bytes.count, pieceBytes: bytes.count))
            try withMount(files, { $0.directIO = true }) { mount in
                try expectContents(of: mount.at("a"), bytes, part: part)
                let replies = bytes.count / part
                #expect(files.calls.reads >= replies)
                #expect(mount.session.spliced.replies == UInt64(replies))
                #expect(mount.session.spliced.bytes == UInt64(bytes.count + 16 * replies))
            }
        }
    }

    @Test("the pages of the file stay in the page cache unless they may be moved", arguments: [false, true])
    func residency(movesPages: Bool) throws {
        let bytes = pattern(4 << 20)
        try withUnnamedFile(bytes) { file in
            // Only clean pages can be moved.
            try #require(fsync(file) == 0)
            try #require(test_resident_pages(file, bytes.count) == bytes.count / 4096)
            let files = FakeFileSystem()
            files.add("a", .file(descriptor: file, size: bytes.count, pieceBytes: bytes.count))
            try withMount(files, { $0.movesPages = movesPages }) { mount in
                try expectContents(of: mount.at("a"), bytes)
                #expect(mount.session.negotiated?.capabilities.contains("splice_move") == movesPages)
            }
            // Where the file system uses large folios nothing is moved either way.
            if !movesPages { #expect(test_resident_pages(file, bytes.count) == bytes.count / 4096) }
        }
    }

    @Test("buffered reads from a file are spliced too")
    func buffered() throws {
        let bytes = pattern(4 << 20)
        try withUnnamedFile(bytes) { file in
            let files = FakeFileSystem()
            files.add("a", .file(descriptor: file, size: bytes.count, pieceBytes: bytes.count))
            try withMount(files) { mount in
                try expectContents(of: mount.at("a"), bytes)
                #expect(mount.session.spliced.bytes >= UInt64(bytes.count))
            }
        }
    }

    @Test(
        "pieces of a file and of memory by turns make the same bytes",
        arguments: [(4096, true), (32768, true), (5000, true), (32768, false), (3, false)]
    )
    func mixed(pieceBytes: Int, isDirect: Bool) throws {
        let bytes = pattern(pieceBytes < 4096 ? 20_000 : 1_500_001)
        try withUnnamedFile(bytes) { file in
            let files = FakeFileSystem()
            files.add("m", .mixed(bytes, descriptor: file, pieceBytes: pieceBytes))
            files.add("f", .file(descriptor: file, size: bytes.count, pieceBytes: pieceBytes))
            try withMount(files, { $0.directIO = isDirect }) { mount in
                try expectContents(of: mount.at("m"), bytes)
                try expectContents(of: mount.at("f"), bytes)
            }
        }
    }

    @Test("a file that is shorter than promised is EIO, never zeros", arguments: [100, 6000, 300_000])
    func short(missing: Int) throws {
        let bytes = pattern(400_000)
        try withUnnamedFile(Array(bytes.dropLast(missing))) { file in
            let files = FakeFileSystem()
            files.add("a", .file(descriptor: file, size: bytes.count, pieceBytes: bytes.count))
            files.add("b", .memory(bytes))
            try withMount(files, { $0.directIO = true }) { mount in
                let opened = open(mount.at("a"), O_RDONLY)
                defer { close(opened) }
                var buffer = [UInt8](repeating: 1, count: bytes.count)
                #expect(read(opened, &buffer, buffer.count) == -1)
                #expect(errno == EIO)
                // The pipe of that thread is clean again.
                for _ in 0..<30 { try expectContents(of: mount.at("b"), bytes) }
                #expect(pread(opened, &buffer, 50_000, 0) == 50_000)
                #expect(Array(buffer[..<50_000]) == Array(bytes[..<50_000]))
            }
        }
    }
}
