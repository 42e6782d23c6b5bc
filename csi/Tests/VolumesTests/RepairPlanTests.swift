import Testing

@testable import Volumes

struct RepairPlanTests {
    private let places = NodePlaces(mounts: "/m", kubelet: "/k")

    private func plan(_ lines: [String], _ targets: [(path: String, key: String)]) -> [String] {
        var record = VolumeRecord(id: "v")
        record.targets = targets.map {
            VolumeRecord.Target(path: $0.path, key: $0.key, directory: [], isReadOnly: false)
        }
        let table = MountInfoTable(lines.joined(separator: "\n"))
        return RepairPlan.targets(of: [record], in: table, places: places).map(\.target.path)
    }

    private func mount(_ device: Int, _ place: String, _ type: String = "fuse.alluxio-fuse") -> String {
        "\(device) 1 0:\(device) / \(place) rw - \(type) s rw"
    }

    @Test func `a target that shows the daemon of its key is left alone`() {
        #expect(plan([mount(5, "/m/fuse-a"), mount(5, "/k/t")], [("/k/t", "a")]) == [])
    }

    @Test func `a target of a daemon that was replaced is repaired, others are not`() {
        let lines = [
            mount(5, "/k/t"), mount(6, "/m/fuse-a"), mount(7, "/m/fuse-b"), mount(7, "/k/u"),
            mount(5, "/k/v"), mount(6, "/k/v"),
        ]
        #expect(plan(lines, [("/k/t", "a"), ("/k/u", "b"), ("/k/v", "a")]) == ["/k/t"])
    }

    @Test func `a target that shows nothing is repaired`() {
        #expect(plan([mount(5, "/m/fuse-a")], [("/k/t", "a")]) == ["/k/t"])
    }

    @Test func `nothing is repaired while nobody serves the key`() {
        #expect(plan([mount(5, "/k/t")], [("/k/t", "a")]) == [])
        #expect(plan([mount(5, "/k/t"), mount(9, "/m/fuse-a", "tmpfs")], [("/k/t", "a")]) == [])
    }
}
