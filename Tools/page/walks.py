"""What people do with the page, step by step."""

from __future__ import annotations

import base64
import random
from pathlib import Path

from .cluster import Cluster
from .pictures import hostile
from .webdriver import Browser, Failure

COUNT = "return document.querySelectorAll('#results li').length === arguments[0]"
SHOWN = "return document.querySelectorAll(arguments[0] + ' li').length > 0"
MOSAIC = "return [...document.querySelectorAll('#mosaic a')].map((each) => each.hash).join()"
# A file that is dropped or pasted, as the system would hand it to the page.
HAND_OVER = """
const bytes = Uint8Array.from(atob(arguments[1]), (each) => each.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], 'given.png', { type: 'image/png' }));
document.getElementById('drop').dispatchEvent(arguments[0] === 'drop'
  ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
  : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
"""


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Failure(what)


def show(browser: Browser, page: str) -> None:
    browser.run("location.hash = arguments[0]", "#" + page)


def begin(browser: Browser, cluster: Cluster, shot: str) -> None:
    """A cluster without anything in it: the page says what to do, and does it."""
    browser.open(cluster.url)
    browser.says("no collection yet")
    show(browser, "collection")
    browser.says("No collection yet", "h1")
    browser.shoot(shot + "no-collection.png")
    browser.click("#make button")
    browser.says("It is empty")
    browser.says("pictures", "h1")
    show(browser, "search")
    browser.says("is empty")
    browser.shoot(shot + "empty-collection.png")
    browser.fits()


def add(browser: Browser, pictures: list[Path]) -> None:
    """Pictures that are chosen on the page become records, once each."""
    show(browser, "collection")
    for words in (f"Added {len(pictures)} pictures.", f"Added no picture, {len(pictures)} unchanged."):
        browser.type("#files", "\n".join(str(each) for each in pictures))
        browser.says(words)
        browser.wait("return document.querySelectorAll('#mosaic li').length === arguments[0]", "them", len(pictures))


def search(browser: Browser, picture: Path, shot: str) -> None:
    """By a picture that is chosen; then on from a result, and back."""
    browser.says("Or begin with one of these", "h2")
    browser.wait(SHOWN, "pictures to begin with", "#results")
    browser.shoot(shot + "begin.png")
    browser.type("#file", str(picture))
    browser.says("24 results in")
    expect("Certified: these are the nearest" in browser.text("#proof"), "no certificate is shown")
    browser.wait("return document.querySelectorAll('#query img').length === 2", "picture and code")
    browser.shoot(shot + "upload.png")
    codes = [each.rsplit("/", 1)[1] for each in browser.asked() if "/thumbnails/" in each]
    fine = [each for each in codes if len(each) == 128]
    expect(fine and all(each[:32] in codes[: codes.index(each)] for each in fine), "no coarse picture came first")

    browser.click("#results li:nth-child(2) a")
    number = browser.wait("return document.getElementById('record').value", "a search from a result")
    browser.wait("return location.hash.endsWith('/' + arguments[0])", "its address", number)
    browser.wait("return !document.getElementById('results-heading').textContent.includes('your picture')", "results")
    browser.says("same code", "#results li:first-child .soft")
    browser.shoot(shot + "click.png")
    browser.call("POST", "/back", {})
    browser.says("Or begin with one of these", "h2")
    browser.click("#random")
    browser.says("same code", "#results li:first-child .soft")
    browser.fits()


def hand_over(browser: Browser, picture: Path) -> None:
    """By a picture that is dropped, or pasted, on any page."""
    content = base64.b64encode(picture.read_bytes()).decode()
    for way, page in (("drop", "search"), ("paste", "cluster")):
        show(browser, page)
        browser.wait("return !document.getElementById(arguments[0] + '-page').hidden", page, page)
        browser.run(HAND_OVER, way, content)
        browser.says("your picture", "h2")
        browser.says("24 results in")


