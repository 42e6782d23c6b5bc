import Foundation
import Metadata
import Pages
import Testing

/// One promise of `WritableStore` or `ContentUpload`, checked against any store.
///
/// Each check works below a directory of its own name, so that all of them may run at once on one store.
enum WritableConformance: String, CaseIterable, Sendable {
    case whatIsMadeHasTheAttributesOfItsEntry
    case whatIsMadeIsListed
    case nothingIsMadeOverAName
    case namesTooLongAreRefused
    case linksAreNamesOfOneFile
    case aLinkIsNotMadeOverAName
    case removedNamesAreGone
    case aNameThatHasGotOtherDataIsNotRemoved
    case onlyEmptyDirectoriesAreRemoved
    case renamedNamesMoveWithEverythingBelow
    case aRenameReplacesWhatIsKnown
    case aRenameDoesNotReplaceWhatIsNotKnown
    case noReplaceAndExchange

    case contentsAndAttributesAreCommittedTogether
    case attributesStayWithoutNewOnes
    case aConditionThatDoesNotHoldIsStale
    case alwaysReplacesWhateverIsThere
    case keptBytesAreKeptAndHolesAreZeros
    case bytesOfAKeptBaseMayLieAnywhere
    case nothingIsSeenBeforeTheCommit
    case whatIsTouchedAfterItWasSentIsSentAgain
    case ofSeveralCommitsOnOneVersionOneWins
    case everyCommitIsANewVersion

    case modeOwnerAndTimesAreChangedAlone
    case timesAreKeptToTheNanosecond
    case theRootIsChangedLikeAName
    case extendedAttributesAreKeptByteForByte
    case extendedAttributesAreSetByPresence
    case everyNameCanBeSynced
    case manyThreadsChangeAtOnce

    var directory: RelativePath { RelativePath(rawValue) }

    func path(_ name: String) -> RelativePath { directory.appending(name.utf8) }

    /// Bytes that differ at every offset from those of another salt.
    func contents(_ count: Int, salt: UInt8 = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ $0 >> 16) ^ salt }
    }

    /// Makes the check.
    /// - Parameter fixture: The store; empty below the check's directory.
    /// - Throws: What the store or the fixture threw where it should not.
    func check(_ fixture: some WritableFixture) throws {
        try fixture.makeDirectory(directory)
        try checkNames(fixture)
        try checkContents(fixture)
        try checkAttributes(fixture)
        fixture.writable.housekeep()
    }

    private func checkNames(_ fixture: some WritableFixture) throws {
        switch self {
        case .whatIsMadeHasTheAttributesOfItsEntry: try checkMaking(fixture)
        case .whatIsMadeIsListed: try checkListed(fixture)
        case .nothingIsMadeOverAName: try checkOverMaking(fixture)
        case .namesTooLongAreRefused: try checkTooLong(fixture)
        case .linksAreNamesOfOneFile: try checkLinks(fixture)
        case .aLinkIsNotMadeOverAName: try checkOverLinking(fixture)
        case .removedNamesAreGone: try checkRemoving(fixture)
        case .aNameThatHasGotOtherDataIsNotRemoved: try checkStaleRemoving(fixture)
        case .onlyEmptyDirectoriesAreRemoved: try checkRemovingDirectories(fixture)
        case .renamedNamesMoveWithEverythingBelow: try checkRenaming(fixture)
        case .aRenameReplacesWhatIsKnown: try checkReplacing(fixture)
        case .aRenameDoesNotReplaceWhatIsNotKnown: try checkStaleReplacing(fixture)
        case .noReplaceAndExchange: try checkRenameModes(fixture)
        default: break
        }
    }

    private func checkContents(_ fixture: some WritableFixture) throws {
        switch self {
        case .contentsAndAttributesAreCommittedTogether: try checkCommit(fixture)
        case .attributesStayWithoutNewOnes: try checkAttributesStay(fixture)
        case .aConditionThatDoesNotHoldIsStale: try checkConditions(fixture)
        case .alwaysReplacesWhateverIsThere: try checkAlways(fixture)
        case .keptBytesAreKeptAndHolesAreZeros: try checkKept(fixture)
        case .bytesOfAKeptBaseMayLieAnywhere: try checkRandomEdits(fixture)
        case .nothingIsSeenBeforeTheCommit: try checkAbandoning(fixture)
        case .whatIsTouchedAfterItWasSentIsSentAgain: try checkSendingAhead(fixture)
        case .ofSeveralCommitsOnOneVersionOneWins: try checkRace(fixture)
        case .everyCommitIsANewVersion: try checkVersions(fixture)
        default: break
        }
    }

    private func checkAttributes(_ fixture: some WritableFixture) throws {
        switch self {
        case .modeOwnerAndTimesAreChangedAlone: try checkChanges(fixture)
        case .timesAreKeptToTheNanosecond: try checkTimes(fixture)
        case .theRootIsChangedLikeAName: try checkRoot(fixture)
        case .extendedAttributesAreKeptByteForByte: try checkExtendedAttributes(fixture)
        case .extendedAttributesAreSetByPresence: try checkPresence(fixture)
        case .everyNameCanBeSynced: try checkSync(fixture)
        case .manyThreadsChangeAtOnce: try checkThreads(fixture)
        default: break
        }
    }

    /// Whether two answers say the same of a name.
    func expectSame(_ one: Attributes, _ other: Attributes, _ what: Comment = "") {
        #expect(one.kind == other.kind && one.size == other.size && one.etag == other.etag, what)
        #expect(one.modified == other.modified, what)
        #expect(one.posix?.mode == other.posix?.mode, what)
        #expect(one.posix?.uid == other.posix?.uid && one.posix?.gid == other.posix?.gid, what)
        #expect(one.posix?.linkCount == other.posix?.linkCount, what)
        #expect(one.posix?.device == other.posix?.device, what)
    }

    /// Expects an error of a kind, whatever its text.
    func expectUnsupported(_ body: () throws(StoreError) -> Void) {
        do throws(StoreError) {
            try body()
            Issue.record("nothing was thrown")
        } catch {
            guard case .unsupported = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
