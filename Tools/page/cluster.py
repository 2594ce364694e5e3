"""A cluster of the built executables on ports that are free, and its HTTP API."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .webdriver import Failure


class Process:
    """One executable; what it listens on is what its log says."""

    def __init__(self, folder: Path, name: str, *command: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def port(self, words: str) -> int:
        """The port in the line of the log that has these words."""
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            found = re.search(rf"{words} address=\S*:([0-9]+)", self.log.read_text())
            if found:
                return int(found[1])
            time.sleep(0.01)
        raise Failure(f"{self.name} does not start: {self.log.read_text()[-500:]}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Asks it to end; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1

    @property
    def memory_byte_count_max(self) -> int:
        """The most memory that it ever had."""
        found = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0


class Cluster:
    """A coordinator with HTTP, and workers that are added one after another."""

    def __init__(self, binaries: Path, folder: Path, *flags: str, token: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.binaries = binaries
        self.folder = folder
        folder.mkdir(parents=True)
        if token:
            (folder / "token").write_text(token)
            (folder / "token").chmod(0o600)
            flags = (*flags, "--http-token-file", str(folder / "token"))
        self.workers: dict[str, Process] = {}
        self.coordinator = Process(
            folder,
            "coordinator",
            str(binaries / "thumbprint-coordinator"),
            *("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
            *("--metadata", f"lmdb:{folder / 'metadata'}"),
            *flags,
        )
        self.address = f"127.0.0.1:{self.coordinator.port('listening')}"
        self.url = f"http://127.0.0.1:{self.coordinator.port('listening for HTTP')}/"

    def add_worker(self, name: str) -> None:
        self.workers[name] = Process(
            self.folder,
            name,
            str(self.binaries / "thumbprint-shard"),
            *("--listen", "127.0.0.1:0", "--data", str(self.folder / name), "--name", name),
            *("--coordinator", self.address),
        )
        self.workers[name].port("listening")
        self.wait(
            lambda: any(each["name"] == name and each["isAlive"] for each in self.ask("GET", "cluster")["workers"]),
            f"{name} to join",
        )

    def wait(self, condition, what: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Failure(f"waited in vain for {what}")
            time.sleep(0.05)

    def ask(self, method: str, path: str, value: object = None):
        """What the API answers. Raises `Failure` if that is an error."""
        status, answer = self.try_to(method, path, value)
        if status >= 300:
            raise Failure(f"{method} {path}: {status} {answer}")
        return answer

    def try_to(self, method: str, path: str, value: object = None, kind: str = "application/json"):
        """Status and answer of a request; bytes are sent as they are."""
        data = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        request = urllib.request.Request(
            f"{self.url}api/v1/{path}", method=method, data=data, headers={"Content-Type": kind, **self.headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def run(self, *arguments: str) -> None:
        """The command line, on this cluster."""
        subprocess.run(
            [str(self.binaries / "thumbprint"), *arguments, "--coordinator", self.address],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def close(self) -> None:
        for worker in self.workers.values():
            worker.end()
        self.coordinator.end()
