#!/usr/bin/env python3
"""Writes the fixtures beside this file with NumPy; made with NumPy 2.4.6.

Values count up from 1 in C order, so that a reader can check every element.
"""
import pathlib
import numpy as np

here = pathlib.Path(__file__).parent


def write(name, array, version=(1, 0)):
    with open(here / name, "wb") as file:
        np.lib.format.write_array(file, array, version=version)


def counting(shape, dtype):
    return np.arange(1, np.prod(shape, dtype=int) + 1).astype(dtype).reshape(shape)


for major in (1, 2, 3):
    write(f"v{major}-u1.npy", counting((3, 4), "|u1"), (major, 0))
    write(f"v{major}-u2.npy", counting((2, 3), "<u2"), (major, 0))
    write(f"v{major}-u8.npy", counting((5,), "<u8"), (major, 0))
write("v1-zero-rows.npy", np.zeros((0, 512), "|u1"))
write("v1-no-dimension.npy", np.array(7, "<u8"))
write("v1-features.npy", counting((2, 512), "|u1"))
write("fortran.npy", np.asfortranarray(counting((3, 4), "|u1")))
write("big-endian.npy", counting((5,), ">u8"))
write("float.npy", counting((5,), "<f4"))
write("text.npy", np.array(["a", "bc"]))
write("structured.npy", np.zeros(2, [("a", "<u2"), ("b", "<f8")]))
