/// The version that all programs of this project share.
package enum Version {
    /// Its text, such as `1.2.3`.
    package static let text = "0.1.0"
}
