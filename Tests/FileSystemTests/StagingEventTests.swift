import Metadata
import Pages
import Testing

@testable import FileSystem

@Suite struct StagingEventTests {
    private func durable() -> StagingEvent {
        var event = StagingEvent(.durable, file: "1-2.data")
        event.path = Array("s3/a\tb\nc\\d".utf8)
        event.store = UFSURI("s3://bucket/pre\tfix")
        event.base = FileVersion(uri: UFSURI("s3://bucket/x"), etag: ETag("e"), size: 7)
        event.contents = StagingEvent.Contents(size: 9, kept: [Span(from: 0, to: 3), Span(from: 5, to: 7)])
        event.owner = StagingEvent.Owner(mode: 0o100640, uid: 1, gid: 2)
        return event
    }

    @Test func aLineSaysEverythingThatTheEventSaid() {
        for event in [durable(), StagingEvent(.ended, file: "f")] {
            #expect(StagingEvent(line: event.line.dropLast()) == event)
        }
    }

    @Test func aLineFromBeforeStoresWereNamedIsUnderstood() throws {
        let line = try #require(durable().line.split(separator: UInt8(ascii: "\n")).first)
        let old = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).dropLast()
        let event = try #require(StagingEvent(line: Array(old.joined(separator: [UInt8(ascii: "\t")]))[...]))
        var expected = durable()
        expected.store = nil
        #expect(event == expected)
    }

    @Test func aRemnantKnowsTheStoreThatItWasMeantFor() {
        var began = StagingEvent(.began, file: "1-2.data")
        began.path = Array("s3/old".utf8)
        began.store = UFSURI("s3://bucket")
        var dirty = began
        dirty.kind = .dirty
        dirty.store = nil
        let remnant = StagedRemnant(file: "1-2.data", events: [began, dirty])
        #expect(remnant.store == UFSURI("s3://bucket") && remnant.path == Array("s3/old".utf8))
        #expect(remnant.promise == nil && !remnant.isClean)
    }

    @Test func timesThatWereSetAfterAPromiseBelongToIt() {
        var timed = StagingEvent(.timed, file: "1-2.data")
        timed.times = StagingEvent.Times(accessed: nil, modified: -5)
        #expect(StagingEvent(line: timed.line.dropLast()) == timed)
        #expect(StagedRemnant(file: "1-2.data", events: [durable(), timed]).times == timed.times)
        let earlier = StagedRemnant(file: "1-2.data", events: [timed, durable()])
        #expect(earlier.times == nil && earlier.promise != nil)
        let clean = StagedRemnant(
            file: "1-2.data",
            events: [durable(), StagingEvent(.clean, file: "1-2.data"), timed]
        )
        #expect(clean.isClean && clean.promise == nil)
    }

    @Test func aPromiseFollowsTheVersionThatARenameOrAChangedModeHasGivenItsBase() {
        var later = StagingEvent(.began, file: "1-2.data")
        later.path = Array("s3/new".utf8)
        later.base = FileVersion(uri: UFSURI("s3://bucket/new"), etag: ETag("f"), size: 7)
        let remnant = StagedRemnant(file: "1-2.data", events: [durable(), later])
        #expect(remnant.promise?.base == later.base && remnant.promise?.path == later.path)
        #expect(remnant.promise?.contents == durable().contents)
        let earlier = StagedRemnant(file: "1-2.data", events: [later, durable()])
        #expect(earlier.promise?.base == durable().base)
    }
}
