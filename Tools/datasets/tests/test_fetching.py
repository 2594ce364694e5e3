"""The scripts on made-up sets: what they make, and what they say when something is wrong."""

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
import zlib
from pathlib import Path

from fetching import command, download, sets
from tests.servers import FTP, Web

FOLDER = Path(__file__).resolve().parent.parent


def tar(files):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def zipped(files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def cifar(pictures=3):
    batch = b"".join(bytes([n % 2]) + bytes([n]) * 1024 + b"\x10" * 1024 + b"\x20" * 1024 for n in range(pictures))
    return tar({"x/data_batch_1.bin": batch, "x/test_batch.bin": batch[:3073], "x/batches.meta.txt": b"cat\ndog\n\n"})


class Case(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = os.path.join(self.temporary.name, "set")
        before = os.environ.get("XDG_STATE_HOME")
        os.environ["XDG_STATE_HOME"] = os.path.join(self.temporary.name, "state")
        self.addCleanup(lambda: os.environ.update(XDG_STATE_HOME=before) if before else os.environ.pop("XDG_STATE_HOME"))

    def run_set(self, chosen, *arguments):
        """Status, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = command.run(chosen, [self.folder, *arguments], pause=lambda _: None)
        return status, out.getvalue(), err.getvalue()

    def made(self):
        return sorted(str(p.relative_to(self.folder)) for p in Path(self.folder).rglob("*") if p.is_file())


class SetTests(Case):
    def test_cifar_becomes_folders_of_classes(self):
        archive = cifar()
        chosen = dataclasses.replace(
            sets.cifar10(), count=4, published={"cifar-10-binary.tar.gz": {"md5": hashlib.md5(archive).hexdigest()}}
        )
        with Web({"cifar-10-binary.tar.gz": archive}) as web:
            status, out, err = self.run_set(chosen, "--from", web.url)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("4 pictures", out)
        self.assertEqual(self.made(), ["test/cat/00000.png", "train/cat/00000.png", "train/cat/00002.png", "train/dog/00001.png"])
        data = Path(self.folder, "train/cat/00002.png").read_bytes()
        pixels = zlib.decompress(data[data.index(b"IDAT") + 4 :][: -16])
        self.assertEqual(pixels[:7], b"\0\x02\x10\x20\x02\x10\x20")
        self.assertEqual(os.listdir(self.temporary.name), ["set"])

    def test_holidays_become_folders_of_scenes(self):
        chosen = dataclasses.replace(sets.holidays(), count=3)
        with Web({"jpg1.tar.gz": tar({"jpg/100000.jpg": b"a", "jpg/100001.jpg": b"b", "../../evil.jpg": b"c"}),
                  "jpg2.tar.gz": tar({"jpg/120300.jpg": b"d", "jpg/readme": b"e"})}) as web:
            status, out, err = self.run_set(chosen, "--from", web.url)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(self.made(), ["1000/100000.jpg", "1000/100001.jpg", "1203/120300.jpg"])
        self.assertIn("nobody publishes a checksum of jpg1.tar.gz: trusted this once", out)

    def test_ukbench_is_checked_with_what_its_home_publishes(self):
        archive = zipped({"full/ukbench00000.jpg": b"a", "full/ukbench00001.jpg": b"b", "thumbnails/ukbench00000.jpg": b"c"})
        sums = f"<files><file name='ukbench.zip'><md5>{hashlib.md5(archive).hexdigest()}</md5></file></files>"
        chosen = dataclasses.replace(sets.ukbench(), count=2)
        with Web({"ukbench.zip": archive, "ukbench_files.xml": sums.encode()}) as web:
            status, out, err = self.run_set(chosen, "--from", web.url)
            self.assertEqual((status, err), (0, ""))
            self.assertNotIn("trusted", out)
        self.assertEqual(self.made(), ["ukbench00000.jpg", "ukbench00001.jpg"])
        self.folder += "-2"
        with Web({"ukbench.zip": archive + b" ", "ukbench_files.xml": sums.encode()}) as web:
            status, _, err = self.run_set(chosen, "--from", web.url)
        self.assertEqual(status, 65)
        self.assertIn("its MD5 is", err)

    def test_every_set_names_a_checksum_or_says_that_there_is_none(self):
        for chosen in (sets.cifar10(), sets.holidays(), sets.ukbench()):
            for url in chosen.urls:
                self.assertRegex(url, r"^(https|ftp)://")
            for sums in chosen.published.values():
                for algorithm, value in sums.items():
                    self.assertEqual(len(value), hashlib.new(algorithm).digest_size * 2)


class TrustTests(Case):
    def test_a_wrong_checksum_is_refused_and_the_file_removed(self):
        with Web({"cifar-10-binary.tar.gz": cifar()}) as web:
            status, _, err = self.run_set(sets.cifar10(), "--from", web.url)
        self.assertEqual(status, 65)
        lines = err.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("and should be c32a1d4ab5d03f1284b67883e8d87530", lines[0])
        self.assertEqual(os.listdir(self.folder + ".download"), [])

    def test_a_file_that_changed_since_the_first_time_is_refused(self):
        chosen = dataclasses.replace(sets.holidays(), count=2)
        first, second = tar({"jpg/100000.jpg": b"a"}), tar({"jpg/100100.jpg": b"b"})
        with Web({"jpg1.tar.gz": first, "jpg2.tar.gz": second}) as web:
            self.assertEqual(self.run_set(chosen, "--from", web.url)[0], 0)
        self.folder += "-2"
        with Web({"jpg1.tar.gz": second, "jpg2.tar.gz": first}) as web:
            status, _, err = self.run_set(chosen, "--from", web.url)
        self.assertEqual(status, 65)
        self.assertIn("and was " + hashlib.sha256(first).hexdigest(), err)
        with open(os.path.join(self.temporary.name, "state/thumbprint/datasets.json"), encoding="utf-8") as file:
            self.assertEqual(set(json.load(file)), set(sets.holidays().urls))

    def test_another_number_of_pictures_is_not_the_set(self):
        with Web({"jpg1.tar.gz": tar({"jpg/100000.jpg": b"a"}), "jpg2.tar.gz": tar({})}) as web:
            status, _, err = self.run_set(sets.holidays(), "--from", web.url)
        self.assertEqual(status, 65)
        self.assertIn("the archives have 1 pictures, and the set 1,491", err)
        self.assertFalse(os.path.exists(self.folder))

    def test_an_archive_that_is_none_is_named(self):
        with Web({"jpg1.tar.gz": b"<html>", "jpg2.tar.gz": b"<html>"}) as web:
            status, _, err = self.run_set(sets.holidays(), "--from", web.url)
        self.assertEqual(status, 65)
        self.assertIn("jpg1.tar.gz' is no whole archive", err)


class DownloadTests(Case):
    body = bytes(range(256)) * 40

    def test_a_cut_download_goes_on(self):
        path = self.folder
        with Web({"a": self.body}, cuts=3) as web:
            download.fetch(web.url + "/a", path, pause=lambda _: None)
            self.assertEqual([r for _, r in web.requests], [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"])
        self.assertEqual(Path(path).read_bytes(), self.body)

    def test_a_run_that_was_stopped_goes_on(self):
        Path(self.folder + ".part").write_bytes(self.body[:5000])
        with Web({"a": self.body}) as web:
            download.fetch(web.url + "/a", self.folder, pause=lambda _: None)
            self.assertEqual(web.requests, [("/a", "bytes=5000-")])
        self.assertEqual(Path(self.folder).read_bytes(), self.body)

    def test_a_server_without_ranges_begins_anew(self):
        Path(self.folder + ".part").write_bytes(b"x" * 5000)
        with Web({"a": self.body}, ranges=False) as web:
            download.fetch(web.url + "/a", self.folder, pause=lambda _: None)
        self.assertEqual(Path(self.folder).read_bytes(), self.body)

    def test_ftp_goes_on_too(self):
        with FTP(self.body, cut_after=4000) as ftp:
            download.fetch(ftp.url, self.folder, pause=lambda _: None)
            self.assertEqual(ftp.rests, [0, 4000])
        self.assertEqual(Path(self.folder).read_bytes(), self.body)

    def test_a_file_is_an_address_too(self):
        source = Path(self.temporary.name, "source")
        source.write_bytes(self.body)
        Path(self.folder + ".part").write_bytes(self.body[:10])
        download.fetch(source.as_uri(), self.folder)
        self.assertEqual(Path(self.folder).read_bytes(), self.body)


class CommandTests(Case):
    """The scripts as processes."""

    def script(self, name, *arguments):
        run = subprocess.run(
            [sys.executable, str(FOLDER / name), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return run.returncode, run.stderr.splitlines()

    def test_without_a_network_one_line_says_so(self):
        with socket.socket() as taken:
            # Bound and not listening: connections are refused, and nobody else gets the port.
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            status, out, err = self.run_set(sets.cifar10(), "--from", url)
        self.assertEqual(status, 69)
        self.assertEqual(len(err.splitlines()), 2)
        self.assertIn("no connection", err)

    def test_what_is_not_there_is_named(self):
        with Web({}) as web:
            status, _, err = self.run_set(sets.cifar10(), "--from", web.url)
        self.assertEqual(status, 69)
        self.assertIn("the server answers 404", err)
        status, lines = self.script("cifar10", self.folder, "--from", Path(self.temporary.name).as_uri())
        self.assertEqual(status, 69)
        self.assertRegex(lines[0], r"^cifar10: error: 'file:.*' is not there$")

    def test_usage(self):
        os.mkdir(self.folder)
        for name in ("cifar10", "holidays", "ukbench"):
            for arguments, message in [
                ([], "the following arguments are required: folder"),
                ([self.folder], f"'{self.folder}' is there already"),
                ([self.folder + "x", "--from", "here"], "--from: 'here' is no URL"),
                ([self.folder + "x", "--fast"], "unrecognized arguments: --fast"),
            ]:
                status, lines = self.script(name, *arguments)
                self.assertEqual(status, 64)
                self.assertEqual(lines[0], f"{name}: error: {message}")


if __name__ == "__main__":
    unittest.main()
