"""Downloads that go on where they were cut, over HTTP, FTP, or from a file."""

import ftplib
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

from fetching.failure import IO, UNAVAILABLE, Failure

CHUNK = 1 << 18
TIMEOUT_SECONDS = 60
TRIES = 5


class Cut(Exception):
    """The connection ended before the file did; what came is kept."""


def fetch(url, path, say=lambda text: None, pause=time.sleep):
    """Downloads `url` to `path`; parts of it are in `path` + ".part" until it is whole.

    Tries again, and anew whenever something came: a link that breaks now and then gets there.
    """
    part = path + ".part"
    tries = 0
    while True:
        begun = size_of(part)
        try:
            receive(url, part, begun, say)
            break
        except Cut as cut:
            tries = 1 if size_of(part) > begun else tries + 1
            if tries >= TRIES:
                raise Failure(
                    UNAVAILABLE, f"'{url}': {cut}", "run the same again: it goes on where it stopped"
                ) from None
            pause(2**tries / 2)
        except OSError as error:
            raise Failure(IO, f"'{part}' cannot be written: {error.strerror}") from None
    os.replace(part, path)


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def receive(url, part, begun, say):
    """Receives what is missing behind the first `begun` bytes."""
    scheme = urllib.parse.urlsplit(url).scheme
    source, begun, total = (open_ftp if scheme == "ftp" else open_url)(url, begun)
    with source, open(part, "ab") as target:
        target.truncate(begun)
        count, shown = begun, time.monotonic()
        while True:
            try:
                chunk = source.read(CHUNK)
            except (OSError, EOFError) as error:
                raise Cut(f"the connection was cut at {count:,} bytes ({error})") from None
            if not chunk:
                break
            target.write(chunk)
            count += len(chunk)
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                say(f"{count / 1e6:,.0f} MB" + (f" of {total / 1e6:,.0f}" if total else ""))
    if total is not None and count < total:
        raise Cut(f"the connection was cut at {count:,} of {total:,} bytes")


def open_url(url, begun):
    """What is behind `begun`, where it really begins, and how long the whole is."""
    request = urllib.request.Request(url, headers={"User-Agent": "thumbprint-datasets"})
    if begun and url.startswith("http"):
        request.add_header("Range", f"bytes={begun}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            # All of it is here, or it is another file by now: what checks it will tell.
            return open(os.devnull, "rb"), begun, None
        if error.code >= 500:
            raise Cut(f"the server answers {error.code}") from None
        raise Failure(UNAVAILABLE, f"'{url}': the server answers {error.code}") from None
    except (urllib.error.URLError, socket.timeout, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, FileNotFoundError):
            raise Failure(UNAVAILABLE, f"'{url}' is not there") from None
        raise Cut(f"no connection: {reason}") from None
    length = answer.headers.get("Content-Length")
    if url.startswith("file:"):
        answer.read(begun)
        return answer, begun, int(length)
    # A server that does not know ranges sends everything again.
    start = begun if getattr(answer, "status", 200) == 206 else 0
    return answer, start, None if length is None else start + int(length)


class FTPStream:
    """The data of one file, whose control connection ends with it."""

    def __init__(self, control, data):
        self.control = control
        self.data = data

    def read(self, count):
        return self.data.recv(count)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.data.close()
        self.control.close()


def open_ftp(url, begun):
    place = urllib.parse.urlsplit(url)
    control = ftplib.FTP(timeout=TIMEOUT_SECONDS)
    try:
        control.connect(place.hostname, place.port or 21)
        control.login()
        control.voidcmd("TYPE I")
        total = control.size(place.path)
        data = control.transfercmd(f"RETR {place.path}", rest=begun or None)
        return FTPStream(control, data), begun, total
    except ftplib.error_perm as error:
        control.close()
        raise Failure(UNAVAILABLE, f"'{url}': the server answers {error}") from None
    except (ftplib.Error, OSError, EOFError) as error:
        control.close()
        raise Cut(f"no connection: {error}") from None
