"""Checkpoints as PyTorch writes them, made here without it, and two small ones that it wrote."""

import io
import json
import pickle
import random
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile
from collections import OrderedDict
from math import prod
from pathlib import Path

from checkpoint import MAGIC, BadCheckpoint, read_state
from vgg19 import BLOCKS, HEAD, check, convolutions

PROGRAM = Path(__file__).resolve().parents[2] / "convert-vgg"
FIXTURES = Path(__file__).resolve().parent / "fixtures"


def stand_in():
    """Modules under PyTorch's names, so that a pickle names what PyTorch's pickles name."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "HalfStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        pass

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils", "_rebuild_tensor_v2")
    utils._rebuild_tensor_v2, torch._utils = _rebuild_tensor_v2, utils
    return torch


TORCH = stand_in()


class Array:
    """A tensor that pickles as PyTorch's do."""

    def __init__(self, key, shape, data=None, storage="FloatStorage", size=4, count=None):
        self.key, self.shape, self.storage, self.size = str(key), tuple(shape), storage, size
        self.count = prod(shape) if count is None else count
        self.data = bytes(prod(shape) * size) if data is None else data

    def __reduce__(self):
        strides = tuple(prod(self.shape[i + 1:]) for i in range(len(self.shape)))
        return TORCH._utils._rebuild_tensor_v2, (
            StorageOf(self), 0, self.shape, strides, False, OrderedDict())


class StorageOf:
    def __init__(self, array):
        self.array = array


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, StorageOf):
            array = value.array
            return ("storage", getattr(TORCH, array.storage), array.key, "cpu", array.count)
        return None


def dumped(value) -> bytes:
    sys.modules.update({"torch": TORCH, "torch._utils": TORCH._utils})
    try:
        file = io.BytesIO()
        Pickler(file, protocol=2).dump(value)
        return file.getvalue()
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]


def zipped(state) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/data.pkl", dumped(state))
        archive.writestr("net/byteorder", b"little")
        for array in state.values():
            archive.writestr(f"net/data/{array.key}", array.data)
        archive.writestr("net/version", b"3\n")
    return file.getvalue()


def legacy(state) -> bytes:
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    arrays = sorted(state.values(), key=lambda a: a.key)
    return b"".join(
        [dumped(MAGIC), dumped(1001), dumped(machine), dumped(state),
         dumped([a.key for a in arrays])]
        + [struct.pack("<q", a.count) + a.data for a in arrays])


def network(names) -> dict[str, Array]:
    """The shapes of a whole VGG-19, without elements."""
    shapes = dict(convolutions())
    for _, others, inputs, outputs in HEAD:
        shapes[f"{others[names]}.weight"] = (outputs or 10, inputs)
        shapes[f"{others[names]}.bias"] = (outputs or 10,)
    return {name: Array(key, shape, b"") for key, (name, shape) in enumerate(shapes.items())}


def convolved() -> OrderedDict:
    """The first two convolutions alone: enough for whatever is no matter of size."""
    names = ["features.0.weight", "features.0.bias", "features.2.weight", "features.2.bias"]
    values = random.Random(4)
    return OrderedDict(
        (name, Array(
            key, convolutions()[name],
            struct.pack(f"<{prod(convolutions()[name])}f", *(
                values.uniform(-1, 1) for _ in range(prod(convolutions()[name]))))))
        for key, name in enumerate(names))


