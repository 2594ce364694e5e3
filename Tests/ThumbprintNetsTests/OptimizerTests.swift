import Testing
import ThumbprintNets

@Suite struct OptimizerTests {
  /// The reference in double precision, straight from the papers.
  @Test func adamFollowsItsDefinition() {
    var parameters: [Float] = [1, -2, 0.5]
    var adam = Adam(parameterCount: 3, options: Adam.Options(weightDecay: 0.01))
    var (exact, m, v) = (parameters.map(Double.init), [0.0, 0, 0], [0.0, 0, 0])
    var random = NetRandom(1)
    var (decay1, decay2) = (1.0, 1.0)
    for step in 0..<200 {
      let gradient = (0..<3).map { _ in random.normal() }
      let rate = 0.01 * Float(step % 7)
      adam.update(&parameters, gradient: gradient, rate: rate)
      decay1 *= 0.9
      decay2 *= 0.999
      for i in 0..<3 {
        let g = Double(gradient[i])
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        exact[i] -= Double(rate) * 0.01 * exact[i]
        exact[i] -=
          Double(rate) * (m[i] / (1 - decay1)) / ((v[i] / (1 - decay2)).squareRoot() + 1e-8)
      }
    }
    expectClose(parameters, exact, "parameters")
    #expect(adam.step == 200)
  }

  @Test func descentFollowsItsDefinition() {
    var parameters: [Float] = [1, -2]
    var descent = StochasticGradientDescent(
      parameterCount: 2, momentum: 0.5, weightDecay: 0.1)
    descent.update(&parameters, gradient: [1, 2], rate: 0.1)
    // v = g + 0.1 p = (1.1, 1.8)
    expectClose(parameters, [1 - 0.11, -2 - 0.18], "first")
    descent.update(&parameters, gradient: [0, 0], rate: 0.1)
    // v = 0.5 v + 0.1 p = (0.55 + 0.089, 0.9 − 0.218)
    expectClose(parameters, [0.89 - 0.0639, -2.18 - 0.0682], "second")
  }

  @Test func theScheduleWarmsUpAndAnneals() {
    let schedule = LearningRateSchedule(
      peak: 1, final: 0.1, warmUpStepCount: 4, stepCount: 15)
    #expect((0..<4).map(schedule.rate) == [0.25, 0.5, 0.75, 1])
    #expect(schedule.rate(step: 4) == 1)
    #expect(abs(schedule.rate(step: 9) - 0.55) < 1e-6)
    #expect(abs(schedule.rate(step: 14) - 0.1) < 1e-6)
    #expect(schedule.rate(step: 15) == 0.1)
    let rates = (4..<15).map(schedule.rate)
    #expect(rates == rates.sorted(by: >))
    let short = LearningRateSchedule(peak: 1, final: 0, warmUpStepCount: 0, stepCount: 1)
    #expect(short.rate(step: 0) == 1)
  }

  @Test func adamFitsALine() {
    var parameters: [Float] = [0, 0]
    var adam = Adam(parameterCount: 2)
    let schedule = LearningRateSchedule(
      peak: 0.1, final: 1e-4, warmUpStepCount: 10, stepCount: 500)
    var random = NetRandom(2)
    for step in 0..<500 {
      let x = random.normal()
      let error = parameters[0] * x + parameters[1] - (3 * x - 1)
      adam.update(
        &parameters, gradient: [2 * error * x, 2 * error], rate: schedule.rate(step: step))
    }
    #expect(abs(parameters[0] - 3) < 0.01 && abs(parameters[1] + 1) < 0.01)
  }
}
