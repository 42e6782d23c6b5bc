// swift-tools-version: 6.2
import PackageDescription

// One list of switches for every Swift target; docs/hacking.md says why each is there.
let swift: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
let c: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]

let package = Package(
    name: "alluxio-fuse",
    products: [
        .executable(name: "alluxio-fuse", targets: ["AlluxioFuse"]),
        .executable(name: "alluxio", targets: ["Alluxio"]),
        // What csi/ uses, and at last what Fuzz/ does: a package sees another one's targets through its
        // products.
        .library(name: "CCrypto", targets: ["CCrypto"]),
        .library(name: "CLinux", targets: ["CLinux"]),
        .library(name: "HTTPTransport", targets: ["HTTPTransport"]),
        .library(name: "SmallFiles", targets: ["SmallFiles"]),
        .library(name: "Telemetry", targets: ["Telemetry"]),
        .library(name: "TestServers", targets: ["TestServers"]),
        .library(name: "Threading", targets: ["Threading"]),
        .library(name: "FuzzedParts", targets: ["ObjectStore", "PageCache", "CLinux"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        // L0: C libraries and system calls.
        .systemLibrary(name: "CFuse3", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
        .target(name: "CFuse3Shim", dependencies: ["CFuse3"], cSettings: c),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(
            name: "CCurlShim",
            dependencies: ["CCurl"],
            cSettings: c,
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]
        ),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux", cSettings: c),
        .target(name: "Threading", dependencies: ["CLinux"], swiftSettings: swift),
        // A target of its own: stores, cluster, settings and programs read such files and have no other part
        // below them in common whose subject files are.
        .target(name: "SmallFiles", swiftSettings: swift),

        // L1: identities, metadata, transport.
        .target(name: "Pages", swiftSettings: swift),
        .target(
            name: "Metadata",
            dependencies: ["Pages", "Threading", "CLinux", metrics],
            swiftSettings: swift
        ),
        .target(
            name: "HTTPTransport",
            dependencies: ["CCurl", "CCurlShim", logging, metrics],
            swiftSettings: swift
        ),
        .target(name: "Telemetry", dependencies: ["Threading", logging, metrics], swiftSettings: swift),

        // L2: the links of the chain.
        .target(
            name: "FileSystem",
            dependencies: ["Pages", "Metadata", "Threading", "CLinux", logging, metrics],
            swiftSettings: swift
        ),
        .target(
            name: "PageCache",
            dependencies: ["Pages", "Threading", "CLinux", "CCrypto", logging, metrics],
            swiftSettings: swift
        ),
        .target(
            name: "ObjectStore",
            dependencies: [
                "Pages", "Metadata", "HTTPTransport", "SmallFiles", "Threading", "CCrypto", "CLinux", logging,
                metrics,
            ],
            swiftSettings: swift
        ),
        .target(
            name: "Cluster",
            dependencies: [
                "Pages", "Metadata", "HTTPTransport", "SmallFiles", "Threading", "CCrypto", "CLinux", logging,
                metrics,
            ],
            swiftSettings: swift
        ),

        // L3: the kernel's side.
        .target(
            name: "FuseMount",
            dependencies: [
                "FileSystem", "Pages", "Metadata", "Threading", "CFuse3", "CFuse3Shim", logging, metrics,
            ],
            swiftSettings: swift
        ),

        // L3: the worker's side. The daemon does not link it.
        .target(
            name: "Servers",
            dependencies: [
                "Pages", "Metadata", "PageCache", "HTTPTransport", "Telemetry", "Threading", "CCrypto",
                "CLinux", logging, metrics,
            ]
                + nio,
            swiftSettings: swift
        ),

        // L4: settings, command line, composition.
        .target(
            name: "Settings",
            dependencies: [
                "Cluster", "ObjectStore", "HTTPTransport", "Metadata", "Pages", "SmallFiles", "Threading",
                logging, metrics,
                .product(name: "Configuration", package: "swift-configuration"),
            ],
            swiftSettings: swift
        ),
        .executableTarget(
            name: "Alluxio",
            dependencies: [
                "Servers", "Cluster", "ObjectStore", "HTTPTransport", "PageCache", "Metadata", "Pages",
                "Settings", "SmallFiles", "Telemetry", "Threading", "CLinux", logging, metrics,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift
        ),
        .executableTarget(
            name: "AlluxioFuse",
            dependencies: [
                "Settings", "FuseMount", "FileSystem", "PageCache", "Cluster", "ObjectStore", "Metadata",
                "Pages",
                "SmallFiles", "Telemetry", "Threading", "CLinux", logging, metrics,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift
        ),

        .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: swift),
        .testTarget(name: "PagesTests", dependencies: ["Pages"], swiftSettings: swift),
        .testTarget(name: "SmallFilesTests", dependencies: ["SmallFiles"], swiftSettings: swift),
        .testTarget(name: "ThreadingTests", dependencies: ["Threading"], swiftSettings: swift),
        .testTarget(
            name: "MetadataTests",
            dependencies: ["Metadata", "Pages", "Threading", "CLinux", "SeededRandom"],
            swiftSettings: swift
        ),
        .testTarget(
            name: "FileSystemTests",
            dependencies: ["FileSystem", "Metadata", "Pages", "Threading", "SeededRandom"],
            swiftSettings: swift
        ),
        .testTarget(
            name: "PageCacheTests",
            dependencies: ["PageCache", "Pages", "Threading", "CLinux", "SeededRandom"],
            swiftSettings: swift
        ),
        .testTarget(
            name: "HTTPTransportTests",
            dependencies: ["HTTPTransport", "TestServers"],
            swiftSettings: swift
        ),
        // Real servers for tests: SeaweedFS as S3, and processes that end with the test.
        .target(
            name: "TestServers",
            dependencies: ["HTTPTransport", "ObjectStore", "Pages", "Threading", logging],
            path: "Tests/TestServers",
            swiftSettings: swift
        ),
        .testTarget(
            name: "ObjectStoreTests",
            dependencies: [
                "ObjectStore", "HTTPTransport", "Metadata", "Pages", "TestServers", "SeededRandom", "CCurl",
                "CCurlShim", logging,
            ],
            swiftSettings: swift
        ),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "Cluster", "HTTPTransport", "Metadata", "Pages", "Telemetry", "SeededRandom", "TestServers",
                "Threading", "CCrypto", logging,
            ],
            exclude: ["Vectors"],
            swiftSettings: swift
        ),
        .testTarget(
            name: "AlluxioTests",
            dependencies: ["Alluxio", "Cluster", "Pages", "Settings", "TestServers"],
            swiftSettings: swift
        ),
        .target(name: "CMountTestSupport", path: "Tests/CMountTestSupport", cSettings: c),
        .testTarget(
            name: "FuseMountTests",
            dependencies: [
                "FuseMount", "FileSystem", "Metadata", "Pages", "Threading", "CFuse3", "CMountTestSupport",
                logging,
            ],
            swiftSettings: swift
        ),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["Telemetry", logging, metrics],
            swiftSettings: swift
        ),
        .testTarget(
            name: "SettingsTests",
            dependencies: [
                "Settings", "Cluster", "Metadata", "Pages", "SeededRandom", "SmallFiles",
                .product(name: "Configuration", package: "swift-configuration"),
            ],
            swiftSettings: swift
        ),
        .testTarget(
            name: "AlluxioFuseTests",
            dependencies: [
                "AlluxioFuse", "Settings", "Cluster", "Metadata", "Pages", "SmallFiles", "Telemetry", logging,
            ],
            swiftSettings: swift
        ),
        .testTarget(
            name: "ServersTests",
            dependencies: [
                "Servers", "ObjectStore", "PageCache", "HTTPTransport", "Metadata", "Pages", "TestServers",
                logging,
            ] + nio,
            swiftSettings: swift
        ),
        .testTarget(name: "TidyTests", swiftSettings: swift),
    ]
)