def keyboard(browser: Browser, cluster: Cluster) -> None:
    """All of a search without a mouse."""
    browser.open(cluster.url)
    browser.wait(SHOWN, "pictures to begin with", "#results")
    reached = [browser.press("Tab") for _ in range(10)]
    wanted = ["Skip to content", "Search", "Collection", "Cluster", "select#collections", "input#file", "input#record"]
    expect(reached[:7] == wanted, f"the key Tab leads to {reached}")
    while "Settings" not in reached[-1]:
        reached.append(browser.press("Tab"))
        expect(len(reached) < 20, f"the key Tab leads to {reached}")
    browser.press("Tab")
    browser.press("Enter")
    browser.says("same code", "#results li:first-child .soft")
    browser.wait("return document.activeElement.id === 'results-heading'", "the focus on the results")


def settings(browser: Browser) -> None:
    """Each setting searches again, and does what it says."""
    browser.run("document.querySelector('details').open = true")
    browser.run("const k = document.getElementById('k'); k.value = 5; k.dispatchEvent(new Event('change'))")
    browser.wait(COUNT, "five results", 5)
    for setting, value, part in (
        ("promise", "exact", "Exact: these are"),
        ("promise", "recall=0.9", "Aimed at 90 %"),
        ("promise", "certified", "Certified"),
    ):
        browser.click(f"#{setting} option[value='{value}']")
        browser.says(part, "#proof")
    browser.click("#metric option[value=combined]")
    browser.wait(
        "return document.querySelector('#results a').getAttribute('aria-label').includes('of 4,608')", "all bits"
    )


def names(browser: Browser, cluster: Cluster) -> None:
    """Names are text, whatever is in them, and bounded."""
    script = "<img src=x onerror=window.hacked=1><script>window.hacked=1"
    long = "n" * 1024
    records = cluster.ask("GET", "collections/pictures/scroll?limit=2")["records"]
    whole = [cluster.ask("GET", f"collections/pictures/records/{each['id']}") for each in records]
    for record, name in zip(whole, (script, long)):
        record["name"] = name
    cluster.ask("PUT", "collections/pictures/records", {"records": whole})
    status, answer = cluster.try_to(
        "PUT", "collections/pictures/records", {"records": [{**whole[0], "name": "n" * 10_000}]}
    )
    expect(status == 400 and "1024" in answer["error"]["message"], f"a name of 10,000: {status} {answer}")
    # The page may show one of the two already, under its old name: the same address is no new question.
    show(browser, "collection")
    browser.wait(SHOWN, "a mosaic", "#mosaic")
    for record, shown in zip(whole, (script, long[:150])):
        show(browser, f"search/pictures/{record['id']}")
        browser.says("same code", "#results li:first-child .soft")
        browser.says(shown[:20], "#results li:first-child .name")
        browser.says("Most like " + shown[:60], "h2")
        browser.fits()
    expect(not browser.run("return window.hacked"), "a name became markup")


def collection(browser: Browser, shot: str) -> None:
    """A mosaic, and others when they are asked for."""
    show(browser, "collection")
    browser.wait(SHOWN, "a mosaic", "#mosaic")
    browser.says("Records", "dt")
    browser.shoot(shot + "collection.png")
    first = browser.run(MOSAIC)
    browser.click("#shuffle")
    browser.wait(f"{MOSAIC} !== arguments[0]", "other records", first)
    browser.fits()


def refuse(browser: Browser, cluster: Cluster, folder: Path, picture: Path, shot: str) -> None:
    """Each bad file is named with a reason; the server lives, and takes the next good one."""
    limit = cluster.ask("GET", "")["limits"]["pictureBytes"]
    show(browser, "search")
    for path, part in hostile(folder, picture, limit):
        browser.run("document.getElementById('search-message').textContent = ''")
        browser.type("#file", str(path))
        browser.says(part, ".message.error")
    browser.shoot(shot + "refused.png")
    status, answer = cluster.try_to("POST", "codes", bytes(limit + 1), "image/png")
    expect(status == 413 and answer["error"]["code"] == "tooLarge", f"too many bytes: {status} {answer}")
    browser.type("#file", str(picture))
    browser.says("results in")
    most = cluster.coordinator.memory_byte_count_max
    expect(most < 1 << 30, f"the coordinator took {most >> 20} MiB")


