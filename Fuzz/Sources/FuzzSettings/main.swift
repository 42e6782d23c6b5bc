import CLibFuzzer
import Glibc

// Properties files and option lists come from people: any bytes must give settings or an error of one line.

private func properties(_ bytes: [UInt8]) {
    guard let entries = try? PropertiesFile.parse(bytes) else { return }
    precondition(entries.count <= bytes.count + 1)
}

private func options(_ text: String) {
    let items = OptionList.split(text)
    precondition(items.allSatisfy { !$0.isEmpty })
    let again = OptionList.split(items.map(OptionList.escape).joined(separator: ","))
    precondition(again == items, "an option list does not survive being written and read again")
    do {
        _ = try OptionList([text])
    } catch {
        precondition(!error.message.isEmpty && !error.message.contains { $0.isNewline })
    }
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, size in
        let input = Array(UnsafeBufferPointer(start: bytes, count: size))
        properties(input)
        options(String(decoding: input, as: UTF8.self))
        return 0
    }
)
