import SeededRandom
import Testing

@testable import Cluster

@Suite("The identity of a worker")
struct WorkerIdentityTests {
    private let uuid = "cb157baa-afe0-4b98-8af0-1a4645d38456"
    private let hex = "cb157baaafe04b988af01a4645d38456"

    @Test func allFormsOfOneIdentityAreEqual() throws {
        let identity = try WorkerIdentity(uuid: uuid)
        #expect(identity.version == 1)
        #expect(identity.hexIdentifier == hex)
        #expect(identity.entityName == "worker-\(uuid)")
        #expect("\(identity)" == "worker-\(uuid)")
        #expect(try WorkerIdentity(uuid: uuid.uppercased()) == identity)
        #expect(try WorkerIdentity(version: 1, hexIdentifier: hex.uppercased()) == identity)
        #expect(try WorkerIdentity(version: 1, identifier: identity.identifier) == identity)
    }

    @Test(arguments: [
        ("0000000000000001", "worker-1"), ("7fffffffffffffff", "worker-9223372036854775807"),
        ("ffffffffffffffff", "worker--1"),
    ])
    func aNumberIsNamedInDecimal(hex: String, name: String) throws {
        let identity = try WorkerIdentity(version: 0, hexIdentifier: hex)
        #expect(identity.entityName == name)
        #expect(identity.hexIdentifier == hex)
        #expect(identity.identifier.count == 8)
    }

    @Test func aNumberIsNotTheUUIDThatBeginsLikeIt() throws {
        let number = try WorkerIdentity(version: 0, identifier: [UInt8](repeating: 0, count: 8))
        let uuid = try WorkerIdentity(version: 1, identifier: [UInt8](repeating: 0, count: 16))
        #expect(number != uuid)
    }

    @Test func identitiesAreOrderedAsTheirNames() throws {
        var generator = SeededGenerator.announced()
        var identities: [WorkerIdentity] = []
        for _ in 0..<100 {
            identities.append(try WorkerIdentity(version: 1, identifier: generator.bytes(16)))
            identities.append(try WorkerIdentity(version: 0, identifier: generator.bytes(8)))
        }
        let names = identities.sorted().map(\.entityName)
        #expect(names == identities.map(\.entityName).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    @Test func whatIsNoIdentityIsRefusedWithItsReason() {
        #expect(throws: WorkerIdentityError.unknownVersion(2)) {
            try WorkerIdentity(version: 2, identifier: [])
        }
        #expect(throws: WorkerIdentityError.unknownVersion(-1)) {
            try WorkerIdentity(version: -1, hexIdentifier: hex)
        }
        #expect(throws: WorkerIdentityError.wrongLength(version: 1, bytes: 8)) {
            try WorkerIdentity(version: 1, identifier: [UInt8](repeating: 0, count: 8))
        }
        #expect(throws: WorkerIdentityError.wrongLength(version: 0, bytes: 16)) {
            try WorkerIdentity(version: 0, identifier: [UInt8](repeating: 0, count: 16))
        }
        for text in ["", "cb15", hex + "00", String(hex.dropLast()) + "g", uuid] {
            #expect(throws: WorkerIdentityError.notHexadecimal(version: 1, text: text)) {
                try WorkerIdentity(version: 1, hexIdentifier: text)
            }
        }
    }

    @Test(arguments: [
        "", "cb157baaafe04b988af01a4645d38456", "cb157baa-afe0-4b98-8af0-1a4645d3845",
        "cb157baa-afe0-4b98-8af0-1a4645d3845g", "{cb157baa-afe0-4b98-8af0-1a4645d38456}",
        "cb157baa-afe04b98-8af0-1a4645d38456-", " cb157baa-afe0-4b98-8af0-1a4645d38456",
    ])
    func whatIsNoUUIDIsRefused(text: String) {
        #expect(throws: WorkerIdentityError.notUUID(text)) { try WorkerIdentity(uuid: text) }
    }

    @Test func anErrorNamesTheRemedyInOneShortLine() {
        let long = String(repeating: "ab\n", count: 1000)
        let texts = [
            "\(WorkerIdentityError.notUUID(long))",
            "\(WorkerIdentityError.notHexadecimal(version: 0, text: long))",
        ]
        for text in texts {
            #expect(text.count < 200)
            #expect(!text.contains { $0.isNewline })
            #expect(text.contains("hexadecimal digits"))
        }
        #expect("\(WorkerIdentityError.notHexadecimal(version: 0, text: ""))".contains("16 hexadecimal"))
    }
}
