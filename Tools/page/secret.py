"""A coordinator that wants a token: the dialog, and what is asked while nobody gives it."""

from __future__ import annotations

from pathlib import Path

from .cluster import Cluster
from .gate import Gate
from .walks import SHOWN, expect, show
from .webdriver import Browser

TOKEN = "the-token-of-this-check"
OPEN = "return document.querySelector('dialog[open]') !== null"


def walk(browser: Browser, cluster: Cluster, pictures: list[Path], shot: str) -> None:
    cluster.add_worker("worker-1")
    cluster.run("ingest", str(pictures[0].parents[1]), "--collection", "pictures", "--quiet")
    gate = Gate(browser, is_clock_stopped=True)
    browser.open(cluster.url)
    give_late(browser, gate, shot)
    thumbnails(browser, gate)
    lose(browser, gate)


def refuse_to_give(browser: Browser, gate: Gate) -> None:
    """Nothing is asked while nobody gives the token, however long that takes."""
    browser.press("Escape")
    browser.says("A token is needed.", "#token-needed")
    gate.settle()
    before = gate.asked()
    for _ in range(3):
        gate.tick()
        gate.settle()
    expect(gate.asked() == before, "the page asks, although nobody gives the token")
    expect(not browser.run(OPEN), "the dialog opens by itself")


def give_late(browser: Browser, gate: Gate, shot: str) -> None:
    """Not now; then one too short, a wrong one, and the right one."""
    browser.wait(OPEN, "the dialog")
    role, name = browser.role("dialog")
    expect(role == "dialog" and "token" in name, f"the dialog is a {role} with the name '{name}'")
    role, name = browser.role("dialog input")
    expect(name == "Token", f"the field for the token has the name '{name}'")
    browser.shoot(shot + "token.png")
    refuse_to_give(browser, gate)
    browser.shoot(shot + "token-needed.png")
    browser.click("#token-give")
    browser.wait(OPEN, "the dialog again")
    give(browser, "short")
    browser.says("16 to 256", "#token-message")
    browser.shoot(shot + "token-short.png")
    give(browser, "a-token-of-somebody-else")
    browser.says("not its token", "dialog h2")
    give(browser, TOKEN)
    browser.says("Or begin with one of these", "h2")
    browser.wait(SHOWN, "pictures to begin with", "#results")
    expect(not browser.text("#token-needed"), "a token is needed although there is one")


def give(browser: Browser, token: str) -> None:
    browser.run("document.querySelector('dialog input').value = ''")
    browser.type("dialog input", token)
    browser.press("Enter")


def thumbnails(browser: Browser, gate: Gate) -> None:
    """A picture that could not be had once is asked for again."""
    show(browser, "cluster")
    browser.says("All is well", "#summary")
    gate.set("/thumbnails/", "fail")
    before = gate.asked("/thumbnails/")
    show(browser, "collection")
    browser.wait(SHOWN, "a mosaic", "#mosaic")
    gate.settle()
    expect(gate.asked("/thumbnails/") > before, "no picture was asked for")
    show(browser, "cluster")
    gate.clear()
    show(browser, "collection")
    browser.wait(
        "const all = [...document.querySelectorAll('#mosaic img')].slice(0, 6);"
        " return all.length === 6 && all.every((each) => each.naturalWidth > 0)",
        "pictures of the mosaic that failed before",
    )


def lose(browser: Browser, gate: Gate) -> None:
    """The token is another from now on: what polls asks for it, waits, and goes on with it."""
    show(browser, "cluster")
    browser.says("All is well", "#summary")
    gate.settle()
    browser.run("sessionStorage.setItem('thumbprint-token', 'the-token-of-yesterday')")
    gate.tick()
    browser.says("not its token", "dialog h2")
    refuse_to_give(browser, gate)
    browser.click("#token-give")
    give(browser, TOKEN)
    browser.wait("return !document.getElementById('token-needed').offsetParent", "the end of the request for a token")
    gate.settle()
    before = gate.asked("/cluster")
    gate.tick()
    gate.settle()
    expect(gate.asked("/cluster") == before + 1, "the page Cluster does not go on with the token")
    browser.says("All is well", "#summary")
