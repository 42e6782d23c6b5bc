import CLibFuzzer
import Glibc
import ObjectStore

// The scanner must end on any bytes, hand out ranges inside the document only, and never nest deeper than
// it says; what it calls a listing must have been read by the scanner without an error.

private func scan(_ bytes: [UInt8]) {
    var scanner = XMLScanner(bytes: bytes)
    var text: [UInt8] = []
    var tokens = 0
    do {
        while true {
            let token = try scanner.next()
            tokens += 1
            precondition(tokens <= 2 * bytes.count + 2, "more tokens than bytes")
            precondition(scanner.depth <= XMLScanner.depthMaximum, "deeper than the maximum")
            switch token {
            case .end: return
            case .close: break
            case .open(let name): precondition(name.upperBound <= bytes.count && !name.isEmpty)
            case .text(let range, let hasEntities):
                precondition(range.upperBound <= bytes.count)
                text.removeAll(keepingCapacity: true)
                try scanner.append(text: range, hasEntities: hasEntities, to: &text)
                precondition(text.count <= 4 * range.count, "a text grew when its entities were resolved")
            }
        }
    } catch {}
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, size in
        let document = Array(UnsafeBufferPointer(start: bytes, count: size))
        scan(document)
        _ = try? S3ListParser.parse(document)
        return 0
    }
)
