import ThumbprintSimulation

SimulateProgram.run(Array(CommandLine.arguments.dropFirst()))
