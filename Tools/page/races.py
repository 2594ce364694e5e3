"""What people do before the coordinator has answered, and what becomes of answers that nobody waits for any more."""

from __future__ import annotations

from pathlib import Path

from .cluster import Cluster
from .gate import Gate
from .walks import COUNT, SHOWN, expect, show
from .webdriver import Browser

CHOOSE = (
    "const each = document.getElementById(arguments[0]); each.value = arguments[1];"
    " each.dispatchEvent(new Event('change'))"
)
HIDE = (
    "Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true });"
    " document.dispatchEvent(new Event('visibilitychange'))"
)
# No record has this number: those of pictures are made of their names, and are greater.
ABSENT = "999"


def all_of_them(browser: Browser, cluster: Cluster, picture: Path) -> None:
    gate = Gate(browser)
    browser.open(cluster.url)
    browser.wait(SHOWN, "pictures to begin with", "#results")
    # The first two may have been given names that do not fit into a heading.
    records = cluster.ask("GET", "collections/pictures/scroll?limit=4")["records"]
    first, second = ((each["id"], each["name"]) for each in records[2:])
    two_records(browser, gate, first, second)
    late_absence(browser, gate, second)
    late_invitation(browser, gate)
    setting_while_coding(browser, gate, picture, second)
    setting_while_searching(browser, gate, first, second)
    leave_while_coding(browser, gate, picture)
    leave_while_chosen(browser, gate)
    other_pages(browser, gate)
    polls(browser, gate)
    addresses(browser, gate, second)


def is_of(browser: Browser, record: tuple[str, str]) -> None:
    """All that is shown is of one record."""
    number, name = record
    title = browser.text("#results-heading")
    expect(title == f"Most like {name}", f"results of {name} are under '{title}'")
    expect(browser.run("return document.getElementById('record').value") == number, f"the number is not that of {name}")
    nearest = browser.run("return document.querySelector('#results a').getAttribute('aria-label')")
    expect(nearest.startswith(name), f"the nearest of {name} is {nearest}")
    pictures = "return [...document.querySelectorAll(arguments[0])].map((each) => each.src.slice(-128))"
    loaded = "#query img:not(.coarse), #results li:first-child img:not(.coarse)"
    browser.wait(f"const all = (() => {{ {pictures} }})(); return all.length === 2", "both pictures", loaded)
    shown, found = browser.run(pictures, loaded)
    expect(shown == found, f"the picture over results of {name} is another's")


def ask_for(browser: Browser, number: str) -> None:
    show(browser, f"search/pictures/{number}")
    browser.wait("return document.getElementById('record').value === arguments[0]", f"the number {number}", number)


def two_records(browser: Browser, gate: Gate, first: tuple[str, str], second: tuple[str, str]) -> None:
    """Of two that were asked for, the last is shown, in whichever order they are answered."""
    for order in ((first, second), (second, first)):
        gate.set("/records/", "hold")
        for number, _ in (first, second):
            ask_for(browser, number)
            browser.wait("return gate.asked.at(-1).endsWith('/' + arguments[0])", f"the record {number}", number)
        for number, _ in order:
            gate.release(f"/records/{number}")
        gate.clear()
        is_of(browser, second)


def late_absence(browser: Browser, gate: Gate, record: tuple[str, str]) -> None:
    """That there is no such record comes to be known after another was asked for."""
    gate.set(f"/records/{ABSENT}", "hold")
    ask_for(browser, ABSENT)
    gate.holds(f"/records/{ABSENT}")
    ask_for(browser, record[0])
    gate.settle()
    gate.clear()
    gate.release()
    is_of(browser, record)
    expect(not browser.text(".message.error"), f"the page says '{browser.text('.message')}'")


def late_invitation(browser: Browser, gate: Gate) -> None:
    """Pictures to begin with come after a record was asked for that is not there."""
    gate.set("/sample", "hold")
    show(browser, "search")
    gate.holds("/sample")
    ask_for(browser, ABSENT)
    browser.says(ABSENT, ".message.error")
    gate.clear()
    gate.release()
    browser.says(ABSENT, ".message.error")
    browser.wait(COUNT, "nothing to be shown for a record that is not there", 0, seconds=1)


def setting_while_coding(browser: Browser, gate: Gate, picture: Path, record: tuple[str, str]) -> None:
    """A setting that changes while a picture is coded is one of the search for that picture."""
    ask_for(browser, record[0])
    gate.settle()
    gate.set("/codes", "hold")
    browser.type("#file", str(picture))
    gate.holds("/codes")
    browser.run(CHOOSE, "k", "7")
    gate.settle()
    gate.clear()
    gate.release()
    expect(browser.text("#results-heading") == "Most like your picture", "the picture was dropped for a setting")
    browser.wait(COUNT, "seven results", 7)


