/// Finds what somebody probably meant to write.
package enum NearestName {
    /// The candidate with the fewest edits from a name.
    /// - Returns: nil if even the nearest needs more than a third of the name's letters changed.
    package static func find(_ name: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased().utf8.prefix(lengthMaximum))
        let allowed = max(1, wanted.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let other = Array(candidate.lowercased().utf8)
            guard abs(other.count - wanted.count) <= allowed else { continue }
            let distance = distance(wanted, other)
            if distance <= allowed && distance < (best?.distance ?? Int.max) {
                best = (candidate, distance)
            }
        }
        return best?.name
    }

    /// Longer names are cut before they are compared, so that hostile input costs little.
    static let lengthMaximum = 200

    /// Insertions, removals, replacements and swaps of neighbours that turn one into the other.
    static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
        if first.isEmpty || second.isEmpty { return max(first.count, second.count) }
        var beforeLast = [Int](repeating: 0, count: second.count + 1)
        var last = Array(0...second.count)
        for row in 1...first.count {
            var current = [Int](repeating: row, count: second.count + 1)
            for column in 1...second.count {
                let cost = first[row - 1] == second[column - 1] ? 0 : 1
                var value = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
                let isSwap =
                    row > 1 && column > 1 && first[row - 1] == second[column - 2]
                    && first[row - 2] == second[column - 1]
                if isSwap { value = min(value, beforeLast[column - 2] + 1) }
                current[column] = value
            }
            (beforeLast, last) = (last, current)
        }
        return last[second.count]
    }
}
