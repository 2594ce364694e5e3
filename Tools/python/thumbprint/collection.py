"""A collection: searches, loads, records."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import messages
from .admin import CollectionInfo, CollectionStats, from_json
from .errors import NotFoundError, TooLargeError, malformed
from .frames import Frame, FrameType
from .limits import (
    CODER_BYTE_COUNT_MAX,
    COMBINED_BIT_COUNT,
    FEATURE_BIT_COUNT,
    FEATURE_BYTE_COUNT,
    IMAGE_BYTE_COUNT,
    MATCH_COUNT_MAX,
    MISS_PROBABILITY_MAX,
    NEIGHBOUR_COUNT_MAX,
    SHARD_COUNT_MAX,
)
from .messages import Certificate, SearchReply, SearchTerms
from .records import (
    Parts,
    Records,
    Tags,
    as_codes,
    as_ids,
    canonical_tags,
    concatenate,
    encode_rows,
    encoded_name,
    require_same_count,
    require_unique,
    shards_of,
)

if TYPE_CHECKING:
    from .client import Client, Request

T = TypeVar("T")
Distances = NDArray[np.int32]
IDs = NDArray[np.uint64]

NO_DISTANCE = 2**31 - 1
"""In an array of distances: there is no such match."""
NO_ID = 2**64 - 1
"""In an array of ids: there is no such match. The distance decides, as this is an id too."""

_QUERIES_AT_ONCE = 64
_ROWS_AT_ONCE = 8_192
_HEAD_BYTE_COUNT = 256
"""More than the layouts, coder and counts of any message take."""


@dataclass(frozen=True)
class Answer:
    """The matches of one query, in the order (distance, id)."""

    distances: Distances
    records: Records
    """The matches, with the columns that were asked for; never feature codes."""
    certificate: Certificate | None
    missing_shards: tuple[int, ...]
    """Shards of which this answer says nothing; empty unless partial answers were allowed."""

    @property
    def ids(self) -> IDs:
        """The ids of the matches."""
        return self.records.ids

    def __len__(self) -> int:
        return len(self.distances)


@dataclass(frozen=True)
class LoadReceipt:
    """What a load did; everything counted is on the disks of all in-sync replicas."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0


@dataclass(frozen=True)
class DeleteReceipt:
    """What a deletion did."""

    deleted: int = 0
    absent: int = 0


