import CLinux
import Pages
import SeededRandom
import Testing

@testable import PageCache

@Suite struct ChecksumTests {
    @Test func `crc-32c has the published values`() {
        let digits = Array("123456789".utf8)
        #expect(linux_crc32c(0, digits, 9) == 0xe306_9283)
        #expect(linux_crc32c_portable(0, digits, 9) == 0xe306_9283)
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(linux_crc32c(0, zeros, 32) == 0x8a91_36aa)
        #expect(linux_crc32c(0, zeros, 0) == 0)
    }

    @Test func `the instruction and the table agree at every length and place`() {
        let bytes = Truth(.test("crc", size: 80_000)).bytes(Span(offset: 0, count: 80_000))
        bytes.withUnsafeBytes { bytes in
            // From 24 KiB on three runs are summed at a time.
            for length in [1, 7, 8, 9, 63, 4095, 4096, 4097, 12_288, 12_289, 24_576, 24_577, 79_990] {
                for start in 0..<9 {
                    let from = bytes.baseAddress.map { $0 + start }
                    let whole = linux_crc32c_portable(0, from, length)
                    #expect(linux_crc32c(0, from, length) == whole)
                    var sums = [UInt32](repeating: 0, count: 20)
                    linux_crc32c_pieces(from, length, 4096, &sums)
                    for piece in 0...(length - 1) / 4096 {
                        let part = from.map { $0 + piece * 4096 }
                        #expect(
                            sums[piece] == linux_crc32c_portable(0, part, min(4096, length - piece * 4096))
                        )
                    }
                }
            }
        }
    }
}

@Suite struct JoinedSumsTests {
    @Test func `the sums of two runs give that of both together`() {
        let bytes = Truth(.test("joined", size: 70_000)).bytes(Span(offset: 0, count: 70_000))
        bytes.withUnsafeBytes { bytes in
            let whole = linux_crc32c_portable(0, bytes.baseAddress, bytes.count)
            for cut in [0, 1, 2, 255, 256, 4096, 65_535, 69_999, 70_000] {
                let first = linux_crc32c(0, bytes.baseAddress, cut)
                let second = linux_crc32c(0, bytes.baseAddress.map { $0 + cut }, bytes.count - cut)
                #expect(linux_crc32c_joined(first, second, UInt64(bytes.count - cut)) == whole)
            }
        }
    }

    @Test func `a run may be longer than 32 bits of its length can say`() {
        // Zeros after a sum, doubled until there are 2^40 of them.
        var zeros = linux_crc32c(0, [0], 1)
        var sum = linux_crc32c(0, [1], 1)
        var count: UInt64 = 1
        while count < 1 << 40 {
            sum = linux_crc32c_joined(sum, zeros, count)
            zeros = linux_crc32c_joined(zeros, zeros, count)
            count *= 2
        }
        // 1 + (1 + 2 + ... + 2^39) bytes: the same in one step.
        #expect(sum == linux_crc32c_joined(linux_crc32c(0, [1], 1), zerosSum(count - 1), count - 1))
    }

    /// The sum of so many zeros.
    private func zerosSum(_ count: UInt64) -> UInt32 {
        var (sum, power, powerCount): (UInt32, UInt32, UInt64) = (0, linux_crc32c(0, [0], 1), 1)
        var left = count
        while left > 0 {
            if left & 1 == 1 { sum = linux_crc32c_joined(sum, power, powerCount) }
            power = linux_crc32c_joined(power, power, powerCount)
            powerCount *= 2
            left >>= 1
        }
        return sum
    }
}

