"""Reading a body from front to back, with every length checked before it is used."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import malformed


class Cursor:
    """A place in a body. Every method raises `ProtocolError` where the body does not go on."""

    def __init__(self, body: bytes | bytearray, what: str) -> None:
        self._body = memoryview(body)
        self._offset = 0
        self.what = what

    def _take(self, byte_count: int) -> memoryview:
        left = len(self._body) - self._offset
        if byte_count > left:
            raise malformed(f"{self.what}: {byte_count} bytes expected, {left} left")
        start = self._offset
        self._offset += byte_count
        return self._body[start : self._offset]

    def fields(self, layout: struct.Struct) -> tuple[Any, ...]:
        """The fields of a layout."""
        return layout.unpack(self._take(layout.size))

    def array(self, dtype: str | np.dtype[Any], count: int) -> NDArray[Any]:
        """`count` elements, without a copy of them."""
        wanted = np.dtype(dtype)
        return np.frombuffer(self._take(count * wanted.itemsize), dtype=wanted)

    def text(self, byte_count: int) -> str:
        """So many bytes of UTF-8."""
        return self.utf8(self._take(byte_count))

    def raw(self, byte_count: int) -> memoryview:
        """So many bytes."""
        return self._take(byte_count)

    def utf8(self, text: memoryview) -> str:
        """Bytes as text."""
        try:
            return str(text, "utf-8")
        except UnicodeDecodeError as cause:
            raise malformed(f"{self.what}: a text is not UTF-8: {cause}") from None

    def require(self, condition: bool, message: str) -> None:
        """Refuses the body unless the condition holds."""
        if not condition:
            raise malformed(f"{self.what}: {message}")

    def end(self) -> None:
        """Refuses bytes that are left over."""
        left = len(self._body) - self._offset
        self.require(left == 0, f"{left} bytes left over")