class Collection:
    """A collection of a cluster; made by `Client.collection`.

    Feature codes are arrays of `uint8` with 512 bytes a row, image codes with 64, bits as
    `numpy.packbits` orders them. Ids are whole numbers from 0 to 2⁶⁴ − 1.
    """

    def __init__(self, client: Client, name: str, info: CollectionInfo | None = None) -> None:
        self.name = name
        self._client = client
        self._info = info

    def __repr__(self) -> str:
        return f"Collection({self.name!r})"

    # ---- About it

    def info(self, *, timeout: float | None = None) -> CollectionInfo:
        """Identity, counts and coder at this moment. Raises `NotFoundError`."""
        reply = self._client.admin(
            "describeCollection", {"collection": self.name}, is_repeatable=True, timeout=timeout
        )
        self._info = info = from_json(CollectionInfo, reply)
        if not 1 <= info.shard_count <= SHARD_COUNT_MAX:
            raise malformed(f"collection {self.name!r} has {info.shard_count} shards")
        return info

    def stats(self, *, timeout: float | None = None) -> CollectionStats:
        """What each shard holds."""
        reply = self._client.admin(
            "collectionStats", {"collection": self.name}, is_repeatable=True, timeout=timeout
        )
        return from_json(CollectionStats, reply)

    def drop(self, *, timeout: float | None = None) -> None:
        """Deletes the collection with all its records, for good."""
        self._client.drop_collection(self.name, timeout=timeout)

    # ---- Searches

    def search(
        self,
        codes: ArrayLike,
        k: int = 10,
        *,
        images: ArrayLike | None = None,
        exact: bool = False,
        recall: float | None = None,
        distance_max: int | None = None,
        timeout: float | None = None,
    ) -> tuple[Distances, IDs]:
        """The `k` nearest records of each code, as `(distances, ids)` like FAISS.

        Shapes are (n, k) for codes of shape (n, 512), and (k,) for one of shape (512,). Matches
        are in the order (distance, id). Where there are fewer than `k`, the rest is `NO_DISTANCE`
        and `NO_ID`.

        By default an answer is certified: wrong with a chance of at most 10⁻⁹, for any data.
        `exact=True` gives that of a full scan; `recall=X`, 0 < X < 1, aims at that share of the
        true answers on average. With `images`, the image codes of the queries, distances are over
        4608 bits instead of 4096. Nothing beyond `distance_max` is returned, which makes queries
        with nothing near cheaper.
        """
        queries = _Queries(codes, images)
        terms = _terms(queries, k, None, exact, recall, distance_max)
        distances = np.full((len(queries), k), NO_DISTANCE, dtype=np.int32)
        ids = np.full((len(queries), k), NO_ID, dtype=np.uint64)
        for start, reply in self._replies(queries, terms, timeout):
            counts = np.diff(reply.offsets)
            if (counts > k).any():
                raise malformed(f"search reply: {counts.max()} matches where {k} are the most")
            rows = np.repeat(np.arange(start, start + len(counts)), counts)
            columns = np.arange(len(rows)) - np.repeat(reply.offsets[:-1], counts)
            distances[rows, columns] = reply.distances
            ids[rows, columns] = reply.rows.ids
        return (distances[0], ids[0]) if queries.is_single else (distances, ids)

    def range_search(
        self,
        codes: ArrayLike,
        radius: int,
        *,
        images: ArrayLike | None = None,
        exact: bool = False,
        recall: float | None = None,
        timeout: float | None = None,
    ) -> tuple[NDArray[np.int64], Distances, IDs]:
        """All records within `radius` bits, as `(limits, distances, ids)` like FAISS.

        The matches of code `i` are those from `limits[i]` up to `limits[i + 1]`. A distance equal
        to `radius` is included. Raises `TooLargeError` where one code has more matches than a
        message takes.
        """
        queries = _Queries(codes, images)
        terms = _terms(queries, None, radius, exact, recall, None)
        limits = np.zeros(len(queries) + 1, dtype=np.int64)
        distances = [np.zeros(0, dtype=np.int32)]
        ids = [np.zeros(0, dtype=np.uint64)]
        for start, reply in self._replies(queries, terms, timeout):
            end = start + len(reply.offsets)
            limits[start + 1 : end] = limits[start] + reply.offsets[1:]
            distances.append(reply.distances.astype(np.int32))
            ids.append(reply.rows.ids)
        return limits, np.concatenate(distances), np.concatenate(ids)

    def query(
        self,
        codes: ArrayLike,
        k: int | None = None,
        *,
        radius: int | None = None,
        images: ArrayLike | None = None,
        exact: bool = False,
        recall: float | None = None,
        distance_max: int | None = None,
        parts: Parts = Parts.NONE,
        certificates: bool = False,
        partial: bool = False,
        timeout: float | None = None,
    ) -> list[Answer]:
        """The answers to codes with all that can be asked for: one for each code.

        Either `k` (default 10) or `radius`. `parts` are the columns of the matches beside ids:
        image codes, names, tags. With `certificates`, what was proved of each. With `partial`,
        an answer comes also when shards cannot be searched, and names them.
        """
        if Parts.FEATURES in parts:
            raise ValueError("parts: feature codes do not come with answers; see fetch")
        if k is not None and radius is not None:
            raise ValueError("k and radius: give one of them")
        queries = _Queries(codes, images)
        nearest = 10 if k is None and radius is None else k
        terms = _terms(queries, nearest, radius, exact, recall, distance_max)
        wants = int(parts) >> 1
        wants |= messages.WANTS_CERTIFICATES if certificates else 0
        wants |= messages.WANTS_PARTIAL if partial else 0
        terms = dataclasses.replace(terms, wants=wants)
        answers: list[Answer] = []
        for _, reply in self._replies(queries, terms, timeout):
            answers += _answers(reply, parts)
        return answers

    def _replies(
        self, queries: _Queries, terms: SearchTerms, timeout: float | None
    ) -> Iterator[tuple[int, SearchReply]]:
        """Asks in frames of a bounded number of queries; gives the first query of each reply."""
        step = _QUERIES_AT_ONCE
        if terms.extent == messages.EXTENT_NEAREST:
            step = max(1, min(step, MATCH_COUNT_MAX // terms.count_or_radius))
        done = 0

        def ask(info: CollectionInfo) -> Iterator[tuple[int, SearchReply]]:
            nonlocal done
            collection, coder = bytes_of_identity(info.id), self._coder_bytes()

            def request(start: int, end: int) -> Request:
                body = messages.encode_search(
                    collection, terms, coder, end - start, queries.data(start, end)
                )
                return self._client.request(FrameType.SEARCH, body, timeout=timeout)

            for start, end, frame in self._in_pieces(done, len(queries), step, request):
                reply = messages.decode_search_reply(frame.body, end - start, terms)
                done = end
                yield start, reply

        return self._again_if_made_anew(ask, timeout)

    def _in_pieces(
        self, first: int, last: int, step: int, request: Callable[[int, int], Request]
    ) -> Iterator[tuple[int, int, Frame]]:
        """Asks for a range piece by piece; for half of one whose answer would be too large."""
        remaining = deque((start, min(start + step, last)) for start in range(first, last, step))
        while remaining:
            replies = self._client.ask_all(request(*each) for each in tuple(remaining))
            try:
                for _, frame in replies:
                    yield (*remaining[0], frame)
                    remaining.popleft()
            except TooLargeError:
                start, end = remaining.popleft()
                if end - start == 1:
                    raise
                middle = (start + end) // 2
                remaining.extendleft([(middle, end), (start, middle)])

    # ---- Records

    def load(
        self,
        features: ArrayLike,
        images: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        *,
        names: Sequence[str | None] | None = None,
        tags: Sequence[Tags | None] | None = None,
        progress: Callable[[int], None] | None = None,
        timeout: float | None = None,
    ) -> LoadReceipt:
        """Stores records, in place of those with the same ids.

        `features` is n × 512 bytes, `images` n × 64 (default: zeros), `ids` n whole numbers, each
        once (default: row numbers). An array may be mapped from a file. An empty name is none.

        Goes batch by batch, several at a time; `progress` is called with the number of records
        stored so far. When it fails, some are stored and some are not; loading again completes
        it, and passes over those that are there with the same content. `timeout` is that of
        one batch.
        """
        rows = _Rows.checked(features, images, ids, names, tags)
        info = self.info(timeout=timeout)
        collection = bytes_of_identity(info.id)
        coder = self._coder_bytes()
        most = self._client.body_byte_count_max(timeout) - _HEAD_BYTE_COUNT

        def requests() -> Iterator[Request]:
            for shard, chosen in rows.batches(info.shard_count, most):
                body = messages.encode_upsert(collection, shard, coder, rows.encoded(chosen))
                yield self._client.request(
                    FrameType.APPEND, body, timeout=timeout, note=len(chosen)
                )

        total = LoadReceipt()
        stored = 0
        for asked, frame in self._client.ask_all(requests()):
            reply = messages.decode_append_reply(frame.body)
            total = LoadReceipt(
                total.added + reply.added,
                total.replaced + reply.replaced,
                total.unchanged + reply.unchanged,
            )
            stored += asked.note
            if progress is not None:
                progress(stored)
        return total

    def delete(self, ids: ArrayLike, *, timeout: float | None = None) -> DeleteReceipt:
        """Deletes records. Ids that are not there are counted; one that occurs twice is one."""
        wanted = np.unique(as_ids(ids))
        info = self.info(timeout=timeout)
        collection = bytes_of_identity(info.id)

        def requests() -> Iterator[Request]:
            for shard, chosen in _by_shard(wanted, info.shard_count, _ROWS_AT_ONCE):
                body = messages.encode_delete(collection, shard, wanted[chosen])
                yield self._client.request(FrameType.APPEND, body, timeout=timeout)

        total = DeleteReceipt()
        for _, frame in self._client.ask_all(requests()):
            reply = messages.decode_append_reply(frame.body)
            total = DeleteReceipt(total.deleted + reply.deleted, total.absent + reply.absent)
        return total

    def fetch(
        self, ids: ArrayLike, parts: Parts = Parts.ALL, *, timeout: float | None = None
    ) -> Records:
        """The records of ids: one for each id that there is, in the order of the ids."""
        wanted = as_ids(ids)
        done = 0
        found = [_empty(parts)]

        def ask(info: CollectionInfo) -> Iterator[tuple[int, Records]]:
            collection = bytes_of_identity(info.id)

            def request(start: int, end: int) -> Request:
                body = messages.encode_fetch(collection, wanted[start:end], parts)
                return self._client.request(FrameType.FETCH, body, timeout=timeout)

            for _, end, frame in self._in_pieces(done, len(wanted), _ROWS_AT_ONCE, request):
                yield end, _completed(messages.decode_fetch_reply(frame.body), parts)

        for end, records in self._again_if_made_anew(ask, timeout):
            done = end
            found.append(records)
        return concatenate(found)

    def scan(self, parts: Parts = Parts.ALL, *, timeout: float | None = None) -> Iterator[Records]:
        """All records, shard after shard, in each ascending by id; a few thousand at a time.

        Each shard is read as it is when its turn comes: writes meanwhile may or may not be seen.
        """
        info = self.info(timeout=timeout)
        collection = bytes_of_identity(info.id)
        for shard in range(info.shard_count):
            after: int | None = None
            is_last = False
            while not is_last:
                body = messages.encode_scan(collection, shard, parts, _ROWS_AT_ONCE, after)
                frame = self._client.ask(FrameType.SCAN, body, timeout=timeout)
                rows, is_last = messages.decode_scan_reply(frame.body)
                if len(rows) > 0:
                    if after is not None and int(rows.ids[0]) <= after:
                        raise malformed(f"scan reply: id {rows.ids[0]} is not after {after}")
                    after = int(rows.ids[-1])
                    yield _completed(rows, parts)

    # ---- Identity

    def _coder_bytes(self) -> bytes:
        return messages.text_within(self._client.coder, CODER_BYTE_COUNT_MAX, "coder")

    def _again_if_made_anew(
        self, ask: Callable[[CollectionInfo], Iterator[T]], timeout: float | None
    ) -> Iterator[T]:
        """Asks by the identity known; once more if the name stands for another one by now."""
        known = self._info
        info = known or self.info(timeout=timeout)
        try:
            yield from ask(info)
        except NotFoundError:
            fresh = self.info(timeout=timeout)
            if known is None or fresh.id == info.id:
                raise
            yield from ask(fresh)


class _Queries:
    """Codes to search for, checked; `images` makes the metric the combined one."""

    def __init__(self, codes: ArrayLike, images: ArrayLike | None) -> None:
        features = np.asarray(codes)
        self.is_single = features.ndim == 1
        self._features = as_codes(np.atleast_2d(features), FEATURE_BYTE_COUNT, "codes")
        self._images: NDArray[np.uint8] | None = None
        if images is not None:
            self._images = as_codes(np.atleast_2d(np.asarray(images)), IMAGE_BYTE_COUNT, "images")
            if len(self._images) != len(self._features):
                raise ValueError(f"images: {len(self._images)} for {len(self._features)} codes")

    def __len__(self) -> int:
        return len(self._features)

    @property
    def is_combined(self) -> bool:
        return self._images is not None

    def data(self, start: int, end: int) -> bytes:
        """The bytes of some of them, as a search carries them."""
        if self._images is None:
            return self._features[start:end].tobytes()
        return np.hstack((self._features[start:end], self._images[start:end])).tobytes()


@dataclass(frozen=True)
class _Rows:
    """Records to be stored, checked. Codes stay where they are until they are sent."""

    ids: IDs
    features: NDArray[np.uint8]
    images: NDArray[np.uint8] | None
    names: list[bytes] | None
    tags: list[bytes] | None

    @staticmethod
    def checked(
        features: ArrayLike,
        images: ArrayLike | None,
        ids: ArrayLike | None,
        names: Sequence[str | None] | None,
        tags: Sequence[Tags | None] | None,
    ) -> _Rows:
        feature_codes = as_codes(features, FEATURE_BYTE_COUNT, "features")
        count = len(feature_codes)
        image_codes = None if images is None else as_codes(images, IMAGE_BYTE_COUNT, "images")
        wanted = np.arange(count, dtype=np.uint64) if ids is None else as_ids(ids)
        require_same_count(
            count, {"ids": wanted, "images": image_codes, "names": names, "tags": tags}
        )
        require_unique(wanted)
        return _Rows(
            wanted,
            feature_codes,
            image_codes,
            None if names is None else [encoded_name(name or None) for name in names],
            None if tags is None else [canonical_tags(each) for each in tags],
        )

    def encoded(self, chosen: NDArray[np.int64]) -> bytes:
        """Some rows, as they are sent."""
        images = self.images
        return encode_rows(
            self.ids[chosen],
            self.features[chosen],
            np.zeros((len(chosen), IMAGE_BYTE_COUNT), np.uint8)
            if images is None
            else images[chosen],
            None if self.names is None else [self.names[i] for i in chosen],
            None if self.tags is None else [self.tags[i] for i in chosen],
        )

    def batches(
        self, shard_count: int, byte_count_max: int
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Row numbers in batches, each of one shard and within the bytes of a message."""
        sizes = np.full(len(self.ids), 8 + FEATURE_BYTE_COUNT + IMAGE_BYTE_COUNT, np.int64)
        for texts in (self.names, self.tags):
            if texts is not None:
                sizes += 4 + np.fromiter(map(len, texts), np.int64, len(texts))
        for shard, rows in _by_shard(self.ids, shard_count, _ROWS_AT_ONCE):
            ends = np.cumsum(sizes[rows])
            start = 0
            while start < len(rows):
                before = ends[start - 1] if start > 0 else 0
                end = int(np.searchsorted(ends, before + byte_count_max, side="right"))
                end = max(end, start + 1)
                yield shard, rows[start:end]
                start = end


def _by_shard(
    ids: IDs, shard_count: int, row_count_max: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Row numbers in batches of one shard each, the shards taking turns."""
    shards = shards_of(ids, shard_count)
    order = np.argsort(shards, kind="stable")
    bounds = np.searchsorted(shards[order], np.arange(shard_count + 1))
    most = int(np.diff(bounds).max())
    for start in range(0, most, row_count_max):
        for shard in range(shard_count):
            first = int(bounds[shard]) + start
            last = min(int(bounds[shard + 1]), first + row_count_max)
            if first < last:
                yield shard, order[first:last]


def _terms(
    queries: _Queries,
    k: int | None,
    radius: int | None,
    exact: bool,
    recall: float | None,
    distance_max: int | None,
) -> SearchTerms:
    bit_count = COMBINED_BIT_COUNT if queries.is_combined else FEATURE_BIT_COUNT
    promise = messages.PROMISE_CERTIFIED
    if recall is not None:
        if exact:
            raise ValueError("exact and recall: give one of them")
        if not 0 < recall < 1:
            raise ValueError(f"recall: {recall} is not above 0 and below 1")
        promise = messages.PROMISE_RECALL
    elif exact:
        promise = messages.PROMISE_EXACT
    if radius is None:
        _require_within("k", k, 1, NEIGHBOUR_COUNT_MAX)
    else:
        _require_within("radius", radius, 0, bit_count)
    if distance_max is not None:
        _require_within("distance_max", distance_max, 0, bit_count)
    nearest = 0 if k is None else k
    return SearchTerms(
        extent=messages.EXTENT_NEAREST if radius is None else messages.EXTENT_RADIUS,
        count_or_radius=int(nearest if radius is None else radius),
        metric=messages.METRIC_COMBINED if queries.is_combined else messages.METRIC_FEATURE,
        promise=promise,
        recall=float(recall or 0),
        distance_max=bit_count if distance_max is None else int(distance_max),
        wants=0,
        miss_probability=MISS_PROBABILITY_MAX,
    )


def _require_within(name: str, value: int | None, least: int, most: int) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{name}: {value!r} is not a whole number")
    if not least <= value <= most:
        raise ValueError(f"{name}: {value} is not from {least} to {most}")


def _answers(reply: SearchReply, parts: Parts) -> Iterator[Answer]:
    rows = _completed(reply.rows, parts)
    missing = tuple(sorted(reply.missing))
    distances = reply.distances.astype(np.int32)
    for index, start in enumerate(reply.offsets[:-1]):
        here = slice(int(start), int(reply.offsets[index + 1]))
        yield Answer(
            distances[here],
            rows[here],
            None if reply.certificates is None else reply.certificates[index],
            missing,
        )


def _completed(rows: Records, parts: Parts) -> Records:
    """With columns of nothing for those that were left out because no row has any."""
    for part, column in ((Parts.FEATURES, rows.features), (Parts.IMAGES, rows.images)):
        if (part in parts) != (column is not None):
            raise malformed(f"rows: the column {part.name} is not as it was asked for")
    for part, texts in ((Parts.NAMES, rows.names), (Parts.TAGS, rows.tags)):
        if part not in parts and texts is not None:
            raise malformed(f"rows: the column {part.name} was not asked for")
    names, tags = rows.names, rows.tags
    if Parts.NAMES in parts and names is None:
        names = [None] * len(rows)
    if Parts.TAGS in parts and tags is None:
        tags = [{}] * len(rows)
    return dataclasses.replace(rows, names=names, tags=tags)


def _empty(parts: Parts) -> Records:
    """No records, with the columns that were asked for."""
    return Records(
        np.zeros(0, np.uint64),
        np.zeros((0, FEATURE_BYTE_COUNT), np.uint8) if Parts.FEATURES in parts else None,
        np.zeros((0, IMAGE_BYTE_COUNT), np.uint8) if Parts.IMAGES in parts else None,
        [] if Parts.NAMES in parts else None,
        [] if Parts.TAGS in parts else None,
    )


def bytes_of_identity(identity: str) -> bytes:
    """The 16 bytes of an identity on the wire: two numbers, the first 16 digits first.

    Raises `ProtocolError` when it is not 32 hexadecimal digits.
    """
    try:
        first, second = int(identity[:16], 16), int(identity[16:], 16)
        if len(identity) != 32:
            raise ValueError
    except ValueError:
        raise malformed(f"identity {identity!r} is not 32 hexadecimal digits") from None
    return first.to_bytes(8, "little") + second.to_bytes(8, "little")
