// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "thumbprint",
  products: [
    .library(name: "ThumbprintCodes", targets: ["ThumbprintCodes"]),
    .library(name: "ThumbprintIndex", targets: ["ThumbprintIndex"]),
    .library(name: "ThumbprintWire", targets: ["ThumbprintWire"]),
    .library(name: "ThumbprintStorage", targets: ["ThumbprintStorage"]),
    .library(name: "ThumbprintCluster", targets: ["ThumbprintCluster"]),
    .library(name: "ThumbprintClient", targets: ["ThumbprintClient"]),
    .library(name: "ThumbprintNets", targets: ["ThumbprintNets"]),
    .library(name: "ThumbprintImages", targets: ["ThumbprintImages"]),
    .library(name: "ThumbprintScenes", targets: ["ThumbprintScenes"]),
    .library(name: "ThumbprintCoding", targets: ["ThumbprintCoding"]),
    .executable(name: "thumbprint", targets: ["thumbprint"]),
    .executable(name: "thumbprint-coordinator", targets: ["thumbprint-coordinator"]),
    .executable(name: "thumbprint-shard", targets: ["thumbprint-shard"]),
    .executable(name: "thumbprint-simulate", targets: ["thumbprint-simulate"]),
    .executable(name: "thumbprint-trial", targets: ["thumbprint-trial"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C kernels, and shims without logic for the libraries of the system.
    .target(
      name: "CHamming",
      cSettings: [.treatAllWarnings(as: .error)]),
    .target(
      name: "CNets",
      cSettings: [.treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary("m")]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),

    .target(
      name: "ThumbprintCodes",
      dependencies: ["CHamming", "CXXHash"],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintIndex",
      dependencies: ["ThumbprintCodes", "CHamming"],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintWire",
      dependencies: ["ThumbprintCodes", "CXXHash"],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintStorage",
      dependencies: ["ThumbprintIndex", "ThumbprintCodes", "CLMDB", "CXXHash"],
      swiftSettings: swiftSettings),
    // What the machines of a cluster decide, without their clocks, sockets and disks.
    .target(
      name: "ThumbprintCluster",
      dependencies: ["ThumbprintCodes"],
      swiftSettings: swiftSettings),
    // How many hosts a cluster needs: arithmetic over what the others cost.
    .target(
      name: "ThumbprintPlanning",
      dependencies: [
        "ThumbprintCluster", "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes",
      ],
      swiftSettings: swiftSettings),
    // Runs the machines on a clock, a network and disks that are made up from a seed.
    .target(
      name: "ThumbprintSimulation",
      dependencies: ["ThumbprintCluster", "ThumbprintCodes"],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "thumbprint-simulate",
      dependencies: ["ThumbprintSimulation"],
      swiftSettings: swiftSettings),
    // Connections that carry frames, for those who serve and those who ask.
    .target(
      name: "ThumbprintTransport",
      dependencies: [
        "ThumbprintWire", "ThumbprintCodes",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOTLS", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    // Between the words of the index and those of the protocol, which do not know each other.
    .target(
      name: "ThumbprintTranslation",
      dependencies: ["ThumbprintWire", "ThumbprintIndex", "ThumbprintCodes"],
      swiftSettings: swiftSettings),
    // A cluster for programs: what the command line uses.
    .target(
      name: "ThumbprintClient",
      dependencies: [
        "ThumbprintTransport", "ThumbprintWire", "ThumbprintCodes",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "thumbprint-coordinator",
      dependencies: [
        "ThumbprintGateway", "ThumbprintMonitoring", "ThumbprintServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "thumbprint-shard",
      dependencies: [
        "ThumbprintMonitoring", "ThumbprintServer", "ThumbprintCluster", "ThumbprintCodes",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    // Workers and coordinators: runs what ThumbprintCluster decides on disks, sockets and threads.
    .target(
      name: "ThumbprintServer",
      dependencies: [
        "ThumbprintTransport", "ThumbprintTranslation", "ThumbprintWire", "ThumbprintCluster",
        "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: swiftSettings),
    // What processes tell those who watch over them: metrics and probes over HTTP.
    .target(
      name: "ThumbprintMonitoring",
      dependencies: [
        "ThumbprintServer", "ThumbprintTransport", "ThumbprintWire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    // The HTTP/JSON API of a coordinator, and its web page.
    .target(
      name: "ThumbprintGateway",
      dependencies: [
        "ThumbprintMonitoring", "ThumbprintServer", "ThumbprintClient", "ThumbprintCoding",
        "ThumbprintTransport", "ThumbprintImages", "ThumbprintWire", "ThumbprintCodes",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
      ],
      resources: [
        .embedInCode("openapi.yaml"), .embedInCode("Page/index.html"),
        .embedInCode("Page/style.css"), .embedInCode("Page/page.js"),
        .embedInCode("Page/parts.js"), .embedInCode("Page/search.js"),
        .embedInCode("Page/collection.js"), .embedInCode("Page/cluster.js"),
        .embedInCode("Page/token.js"), .embedInCode("Page/icon.svg"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintNets",
      dependencies: ["ThumbprintCodes", "CNets", "COpenBLAS"],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintImages",
      dependencies: ["CPNG", "CJPEG"],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintScenes",
      dependencies: ["ThumbprintImages", "ThumbprintCodes"],
      swiftSettings: swiftSettings),
    .target(
      name: "ThumbprintCoding",
      dependencies: ["ThumbprintNets", "ThumbprintImages", "ThumbprintCodes", "CXXHash"],
      // Found beside the program, not through the bundle: see ModelOptions.
      resources: [.copy("Resources/thumbprint.safetensors")],
      swiftSettings: swiftSettings),
    // The commands are a library, so that tests reach their parsing and their texts.
    .target(
      name: "ThumbprintCommands",
      dependencies: [
        "ThumbprintClient", "ThumbprintTransport", "ThumbprintTranslation", "ThumbprintWire",
        "ThumbprintPlanning", "ThumbprintStorage",
        "ThumbprintIndex", "ThumbprintCodes", "CXXHash", "ThumbprintScenes", "ThumbprintCoding",
        "ThumbprintNets",
        "ThumbprintImages",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "thumbprint",
      dependencies: ["ThumbprintCommands"],
      swiftSettings: swiftSettings),

    // Real clusters of the real executables, measured and tormented.
    .target(
      name: "ThumbprintTrials",
      dependencies: [
        "ThumbprintClient", "ThumbprintTransport", "ThumbprintTranslation", "ThumbprintWire",
        "ThumbprintCommands", "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "thumbprint-trial",
      dependencies: ["ThumbprintTrials"],
      swiftSettings: swiftSettings),

    .target(
      name: "ThumbprintTestKit",
      dependencies: ["ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintCodesTests",
      dependencies: ["ThumbprintCodes", "ThumbprintTestKit", "CHamming", "CXXHash"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintIndexTests",
      dependencies: ["ThumbprintIndex", "ThumbprintCodes", "ThumbprintTestKit", "CHamming"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintWireTests",
      dependencies: ["ThumbprintWire", "ThumbprintCodes", "ThumbprintTestKit"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintStorageTests",
      dependencies: [
        "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes", "ThumbprintTestKit",
        "thumbprint-crash-child",
      ],
      swiftSettings: swiftSettings),
    // Works on a store until a test of ThumbprintStorageTests kills it.
    .executableTarget(
      name: "thumbprint-crash-child",
      dependencies: [
        "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes", "ThumbprintTestKit",
      ],
      path: "Tests/CrashChild",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintClusterTests",
      dependencies: ["ThumbprintCluster", "ThumbprintSimulation", "ThumbprintCodes"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintPlanningTests",
      dependencies: [
        "ThumbprintPlanning", "ThumbprintCluster", "ThumbprintStorage", "ThumbprintIndex",
        "ThumbprintCodes", "ThumbprintTestKit",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintTransportTests",
      dependencies: [
        "ThumbprintTransport", "ThumbprintWire", "ThumbprintCodes", "ThumbprintTestKit",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintServerTests",
      dependencies: [
        "thumbprint-coordinator", "thumbprint-shard",
        "ThumbprintServer", "ThumbprintClient", "ThumbprintTransport", "ThumbprintTranslation",
        "ThumbprintWire", "ThumbprintCluster", "ThumbprintStorage", "ThumbprintIndex",
        "ThumbprintCodes", "ThumbprintTestKit",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings),
    // The executables as operators and programs meet them: metrics, probes, settings, the HTTP API,
    // and peers that break the rules.
    .testTarget(
      name: "DaemonTests",
      dependencies: [
        "ThumbprintGateway", "ThumbprintMonitoring", "ThumbprintServer", "ThumbprintClient",
        "ThumbprintTransport", "ThumbprintCoding", "ThumbprintImages", "ThumbprintWire",
        "ThumbprintCodes", "ThumbprintTestKit", "thumbprint-coordinator", "thumbprint-shard",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintCommandsTests",
      dependencies: [
        "ThumbprintCommands", "ThumbprintPlanning", "ThumbprintWire", "ThumbprintStorage",
        "ThumbprintIndex", "ThumbprintCodes", "ThumbprintCoding", "ThumbprintImages",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
    // Reads the sources and documents of the project itself.
    .testTarget(
      name: "ProjectTests",
      dependencies: [
        "thumbprint", "thumbprint-coordinator", "thumbprint-shard", "thumbprint-simulate",
        "thumbprint-trial", "ThumbprintCommands", "ThumbprintClient", "ThumbprintCoding",
        "ThumbprintNets", "ThumbprintImages", "ThumbprintScenes", "ThumbprintStorage",
        "ThumbprintCluster", "ThumbprintWire", "ThumbprintIndex", "ThumbprintCodes",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintNetsTests",
      dependencies: ["ThumbprintNets", "ThumbprintCodes", "CNets"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintImagesTests",
      dependencies: ["ThumbprintImages", "ThumbprintCodes", "CJPEG"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintScenesTests",
      dependencies: ["ThumbprintScenes", "ThumbprintImages"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ThumbprintCodingTests",
      dependencies: ["ThumbprintCoding", "ThumbprintNets", "ThumbprintImages", "ThumbprintCodes"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "thumbprint", "thumbprint-trial", "thumbprint-coordinator", "thumbprint-shard",
        "ThumbprintCommands", "ThumbprintCodes", "ThumbprintCoding",
        "ThumbprintNets", "ThumbprintImages", "ThumbprintTestKit",
      ],
      swiftSettings: swiftSettings),
  ],
  cLanguageStandard: .gnu17
)
