"""Pictures out of archives, into folders that thumbprint reads.

Names in archives are never used as paths: they are matched, and files get names of our own.
"""

import os
import re
import struct
import tarfile
import zipfile
import zlib

from fetching.failure import BAD_DATA, Failure

# No picture of these sets is near this; an archive that claims more is damaged or hostile.
FILE_BYTES_MAX = 64 << 20


def members(path):
    """The name and the bytes of every file of a tar or zip archive."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    if not entry.is_dir():
                        yield entry.filename, lambda e=entry: read(archive.open(e), path)
        else:
            with tarfile.open(path, "r:*") as archive:
                for entry in archive:
                    if entry.isreg():
                        yield entry.name, lambda e=entry: read(archive.extractfile(e), path)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Failure(BAD_DATA, f"'{path}' is no whole archive: {error}") from None


def read(file, path):
    with file:
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise Failure(BAD_DATA, f"'{path}' holds a file above {FILE_BYTES_MAX:,} bytes")
    return data


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def png(width, height, rows):
    """A PNG file of 8-bit red, green and blue; `rows` are bytes of 3 x width each."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def unpack_matching(archives, form, name_of, folder):
    """Writes what matches `form` under the name that `name_of` makes of the match; returns how many."""
    count = 0
    for archive in archives:
        for name, data in members(archive):
            match = re.fullmatch(form, name)
            if match:
                write(folder, name_of(match), data())
                count += 1
    return count


def unpack_cifar(archive, folder):
    """CIFAR's binary batches: a byte for the class, then 32x32 bytes each of red, green and blue."""
    batches, classes = {}, None
    for name, data in members(archive):
        base = name.rsplit("/", 1)[-1]
        if re.fullmatch(r"data_batch_\d|test_batch", base.removesuffix(".bin")) and base.endswith(".bin"):
            batches[base.removesuffix(".bin")] = data()
        elif base == "batches.meta.txt":
            classes = data().decode("ascii", "replace").split()
    if not classes or any(not re.fullmatch(r"[a-z]+", name) for name in classes):
        raise Failure(BAD_DATA, f"'{archive}' has no names of classes")
    counts = {"train": 0, "test": 0}
    for name in sorted(batches):
        part = "test" if name == "test_batch" else "train"
        batch = batches[name]
        if len(batch) % 3073:
            raise Failure(BAD_DATA, f"'{archive}': {name} has {len(batch)} bytes, no multiple of 3073")
        for start in range(0, len(batch), 3073):
            label, planes = batch[start], batch[start + 1 : start + 3073]
            if label >= len(classes):
                raise Failure(BAD_DATA, f"'{archive}': {name} has a picture of class {label}")
            pixels = bytearray(3072)
            for channel in range(3):
                pixels[channel::3] = planes[1024 * channel : 1024 * (channel + 1)]
            rows = [bytes(pixels[96 * y : 96 * y + 96]) for y in range(32)]
            write(folder, f"{part}/{classes[label]}/{counts[part]:05}.png", png(32, 32, rows))
            counts[part] += 1
    return sum(counts.values())