@Suite struct FlightTableTests {
    @Test func `claims are cut out of what is free`() {
        var table = FlightTable()
        let (first, second) = (Flight(), Flight())
        table.claim(10..<20, for: first)
        table.claim(30..<40, for: second)
        #expect(table.unclaimed(of: [0..<50]) == [0..<10, 20..<30, 40..<50])
        #expect(table.unclaimed(of: [12..<15]).isEmpty)
        #expect(table.flight(for: 12) === first)
        #expect(table.flight(for: 25) == nil)
        table.advance(first, to: 15)
        #expect(table.unclaimed(of: [10..<20]) == [10..<15])
        table.remove(first)
        #expect(table.unclaimed(of: [0..<35]) == [0..<30])
        #expect(!table.isEmpty && table.overlaps(0..<31) && !table.overlaps(40..<50))
    }
}

@Suite struct UsageTableTests {
    @Test func `the longest unused go first, also when the clock wraps`() {
        var table = UsageTable()
        let start = UInt32.max - 5000
        let keys = (0..<100).map { VersionKey(.test("f\($0)", size: 1)) }
        for (index, key) in keys.enumerated() {
            table.discover(key, bytes: 1 << 20, lastUse: start &+ UInt32(index * 100))
        }
        #expect(table.usedBytes == 100 * ((1 << 20) + 4096))
        let oldest = table.oldest(5 << 20, now: start &+ 20_000)
        #expect(oldest.prefix(5).map(\.key) == Array(keys.prefix(5)))
        let removed = [table.remove(keys[0]), table.remove(keys[0])]
        #expect(removed == [(1 << 20) + 4096, 0])
    }

    @Test func `reservations and bytes stay below the limit`() {
        var table = UsageTable()
        let key = VersionKey(.test("f", size: 1))
        table.discover(key, bytes: 0, lastUse: 0)
        var answers = [table.reserve(6000, limit: 10_100), table.reserve(6, limit: 10_100)]
        table.unreserve(6000)
        table.add(6000, to: key, at: 1)
        answers.append(table.reserve(6, limit: 10_100))
        table.add(-6000, to: key, at: 2)
        answers.append(table.reserve(6004, limit: 10_100))
        #expect(answers == [true, false, false, true])
    }
}

@Suite struct VersionKeyTests {
    @Test func `the parts of an identity cannot run into each other`() {
        let one = FileVersion(uri: UFSURI("s3://b/ab"), etag: ETag("c"), size: 1)
        let two = FileVersion(uri: UFSURI("s3://b/a"), etag: ETag("bc"), size: 1)
        #expect(VersionKey(one) != VersionKey(two))
        let key = VersionKey(one)
        #expect(VersionKey(hexadecimal: key.path.filter { $0 != "/" }) == key)
        #expect(VersionKey(hexadecimal: "xy") == nil)
        #expect(VersionKey(hexadecimal: String(repeating: "G", count: 32)) == nil)
    }
}

@Suite struct CacheRecordTests {
    private let version = FileVersion.test("dir/object", size: 3_000_000, etag: "0123456789abcdef-7")

