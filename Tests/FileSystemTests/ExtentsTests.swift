import Pages
import SeededRandom
import Testing

@testable import FileSystem

/// Which bytes of a changed file lie where.
struct ExtentsTests {
    /// Byte by byte: where each lies, and whether the last commit lacks it.
    struct Model {
        struct Place: Equatable {
            var isStaged: Bool
            var isDirty: Bool
        }
        var bytes: [Place]
        var isDirty: Bool

        mutating func wrote(_ span: Span) {
            guard !span.isEmpty else { return }
            isDirty = true
            let changed = Place(isStaged: true, isDirty: true)
            while bytes.count < Int(span.end) { bytes.append(changed) }
            for index in Int(span.offset)..<Int(span.end) { bytes[index] = changed }
        }

        mutating func resize(to size: Int) {
            if size != bytes.count { isDirty = true }
            while bytes.count < size { bytes.append(Place(isStaged: true, isDirty: true)) }
            bytes.removeLast(bytes.count - size)
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func anyChangesGiveWhatAByteByByteModelGives(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let base = Bool.random(using: &random) ? Int64.random(in: 0...60, using: &random) : nil
        var extents = Extents(base: base)
        var model = Model(
            bytes: Array(repeating: .init(isStaged: false, isDirty: false), count: Int(base ?? 0)),
            isDirty: base == nil
        )
        for _ in 0..<200 {
            let offset = Int64.random(in: 0...80, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                extents.resize(to: offset)
                model.resize(to: Int(offset))
            case 1:
                extents.committed()
                model.isDirty = false
                for index in model.bytes.indices { model.bytes[index].isDirty = false }
            case 2:
                for span in extents.missing {
                    extents.brought(span)
                    for index in Int(span.offset)..<Int(span.end) { model.bytes[index].isStaged = true }
                }
            default:
                let span = Span(offset: offset, count: Int.random(in: 0...20, using: &random))
                extents.wrote(span)
                model.wrote(span)
            }
            check(extents, model)
        }
    }

    private func check(_ extents: Extents, _ model: Model) {
        #expect(extents.size == Int64(model.bytes.count))
        #expect(extents.isDirty == model.isDirty)
        #expect(extents.stagedBytes == Int64(model.bytes.count { $0.isStaged }))
        var staged: [Bool] = []
        for piece in extents.pieces(of: Span(from: 0, to: extents.size)) {
            #expect(piece.span.offset == Int64(staged.count), "pieces follow each other")
            staged += Array(repeating: piece.isStaged, count: piece.span.count)
        }
        #expect(staged == model.bytes.map(\.isStaged))
        var kept = Array(repeating: false, count: model.bytes.count)
        for span in extents.kept {
            for index in Int(span.offset)..<Int(span.end) { kept[index] = true }
        }
        #expect(kept == model.bytes.map { !$0.isDirty })
    }
}
