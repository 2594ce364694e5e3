"""One window of headless Chromium, by the WebDriver protocol (https://www.w3.org/TR/webdriver2)."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

# Pictures further down are loaded when somebody comes near them.
LOADED = (
    "return [...document.images].filter((each) => each.offsetParent"
    " && each.getBoundingClientRect().top < innerHeight)"
    ".every((each) => each.complete && each.naturalWidth > 0 && !each.classList.contains('coarse'))"
)


class Failure(Exception):
    """The page did not do what it has to."""


class Driver:
    """A chromedriver on a port that it chose itself."""

    def __init__(self) -> None:
        self.windows: list[Browser] = []
        self.process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout
        for line in self.process.stdout:
            found = re.search(r"started successfully on port ([0-9]+)", line)
            if found:
                self.port = int(found[1])
                return
        raise Failure(f"chromedriver ended with status {self.process.wait()}")

    def close(self) -> None:
        # A browser outlives the driver that started it.
        for window in self.windows:
            window.end()
        self.process.terminate()
        self.process.wait()


class Browser:
    """A window; what its page logs and asks for is checked when it is closed."""

    def __init__(self, driver: Driver, width: int = 1200, height: int = 900, dark: bool = False):
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            f"--window-size={width},{height}",
        ]
        if dark:
            arguments.append("--blink-settings=preferredColorScheme=0")
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self.base = f"http://127.0.0.1:{driver.port}"
        self.path = ""
        self.requests: list[str] = []
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.path = f"/session/{session['sessionId']}"
        driver.windows.append(self)
        if width < 500:
            # A window is never narrower than that; the screen of a phone is.
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
            self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def call(self, method: str, path: str, body: object = None):
        request = urllib.request.Request(
            f"{self.base}{self.path}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            why = error.read().decode()[:400]
            raise Failure(f"{method} {path}: {why}") from error

    def open(self, url: str) -> None:
        self.origin = urllib.parse.urlsplit(url).netloc
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, what: str, *arguments: object, seconds: float = 20):
        """Waits until a script returns something true, and gives it."""
        end = time.monotonic() + seconds
        while True:
            found = self.run(script, *arguments)
            if found:
                return found
            if time.monotonic() > end:
                says = self.text(".message:not(:empty)")
                raise Failure(f"waited in vain for {what}; the page says '{says}'")
            time.sleep(0.02)

    def text(self, css: str) -> str:
        """All texts of what is seen, one after another."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].filter((each) => each.offsetParent)"
            ".map((each) => each.textContent).join(' | ')",
            css,
        )

    def says(self, part: str, css: str = ".message", seconds: float = 20) -> str:
        """Waits for words in a place."""
        return self.wait(
            "const found = [...document.querySelectorAll(arguments[1])].filter((each) =>"
            " each.offsetParent && each.textContent.includes(arguments[0]));"
            " return found.length ? found[0].textContent : ''",
            f"'{part}' in {css}",
            part,
            css,
            seconds=seconds,
        )

    def element(self, css: str) -> str:
        found = self.call("POST", "/element", {"using": "css selector", "value": css})
        return f"/element/{next(iter(found.values()))}"

    def click(self, css: str) -> None:
        self.call("POST", self.element(css) + "/click", {})

    def type(self, css: str, text: str) -> None:
        """Types into a field, or chooses files with it."""
        self.call("POST", self.element(css) + "/value", {"text": text})

    def role(self, css: str) -> tuple[str, str]:
        """What an element is to people who do not see it, and its name."""
        element = self.element(css)
        return self.call("GET", element + "/computedrole"), self.call("GET", element + "/computedlabel")

    def press(self, key: str) -> str:
        """Presses a key and gives what has the focus then, as `tag#id` or its words."""
        codes = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c"}
        strokes = [{"type": each, "value": codes[key]} for each in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})
        return self.run(
            "const each = document.activeElement;"
            " return each.id ? each.tagName.toLowerCase() + '#' + each.id : each.textContent.trim().slice(0, 40)"
        )

    def shoot(self, path: str) -> None:
        self.wait(LOADED, "thumbnails")
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def fits(self) -> None:
        """Nothing is wider than the window."""
        wide = self.run(
            "return document.documentElement.scrollWidth > innerWidth ?"
            " [...document.querySelectorAll('main *')].filter((each) =>"
            " each.getBoundingClientRect().right > innerWidth + 1).map((each) =>"
            " each.tagName + '#' + each.id + '.' + each.className).slice(0, 5) : []"
        )
        if wide:
            raise Failure(f"the page is wider than its window: {wide}")

    def asked(self) -> list[str]:
        """Addresses that the page has asked for."""
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if urllib.parse.urlsplit(url).scheme not in ("blob", "data"):
                    self.requests.append(url)
        return self.requests

    def close(self, refusals: bool = False) -> None:
        """Checks the log of the page, and that it asked nobody else.

        With `refusals`, answers that say no are part of what was tried.
        """
        errors = [
            each["message"]
            for each in self.call("POST", "/se/log", {"type": "browser"})
            if not (refusals and each.get("source") == "network")
        ]
        hosts = {urllib.parse.urlsplit(each).netloc for each in self.asked()}
        self.end()
        if errors:
            raise Failure(f"the page logged {errors}")
        if hosts != {self.origin}:
            raise Failure(f"the page asked {sorted(hosts)}")

    def end(self) -> None:
        """Closes the window without any check; no harm if it is closed already."""
        if self.path:
            try:
                self.call("DELETE", "")
            except (Failure, OSError):
                pass
            self.path = ""
