import ThumbprintTrials

await TrialProgram.start()
