"""The command line that the scripts share."""

import argparse
import os
import shutil
import sys
import time
import urllib.parse

from fetching import checksums, download
from fetching.failure import BAD_DATA, IO, USAGE, Failure


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(USAGE, message, f"{self.prog} --help")


def run(chosen, arguments, pause=time.sleep):
    """Fetches a set into the folder that the arguments name, and returns the exit status."""

    def say(text):
        print(f"{chosen.name}: {text}", flush=True)

    try:
        fetch(chosen, parse(chosen, arguments), say, pause)
        return 0
    except Failure as failure:
        print(f"{chosen.name}: error: {failure}", file=sys.stderr)
        if failure.hint:
            print(f"  hint: {failure.hint}", file=sys.stderr)
        return failure.status
    except OSError as error:
        print(f"{chosen.name}: error: '{error.filename}': {error.strerror}", file=sys.stderr)
        return IO
    except KeyboardInterrupt:
        print(f"{chosen.name}: stopped; the same again goes on", file=sys.stderr)
        return 130


def parse(chosen, arguments):
    parser = Parser(
        prog=f"Tools/datasets/{chosen.name}",
        description=f"Fetches {chosen.about}. What was downloaded is kept until all is unpacked, "
        "so that a run that was stopped goes on.",
    )
    parser.add_argument("folder", help="the folder to make, which the pictures go into")
    parser.add_argument(
        "--from", dest="mirror", metavar="URL", help="another folder that has the same files, such as a mirror"
    )
    parser.add_argument("--keep", action="store_true", help="keep the archives, in FOLDER.download")
    options = parser.parse_args(arguments)
    options.folder = options.folder.rstrip("/") or "/"
    if os.path.exists(options.folder):
        raise Failure(USAGE, f"'{options.folder}' is there already", "name a folder that is not, or remove it")
    if options.mirror and not urllib.parse.urlsplit(options.mirror).scheme:
        raise Failure(USAGE, f"--from: '{options.mirror}' is no URL")
    return options


def fetch(chosen, options, say, pause):
    downloads = options.folder + ".download"
    os.makedirs(downloads, exist_ok=True)
    published = dict(chosen.published)
    if chosen.listing:
        published |= listed(chosen, options, downloads, say, pause)
    files = []
    for url in chosen.urls:
        address = at_mirror(url, options)
        name = os.path.basename(urllib.parse.urlsplit(url).path)
        path = os.path.join(downloads, name)
        if not os.path.exists(path):
            say(f"{address}")
            download.fetch(address, path, say, pause)
        if published.get(name):
            checksums.check_published(path, address, published[name])
        else:
            # By the address of its home, wherever it came from.
            checksums.check_remembered(path, url, say)
        files.append(path)
    unpack(chosen, files, options.folder)
    if not options.keep:
        shutil.rmtree(downloads)
    say(f"{chosen.count:,} pictures in {options.folder}")
    say(f"next: {chosen.next_steps.format(folder=options.folder)}")


def unpack(chosen, files, folder):
    """The folder gets its name when everything is in it."""
    partial = folder + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    count = chosen.unpack(files, partial)
    if count != chosen.count:
        raise Failure(BAD_DATA, f"the archives have {count:,} pictures, and the set {chosen.count:,}")
    os.rename(partial, folder)


def at_mirror(url, options):
    return url if not options.mirror else options.mirror.rstrip("/") + "/" + os.path.basename(url)


def listed(chosen, options, downloads, say, pause):
    """What the home of the set publishes of its files; nothing if it cannot be had."""
    path = os.path.join(downloads, os.path.basename(chosen.listing))
    try:
        download.fetch(at_mirror(chosen.listing, options), path, pause=pause)
        with open(path, "rb") as file:
            return chosen.read_listing(file.read())
    except Failure as failure:
        say(f"the list of checksums cannot be had: {failure}")
        return {}
    except SyntaxError:
        say("the list of checksums cannot be read")
        return {}
    finally:
        if os.path.exists(path):
            os.remove(path)
