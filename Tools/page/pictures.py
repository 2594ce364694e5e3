"""Files that somebody may send by mistake or on purpose."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG file of 8-bit grey; `rows` need not fit what its header says."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in parts)


def hostile(folder: Path, sound: Path, byte_count_max: int) -> list[tuple[Path, str]]:
    """Files, and a part of what the page has to say of each."""
    folder.mkdir()
    whole = sound.read_bytes()
    contents = [
        ("empty.png", b"", "is empty"),
        ("no-picture.png", b"<script>alert(1)</script>" * 10, "neither PNG nor JPEG"),
        ("no-picture.txt", b"words", "neither PNG nor JPEG"),
        ("truncated.png", whole[: len(whole) // 3], "picture"),
        ("huge.png", png(30_000, 30_000, bytes(30_001)), "30000"),
        ("bomb.png", png(30_000, 3_000, bytes(30_001 * 3_000)), "30000"),
        ("long.png", whole + os.urandom(byte_count_max), "the most is"),
    ]
    for name, content, _ in contents:
        (folder / name).write_bytes(content)
    return [(folder / name, part) for name, _, part in contents]
