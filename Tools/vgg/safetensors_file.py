"""Writes the safetensors format."""

import json
import os
import struct


def write(path: str, tensors: dict, metadata: dict[str, str]) -> None:
    """Writes tensors as they are; the path holds its old bytes or all of the new ones."""
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.count * tensor.storage.size
        header[name] = {
            "dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors.values():
                file.write(tensor.bytes())
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