    @Test func `a record says what was written`() throws {
        let bytes = CacheRecord.encode(version, inode: 42, nonce: 77)
        #expect(bytes.count % 64 == 0)
        let header = try bytes.withUnsafeBytes { try CacheRecord.header($0) }
        #expect(header.version == version && header.inode == 42 && header.nonce == 77)
        let entry = CacheRecord.Entry(
            region: 2,
            boot: Array(0..<16),
            present: GranuleBits.mask(0..<256),
            trusted: GranuleBits.mask(3..<9)
        )
        let raw = CacheRecord.encode(entry, nonce: 77)
        #expect(raw.count == CacheRecord.entryBytes)
        let parsed = try raw.withUnsafeBytes { try CacheRecord.entry($0, region: 2, of: header) }
        #expect(parsed.trusted == entry.trusted && parsed.boot == entry.boot)
        // 3 000 000 bytes end in granule 732, the 221st of region 2.
        #expect(parsed.present == GranuleBits.mask(0..<221))
        #expect(throws: CacheRecordError.notARecord) {
            try raw.withUnsafeBytes { try CacheRecord.entry($0, region: 1, of: header) }
        }
    }

    @Test func `the example of the design document is what is written`() throws {
        let example = FileVersion(
            uri: UFSURI("s3://bucket/some/prefix/of/normal/length/tiny/0"),
            etag: ETag("0123456789abcdef0123456789abcdef"),
            size: 1
        )
        #expect(VersionKey(example).path == "0a/c860f289b6c49085a813f8e68cafa1")
        let head = CacheRecord.encode(example, inode: 16_245_476, nonce: 0x556a_3660_0739_08c2)
        #expect(head.count == 192)
        #expect(Array(head.suffix(4)) == [0x7b, 0x06, 0x45, 0x1b])
        let boot: [UInt8] = [
            0xa6, 0x7d, 0xa1, 0xba, 0x9e, 0xe8, 0x44, 0x82, 0x81, 0x63, 0x5e, 0xa6, 0x2a, 0x4c, 0x9a, 0x38,
        ]
        let bit = GranuleBits.mask(0..<1)
        let entry = CacheRecord.encode(
            CacheRecord.Entry(region: 0, boot: boot, present: bit, trusted: bit),
            nonce: 0x556a_3660_0739_08c2
        )
        #expect(Array(entry.prefix(4)) == [0x48, 0xe3, 0x61, 0x87])
        #expect(linux_crc32c(0, [UInt8(7)], 1) == 0x86b7_37ba)
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max)])
    func `every changed or missing byte is noticed`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let good = CacheRecord.encode(version, inode: 42, nonce: 77)
        let header = try good.withUnsafeBytes { try CacheRecord.header($0) }
        let entry = CacheRecord.encode(
            CacheRecord.Entry(
                region: 0,
                boot: Array(0..<16),
                present: GranuleBits.mask(0..<9),
                trusted: SIMD4()
            ),
            nonce: 77
        )
        for index in good.indices {
            var bad = good
            bad[index] ^= UInt8.random(in: 1...255, using: &random)
            #expect(throws: CacheRecordError.self) { try bad.withUnsafeBytes { try CacheRecord.header($0) } }
            let short = Array(good.prefix(index))
            #expect(throws: CacheRecordError.self) {
                try short.withUnsafeBytes { try CacheRecord.header($0) }
            }
        }
        for index in entry.indices {
            var bad = entry
            bad[index] ^= UInt8.random(in: 1...255, using: &random)
            #expect(throws: CacheRecordError.self) {
                try bad.withUnsafeBytes { try CacheRecord.entry($0, region: 0, of: header) }
            }
        }
        for _ in 0..<2000 {
            let noise = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let bytes = Bool.random(using: &random) ? noise : CacheRecord.magic + noise
            _ = bytes.withUnsafeBytes { try? CacheRecord.header($0) }
            _ = bytes.withUnsafeBytes { try? CacheRecord.entry($0, region: 5, of: header) }
        }
    }
}

@Suite struct DiskStateTests {
    @Test func `loans keep regions from being dropped, and the longest read goes first`() {
        var state = DiskState()
        state.reset()
        state.inode = 1
        state.descriptor = Descriptor(-1)
        for region in 0..<4 {
            state.publish(region * 256..<(region + 1) * 256, checksums: [], now: UInt32(region))
        }
        guard case .lent(_, let incarnation) = state.lend(250..<260, now: 10) else {
            Issue.record("not lent")
            return
        }
        let dropped = state.drop(0..<4).regions
        #expect(dropped == [2, 3])
        #expect(state.missing(in: 500..<600) == [512..<600])
        state.takeBack(250..<260, incarnation: incarnation)
        #expect(state.lentCount == 0)
        // Regions 0 and 1 were read; region 5 waits to be read and is older.
        state.publish(5 * 256..<6 * 256, checksums: [], now: 0)
        #expect(state.coldest(1, now: 20) == [1])
        #expect(state.coldest(3 << 20, now: 20) == [0, 1, 5])
        state.reset()
        state.takeBack(250..<260, incarnation: incarnation)
        #expect(state.lentCount == 0)
    }
}
