import Foundation
import Metadata
import Pages
import SeededRandom
import Synchronization
import Testing

// Committing new contents.
extension WritableConformance {
    private func attributes(_ fixture: some WritableFixture, mode: mode_t) -> POSIXAttributes {
        POSIXAttributes(
            mode: UInt32(S_IFREG | mode),
            uid: fixture.owner.uid,
            gid: fixture.owner.gid,
            linkCount: 1,
            inode: 0,
            device: 0,
            accessed: 1_500_000_000_000_000_001,
            changed: 1_600_000_000_000_000_002
        )
    }

    func checkCommit(_ fixture: some WritableFixture) throws {
        for (name, count) in [("empty", 0), ("one", 1), ("page", 4096), ("more", 300_001)] {
            let wanted = attributes(fixture, mode: 0o640)
            let answer = try fixture.commit(
                contents(count),
                to: path(name),
                if: .absent,
                attributes: wanted
            )
            #expect(answer.kind == .file && answer.size == Int64(count), "\(name)")
            let posix = try #require(answer.posix, "\(name)")
            #expect(
                posix.mode == wanted.mode && posix.uid == wanted.uid && posix.gid == wanted.gid,
                "\(name)"
            )
            expectSame(answer, try fixture.look(path(name)), "\(name)")
            #expect(try fixture.bytes(path(name)) == contents(count), "\(name)")
        }
    }

    func checkAttributesStay(_ fixture: some WritableFixture) throws {
        let first = try fixture.commit(
            contents(100),
            to: path("file"),
            if: .absent,
            attributes: attributes(fixture, mode: 0o751)
        )
        let etag = try #require(first.etag)
        let second = try fixture.commit(contents(200), to: path("file"), if: .version(etag))
        #expect(second.posix?.mode == first.posix?.mode)
        #expect(second.posix?.uid == first.posix?.uid && second.posix?.gid == first.posix?.gid)
        #expect(second.modified != first.modified)
        let next = try #require(second.etag)
        let third = try fixture.commit(
            contents(300),
            to: path("file"),
            if: .version(next),
            attributes: attributes(fixture, mode: 0o600)
        )
        #expect(third.posix?.mode == UInt32(S_IFREG | 0o600))
        expectSame(third, try fixture.look(path("file")))
    }

    func checkConditions(_ fixture: some WritableFixture) throws {
        let first = try fixture.create(path("file"), contents(100))
        let old = try #require(first.etag)
        #expect(throws: StoreError.stale) {
            try fixture.commit(contents(7), to: path("file"), if: .absent)
        }
        for (name, count) in [("longer", 200), ("as long", 100)] {
            try fixture.put(path("file"), contents(count, salt: 5))
            #expect(throws: StoreError.stale, "\(name)") {
                try fixture.commit(contents(7), to: path("file"), if: .version(old))
            }
            #expect(try fixture.bytes(path("file")) == contents(count, salt: 5), "\(name)")
        }
        try fixture.remove(path("file"))
        #expect(throws: StoreError.stale) {
            try fixture.commit(contents(7), to: path("file"), if: .version(old))
        }
        #expect(throws: StoreError.notFound) { try fixture.look(path("file")) }
    }

    func checkAlways(_ fixture: some WritableFixture) throws {
        try fixture.commit(contents(100), to: path("file"), if: .always)
        #expect(try fixture.bytes(path("file")) == contents(100))
        try fixture.put(path("file"), contents(300, salt: 5))
        try fixture.commit(contents(200, salt: 1), to: path("file"), if: .always)
        #expect(try fixture.bytes(path("file")) == contents(200, salt: 1))
    }

    /// Commits on the base that a file has now.
    private func edit(
        _ fixture: some WritableFixture,
        _ staged: StagedFile,
        keeping kept: [Span],
        size: Int
    ) throws {
        let known = try fixture.look(path("file"))
        let base = fixture.version(path("file"), known)
        let store = fixture.writable
        let contents = StagedContents(
            base: base,
            kept: kept,
            size: Int64(size),
            staged: staged.descriptor
        ) { (span, sink) throws(StoreError) in
            guard kept.contains(where: { $0.contains(span) }) else { throw .corrupt("\(span) is not kept") }
            try store.fetch(span, of: base, into: sink)
        }
        let answer = try fixture.writable.upload(to: path("file")).commit(
            contents,
            if: .version(base.etag),
            attributes: nil
        )
        expectSame(answer, try fixture.look(path("file")))
        #expect(answer.size == Int64(size))
    }

    func checkKept(_ fixture: some WritableFixture) throws {
        let old = contents(200_000)
        try fixture.create(path("file"), old)
        // Two bytes in the middle; then a hole, also over what was there; then longer, and shorter.
        var staged = StagedFile()
        staged.write([1, 2], at: 100_000)
        try edit(
            fixture,
            staged,
            keeping: [Span(from: 0, to: 100_000), Span(from: 100_002, to: 200_000)],
            size: 200_000
        )
        var model = old
        model.replaceSubrange(100_000..<100_002, with: [1, 2])
        #expect(try fixture.bytes(path("file")) == model)
        staged = StagedFile()
        try edit(
            fixture,
            staged,
            keeping: [Span(from: 0, to: 10_001), Span(from: 150_003, to: 200_000)],
            size: 400_000
        )
        model.replaceSubrange(10_001..<150_003, with: repeatElement(0, count: 140_002))
        model += repeatElement(0, count: 200_000)
        #expect(try fixture.bytes(path("file")) == model)
        try edit(fixture, staged, keeping: [Span(from: 0, to: 12_345)], size: 12_345)
        #expect(try fixture.bytes(path("file")) == Array(model[..<12_345]))
        try edit(fixture, staged, keeping: [], size: 50_000)
        #expect(try fixture.bytes(path("file")) == [UInt8](repeating: 0, count: 50_000))
        try edit(fixture, staged, keeping: [], size: 0)
        #expect(try fixture.bytes(path("file")).isEmpty)
    }

    func checkRandomEdits(_ fixture: some WritableFixture) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var model = contents(100_000)
        try fixture.create(path("file"), model)
        for round in 0..<30 {
            let size = Int.random(in: 0...200_000, using: &random)
            let staged = StagedFile()
            var next = [UInt8](repeating: 0, count: size)
            var kept: [Span] = []
            var position = 0
            // In turn: kept as far as there is a base, staged, a hole.
            while position < size {
                let count = min(Int.random(in: 1...40_000, using: &random), size - position)
                let end = position + count
                switch Int.random(in: 0..<3, using: &random) {
                case 0 where end <= model.count:
                    kept.append(Span(offset: Int64(position), count: count))
                    next.replaceSubrange(position..<end, with: model[position..<end])
                case 1:
                    let bytes = contents(count, salt: UInt8.random(in: 0...255, using: &random))
                    staged.write(bytes, at: position)
                    next.replaceSubrange(position..<end, with: bytes)
                default: break
                }
                position = end
            }
            try edit(fixture, staged, keeping: kept, size: size)
            model = next
            let isRight = try fixture.bytes(path("file")) == model
            #expect(isRight, "round \(round), seed \(seed)")
        }
    }

    func checkAbandoning(_ fixture: some WritableFixture) throws {
        let count = 20 << 20
        let staged = StagedFile(contents(count))
        let upload = fixture.writable.upload(to: path("file"))
        if upload.wantsToSend(before: Int64(count)) {
            try upload.sendAhead(to: Int64(count), from: staged.descriptor)
        }
        #expect(throws: StoreError.notFound) { try fixture.look(path("file")) }
        #expect(try fixture.list(directory).isEmpty)
        upload.abandon()
        #expect(throws: StoreError.notFound) { try fixture.look(path("file")) }
        #expect(try fixture.list(directory).isEmpty)
    }

    func checkSendingAhead(_ fixture: some WritableFixture) throws {
        var model = contents(36 << 20)
        let staged = StagedFile(model)
        let upload = fixture.writable.upload(to: path("file"))
        var parts = 0
        while upload.wantsToSend(before: Int64(model.count)), parts < 10 {
            try upload.sendAhead(to: Int64(model.count), from: staged.descriptor)
            parts += 1
        }
        for offset in [5, 17 << 20, 35 << 20] {
            let bytes = contents(1000, salt: 0x55)
            staged.write(bytes, at: offset)
            upload.touched(Span(offset: Int64(offset), count: 1000))
            model.replaceSubrange(offset..<(offset + 1000), with: bytes)
        }
        _ = try upload.commit(staged.contents(size: model.count), if: .absent, attributes: nil)
        let isRight = try fixture.bytes(path("file")) == model
        #expect(isRight)
    }

    func checkRace(_ fixture: some WritableFixture) throws {
        for round in 0..<10 {
            let name = path("file \(round)")
            let etag = round % 2 == 0 ? nil : try fixture.create(name, contents(5000)).etag
            let outcomes = Mutex<[Int: StoreError?]>([:])
            concurrently(6) { thread in
                var outcome: StoreError?
                do throws(StoreError) {
                    try fixture.commit(
                        contents(5000, salt: UInt8(thread + 1)),
                        to: name,
                        if: etag.map { .version($0) } ?? .absent
                    )
                } catch {
                    outcome = error
                }
                outcomes.withLock { [outcome] in $0[thread] = outcome }
            }
            let all = outcomes.withLock { $0 }
            let winners = all.filter { $0.value == nil }.keys
            #expect(winners.count == 1, "round \(round)")
            #expect(all.values.allSatisfy { $0 == nil || $0 == .stale }, "\(all)")
            if let winner = winners.first {
                let isRight = try fixture.bytes(name) == contents(5000, salt: UInt8(winner + 1))
                #expect(isRight, "round \(round)")
            }
        }
    }

    func checkVersions(_ fixture: some WritableFixture) throws {
        var etag = try #require(try fixture.create(path("file"), contents(1000)).etag)
        var seen: Set<ETag> = [etag]
        for round in 0..<40 {
            let answer = try fixture.commit(
                contents(1000, salt: UInt8(round + 1)),
                to: path("file"),
                if: .version(etag)
            )
            etag = try #require(answer.etag)
            #expect(seen.insert(etag).inserted, "round \(round)")
        }
    }
}
