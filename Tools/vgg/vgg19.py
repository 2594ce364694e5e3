"""What a checkpoint of VGG-19 (configuration E) holds, by the names of torchvision and timm."""

from math import prod

from checkpoint import BadCheckpoint

BLOCKS = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]


def convolutions() -> dict[str, tuple[int, ...]]:
    """The shapes of the sixteen convolutions, from the first."""
    shapes: dict[str, tuple[int, ...]] = {}
    place, inputs = 0, 3
    for channels, count in BLOCKS:
        for _ in range(count):
            shapes[f"features.{place}.weight"] = (channels, inputs, 3, 3)
            shapes[f"features.{place}.bias"] = (channels,)
            place, inputs = place + 2, channels
        place += 1
    return shapes


# Of each fully connected layer its names and inputs; the outputs of the last are the classes.
HEAD = [
    ("fc6", ("classifier.0", "pre_logits.fc1"), 512 * 7 * 7, 4096),
    ("fc7", ("classifier.3", "pre_logits.fc2"), 4096, 4096),
    ("fc8", ("classifier.6", "head.fc"), 4096, None),
]


def check(tensors: dict) -> str:
    """Refuses what is no VGG-19; says which layers a part of one lacks, as text."""
    expected = convolutions()
    if not any(name in tensors for name in expected):
        names = ", ".join(list(tensors)[:3])
        raise BadCheckpoint(f"is no VGG-19: its arrays are {names} …")
    for name, shape in expected.items():
        if name in tensors and tensors[name].shape != shape:
            raise BadCheckpoint(
                f"is no VGG-19: '{name}' has the shape {list(tensors[name].shape)}, "
                f"not {list(shape)}")
    # A network with batch normalisation numbers its layers otherwise, but for the first.
    for name in tensors:
        if name.startswith("features.") and name not in expected:
            raise BadCheckpoint(f"is no VGG-19: it has '{name}', where VGG-19 has no such layer")
    missing = [name for name in expected if name not in tensors]
    if "features.0.weight" in missing or "features.0.bias" in missing:
        raise BadCheckpoint("lacks the first convolution, features.0")
    for layer, names, inputs, outputs in HEAD:
        found = [name for name in names if f"{name}.weight" in tensors]
        if not found:
            missing.append(layer)
            continue
        shape = tensors[f"{found[0]}.weight"].shape
        if not shape or prod(shape[1:]) != inputs or (outputs or shape[0]) != shape[0]:
            raise BadCheckpoint(
                f"is no VGG-19: '{found[0]}.weight' has the shape {list(shape)}, not "
                f"[{outputs or 'classes'}, {inputs}]")
    return ", ".join(missing)
