"""What the page says of pictures that are added: all that became of them, whatever happens meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

from .cluster import Cluster
from .gate import Gate
from .walks import expect, show
from .webdriver import Browser

COLLECTION = "album"
COUNT_OF_RECORDS = (
    "const term = [...document.querySelectorAll('#facts dt')].find((each) => each.textContent === 'Records');"
    " return Boolean(term) && term.nextElementSibling.textContent === arguments[0]"
)


def choose(browser: Browser, *paths: Path) -> None:
    browser.type("#files", "\n".join(str(each) for each in paths))


def copies(folder: Path, pictures: list[Path], *names: str) -> list[Path]:
    """Pictures under other names, each in turn."""
    made = [folder / each for each in names]
    for picture, path in zip(pictures, made):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, path)
    return made


def all_of_it(browser: Browser, cluster: Cluster, folder: Path, pictures: list[Path], shot: str) -> None:
    gate = Gate(browser)
    browser.open(cluster.url)
    browser.says("Or begin with one of these", "h2")
    cluster.ask("POST", "collections", {"name": COLLECTION, "shards": 1, "replicas": 1})
    show(browser, "collection")
    browser.says("pictures", "h1")
    gate.settle()
    browser.click(f"#collections option[value={COLLECTION}]")
    browser.says(COLLECTION, "h1")
    browser.says("It is empty")
    counts(browser, folder / "counts", pictures, shot)
    lost(browser, gate, folder / "lost", pictures, shot)
    elsewhere(browser, gate, folder / "elsewhere", pictures)
    unreadable(browser, gate, folder / "unreadable", pictures)


def counts(browser: Browser, folder: Path, pictures: list[Path], shot: str) -> None:
    """What was added, replaced, unchanged and refused; and of what is named the same, that it was replaced."""
    one, other, same, more = copies(folder, pictures, "one/tree.png", "other/tree.png", "same.png", "more.png")
    bad = folder / "bad.png"
    bad.write_bytes(b"no picture")
    choose(browser, same)
    browser.says("Added 1 picture.")
    choose(browser, one, same, bad, other, more)
    words = browser.says("Added 2 pictures, 1 replaced, 1 unchanged, 1 refused.")
    expect("named the same: 'tree.png'." in words, f"it is not said which was replaced: {words}")
    expect("Refused: 'bad.png': " in words, f"it is not said which was refused: {words}")
    browser.wait(COUNT_OF_RECORDS, "three records", "3")
    browser.wait("return document.querySelectorAll('#mosaic li').length === 3", "three pictures")
    browser.says("Added 2 pictures")
    browser.shoot(shot + "added.png")


def lost(browser: Browser, gate: Gate, folder: Path, pictures: list[Path], shot: str) -> None:
    """A coordinator that is lost on the way: what is known, and what is not; and an end, in any case."""
    gate.set("name=third", "drop")
    choose(browser, *copies(folder, pictures[4:], "first.png", "second.png", "third.png", "fourth.png", "fifth.png"))
    words = browser.says("Added 2 pictures, 1 perhaps stored, 2 not tried.", ".message.error")
    expect("'third.png': The coordinator does not answer" in words, f"it is not said what is unknown: {words}")
    gate.clear()
    for part in ("/collections", "name="):
        gate.set(part, "drop")
    choose(browser, *copies(folder, pictures[9:], "sixth.png", "seventh.png"))
    words = browser.says("Added no picture, 1 perhaps stored, 1 not tried.", ".message.error")
    gate.clear()
    browser.shoot(shot + "adding-lost.png")
    gate.set("/collections", "hold")
    gate.set("/pictures?", "")
    choose(browser, *copies(folder, pictures[9:], "sixth.png", "seventh.png"))
    browser.says("Added 2 pictures.")
    gate.clear()
    gate.release()


def elsewhere(browser: Browser, gate: Gate, folder: Path, pictures: list[Path]) -> None:
    """Pictures are added also while another page is shown, which says nothing of them; and more may follow."""
    show(browser, "collection")
    browser.says(COLLECTION, "h1")
    gate.set("name=eighth", "hold")
    eighth, ninth = copies(folder, pictures[11:], "eighth.png", "ninth.png")
    choose(browser, eighth)
    gate.holds("name=eighth")
    choose(browser, ninth)
    browser.says("1 of 2", seconds=1)
    show(browser, "search")
    browser.says("Or begin with one of these", "h2")
    gate.set("name=ninth", "hold")
    gate.release()
    gate.holds("name=ninth")
    words = browser.text(".message")
    expect(not words, f"the page Search says '{words}' of what is added")
    gate.clear()
    gate.release()
    show(browser, "collection")
    browser.says("Added 2 pictures.")
    browser.wait(COUNT_OF_RECORDS, "all records", "9")
    show(browser, "search")
    show(browser, "collection")
    browser.wait("return !document.getElementById('collection-message').textContent", "the end of old news")


def unreadable(browser: Browser, gate: Gate, folder: Path, pictures: list[Path]) -> None:
    """A file that cannot be read any more is refused like others, and is not taken for a lost coordinator."""
    show(browser, "collection")
    browser.says(COLLECTION, "h1")
    gate.set("name=gone", "hold")
    gone, tenth = copies(folder, pictures[13:], "gone.png", "tenth.png")
    choose(browser, gone, tenth)
    gate.holds("name=gone")
    gone.unlink()
    gate.clear()
    gate.release()
    words = browser.says("Added 1 picture, 1 refused.")
    expect("'gone.png': It cannot be read." in words, f"it is not said which cannot be read: {words}")