def fill(cluster: Cluster, name: str, shard_count: int, count: int) -> None:
    """A collection of made-up codes, in shards that are spread over the workers."""
    cluster.ask("POST", "collections", {"name": name, "shards": shard_count, "replicas": 1})
    source = random.Random(7)
    for start in range(0, count, 4096):
        numbers = range(start, min(count, start + 4096))
        records = [
            {"id": str(each), "feature": base64.b64encode(source.randbytes(512)).decode()} for each in numbers
        ]
        done = cluster.ask("PUT", f"collections/{name}/records", {"records": records})
        expect(done["added"] == len(numbers), f"stored {done} of {len(numbers)}")


def rebalance(browser: Browser, cluster: Cluster, shot: str) -> None:
    """Moves onto a new worker are seen to go on, and to end with nothing lost."""
    show(browser, "cluster")
    browser.says("All is well", "#summary")
    cluster.add_worker("worker-3")
    plan = cluster.ask("POST", "cluster/rebalance", {"dryRun": True})
    expect(plan["steps"], f"nothing would move: {plan}")
    cluster.ask("POST", "cluster/rebalance", {"bandwidth": 600_000})
    part = (
        "const bar = [...document.querySelectorAll('#moves progress')].find((each) =>"
        " each.value > arguments[0] && each.value < each.max); return bar ? bar.value : 0"
    )
    first = browser.wait(part, "a move under way", 0)
    browser.shoot(shot + "moving.png")
    browser.fits()
    browser.wait(part, "the move to go on", first)
    browser.says("/s, ", "#moves")
    cluster.ask("PUT", "cluster/bandwidth", {"bandwidth": 0})
    browser.says("none lost, none doubled", "#ended", seconds=60)
    browser.wait("return document.getElementById('moving').hidden", "the end of all moves", seconds=60)
    browser.says("All is well", "#summary", seconds=60)
    browser.shoot(shot + "moved.png")


def lose(browser: Browser, cluster: Cluster, shot: str) -> None:
    """A worker that dies: what is missing is said, and the rest is shown to who wants it."""
    shards = cluster.ask("GET", "cluster")["shards"]
    holders = [each["primary"] for each in shards if each["collection"] == "parts"]
    holder = min(set(holders), key=holders.count)
    lost = holders.count(holder)
    expect(lost < len(holders), f"{holder} holds everything")
    cluster.workers[holder].kill()
    browser.says("lost", "#workers .bad", seconds=60)
    browser.says("cannot be searched", "#summary", seconds=60)
    browser.shoot(shot + "lost.png")
    show(browser, "collection")
    browser.run(
        "const list = document.getElementById('collections'); list.value = 'parts';"
        " list.dispatchEvent(new Event('change'))"
    )
    browser.says("parts", "h1")
    browser.wait(SHOWN, "records of other shards", "#mosaic")
    browser.click("#mosaic li:first-child a")
    browser.says("Settings has a box", ".message.error", seconds=60)
    browser.run("document.querySelector('details').open = true")
    browser.click("#partial")
    browser.says(f"{lost} of {len(holders)} shards did not answer", seconds=60)
    browser.wait(SHOWN, "results of other shards", "#results")
    browser.shoot(shot + "partial.png")


def stop(browser: Browser, cluster: Cluster) -> None:
    """A coordinator that is gone."""
    show(browser, "cluster")
    cluster.coordinator.kill()
    browser.says("The coordinator does not answer", ".message.error")


def without_model(browser: Browser, cluster: Cluster, shot: str) -> None:
    """A coordinator without a model that answers only reads."""
    browser.open(cluster.url)
    browser.says("has no model", "#file-hint")
    status, answer = cluster.try_to("POST", "collections", {"name": "c"})
    expect(status == 403 and "only reads" in answer["error"]["message"], f"a write: {status} {answer}")
    show(browser, "collection")
    browser.says("No collection yet", "h1")
    expect(not browser.run("return document.getElementById('make').offsetParent"), "it offers to write")
    show(browser, "cluster")
    browser.says("No worker has come yet", "#summary")
    browser.shoot(shot + "no-worker.png")
