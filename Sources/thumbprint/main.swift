import ThumbprintCommands

ThumbprintProgram.run()
