import CCrypto
import Pages
import Testing

@testable import Cluster

@Suite("The ring meets the vectors of independent implementations")
struct VectorTests {
    private let vectors: Vectors

    init() throws { vectors = try Vectors.load() }

    @Test func everyHashIsThatOfTheVectors() throws {
        #expect(vectors.hashes.count == 14)
        for vector in vectors.hashes {
            let input = try #require(Hexadecimal.bytes(vector.inputHex))
            #expect(MurmurHash3.hash(input) == vector.hashInt32, "\(vector.inputHex)")
            #expect(UInt32(vector.hashUint32Hex, radix: 16) == UInt32(bitPattern: vector.hashInt32))
        }
    }

    @Test func everyHostNameGivesTheIdentityOfTheVectors() {
        #expect(vectors.hostIdentities.count == 6)
        for vector in vectors.hostIdentities {
            let identity = WorkerIdentity(hostName: vector.hostname)
            #expect(identity.version == vector.version)
            #expect(identity.hexIdentifier == vector.identifier)
            #expect(identity.entityName == vector.workerIdString)
        }
    }

    @Test func everyVirtualNodeIsWhereTheVectorsHaveIt() throws {
        #expect(vectors.virtualNodes.count == 35)
        for vector in vectors.virtualNodes {
            let identity = try WorkerIdentity(version: vector.version, hexIdentifier: vector.identifier)
            let preimage = try #require(Hexadecimal.bytes(vector.preimageHex))
            #expect(MurmurHash3.hash(preimage) == vector.positionInt32)
            #expect(preimage.starts(with: identity.ringPrefix))
            // A ring of just enough nodes has one point more than a ring without the last one: this one.
            let ring = HashRing(members: [HashRing.Member(identity, virtualNodes: vector.vnodeIndex + 1)])
            #expect(ring.positions.contains(vector.positionInt32), "\(vector)")
            if vector.vnodeIndex > 0 {
                let smaller = HashRing(members: [HashRing.Member(identity, virtualNodes: vector.vnodeIndex)])
                #expect(!smaller.positions.contains(vector.positionInt32), "\(vector)")
            }
        }
    }

    @Test func everyAttemptLandsWhereTheVectorsHaveIt() {
        #expect(vectors.keyPositions.count == 81)
        for vector in vectors.keyPositions {
            let position = RingKey(UFSURI(vector.key)).position(attempt: vector.attempt)
            #expect(position == vector.positionInt32, "\(vector.key), attempt \(vector.attempt)")
        }
    }

    @Test func everyRingIsThatOfTheVectorsPointForPoint() throws {
        #expect(vectors.rings.count == 10)
        for (name, vector) in vectors.rings {
            let ring = try ring(of: vector)
            #expect(ring.positions.count == vector.points, "\(name)")
            let lost = vector.workers.count * vector.vnodesPerWorker - ring.positions.count
            #expect(lost == vector.collisions.count, "\(name)")
            let points = zip(ring.positions, ring.owners).map { position, owner in
                (position, ring.members[Int(owner)].identity)
            }
            #expect(points.prefix(vector.firstPoints.count).map(shown) == vector.firstPoints.map(shown))
            #expect(points.suffix(vector.lastPoints.count).map(shown) == vector.lastPoints.map(shown))
            if let all = vector.allPoints {
                #expect(points.map(shown) == all.map { "\($0.position):\($0.identifier)" }, "\(name)")
            }
            let text = points.map { "\($0.0):\($0.1.version):\($0.1.hexIdentifier)\n" }.joined()
            #expect(sha256(text) == vector.ringSha256, "\(name)")
        }
    }

    @Test func everyKeyIsOnTheWorkersOfTheVectorsInTheirOrder() throws {
        #expect(vectors.selections.count == 285)
        let rings = try vectors.rings.mapValues(ring)
        for vector in vectors.selections {
            let ring = try #require(rings[vector.ring])
            let found = ring.workers(for: Array(vector.key.utf8), count: vector.count)
            #expect(found.map(\.hexIdentifier) == vector.replicas, "\(vector)")
            #expect(RingKey(UFSURI(vector.key)).position(attempt: 1) == vector.hashAttempt1)
        }
    }

    @Test func everyFileHasTheIdOfTheVectors() {
        #expect(vectors.files.count == 12)
        for vector in vectors.files {
            #expect(FileID(UFSURI(vector.ufsFullPath)).text == vector.fileId, "\(vector.ufsFullPath)")
        }
    }

    private func ring(of vector: Vectors.Ring) throws -> HashRing {
        let members = try vector.workers.map { worker in
            let identity = try WorkerIdentity(version: worker.version, hexIdentifier: worker.identifier)
            return HashRing.Member(identity, virtualNodes: vector.vnodesPerWorker)
        }
        return HashRing(members: members)
    }

    private func shown(_ point: (Int32, WorkerIdentity)) -> String { "\(point.0):\(point.1.hexIdentifier)" }

    private func shown(_ point: Vectors.Point) -> String { "\(point.position):\(point.identifier)" }

    private func sha256(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var digest = [UInt8](repeating: 0, count: 32)
        _ = SHA256(bytes, bytes.count, &digest)
        return Hexadecimal.text(digest)
    }
}
