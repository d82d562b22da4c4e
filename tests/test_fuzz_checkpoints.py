"""Checkpoints crafted at random, every one read right or refused in a line; none breaks, hangs, or is run.

100 cases here; `make fuzz` tries 500.
"""

import copy
import os
import random
import zipfile
from collections import Counter

import numpy as np
import pytest
import torch

from tests.fuzz import BAD, attempt
from tests.small import untrained
from unet_lightning.prediction.load import load

CASES = max(1, int(os.environ.get("UNET_LIGHTNING_FUZZ", "400")) // 4)
LONGEST = 20  # seconds that a checkpoint may take
IMAGE = np.random.default_rng(0).integers(0, 255, (20, 24, 1)).astype(np.uint8)


def nested(depth):
    found = []
    for _ in range(depth):
        found = [found]
    return found


def doubled(times):
    """A list of two lists that are one and the same, and so on: 2^times when walked through."""
    found = [1]
    for _ in range(times):
        found = [found, found]
    return found


def cyclic():
    found = []
    found.append(found)
    return found


VALUES = [
    *(None, True, "", "x", "???", "a\nb", "${oc.env:HOME}", -1, 0, 1, 2, 7, 400, 10**6, 2**40, 10**30, -0.5, 1.5),
    *(float("nan"), float("inf"), [], {}, [1, 2], [[1, 2], [3, 4]], ["a", "b"], ["a", "a"], {"a": 1}, {1: 2}, (1, 2)),
    *({"_target_": "os.system"}, {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 2}),
    *({"_target_": 3}, {"_target_": "torch.nn.Transformer", "num_encoder_layers": 10**7}, {"_args_": [1]}),
    *(torch.zeros(3), torch.zeros(2, dtype=torch.complex64), torch.zeros(4, device="meta"), torch.Size([3])),
    *(nested(100), doubled(40), cyclic(), "x" * 10**5, list(range(1000)), {1, 2}, b"abc", 1j),
]
TAKEN_OUT = object()


def places(node, path=()):
    """Every place in nested containers, the containers themselves too."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from places(child, (*path, key))


def put(node, path, value):
    """Replace what is at a place, or take it out; nothing where an earlier fault took the place away."""
    try:
        for key in path[:-1]:
            node = node[key]
        if value is TAKEN_OUT:
            del node[path[-1]]
        else:
            node[path[-1]] = value
    except (KeyError, TypeError, IndexError):
        pass


def spoil_tensor(state, draw):
    """One of the things that a state dict may hold instead of the right tensor."""
    name = draw.choice(sorted(state, key=str))
    tensor = state[name]
    spoilt = {
        "float64": lambda: tensor.double(),
        "float16": lambda: tensor.half(),
        "integer": lambda: tensor.long(),
        "complex": lambda: tensor.to(torch.complex64),
        "meta": lambda: tensor.to("meta"),
        "sparse": lambda: torch.eye(3).to_sparse(),
        "huge": lambda: torch.zeros(1).expand(1 << 20, 1 << 20),
        "empty": lambda: torch.zeros(0),
        "flat": lambda: tensor.flatten(),
        "more": lambda: torch.zeros(*tensor.shape, 2),
        "nan": lambda: torch.full(tensor.shape, float("nan")),
        "quantised": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
        "list": lambda: tensor.tolist(),
        "none": lambda: None,
    }
    kind = draw.choice([*spoilt, "gone", "renamed"])
    if kind in spoilt:
        state[name] = spoilt[kind]()
    else:
        state.pop(name)
    if kind == "renamed":
        state[draw.choice(["network.x", "x", 3, "network."])] = tensor


def spoil_bytes(path, draw):
    data = bytearray(path.read_bytes())
    for _ in range(draw.choice([0, 1, 20])):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data[: draw.choice([len(data), len(data), draw.randrange(len(data))])])


def craft(content, known, path, draw):
    """Write a checkpoint with one to three faults; known: the places of what it says of itself."""
    content = copy.deepcopy(content)
    acts = draw.choices(["value", "tensor", "bytes", "top"], [7, 3, 1, 1], k=draw.choice([1, 1, 2, 3]))
    for act in acts:
        if act == "value":
            put(content.get("unet_lightning"), draw.choice(known), draw.choice([*VALUES, TAKEN_OUT, TAKEN_OUT]))
        elif act == "tensor" and isinstance(content.get("state_dict"), dict) and content["state_dict"]:
            if all(isinstance(value, torch.Tensor) for value in content["state_dict"].values()):
                spoil_tensor(content["state_dict"], draw)
        elif act == "top":
            content = draw.choice(
                [content | {draw.choice(sorted(content, key=str)): draw.choice(VALUES)}, draw.choice(VALUES)]
            )
        if not isinstance(content, dict):
            break
    torch.save(content, path)
    if "bytes" in acts:
        spoil_bytes(path, draw)


def outcome(path):
    """How a checkpoint was taken, and the message."""

    def read():
        assert load(path).logits(IMAGE).shape[1:] == IMAGE.shape[:2]

    return attempt(read, LONGEST)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(3600)
def test_a_crafted_checkpoint_is_read_or_refused_in_a_line(tmp_path):
    content, counts, bad = untrained(), Counter(), []
    known = list(places(content["unet_lightning"]))
    for case in range(CASES):
        path = tmp_path / f"{case}.ckpt"
        craft(content, known, path, random.Random(case))
        how, words = outcome(path)
        path.unlink()
        counts[how] += 1
        if how in BAD:
            bad.append(f"case {case}: {how}: {words[:300]}")
    print(dict(counts))
    assert not bad, "\n".join(bad)
    assert counts["refused"] > CASES / 3


@pytest.mark.parametrize("depth", [10, 100_000])
def test_containers_of_any_depth_are_refused(tmp_path, depth):
    def text(word):
        return b"X" + len(word).to_bytes(4, "little") + word.encode()

    deep = b"]" * depth + b"a" * (depth - 1)  # lists in lists, written as opcodes: pickle itself would recurse
    pickled = b"\x80\x02}" + text("unet_lightning") + b"}" + text("format") + b"K\x02s" + text("config") + deep + b"ss."
    with zipfile.ZipFile(tmp_path / "deep.ckpt", "w") as archive:
        for name, data in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", data)
    how, words = outcome(tmp_path / "deep.ckpt")
    assert how == "refused"
    assert ("too deep" in words) == (depth > 32)
