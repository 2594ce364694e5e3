"""What every command does alike: one error line, a hint, a status; progress on stderr."""

import sys
import time

from .codes import BenchError


def run(command, name):
    try:
        command()
    except BenchError as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        if error.hint:
            print(f"  hint: {error.hint}", file=sys.stderr)
        return 65
    except OSError as error:
        print(f"{name}: error: {error.filename or 'I/O'}: {error.strerror}", file=sys.stderr)
        return 74
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


class Progress:
    """Lines on stderr, a few seconds apart."""

    def __init__(self, name, total, unit, every=5.0):
        self.name, self.total, self.unit, self.every = name, total, unit, every
        self.start = self.last = time.monotonic()

    def show(self, done):
        now = time.monotonic()
        if now - self.last < self.every and done < self.total:
            return
        self.last = now
        rate = done / max(now - self.start, 1e-9)
        rest = (self.total - done) / rate if rate else 0
        print(
            f"{self.name}: {done:,} of {self.total:,} {self.unit}, {rate:,.0f}/s, "
            f"{rest:.0f} s left",
            file=sys.stderr,
        )


def say(text):
    print(text, file=sys.stderr, flush=True)
