"""Arrays of feature codes: n x 512 bytes, a row a code of 4096 bits, highest bit first."""

import os
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

BIT_COUNT = 4096
BYTE_COUNT = BIT_COUNT // 8


class BenchError(Exception):
    """What a person typing the command has to know: one line, and a hint where there is one."""

    def __init__(self, message, hint=None):
        super().__init__(message)
        self.hint = hint


def random_stream(*key):
    """A generator that depends on nothing but `key`, so any part of a set can be made alone."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(list(key))))


def bernoulli_bytes(stream, shape, probability, digit_count=16):
    """Random bytes whose bits are 1 with `probability`, rounded to `digit_count` binary digits.

    Reads the binary digits from the last to the first: OR with fair bits halves the distance to 1,
    AND halves the value, so `digit_count` random words decide 64 bits. The rounding moves a
    probability by less than 2^-17, one flipped bit in 32 codes.
    """
    digits = round(probability * (1 << digit_count))
    if not 0 <= digits <= 1 << digit_count:
        raise ValueError(f"probability {probability} outside 0...1")
    byte_count = int(np.prod(shape))
    word_count = -(-byte_count // 8)
    result = np.zeros(word_count, np.uint64)
    if digits == 1 << digit_count:
        result -= 1
    elif digits:
        first = (digits & -digits).bit_length() - 1
        for place in range(first, digit_count):
            words = stream.bit_generator.random_raw(word_count)
            if digits >> place & 1:
                result |= words
            else:
                result &= words
    return result.view(np.uint8)[:byte_count].reshape(shape)


def uniform_codes(stream, shape):
    """Codes of fair, independent bits; `shape` without the byte axis."""
    return bernoulli_bytes(stream, (*np.atleast_1d(shape), BYTE_COUNT), 0.5)


def open_codes(path):
    """Maps a `.npy` of codes for reading, or says why it is none."""
    try:
        array = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise BenchError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: not a .npy array: {error}") from None
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != BYTE_COUNT:
        raise BenchError(
            f"{path}: {array.dtype} of shape {array.shape}, expected uint8 of n x {BYTE_COUNT}"
        )
    if array.shape[0] == 0:
        raise BenchError(f"{path}: no rows")
    return array


class CodeFile:
    """A `.npy` of codes written in place and given its name only when whole."""

    def __init__(self, path, row_count):
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self.row_count = row_count

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        open_memmap(self.partial, "w+", np.uint8, (self.row_count, BYTE_COUNT)).flush()
        return self

    def write(self, first_row, codes):
        """Stores rows; several processes may write disjoint rows at once."""
        array = open_memmap(self.partial, "r+")
        array[first_row : first_row + len(codes)] = codes

    def __exit__(self, kind, error, trace):
        if kind is None:
            os.replace(self.partial, self.path)
        else:
            self.partial.unlink(missing_ok=True)
