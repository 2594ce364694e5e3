import ArgumentParser

@main
struct Thumbprint: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thumbprint",
    abstract: "Finds pictures by 4096-bit codes, and shows what it found.")
}
