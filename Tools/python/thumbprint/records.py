"""Records in columns, their form on the wire, and the shard of an id."""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .cursor import Cursor
from .errors import malformed
from .limits import (
    FEATURE_BYTE_COUNT,
    IMAGE_BYTE_COUNT,
    NAME_BYTE_COUNT_MAX,
    TAGS_BYTE_COUNT_MAX,
)

Tags = Mapping[str, str]


class Parts(enum.IntFlag):
    """The columns of records beside the ids."""

    NONE = 0
    FEATURES = 1
    IMAGES = 2
    NAMES = 4
    TAGS = 8
    ALL = 15


@dataclass(frozen=True)
class Records:
    """Records in columns. Columns that were not asked for are `None`."""

    ids: NDArray[np.uint64]
    """Shape (n,)."""
    features: NDArray[np.uint8] | None = None
    """Feature codes, shape (n, 512); the first bit of a byte is its highest."""
    images: NDArray[np.uint8] | None = None
    """Image codes, shape (n, 64)."""
    names: Sequence[str | None] | None = None
    """`None` for a record without a name."""
    tags: Sequence[Tags] | None = None
    """Empty for a record without tags."""

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> Records:
        """Some of the records; arrays are views."""

        def cut(column: Any) -> Any:
            return None if column is None else column[rows]

        columns = (self.ids, self.features, self.images, self.names, self.tags)
        return Records(*map(cut, columns))


