"""Coded datasets in folders: `docs/formats/dataset.md`."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np
import xxhash
from numpy.typing import ArrayLike, NDArray

from .limits import FEATURE_BYTE_COUNT, IMAGE_BYTE_COUNT, TAGS_BYTE_COUNT_MAX
from .records import (
    Records,
    Tags,
    as_codes,
    as_ids,
    canonical_tags,
    encoded_name,
    require_same_count,
    require_unique,
)
from .version import PROGRAM

AnyPath = Union[str, "os.PathLike[str]"]

_FORMAT, _VERSION = "thumbprint-dataset", 1
_DESCRIPTION_BYTE_COUNT_MAX = 65_536
_TAGS_LINE_BYTE_COUNT_MAX = 32_768
_NAME_LINE_BYTE_COUNT_MAX = 2_048
_CODER = re.compile(r"[0-9a-z-]{1,64}")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


class DatasetError(Exception):
    """A folder is no coded dataset, or a damaged one; the message names the file."""


@dataclass(frozen=True)
class Dataset:
    """A coded dataset. Arrays are mapped from their files, which must not be changed meanwhile."""

    records: Records
    coder: str | None
    is_whole: bool
    """It has a `dataset.json`, whose count was compared with the files."""
    digest: str | None
    """That of `dataset.json`; not compared with the records: see `digest_of`."""


def read_dataset(path: AnyPath) -> Dataset:
    """Opens a folder of arrays. Raises `DatasetError` for one that breaks the rules of the page,
    and `OSError` when the system cannot read it.

    Headers of arrays are read by NumPy, which takes some that `thumbprint` refuses.
    """
    folder = Path(path)
    description = _description(folder / "dataset.json")
    is_whole = description is not None
    features = _array(folder / "features.npy", (FEATURE_BYTE_COUNT,), np.uint8)
    if features is None:
        raise DatasetError(f"{folder / 'features.npy'}: there is no such file")
    count = len(features)
    images = _array(folder / "images.npy", (IMAGE_BYTE_COUNT,), np.uint8)
    ids = _array(folder / "ids.npy", (), np.uint64)
    names = _lines(folder / "names.txt", _NAME_LINE_BYTE_COUNT_MAX, _name)
    tags = _lines(folder / "tags.jsonl", _TAGS_LINE_BYTE_COUNT_MAX, _tags)
    columns = {"images.npy": images, "ids.npy": ids, "names.txt": names, "tags.jsonl": tags}
    for name, column in columns.items():
        if column is None and is_whole:
            raise DatasetError(f"{folder / name}: missing beside dataset.json")
        if column is not None and len(column) != count:
            raise DatasetError(f"{folder / name}: {len(column)} rows; features.npy has {count}")
    if description is not None and description["count"] != count:
        raise DatasetError(
            f"{folder / 'dataset.json'}: count is {description['count']}; features.npy has {count}"
        )
    records = Records(
        np.arange(count, dtype=np.uint64) if ids is None else ids,
        features,
        np.zeros((count, IMAGE_BYTE_COUNT), np.uint8) if images is None else images,
        [None] * count if names is None else names,
        [{}] * count if tags is None else tags,
    )
    known = description or {}
    return Dataset(records, known.get("coder"), is_whole, known.get("digest"))


def write_dataset(
    path: AnyPath,
    features: ArrayLike,
    images: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    *,
    names: Sequence[str | None] | None = None,
    tags: Sequence[Tags | None] | None = None,
    coder: str | None = None,
) -> None:
    """Writes a whole dataset, which gets its name when everything is on the disk.

    Arguments are as those of `Collection.load`. Raises `FileExistsError` when there is something
    at `path` already.
    """
    target = Path(path)
    if os.path.lexists(target):
        raise FileExistsError(f"{target}: there is something already")
    if coder is not None and not _CODER.fullmatch(coder):
        raise ValueError(f"coder: {coder!r} is not 1 to 64 of 0-9 a-z -")
    feature_codes = as_codes(features, FEATURE_BYTE_COUNT, "features")
    count = len(feature_codes)
    image_codes = (
        np.zeros((count, IMAGE_BYTE_COUNT), np.uint8)
        if images is None
        else as_codes(images, IMAGE_BYTE_COUNT, "images")
    )
    all_ids = np.arange(count, dtype=np.uint64) if ids is None else as_ids(ids)
    all_names = [None] * count if names is None else [name or None for name in names]
    all_tags = [{}] * count if tags is None else [each or {} for each in tags]
    require_same_count(
        count, {"ids": all_ids, "images": image_codes, "names": all_names, "tags": all_tags}
    )
    require_unique(all_ids)
    records = Records(all_ids, feature_codes, image_codes, all_names, all_tags)
    description = {
        "coder": coder,
        "count": count,
        "createdBy": PROGRAM,
        "digest": digest_of(records),
        "format": _FORMAT,
        "version": _VERSION,
    }
    partial = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    partial.mkdir()
    try:
        _write_files(partial, records, json.dumps(description, indent=2) + "\n")
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync(target.parent)


def digest_of(records: Records) -> str:
    """The digest of records with all their columns, 32 hexadecimal digits."""
    if records.features is None or records.images is None:
        raise ValueError("records: without both codes")
    if records.names is None or records.tags is None:
        raise ValueError("records: without names or tags")
    total = 0
    for row, identity in enumerate(records.ids.tolist()):
        name, tags = encoded_name(records.names[row]), canonical_tags(records.tags[row])
        total += xxhash.xxh3_128_intdigest(
            b"".join(
                (
                    struct.pack("<Q", identity),
                    records.features[row].tobytes(),
                    records.images[row].tobytes(),
                    struct.pack("<I", len(name) or 0xFFFFFFFF),
                    name,
                    struct.pack("<I", len(tags)),
                    tags,
                )
            )
        )
    return f"{total % 2**128:032x}"


# ---- Reading


def _description(path: Path) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            data = file.read(_DESCRIPTION_BYTE_COUNT_MAX + 1)
    except FileNotFoundError:
        return None
    if len(data) > _DESCRIPTION_BYTE_COUNT_MAX:
        raise DatasetError(f"{path}: above {_DESCRIPTION_BYTE_COUNT_MAX} bytes")
    try:
        description = json.loads(data)
    except (ValueError, RecursionError) as cause:
        raise DatasetError(f"{path}: not JSON: {cause}") from None
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise DatasetError(f"{path}: format is not {_FORMAT!r}")
    if description.get("version") != _VERSION or description["version"] is True:
        raise DatasetError(f"{path}: version {description.get('version')}; {_VERSION} is read")
    coder, digest = description.get("coder"), description.get("digest")
    if coder is not None and not (isinstance(coder, str) and _CODER.fullmatch(coder)):
        raise DatasetError(f"{path}: coder {coder!r} is not 1 to 64 of 0-9 a-z -")
    if not (isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{32}", digest)):
        raise DatasetError(f"{path}: digest {digest!r} is not 32 hexadecimal digits")
    if type(description.get("count")) is not int or description["count"] < 0:
        raise DatasetError(f"{path}: count {description.get('count')!r} is not a count")
    if not isinstance(description.get("createdBy"), str):
        raise DatasetError(f"{path}: createdBy is missing")
    return description


_HEADER_BYTE_COUNT_MAX = 65_536 + 12


def _array(path: Path, row: tuple[int, ...], element: type[Any]) -> NDArray[Any] | None:
    try:
        array = _mapped(path)
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception as cause:
        # NumPy says in many ways that a header is damaged.
        raise DatasetError(f"{path}: no array that can be read: {cause}") from None
    if array.ndim != 1 + len(row) or array.shape[1:] != row:
        raise DatasetError(f"{path}: shape {array.shape}, not ({', '.join(['n', *map(str, row)])})")
    if array.dtype == np.dtype("<i8") and element is np.uint64:
        if (array < 0).any():
            raise DatasetError(f"{path}: id {array.min()} is below 0")
        array = array.astype(np.uint64)
    wanted = np.dtype(element).newbyteorder("<")
    if array.dtype != wanted:
        raise DatasetError(f"{path}: element type {array.dtype.str}, not {wanted.str}")
    if not array.flags.c_contiguous:
        raise DatasetError(f"{path}: Fortran order; see numpy.ascontiguousarray")
    return array


def _mapped(path: Path) -> NDArray[Any]:
    """An array as it lies in its file; one without elements, which cannot be mapped, is read."""
    byte_count = path.stat().st_size
    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception:
        if byte_count > _HEADER_BYTE_COUNT_MAX:
            raise
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.size > 0:
            raise
    if not isinstance(array, np.ndarray):
        raise ValueError("several arrays, or none")
    if isinstance(array, np.memmap) and array.offset + array.nbytes != byte_count:
        raise ValueError("it goes on after its elements")
    return array


def _lines(path: Path, byte_count_max: int, parse: Any) -> list[Any] | None:
    values: list[Any] = []
    try:
        with open(path, "rb") as file:
            # Bounded, so that a file without line feeds takes no more memory than a line may.
            while line := file.readline(byte_count_max + 2):
                number = len(values) + 1
                if not line.endswith(b"\n"):
                    raise DatasetError(
                        f"{path}: line {number} is above {byte_count_max} bytes or does not end"
                    )
                try:
                    values.append(parse(str(line[:-1], "utf-8")))
                except (ValueError, RecursionError) as cause:
                    raise DatasetError(f"{path}: line {number}: {cause}") from None
    except FileNotFoundError:
        return None
    return values


def _name(line: str) -> str | None:
    if "\r" in line:
        raise ValueError("a bare carriage return")
    plain = re.sub(r"\\(.?)", lambda match: _UNESCAPES[match[1]], line) if "\\" in line else line
    encoded_name(plain or None)
    return plain or None


class _Unescapes(dict[str, str]):
    def __missing__(self, key: str) -> str:
        raise ValueError(f"a backslash before {key!r}")


_UNESCAPES = _Unescapes({"\\": "\\", "n": "\n", "r": "\r"})


def _tags(line: str) -> dict[str, str]:
    if line == "":
        return {}

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tags = dict(pairs)
        if len(tags) < len(pairs):
            raise ValueError("a key occurs twice")
        return tags

    tags = json.loads(line, object_pairs_hook=distinct)
    if not isinstance(tags, dict):
        raise ValueError("not an object")
    if len(canonical_tags(tags)) > TAGS_BYTE_COUNT_MAX:
        raise ValueError(f"above {TAGS_BYTE_COUNT_MAX} bytes")
    return tags


# ---- Writing


def _write_files(folder: Path, records: Records, description: str) -> None:
    arrays = (
        ("features.npy", records.features),
        ("images.npy", records.images),
        ("ids.npy", records.ids.astype("<u8", copy=False)),
    )
    for name, array in arrays:
        with open(folder / name, "wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
            _flush(file)
    with open(folder / "names.txt", "wb") as file:
        for each in records.names or ():
            escaped = "".join(_ESCAPES.get(letter, letter) for letter in each or "")
            file.write(escaped.encode() + b"\n")
        _flush(file)
    with open(folder / "tags.jsonl", "wb") as file:
        for tags in records.tags or ():
            file.write(canonical_tags(tags) + b"\n")
        _flush(file)
    with open(folder / "dataset.json", "wb") as file:
        file.write(description.encode())
        _flush(file)
    _sync(folder)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
