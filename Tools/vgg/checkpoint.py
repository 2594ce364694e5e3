"""Reads what torch.save wrote, without PyTorch and without running what is in the file.

Two formats. Since 1.6 a checkpoint is a zip file: NAME/data.pkl is a pickle in which every tensor's
elements are a reference to a file NAME/data/KEY beside it. Before (torchvision's vgg19-dcbb9e9d.pth
is such a file) it is five pickles, one behind the other: a magic number, a version, facts about the
machine, the object, and the list of storage keys; the storages follow, each behind its number of
elements. A pickle is a program; here it may name nothing but the few functions that make tensors.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from math import prod

MAGIC = 0x1950A86A20F9469CFC6C
TENSOR_COUNT_MAX = 10_000
PICKLE_BYTE_COUNT_MAX = 1 << 26
STORAGE_BYTE_COUNT_MAX = 1 << 32

# PyTorch's storage classes: the name in a safetensors file, bytes of an element.
STORAGES = {
    "FloatStorage": ("F32", 4), "DoubleStorage": ("F64", 8), "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}
FLOATS = {"F32", "F64", "F16", "BF16"}


class BadCheckpoint(Exception):
    """Why a file is refused, in one line."""


@dataclass
class Storage:
    """Elements that tensors refer to."""

    dtype: str
    size: int
    key: str
    count: int
    data: bytes | None = None


@dataclass
class Tensor:
    """A view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> str:
        return self.storage.dtype

    @property
    def count(self) -> int:
        return prod(self.shape)

    def bytes(self) -> bytes:
        """The elements in row-major order."""
        size, data = self.storage.size, self.storage.data
        if self.count == 0:
            return b""
        contiguous, step = [], 1
        for extent in reversed(self.shape):
            contiguous.insert(0, step)
            step *= extent
        plain = all(
            a == b for a, b, n in zip(self.strides, contiguous, self.shape) if n > 1)
        start = self.offset * size
        if plain:
            return bytes(data[start:start + self.count * size])
        return self._gather(data, size)

    def _gather(self, data: bytes, size: int) -> bytes:
        """The same for elements in another order, such as channels last."""
        words = memoryview(data).cast({1: "B", 2: "H", 4: "I", 8: "Q"}[size])
        places = [self.offset]
        for extent, stride in zip(self.shape, self.strides):
            places = [place + i * stride for place in places for i in range(extent)]
        return struct.pack(f"={len(places)}{words.format}", *(words[i] for i in places))


def rebuild_tensor(storage, offset, shape, strides, *_):
    whole = [offset, *shape, *strides] if isinstance(shape, tuple) else [None]
    if not isinstance(storage, Storage) or not isinstance(strides, tuple) or len(shape) != len(
            strides) or len(shape) > 8 or not all(type(n) is int and n >= 0 for n in whole):
        raise BadCheckpoint("a tensor in it is not described as PyTorch does")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides)) if prod(shape) else -1
    if last >= storage.count:
        raise BadCheckpoint(
            f"a tensor in it ends at element {last + 1} of the {storage.count} of storage "
            f"'{storage.key}'")
    if prod(shape) > storage.count:
        raise BadCheckpoint(
            f"a tensor in it repeats the elements of storage '{storage.key}', which is not read here")
    return Tensor(storage, offset, shape, strides)


def rebuild_parameter(tensor, *_):
    return tensor


KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
}


class Unpickler(pickle._Unpickler):
    """Makes tensors, and nothing else.

    On the one written in Python, whose memo is a dictionary: the other takes as much memory as the
    greatest number in a file asks for.
    """

    def __init__(self, file, storages: dict[str, Storage]):
        super().__init__(file, encoding="utf-8")
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise BadCheckpoint(
            f"asks for {module}.{name}, which is no part of a tensor: save its state_dict() alone")

    def persistent_load(self, reference):
        good = isinstance(reference, tuple) and len(reference) >= 5 and reference[0] == "storage"
        if not good or reference[1] not in STORAGES.values():
            raise BadCheckpoint("a storage in it is not described as PyTorch does")
        (dtype, size), key, count = reference[1], reference[2], reference[4]
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise BadCheckpoint("a storage in it is not described as PyTorch does")
        if len(reference) > 5 and reference[5] is not None:
            raise BadCheckpoint("a storage in it is a view of another, which is not read here")
        storage = self.storages.setdefault(key, Storage(dtype, size, key, count))
        if (storage.dtype, storage.count) != (dtype, count):
            raise BadCheckpoint(f"storage '{key}' is of two kinds")
        if sum(s.count * s.size for s in self.storages.values()) > STORAGE_BYTE_COUNT_MAX:
            raise BadCheckpoint(f"its storages are above {STORAGE_BYTE_COUNT_MAX} bytes in all")
        return storage


