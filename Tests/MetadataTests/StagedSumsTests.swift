import CLinux
import Pages
import SeededRandom
import Testing

@testable import Metadata

@Suite struct StagedSumsTests {
    /// Small, since sums are checked one byte at a time.
    fileprivate static let piece = 4096

    /// A file in memory beside the sums of it.
    private struct Model {
        var bytes: [UInt8] = []
        /// Bytes that were written, not zeros of a hole.
        var written: [Bool] = []
        var sums = StagedSums(pieceBytes: StagedSumsTests.piece)

        mutating func write(_ count: Int, at offset: Int, _ random: inout SeededGenerator) {
            var new = [UInt8](repeating: 0, count: count)
            var value = UInt8.random(in: 0...255, using: &random)
            let step = UInt8.random(in: 1...9, using: &random)
            for index in new.indices {
                new[index] = value
                value &+= step
            }
            grow(to: offset + count)
            bytes.replaceSubrange(offset..<(offset + count), with: new)
            for index in offset..<(offset + count) { written[index] = true }
            new.withUnsafeBytes { sums.wrote($0, at: Int64(offset)) }
        }

        mutating func erase(_ range: Range<Int>) {
            for index in range { (bytes[index], written[index]) = (0, false) }
            sums.forget(Span(from: Int64(range.lowerBound), to: Int64(range.upperBound)))
        }

        private mutating func grow(to count: Int) {
            guard count > bytes.count else { return }
            bytes += [UInt8](repeating: 0, count: count - bytes.count)
            written += [Bool](repeating: false, count: count - written.count)
        }

        func sum(_ range: Range<Int>) -> UInt32 {
            bytes[range].withUnsafeBytes { linux_crc32c_portable(0, $0.baseAddress, $0.count) }
        }
    }

    private func span(_ range: Range<Int>) -> Span {
        Span(from: Int64(range.lowerBound), to: Int64(range.upperBound))
    }

    @Test func `what is written in order has a sum for every span that begins with a piece`() {
        var random = SeededGenerator(seed: 1)
        var model = Model()
        while model.bytes.count < 5 * Self.piece + 777 {
            let left = 5 * Self.piece + 777 - model.bytes.count
            let count = min(Int.random(in: 1...1200, using: &random), left)
            model.write(count, at: model.bytes.count, &random)
        }
        let end = model.bytes.count
        for range in [0..<end, 0..<(2 * Self.piece), Self.piece..<(5 * Self.piece), 0..<0] {
            #expect(model.sums.sum(of: span(range)) == model.sum(range))
        }
        // Neither ends where a sum does.
        #expect(model.sums.sum(of: span(0..<(end - 1))) == nil)
        #expect(model.sums.sum(of: span(1..<end)) == nil)
        #expect(model.sums.sum(of: span(0..<(end + 1))) == nil)
    }

    @Test func `pieces need not come in order`() {
        var random = SeededGenerator(seed: 2)
        var model = Model()
        for place in [2, 0, 1] { model.write(Self.piece, at: place * Self.piece, &random) }
        #expect(model.sums.sum(of: span(0..<(3 * Self.piece))) == model.sum(0..<(3 * Self.piece)))
    }

    @Test func `a change inside of a piece takes its sum, writing it anew brings it back`() {
        var random = SeededGenerator(seed: 3)
        var model = Model()
        model.write(3 * Self.piece, at: 0, &random)
        let (first, second) = (0..<Self.piece, Self.piece..<(2 * Self.piece))
        model.write(10, at: Self.piece + 5, &random)
        #expect(model.sums.sum(of: span(second)) == nil)
        #expect(model.sums.sum(of: span(first)) == model.sum(first))
        model.write(Self.piece, at: Self.piece, &random)
        #expect(model.sums.sum(of: span(second)) == model.sum(second))
        model.erase(100..<200)
        #expect(model.sums.sum(of: span(first)) == nil)
        #expect(model.sums.sum(of: span(second)) == model.sum(second))
    }

    @Test func `a sum is right or not there, whatever was done`() {
        for seed in 0..<32 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var model = Model()
            for _ in 0..<60 {
                let end = model.bytes.count
                let isInOrder = Bool.random(using: &random)
                let offset = isInOrder ? end : Int.random(in: 0...max(end, 1), using: &random)
                let count = Int.random(in: 1...2800, using: &random)
                switch Int.random(in: 0..<8, using: &random) {
                case 0 where end > 0:
                    let from = Int.random(in: 0..<end, using: &random)
                    model.erase(from..<min(end, from + count))
                case 1: model.write(count, at: offset + 17, &random)
                case 2: model.write(Self.piece, at: offset / Self.piece * Self.piece, &random)
                default: model.write(count, at: offset, &random)
                }
                for place in 0...(model.bytes.count / Self.piece) {
                    let start = place * Self.piece
                    let range = start..<min(start + Self.piece, model.bytes.count)
                    guard let sum = model.sums.sum(of: span(range)) else { continue }
                    #expect(sum == model.sum(range), "seed \(seed)")
                    #expect(range.allSatisfy { model.written[$0] }, "seed \(seed)")
                }
                if model.bytes.count > 6 * Self.piece { model = Model() }
            }
        }
    }

    @Test func `bytes far behind are not counted, and cost nothing`() {
        var sums = StagedSums()
        let far = Int64(StagedSums.piecesMaximum) * Int64(StagedSums.pieceBytes)
        [1, 2, 3].withUnsafeBytes { sums.wrote($0, at: far) }
        #expect(sums.sum(of: Span(offset: far, count: 24)) == nil)
        sums.forget(Span(offset: far, count: 10))
    }
}
