import Metadata
import Pages

/// New contents on their way into one store of a mount table; inode numbers are those of the table.
final class MountedUpload: ContentUpload {
    private let next: any ContentUpload
    private let numbers: InodeNumbers

    init(_ next: any ContentUpload, _ numbers: InodeNumbers) {
        self.next = next
        self.numbers = numbers
    }

    func wantsToSend(before end: Int64) -> Bool { next.wantsToSend(before: end) }

    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {
        try next.sendAhead(to: end, from: staged, sums: sums)
    }

    func touched(_ span: Span) { next.touched(span) }

    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes {
        let stored = attributes.map(numbers.stored)
        return numbers.shown(try next.commit(contents, if: condition, attributes: stored))
    }

    func abandon() { next.abandon() }
}

/// The way into a store that cannot be written to: its commit says why.
final class RefusedUpload: ContentUpload {
    private let reason: StoreError

    init(reason: StoreError) {
        self.reason = reason
    }

    func wantsToSend(before end: Int64) -> Bool { false }

    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {
        throw reason
    }

    func touched(_ span: Span) {}

    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes { throw reason }

    func abandon() {}
}
