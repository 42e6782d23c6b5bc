// swift-tools-version: 6.2
import PackageDescription

// A package of its own: everything here is built with coverage for libFuzzer, which the daemon must not be.
// Build and run it with Fuzz/run.
let parts: [Target.Dependency] = ["CLibFuzzer", .product(name: "FuzzedParts", package: "alluxio-fuse")]

let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "alluxio-fuse", path: "..")],
    targets: [
        .target(name: "CLibFuzzer"),
        .executableTarget(name: "FuzzS3XML", dependencies: parts),
        .executableTarget(name: "FuzzCacheRecord", dependencies: parts),
        .executableTarget(name: "FuzzAttributes", dependencies: parts),
        // Compiles files of Settings, by links in Settings/: what is `package` cannot be imported from here.
        .executableTarget(name: "FuzzSettings", dependencies: ["CLibFuzzer"]),
    ]
)