def setting_while_searching(browser: Browser, gate: Gate, first: tuple[str, str], second: tuple[str, str]) -> None:
    """A setting that changes while something is searched for searches again for that, and not for the last."""
    ask_for(browser, first[0])
    gate.settle()
    gate.set("/search", "hold")
    ask_for(browser, second[0])
    gate.holds("/search")
    browser.run(CHOOSE, "k", "24")
    gate.clear()
    gate.release(latest_only=True)
    gate.release()
    is_of(browser, second)
    browser.wait(COUNT, "as many as were asked for last", 24)


def leave_while_coding(browser: Browser, gate: Gate, picture: Path) -> None:
    """A page that is left asks no more, and the one that is gone to stays."""
    gate.set("/codes", "hold")
    browser.type("#file", str(picture))
    gate.holds("/codes")
    show(browser, "cluster")
    browser.wait("return !document.getElementById('cluster-page').hidden", "the page Cluster")
    gate.clear()
    gate.release()
    address = browser.run("return location.hash")
    expect(address == "#cluster", f"the page Cluster has the address {address}")
    browser.click("nav a[href='#search']")
    browser.says("Or begin with one of these", "h2")


def leave_while_chosen(browser: Browser, gate: Gate) -> None:
    """A record that the coordinator was to choose calls nobody back who has left."""
    gate.set("/sample?count=1", "hold")
    browser.run("document.getElementById('random').click()")
    gate.holds("/sample?count=1")
    show(browser, "cluster")
    browser.says("All is well", "#summary")
    gate.clear()
    gate.release()
    address = browser.run("return location.hash")
    expect(address == "#cluster", f"the page Cluster has the address {address}")


def other_pages(browser: Browser, gate: Gate) -> None:
    """What comes late for one page neither is said on another nor takes away what that says."""
    for page in ("collection", "search"):
        gate.set("/sample", "hold")
        show(browser, page)
        gate.holds("/sample")
        gate.set("/cluster", "hold")
        show(browser, "cluster")
        gate.holds("/cluster")
        gate.clear()
        gate.set("/sample", "drop")
        gate.release("/sample")
        gate.clear()
        words = browser.text("#cluster-message")
        expect(not words, f"the page Cluster says '{words}' of the page {page}")
        show(browser, "search/none/1")
        browser.says("no collection of that name", ".message.error")
        gate.release("/cluster")
        browser.says("no collection of that name", ".message.error", seconds=1)


def polls(browser: Browser, gate: Gate) -> None:
    """The page Cluster asks again after an answer, and only while it is looked at."""
    gate.stop_clock()
    gate.set("/cluster", "hold")
    show(browser, "cluster")
    gate.holds("/cluster")
    for _ in range(3):
        gate.tick()
    gate.holds("/cluster")
    gate.clear()
    gate.release()
    before = gate.asked("/cluster")
    gate.tick()
    gate.settle()
    expect(gate.asked("/cluster") == before + 1, "the page Cluster does not ask again after an answer")
    browser.run(HIDE, True)
    gate.tick()
    expect(gate.asked("/cluster") == before + 1, "a page that nobody sees asks")
    browser.run(HIDE, False)
    gate.settle()
    expect(gate.asked("/cluster") == before + 2, "a page that is seen again does not ask")
    show(browser, "search")
    browser.says("Or begin with one of these", "h2")
    gate.tick()
    expect(gate.asked("/cluster") == before + 2, "a page that was left asks")
    gate.start_clock()


def addresses(browser: Browser, gate: Gate, record: tuple[str, str]) -> None:
    """An address that leads nowhere says so, and shows nothing of what was there before."""
    for address, part in (
        ("search/pictures/%", "no record"),
        ("search/%/1", "no record"),
        ("search/pictures", "no record"),
        (f"search/pictures/{record[0]}/1", "no record"),
        ("search/pictures/one", "no record"),
        ("search/none/1", "no collection of that name"),
        ("nothing", "no part of that name"),
    ):
        ask_for(browser, record[0])
        gate.settle()
        browser.wait(SHOWN, "results", "#results")
        show(browser, address)
        browser.says(part, "#search-message.error")
        expect(browser.run(COUNT, 0), f"{address} shows results")
