"""What stands between a page and its coordinator, so that answers come late, fail or are counted as a check wants.

Nothing here waits for time to pass: a check opens and closes the gate, and the clock of the page is the check's.
"""

from __future__ import annotations

from .webdriver import Browser

SCRIPT = """
(() => {
  const fetch = window.fetch.bind(window);
  const timers = { setTimeout: window.setTimeout.bind(window), setInterval: window.setInterval.bind(window) };
  const clears = { clearTimeout: window.clearTimeout.bind(window), clearInterval: window.clearInterval.bind(window) };
  const gate = window.gate = { rules: [], held: [], asked: [], open: 0, isStopped: false, waiting: new Map() };

  // A request is open until the page has dealt with its answer, up to the next that it asks for.
  const closed = () => timers.setTimeout(() => { gate.open -= 1; });
  const closing = (answer) => {
    // Nobody reads why it was not let in.
    if (answer.status === 401) { closed(); return answer; }
    const json = answer.json.bind(answer);
    answer.json = () => { const body = json(); body.then(closed, closed); return body; };
    return answer;
  };
  const held = (path, signal) => new Promise((go, stop) => {
    const each = { path, go };
    const leave = () => { gate.held.splice(gate.held.indexOf(each), 1); };
    each.go = () => { leave(); go(); };
    gate.held.push(each);
    if (!signal) return;
    signal.addEventListener("abort", () => { if (gate.held.includes(each)) { leave(); stop(signal.reason); } });
  });
  const way = (path) => {
    const rule = gate.rules.find((each) => path.includes(each.part));
    return rule ? rule.way : "";
  };
  window.fetch = async (address, options = {}) => {
    const path = String(address);
    const isPicture = path.includes("/thumbnails/");
    gate.asked.push(path);
    if (!isPicture) gate.open += 1;
    try {
      if (way(path) === "hold") await held(path, options.signal);
      if (way(path) === "drop") throw new TypeError("Failed to fetch");
      const answer = way(path) === "fail" ? new Response("{}", { status: 503 }) : await fetch(address, options);
      return isPicture ? answer : closing(answer);
    } catch (error) {
      if (!isPicture) closed();
      throw error;
    }
  };

  // While the clock stands, what waits for longer than a moment waits for a tick.
  let number = -1;
  for (const [name, isOnce] of [["setTimeout", true], ["setInterval", false]]) {
    window[name] = (work, delay = 0, ...rest) => {
      if (!gate.isStopped || delay < 500) return timers[name](work, delay, ...rest);
      gate.waiting.set(number, { work, isOnce });
      return number--;
    };
  }
  for (const name of ["clearTimeout", "clearInterval"]) {
    window[name] = (id) => { if (!gate.waiting.delete(id)) clears[name](id); };
  }
  gate.tick = () => {
    for (const [id, { work, isOnce }] of [...gate.waiting]) {
      if (isOnce) gate.waiting.delete(id);
      work();
    }
  };
})();
"""


class Gate:
    """The gate of every page that a window opens from now on."""

    def __init__(self, browser: Browser, is_clock_stopped: bool = False) -> None:
        self.browser = browser
        script = SCRIPT + ("window.gate.isStopped = true;" if is_clock_stopped else "")
        browser.call(
            "POST",
            "/goog/cdp/execute",
            {"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": script}},
        )

    def set(self, part: str, way: str) -> None:
        """What becomes of requests with this in their address: `hold`, `drop`, or `fail` with 503.

        What is set last comes first, also for what is held when it is released.
        """
        self.browser.run("gate.rules.unshift({ part: arguments[0], way: arguments[1] })", part, way)

    def clear(self) -> None:
        """New requests pass; those that are held stay so."""
        self.browser.run("gate.rules = []")

    def holds(self, part: str, count: int = 1) -> None:
        """Waits until so many requests with this in their address are held."""
        self.browser.wait(
            "return gate.held.filter((each) => each.path.includes(arguments[0])).length === arguments[1]",
            f"{count} of {part} to be held",
            part,
            count,
        )

    def release(self, part: str = "", latest_only: bool = False) -> None:
        """Lets those pass that are held, and waits until the page has dealt with what they brought."""
        self.browser.run(
            "const held = gate.held.filter((each) => each.path.includes(arguments[0]));"
            " held.slice(arguments[1] ? -1 : 0).forEach((each) => each.go())",
            part,
            latest_only,
        )
        self.settle()

    def settle(self) -> None:
        """Waits until nothing is open but what is held."""
        self.browser.wait("return gate.open === gate.held.length", "answers to all requests")

    def asked(self, part: str = "/api/") -> int:
        """How often addresses with this were asked for."""
        return self.browser.run("return gate.asked.filter((each) => each.includes(arguments[0])).length", part)

    def stop_clock(self) -> None:
        self.browser.run("gate.isStopped = true")

    def start_clock(self) -> None:
        self.browser.run("gate.isStopped = false; gate.tick()")

    def tick(self) -> None:
        """Lets everything happen for which time would have to pass."""
        self.browser.run("gate.tick()")
