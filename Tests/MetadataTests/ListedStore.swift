import Metadata
import Pages

/// A store that can only be listed.
protocol ListedStore: MetadataSource {}

extension ListedStore {
    func uri(of path: RelativePath) -> UFSURI { UFSURI("test://\(path)") }
    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        throw .notFound
    }
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { throw .notFound }
}