class ConvertTests(unittest.TestCase):
    def convert(self, data: bytes, *options):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "a.pth"), Path(folder, "b.safetensors")
            source.write_bytes(data)
            run = subprocess.run(
                [sys.executable, PROGRAM, source, target, *options], capture_output=True,
                text=True, check=False)
            return run, target.read_bytes() if target.exists() else None

    def refused(self, data: bytes, reason: str, status=65):
        run, written = self.convert(data)
        self.assertEqual(run.returncode, status, run.stderr)
        self.assertIsNone(written)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertIn(reason, run.stderr)

    def test_both_formats_give_the_same_file(self):
        state = convolved()
        (one, first), (two, second) = self.convert(zipped(state)), self.convert(legacy(state))
        self.assertEqual((one.returncode, two.returncode), (0, 0), one.stderr + two.stderr)
        self.assertEqual(first, second)
        length = struct.unpack("<Q", first[:8])[0]
        header = json.loads(first[8:8 + length])
        self.assertEqual(header.pop("__metadata__")["preprocessing"], "torchvision")
        self.assertEqual(list(header), list(state))
        for name, array in state.items():
            start, end = header[name]["data_offsets"]
            self.assertEqual(header[name]["shape"], list(array.shape))
            self.assertEqual(first[8 + length + start:8 + length + end], array.data)
        self.assertIn("not there: features.5.weight", one.stdout)

    def test_whole_networks_of_both_projects_are_known(self):
        for names in (0, 1):
            self.assertEqual(check(network(names)), "")
        timm = network(1)
        timm["pre_logits.fc1.weight"] = Array(0, (4096, 512, 7, 7), b"")
        self.assertEqual(check(timm), "")
        del timm["features.34.weight"], timm["head.fc.weight"]
        self.assertEqual(check(timm), "features.34.weight, fc8")

    def test_what_is_no_vgg19_is_refused(self):
        state = convolved()
        state["features.2.weight"] = Array(9, (64, 64, 5, 5))
        self.refused(zipped(state), "'features.2.weight' has the shape [64, 64, 5, 5]")
        state = convolved()
        state["features.1.weight"] = Array(9, (64,))
        self.refused(zipped(state), "it has 'features.1.weight'")
        state = convolved()
        del state["features.0.bias"]
        self.refused(zipped(state), "lacks the first convolution")
        state = convolved()
        state["classifier.0.weight"] = Array(9, (10, 512))
        self.refused(zipped(state), "'classifier.0.weight' has the shape [10, 512]")
        state = convolved()
        state["features.2.weight"] = Array(9, (64, 64, 3, 3), storage="LongStorage", size=8)
        self.refused(zipped(state), "'features.2.weight' has elements of I64")
        self.refused(zipped(OrderedDict(a=Array(0, (2,)))), "is no VGG-19: its arrays are a")

    def test_damaged_files_are_refused(self):
        state = convolved()
        good = {"zip": zipped(state), "legacy": legacy(state)}
        for data in good.values():
            for count in (3, 100, len(data) // 2, len(data) - 1):
                self.refused(data[:count], "")
        self.refused(b"", "is empty")
        self.refused(b"hello", "neither a zip")
        self.refused(b"\x80\x02K\x01.", "not a checkpoint of PyTorch")
        self.refused(zipped(OrderedDict(a=Array(0, (2,), count=5))), "5 elements take 20")
        self.refused(zipped(OrderedDict(a=Array(0, (2,), count=1))), "of the 1 of storage")
        self.refused(zipped(OrderedDict(a=Array(0, (2,), b"", count=1 << 40))), "in all")
        missing = io.BytesIO()
        with zipfile.ZipFile(missing, "w") as archive:
            archive.writestr("net/data.pkl", dumped(state))
        self.refused(missing.getvalue(), "lacks a part")

    def test_nothing_in_a_file_is_run(self):
        with tempfile.TemporaryDirectory() as folder:
            for call in (b"cos\nsystem\n(S'touch %s/x'\ntR.", b"cbuiltins\neval\n(S'1'\ntR."):
                text = b"\x80\x02" + (call % folder.encode() if b"%" in call else call)
                file = io.BytesIO()
                with zipfile.ZipFile(file, "w") as archive:
                    archive.writestr("net/data.pkl", text)
                self.refused(file.getvalue(), "which is no part of a tensor")
                self.refused(text, "which is no part of a tensor")
            self.assertEqual(list(Path(folder).iterdir()), [])

    def test_damage_anywhere_is_refused_or_harmless(self):
        seed = random.randrange(1 << 32)
        random_numbers = random.Random(seed)
        good = [(FIXTURES / name).read_bytes() for name in ("zip.pth", "legacy.pth")]
        for number in range(2_000):
            data = bytearray(good[number % 2])
            for _ in range(random_numbers.randint(1, 4)):
                data[random_numbers.randrange(len(data))] = random_numbers.randrange(256)
            try:
                for tensor in read_state(io.BytesIO(bytes(data))).values():
                    self.assertEqual(len(tensor.bytes()), tensor.count * tensor.storage.size)
            except BadCheckpoint as error:
                self.assertNotIn("\n", str(error), f"seed {seed}")

    def test_arguments(self):
        run = subprocess.run(
            [sys.executable, PROGRAM, "one"], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stderr.count("\n")), (64, 1))
        run = subprocess.run(
            [sys.executable, PROGRAM, "/none.pth", "b"], capture_output=True, text=True,
            check=False)
        self.assertEqual((run.returncode, run.stderr.count("\n")), (74, 1))


class FixtureTests(unittest.TestCase):
    """Files that PyTorch 2.15 wrote, in its two formats."""

    def test_tensors_of_every_kind_are_read(self):
        for name in ("zip.pth", "legacy.pth"):
            with open(FIXTURES / name, "rb") as file:
                state = read_state(file)
            self.assertEqual(
                sorted(state), sorted(
                    ["plain", "last", "view", "half", "brain", "double", "parameter", "empty",
                     "scalar"]))
            row = struct.pack("<24f", *range(24))
            self.assertEqual(state["plain"].bytes(), row)
            self.assertEqual(state["last"].bytes(), row)
            self.assertEqual(state["last"].strides, (12, 1, 6, 3))
            self.assertEqual(state["view"].shape, (3, 2))
            self.assertEqual(state["view"].bytes(), struct.pack("<6f", 2, 5, 3, 6, 4, 7))
            self.assertEqual(state["half"].bytes(), struct.pack("<2e", 1, -2))
            self.assertEqual(state["brain"].bytes(), b"\x40\x40")
            self.assertEqual(state["double"].bytes(), struct.pack("<d", float.fromhex("0x1.99999ap-4")))
            self.assertEqual(state["parameter"].bytes(), struct.pack("<f", 5))
            self.assertEqual((state["empty"].bytes(), state["scalar"].shape), (b"", ()))

    def test_the_table_is_configuration_e(self):
        self.assertEqual(sum(count for _, count in BLOCKS), 16)
        self.assertEqual(list(convolutions())[-1], "features.34.bias")
        with self.assertRaises(BadCheckpoint):
            check({})


if __name__ == "__main__":
    unittest.main()