def canonical_tags(tags: Tags | None) -> bytes:
    """The one form of tags: JSON with sorted keys and no spaces; no bytes for no tags.

    Raises `ValueError` when they are no strings, or above 4,096 bytes.
    """
    if not tags:
        return b""
    for key, value in tags.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValueError(f"tags: {key!r}: {value!r} is not text to text")
    text = json.dumps(dict(tags), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _bounded(text, "tags", TAGS_BYTE_COUNT_MAX)


def encoded_name(name: str | None) -> bytes:
    """A name as UTF-8. Raises `ValueError` for an empty one, or one above 1,024 bytes."""
    if name is None:
        return b""
    if name == "":
        raise ValueError("a name: it is empty; no name is None")
    return _bounded(name, "a name", NAME_BYTE_COUNT_MAX)


def _bounded(text: str, what: str, most: int) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError as cause:
        raise ValueError(f"{what}: not Unicode: {cause}") from None
    if len(data) > most:
        raise ValueError(f"{what}: {len(data)} bytes, the most is {most}")
    return data


def parsed_tags(data: memoryview) -> dict[str, str]:
    """Tags from their canonical form. Raises `ProtocolError` for anything else."""
    if len(data) == 0:
        return {}
    if len(data) > TAGS_BYTE_COUNT_MAX:
        raise malformed(f"tags of {len(data)} bytes, the most is {TAGS_BYTE_COUNT_MAX}")
    try:
        tags = json.loads(str(data, "utf-8"))
        canonical = canonical_tags(tags) if isinstance(tags, dict) else None
    except (ValueError, RecursionError) as cause:
        raise malformed(f"tags are not a JSON object of strings: {cause}") from None
    if canonical is None or canonical != bytes(data):
        raise malformed("tags are not a JSON object of strings in canonical form")
    return tags  # type: ignore[no-any-return]  # an object of strings, as just seen


# ---- Rows: records on the wire

_ROWS = struct.Struct("<IB3sII")


def encode_rows(
    ids: NDArray[np.uint64],
    features: NDArray[np.uint8] | None = None,
    images: NDArray[np.uint8] | None = None,
    names: Sequence[bytes] | None = None,
    tags: Sequence[bytes] | None = None,
) -> bytes:
    """Rows; names and tags as `encoded_name` and `canonical_tags` give them."""
    columns = [ids.astype("<u8", copy=False).tobytes()]
    parts = Parts.NONE
    if features is not None:
        parts |= Parts.FEATURES
        columns.append(features.tobytes())
    if images is not None:
        parts |= Parts.IMAGES
        columns.append(images.tobytes())
    byte_counts = [0, 0]
    for column, (part, texts) in enumerate(((Parts.NAMES, names), (Parts.TAGS, tags))):
        if texts is None:
            continue
        parts |= part
        offsets = np.zeros(len(ids) + 1, dtype="<u4")
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        byte_counts[column] = int(offsets[-1])
        columns += [offsets.tobytes(), *texts]
    head = _ROWS.pack(len(ids), parts, bytes(3), *byte_counts)
    return b"".join((head, *columns))


def decode_rows(cursor: Cursor, row_count_max: int) -> Records:
    """Reads rows. Arrays lie in the memory of the body."""
    count, number, reserved, names_byte_count, tags_byte_count = cursor.fields(_ROWS)
    cursor.require(count <= row_count_max, f"{count} rows, the most is {row_count_max}")
    cursor.require(number <= Parts.ALL, f"parts are {number}, the most is {int(Parts.ALL)}")
    cursor.require(not any(reserved), "reserved bytes of rows are not zero")
    parts = Parts(number)
    for part, byte_count in ((Parts.NAMES, names_byte_count), (Parts.TAGS, tags_byte_count)):
        cursor.require(part in parts or byte_count == 0, f"bytes of {part.name} and no column")
    ids = cursor.array("<u8", count).astype(np.uint64, copy=False)
    features = images = None
    if Parts.FEATURES in parts:
        features = cursor.array("u1", count * FEATURE_BYTE_COUNT).reshape(count, FEATURE_BYTE_COUNT)
    if Parts.IMAGES in parts:
        images = cursor.array("u1", count * IMAGE_BYTE_COUNT).reshape(count, IMAGE_BYTE_COUNT)
    names: list[str | None] | None = None
    tags: list[Tags] | None = None
    if Parts.NAMES in parts:
        texts = _decode_texts(cursor, count, names_byte_count, NAME_BYTE_COUNT_MAX)
        names = [cursor.utf8(text) or None for text in texts]
    if Parts.TAGS in parts:
        texts = _decode_texts(cursor, count, tags_byte_count, TAGS_BYTE_COUNT_MAX)
        tags = [parsed_tags(text) for text in texts]
    return Records(ids, features, images, names, tags)


def _decode_texts(
    cursor: Cursor, count: int, byte_count: int, text_byte_count_max: int
) -> list[memoryview]:
    offsets = cursor.array("<u4", count + 1).astype(np.int64)
    lengths = np.diff(offsets)
    cursor.require(
        bool(offsets[0] == 0 and offsets[-1] == byte_count and (lengths >= 0).all()),
        f"offsets do not ascend from 0 to {byte_count}",
    )
    cursor.require(
        bool((lengths <= text_byte_count_max).all()),
        f"a text is above {text_byte_count_max} bytes",
    )
    texts = cursor.raw(byte_count)
    starts = offsets.tolist()
    return [texts[start:end] for start, end in zip(starts, starts[1:])]


def concatenate(parts: Sequence[Records]) -> Records:
    """Records one after another. A column that one part lacks is filled with nothing."""
    if len(parts) == 1:
        return parts[0]

    def arrays(name: str) -> Any:
        columns = [getattr(part, name) for part in parts]
        return None if any(column is None for column in columns) else np.concatenate(columns)

    def texts(name: str, absent: Any) -> Any:
        columns = [getattr(part, name) for part in parts]
        if all(column is None for column in columns):
            return None
        filled: list[Any] = []
        for part, column in zip(parts, columns):
            filled += [absent] * len(part) if column is None else column
        return filled

    return Records(
        arrays("ids"), arrays("features"), arrays("images"), texts("names", None), texts("tags", {})
    )


# ---- Shards


def shards_of(ids: NDArray[np.uint64], shard_count: int) -> NDArray[np.uint16]:
    """The shard of each id, by the rule of `docs/formats/storage.md`."""
    z = ids + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = z ^ (z >> np.uint64(31))
    # The high half of a product of 64 by 16 bits, from products that fit into 64.
    count = np.uint64(shard_count)
    low = (mixed & np.uint64(0xFFFFFFFF)) * count
    high = (mixed >> np.uint64(32)) * count
    shards = (high + (low >> np.uint64(32))) >> np.uint64(32)
    return shards.astype(np.uint16)


# ---- What callers give


def as_ids(ids: ArrayLike, name: str = "ids") -> NDArray[np.uint64]:
    """An array of ids, shape (n,). Raises `TypeError` or `ValueError` for anything else."""
    # Of a list that mixes numbers above and below 2⁶³ NumPy would make floats.
    array = np.asarray(ids) if hasattr(ids, "__array__") else np.asarray(ids, dtype=object)
    if array.size == 0:
        array = array.astype(np.uint64).reshape(-1)
    if array.dtype == object:
        numbers = array.ravel().tolist()
        if not all(isinstance(each, (int, np.integer)) for each in numbers):
            raise TypeError(f"{name}: one is not a whole number")
        if not all(0 <= each < 2**64 for each in numbers):
            raise ValueError(f"{name}: one is not from 0 to 2⁶⁴ − 1")
        array = array.astype(np.uint64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: element type {array.dtype}, not a whole number")
    if array.ndim != 1:
        raise ValueError(f"{name}: shape {array.shape}, not (n,)")
    if array.dtype.kind == "i" and (array < 0).any():
        raise ValueError(f"{name}: {array.min()} is below 0")
    return array.astype(np.uint64, copy=False)


def as_codes(codes: ArrayLike, byte_count: int, name: str) -> NDArray[np.uint8]:
    """An array of codes, shape (n, byte_count). Raises `TypeError` or `ValueError`."""
    array = np.asarray(codes)
    if array.dtype != np.uint8:
        raise TypeError(f"{name}: element type {array.dtype}, not uint8; see numpy.packbits")
    if array.ndim != 2 or array.shape[1] != byte_count:
        raise ValueError(f"{name}: shape {array.shape}, not (n, {byte_count})")
    return array


def require_same_count(count: int, columns: Mapping[str, Any]) -> None:
    """Raises `ValueError` unless every column that is there has `count` rows."""
    for name, column in columns.items():
        if column is not None and len(column) != count:
            raise ValueError(f"{name}: {len(column)} rows, where there are {count} ids")


def require_unique(ids: NDArray[np.uint64]) -> None:
    """Raises `ValueError` when an id occurs twice."""
    ordered = np.sort(ids)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice) > 0:
        raise ValueError(f"ids: {twice[0]} occurs twice")
