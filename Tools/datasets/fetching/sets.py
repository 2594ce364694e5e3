"""The sets: where they are, how they are checked, and how they lie in a folder."""

import xml.etree.ElementTree
from dataclasses import dataclass, field
from typing import Callable

from fetching import pictures


@dataclass
class Set:
    name: str
    about: str
    # Where its files are, in the order in which they are unpacked.
    urls: list[str]
    # How many pictures it has: an archive with others is not the set.
    count: int
    # Writes its pictures from the files into a folder, and returns how many there were.
    unpack: Callable[[list[str], str], int]
    # Checksums by file name, then by algorithm, that are published.
    published: dict[str, dict[str, str]] = field(default_factory=dict)
    # An address beside the files from which checksums can be read, and how.
    listing: str | None = None
    read_listing: Callable[[bytes], dict[str, dict[str, str]]] | None = None
    # What to do with it.
    next_steps: str = ""


def archive_org(listing):
    """The checksums of the list of files that archive.org keeps for every item."""
    root = xml.etree.ElementTree.fromstring(listing)
    return {
        file.get("name", ""): {
            kind: file.findtext(kind) for kind in ("md5", "sha1") if file.findtext(kind)
        }
        for file in root.iter("file")
    }


def cifar10():
    return Set(
        name="cifar10",
        about="CIFAR-10: 60,000 pictures of 32x32 pixels in ten classes; 162 MB",
        urls=["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
        count=60_000,
        unpack=lambda files, folder: pictures.unpack_cifar(files[0], folder),
        # The MD5 is that of the authors' page. The SHA-256 is that of the same file.
        published={
            "cifar-10-binary.tar.gz": {
                "md5": "c32a1d4ab5d03f1284b67883e8d87530",
                "sha256": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            }
        },
        next_steps="thumbprint evaluate table1 {folder}/test --out report",
    )


def holidays():
    return Set(
        name="holidays",
        about="INRIA Holidays: 1,491 photographs, 500 groups of one scene; about 2.7 GB",
        urls=[
            "ftp://ftp.inrialpes.fr/pub/lear/douze/data/jpg1.tar.gz",
            "ftp://ftp.inrialpes.fr/pub/lear/douze/data/jpg2.tar.gz",
        ],
        count=1_491,
        # The first four digits name the scene.
        unpack=lambda files, folder: pictures.unpack_matching(
            files, r"(?:.*/)?(\d{4})(\d{2})\.jpg", lambda m: f"{m[1]}/{m[1]}{m[2]}.jpg", folder
        ),
        next_steps="thumbprint ingest {folder} --collection holidays",
    )


def ukbench():
    return Set(
        name="ukbench",
        about="UKBench: 10,200 photographs, four of each of 2,550 objects",
        urls=["https://archive.org/download/ukbench/ukbench.zip"],
        count=10_200,
        unpack=lambda files, folder: pictures.unpack_matching(
            files, r"(?:.*/)?full/(ukbench\d{5}\.jpg)", lambda m: m[1], folder
        ),
        listing="https://archive.org/download/ukbench/ukbench_files.xml",
        read_listing=archive_org,
        next_steps="thumbprint ingest {folder} --collection ukbench",
    )
