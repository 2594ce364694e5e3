"""Whether a file is the one that is meant.

Where its home, or the set's authors, publish a checksum, the file has to have it. Where nobody does,
the SHA-256 of the first download is remembered, and a later one that differs is refused: that finds
a file that changed, not one that was wrong from the start, and says so.
"""

import hashlib
import json
import os
import time

from fetching.failure import BAD_DATA, IO, Failure


def digest_of(path, algorithm):
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def memory_path():
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "thumbprint", "datasets.json")


def check_published(path, url, published):
    """Compares a file with checksums by algorithm; one that differs is removed."""
    for algorithm, expected in published.items():
        found = digest_of(path, algorithm)
        if found != expected:
            os.remove(path)
            raise Failure(
                BAD_DATA,
                f"'{url}': its {algorithm.upper()} is {found}, and should be {expected}",
                "it was removed; fetch it again. If it stays so, the file at its home was changed",
            )


def check_remembered(path, url, say):
    """Compares a file with what came from the same address before, or remembers it."""
    memory = memory_path()
    try:
        with open(memory, encoding="utf-8") as file:
            seen = json.load(file)
    except FileNotFoundError:
        seen = {}
    except (OSError, ValueError) as error:
        raise Failure(IO, f"'{memory}' cannot be read: {error}") from None
    found = digest_of(path, "sha256")
    before = seen.get(url)
    if before is None:
        seen[url] = {"sha256": found, "when": time.strftime("%Y-%m-%d")}
        try:
            os.makedirs(os.path.dirname(memory), exist_ok=True)
            with open(memory + ".new", "w", encoding="utf-8") as file:
                json.dump(seen, file, indent=2, sort_keys=True)
            os.replace(memory + ".new", memory)
        except OSError as error:
            raise Failure(IO, f"'{memory}' cannot be written: {error.strerror}") from None
        say(f"nobody publishes a checksum of {os.path.basename(url)}: trusted this once, SHA-256 {found}")
        say(f"remembered in {memory}; a later download that differs is refused")
    elif before["sha256"] != found:
        raise Failure(
            BAD_DATA,
            f"'{url}': its SHA-256 is {found}, and was {before['sha256']} on {before['when']}",
            f"if you know why it changed, remove its entry from {memory}",
        )