def unpickle(file, storages=None):
    try:
        return Unpickler(file, {} if storages is None else storages).load()
    except BadCheckpoint:
        raise
    except Exception as error:  # a pickle can fail in as many ways as a program
        raise BadCheckpoint(f"its pickle is damaged: {type(error).__name__}") from error


def read_zip(file) -> tuple[object, dict[str, Storage]]:
    try:
        archive = zipfile.ZipFile(file)
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise BadCheckpoint("is a zip file, but not of torch.save: it has no data.pkl")
        folder = names[0].removesuffix("data.pkl")
        if archive.getinfo(names[0]).file_size > PICKLE_BYTE_COUNT_MAX:
            raise BadCheckpoint(f"its pickle is above {PICKLE_BYTE_COUNT_MAX} bytes")
        order = folder + "byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise BadCheckpoint("was written by a big-endian machine, which is not read here")
        storages: dict[str, Storage] = {}
        state = unpickle(io.BytesIO(archive.read(names[0])), storages)
        for storage in storages.values():
            info = archive.getinfo(f"{folder}data/{storage.key}")
            if info.file_size != storage.count * storage.size:
                raise BadCheckpoint(
                    f"storage '{storage.key}' has {info.file_size} bytes, where its "
                    f"{storage.count} elements take {storage.count * storage.size}")
            storage.data = archive.read(info)
        return state, storages
    except BadCheckpoint:
        raise
    except KeyError as error:
        raise BadCheckpoint(f"is a zip file that lacks a part: {error.args[0]}") from error
    except Exception as error:  # zipfile fails in as many ways as a file can be damaged
        raise BadCheckpoint(
            f"is a damaged or truncated zip file: {type(error).__name__}") from error


def read_legacy(file) -> tuple[object, dict[str, Storage]]:
    if unpickle(file) != MAGIC:
        raise BadCheckpoint("is not a checkpoint of PyTorch")
    version = unpickle(file)
    if version != 1001:
        raise BadCheckpoint(f"is of version {version}, where 1001 is known")
    machine = unpickle(file)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise BadCheckpoint("was written by a big-endian machine, which is not read here")
    storages: dict[str, Storage] = {}
    state = unpickle(file, storages)
    keys = unpickle(file)
    if not isinstance(keys, list) or set(keys) != set(storages):
        raise BadCheckpoint("its list of storages is not that of its tensors")
    for key in keys:
        storage = storages[key]
        header = file.read(8)
        if len(header) < 8 or struct.unpack("<q", header)[0] != storage.count:
            raise BadCheckpoint(f"is truncated, or damaged, before storage '{key}'")
        storage.data = file.read(storage.count * storage.size)
        if len(storage.data) < storage.count * storage.size:
            raise BadCheckpoint(
                f"is truncated: of the {storage.count * storage.size} bytes of storage '{key}' "
                f"there are {len(storage.data)}")
    return state, storages


def read_state(file) -> dict[str, Tensor]:
    """The floating-point tensors of a checkpoint's state, by name."""
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"PK":
        state, _ = read_zip(file)
    elif start[:1] == b"\x80":
        state, _ = read_legacy(file)
    else:
        raise BadCheckpoint(
            "is empty" if not start else "is not a checkpoint of PyTorch: it is neither a zip "
            "file nor a pickle")
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise BadCheckpoint(f"holds a {type(state).__name__}, not the arrays of a network")
    tensors = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            continue
        if value.dtype in FLOATS:
            tensors[name.removeprefix("module.")] = value
        elif name.endswith((".weight", ".bias")):
            raise BadCheckpoint(f"'{name[:80]}' has elements of {value.dtype}, not of floats")
    if not tensors or len(tensors) > TENSOR_COUNT_MAX:
        raise BadCheckpoint(f"holds {len(tensors)} arrays of floats by name")
    return tensors
