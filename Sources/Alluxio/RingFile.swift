import Cluster
import FoundationEssentials
import Glibc
import Settings
import SmallFiles

/// A file that lists the workers of a ring: a JSON list of `{"version":1,"identifier":"<hex>"}`.
///
/// Other fields of an element are ignored. Errors count the elements from 1.
enum RingFile {
    /// The largest file that is read.
    static let sizeBytesMaximum = 16 << 20

    private static let form = #"{"version":1,"identifier":"<32 hexadecimal digits>"}"#

    private struct Element: Decodable {
        let version: Int
        let identifier: String

        private enum Key: String, CodingKey { case version, identifier }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            // Asked for an Int, the decoder forgets where in the list a fraction stands.
            let number = try fields.decode(Double.self, forKey: .version)
            guard let version = Int(exactly: number) else {
                let flaw = "a fraction"
                throw DecodingError.dataCorruptedError(forKey: .version, in: fields, debugDescription: flaw)
            }
            self.version = version
            identifier = try fields.decode(String.self, forKey: .identifier)
        }
    }

    /// The workers of a file, in its order.
    /// - Throws: A ``Failure`` that names the file, the element and the remedy.
    static func workers(at path: String) throws(Failure) -> [WorkerIdentity] {
        var workers: [WorkerIdentity] = []
        var places: [WorkerIdentity: Int] = [:]
        for (index, element) in try elements(at: path).enumerated() {
            let worker = try identity(of: element, place(index, of: path))
            if let first = places.updateValue(index, forKey: worker) {
                throw Failure(
                    "\(place(index, of: path)) is the same worker as element \(first + 1);"
                        + " remove one, or correct its identifier"
                )
            }
            workers.append(worker)
        }
        return workers
    }

    private static func place(_ index: Int, of path: String) -> String {
        "ring file '\(path)': element \(index + 1)"
    }

    private static func identity(of element: Element, _ place: String) throws(Failure) -> WorkerIdentity {
        do throws(WorkerIdentityError) {
            return try WorkerIdentity(version: element.version, hexIdentifier: element.identifier)
        } catch {
            throw Failure("\(place): \(error)")
        }
    }

    private static func elements(at path: String) throws(Failure) -> [Element] {
        let bytes = try read(path)
        do {
            return try JSONDecoder().decode([Element].self, from: Data(bytes))
        } catch let error as DecodingError {
            throw explained(error, path)
        } catch {
            throw Failure("ring file '\(path)' is not JSON; write a list of \(form)")
        }
    }

    /// Says in the words of the format what a decoder did not like.
    private static func explained(_ error: DecodingError, _ path: String) -> Failure {
        let (codingPath, flaw) = facts(of: error)
        guard let index = codingPath.first?.intValue else {
            let isJSON = flaw != .unreadable
            return Failure(
                "ring file '\(path)' is \(isJSON ? "no JSON list" : "not JSON"); write a list of \(form)"
            )
        }
        let place = place(index, of: path)
        guard codingPath.count > 1, let key = codingPath.last?.stringValue else {
            return Failure("\(place) is no object; write \(form)")
        }
        if flaw == .missing { return Failure("\(place) has no '\(key)'; write \(form)") }
        let kind = key == "version" ? "whole number" : "text"
        return Failure("\(place): '\(key)' is no \(kind); write \(form)")
    }

    private enum Flaw { case missing, otherKind, unreadable }

    private static func facts(of error: DecodingError) -> (path: [any CodingKey], flaw: Flaw) {
        switch error {
        case .keyNotFound(let key, let context): (context.codingPath + [key], .missing)
        case .typeMismatch(_, let context), .valueNotFound(_, let context): (context.codingPath, .otherKind)
        case .dataCorrupted(let context): (context.codingPath, .unreadable)
        @unknown default: ([], .unreadable)
        }
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, "cannot be read: \(systemText(errno))") }
        defer { close(descriptor) }
        do throws(SmallFile.Failure) {
            return try SmallFile.contents(of: descriptor, atMostBytes: sizeBytesMaximum)
        } catch {
            throw unreadable(path, error.text)
        }
    }

    private static func unreadable(_ path: String, _ why: String) -> Failure {
        Failure("the ring file '\(path)' \(why); give a file that lists the workers, as [\(form)]")
    }
}
