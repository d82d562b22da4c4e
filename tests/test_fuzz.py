"""Good folders and manifests, spoilt at random: each trains a step or is refused with a remedy, and none is written to.

100 cases here; `make fuzz` tries 2,000.
"""

import csv
import hashlib
import os
import shutil

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.small import QUIET, config
from unet_lightning.error import InputError
from unet_lightning.training.build import build

CASES = int(os.environ.get("UNET_LIGHTNING_FUZZ", "100"))
REMEDIES = (
    "set ",
    "copy ",
    "add ",
    "correct ",
    "give ",
    "keep ",
    "store ",
    "name ",
    "replace ",
    "write ",
    "save ",
    "make ",
)
SMALL = ["data=folder", "data.crop=16", "data.batch_size=2", "model.depth=1", "model.base_channels=2", *QUIET]


def write_set(root, manifest, label):
    random = np.random.default_rng(0)
    for folder in ("images", label):
        (root / folder).mkdir(parents=True)
    rows = []
    for k in range(6):
        mask = np.zeros((24, 20 + k), np.uint8)
        mask[4 + k : 14, 3:15] = 1
        image = (mask * 90 + random.integers(0, 60, mask.shape)).astype(np.uint8)
        suffix = (".png", ".jpg", ".tif", ".bmp")[k % 4]
        names = f"images/{k}{suffix}", f"{label}/{k}.png"
        tifffile.imwrite(root / names[0], image) if suffix == ".tif" else cv2.imwrite(str(root / names[0]), image)
        cv2.imwrite(str(root / names[1]), mask)
        rows.append([f"r{k}", *names, ("train", "train", "train", "val", "test", "train")[k], f"g{k}"])
    if manifest:
        write_manifest(root, rows, ("id", "image", {"masks": "mask"}.get(label, label), "split", "group"))


def write_manifest(root, rows, header=("id", "image", "mask", "split", "group"), end="\n"):
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=end)
        writer.writerow(header)
        writer.writerows(rows)


def spoil_file(root, kind, which, where):
    """One of the things that happen to files."""
    files = sorted(path for path in root.glob("*/*") if path.is_file() or path.is_symlink())
    path = files[which % len(files)]
    data = path.read_bytes() if path.exists() else b""
    cut = int(where * len(data))
    if kind == "truncate":
        path.write_bytes(data[:cut])
    elif kind == "flip" and data:
        path.write_bytes(data[:cut] + bytes([data[min(cut, len(data) - 1)] ^ 255]) + data[cut + 1 :])
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(which).bytes(cut + 1))
    elif kind == "delete":
        path.unlink()
    elif kind == "dangle":
        path.unlink()
        path.symlink_to(root / "nowhere")
    elif kind == "rename":
        path.rename(path.with_name(f"ä b{which} {path.name}"))
    elif kind == "swap":
        other = files[(which + 1) % len(files)]
        if other.exists():
            path.write_bytes(other.read_bytes())
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    else:
        replace(path, kind, where)


def replace(path, kind, where):
    """Write a picture of another kind under the same name (always as PNG or TIFF bytes)."""
    shape = (24, int(18 + 8 * where))
    grey = np.random.default_rng(1).integers(0, 2, shape).astype(np.uint8)
    pictures = {
        "size": np.zeros((7, 9), np.uint8),
        "binary": grey * 255,
        "smooth": cv2.GaussianBlur(grey * 255, (5, 5), 2),
        "rgb": np.stack([grey * 200, grey * 0, grey * 90], 2),
        "alpha": np.stack([grey * 200, grey * 0, grey * 90, grey * 0 + 255], 2),
        "deep": grey.astype(np.uint16) * 40000,
        "single": np.zeros((1, 1), np.uint8),
        "many": np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape),
    }
    if kind == "nan":
        array = grey.astype(np.float32)
        array[0, 0] = np.nan
        tifffile.imwrite(path.with_suffix(".tif"), array)
        if path.suffix != ".tif":
            path.unlink()
    else:
        path.write_bytes(cv2.imencode(".png", pictures[kind])[1].tobytes())


def spoil_manifest(root, kind, which):
    """One of the things that happen to tables."""
    with (root / "manifest.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    row = rows[which % len(rows)] if rows else []
    end = "\r\n" if kind == "crlf" else "\n"
    if kind == "duplicate" and rows:
        rows.append(list(row))
    elif kind == "empty":
        rows = []
    elif kind == "no ids":
        header, rows = header[1:], [line[1:] for line in rows]
    elif kind == "column":
        header = ["picture", *header[1:]]
    elif kind == "short" and rows:
        del row[2:]
    elif kind == "blank" and rows and len(row) > 1:
        row[1] = ""
    elif kind == "split" and len(row) > 3:
        row[3] = ("", "vla", "val", "test")[which % 4]
    elif kind == "group" and len(row) > 4:
        row[4] = "g0"
    write_manifest(root, rows, header, end)


BYTES = ["truncate", "flip", "noise", "delete", "dangle", "rename", "swap", "folder"]
PIXELS = ["size", "binary", "smooth", "rgb", "alpha", "deep", "single", "many", "nan"]
FILE_KINDS = BYTES + PIXELS
TABLE_KINDS = ["crlf", "duplicate", "empty", "column", "no ids", "short", "blank", "split", "group"]
FILE_ACTS = st.tuples(st.sampled_from(FILE_KINDS), st.integers(0, 30), st.floats(0, 1))
TABLE_ACTS = st.tuples(st.sampled_from(TABLE_KINDS), st.integers(0, 30), st.just(0.0))
OPTIONS = st.sampled_from(
    [
        "",
        "data.ignore=255",
        "data.threshold=127",
        "data.channels=1",
        "data.label_values={0:0,255:1}",
        "weight=border",
        "weight=undersample",
    ]
)


def fingerprint(root):
    paths = sorted(root.rglob("*"))
    return [
        (str(p), hashlib.md5(p.read_bytes()).hexdigest() if p.is_file() else os.readlink(p) if p.is_symlink() else "")
        for p in paths
    ]


def train_a_step(overrides):
    """What the run was refused with; nothing when it trained."""
    try:
        built = build(config(*overrides))
    except InputError as error:
        return str(error)
    loss = built.task.training_step(next(iter(built.data.train_dataloader())), 0)
    loss.backward()
    assert loss.isfinite()
    return ""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where each set lies in its turn, so that a config is composed once for all sets of an option."""
    return tmp_path_factory.mktemp("spoilt") / "a sét"


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    manifest=st.booleans(),
    label=st.sampled_from(["masks", "instances"]),
    acts=st.lists(st.one_of(FILE_ACTS, TABLE_ACTS), max_size=3),
    option=OPTIONS,
)
@pytest.mark.filterwarnings("ignore:.*self.trainer. reference is not registered.*")
@pytest.mark.timeout(3600)
def test_a_spoilt_set_trains_a_step_or_is_refused_with_a_remedy(root, manifest, label, acts, option):
    shutil.rmtree(root, ignore_errors=True)
    write_set(root, manifest, label)
    for kind, which, where in acts:
        if kind in FILE_KINDS:
            if list(root.glob("*/*")):
                spoil_file(root, kind, which, where)
        elif manifest:
            spoil_manifest(root, kind, which)
    before = fingerprint(root)
    refusal = train_a_step([*SMALL, f"data.root='{root}'", *option.split()])
    lines = [line for line in refusal.splitlines() if not line.startswith("…")]
    assert all(any(word in line for word in REMEDIES) for line in lines), refusal
    if not acts and option in ("", "data.ignore=255", "data.channels=1"):
        assert not refusal
    assert fingerprint(root) == before
