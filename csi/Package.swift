// swift-tools-version: 6.2
import PackageDescription

// A package of its own: what gRPC needs is most of a build, and nothing else needs it.
let swift: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

func root(_ product: String) -> Target.Dependency { .product(name: product, package: "alluxio-fuse") }
let grpc: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")

let package = Package(
    name: "alluxio-csi",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "alluxio-csi", targets: ["AlluxioCSI"])],
    dependencies: [
        .package(name: "alluxio-fuse", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Generated from Protos/csi.proto by scripts/generate-csi-protocol.
        .target(
            name: "CSIProtocol",
            dependencies: [
                grpc, .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]
        ),
        // What a volume is, and which daemon it needs: values only.
        .target(name: "Volumes", dependencies: [root("CCrypto")], swiftSettings: swift),
        // A client of the Kubernetes API: as much of it as a node plugin needs.
        .target(
            name: "Kubernetes",
            dependencies: [
                root("HTTPTransport"), root("SmallFiles"), root("Telemetry"), root("Threading"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swift
        ),
        // System calls on mounts that the C library has no names for.
        .target(name: "CMounts", cSettings: [.enableWarning("all"), .treatAllWarnings(as: .error)]),
        // Mounts, processes and state of one node.
        .target(
            name: "Node",
            dependencies: [
                "Volumes", "Kubernetes", "CMounts", root("CLinux"), root("HTTPTransport"), root("SmallFiles"),
                root("Threading"),
                logging, metrics,
            ],
            swiftSettings: swift
        ),
        .executableTarget(
            name: "AlluxioCSI",
            dependencies: [
                "CSIProtocol", "Volumes", "Kubernetes", "Node", root("Telemetry"), root("Threading"), logging,
                metrics,
                grpc,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swift
        ),
        .testTarget(name: "VolumesTests", dependencies: ["Volumes"], swiftSettings: swift),
        // Starts the API server of Tests/rig for tests in Swift.
        .target(
            name: "APIServerRig",
            dependencies: ["Kubernetes", root("HTTPTransport"), root("TestServers")],
            path: "Tests/APIServerRig",
            swiftSettings: swift
        ),
        .testTarget(
            name: "KubernetesTests",
            dependencies: [
                "Kubernetes", "APIServerRig", root("HTTPTransport"), root("TestServers"), root("Threading"),
            ],
            swiftSettings: swift
        ),
        .testTarget(
            name: "NodeTests",
            dependencies: ["Node", "Volumes", "Kubernetes", "APIServerRig", logging],
            swiftSettings: swift
        ),
    ]
)
