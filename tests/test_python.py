"""What a Python program sees: the public names, their types, the pages that show them."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import unet_lightning
from tests.arrays import cells

ROOT = Path(__file__).parents[1]
NAMES = [name for name in unet_lightning.__all__ if name != "__version__"]
SCRIPT = """
import lightning as L
import numpy as np
from numpy.typing import NDArray

from unet_lightning import DataModule, InputError, Predictor, SegmentationTask, build_data_from_arrays
from unet_lightning import build_augment, build_loss, build_network, build_task, build_weight, load

images: NDArray[np.uint8] = np.zeros((8, 64, 64), np.uint8)
data: DataModule = build_data_from_arrays(images, list(images), augment=build_augment("flip"), crop=32)
network = build_network("unet", in_channels=data.channels, classes=data.outputs, depth=2)
task: SegmentationTask = build_task(network, data, build_loss("focal", gamma=3.0), tile=64)
L.Trainer(max_epochs=1).fit(task, data)
predictor: Predictor = load("cells.ckpt")
mask: NDArray[np.uint8] = predictor.predict(images[0])
try:
    build_weight("none")(mask, None, np.random.default_rng(0)).sum()
except InputError as error:
    print(error)
"""


def run(source, names):
    """The value of a cell's last line, if it is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_explains_itself(name):
    found = getattr(unet_lightning, name)
    assert found.__name__ == name
    assert len(inspect.getdoc(found)) > 40


def test_the_names_for_type_checkers_are_the_public_ones():
    tree = ast.parse(Path(unet_lightning.__file__).read_text(encoding="utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    assert {alias.asname for node in typed.body for alias in node.names} == set(NAMES)
    assert set(dir(unet_lightning)) >= set(NAMES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'build_los'"):
        unet_lightning.build_los  # noqa: B018


def test_importing_the_package_imports_nothing_of_it():
    code = "import sys, unet_lightning\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith("unet_lightning")] == ["unet_lightning"]
    assert not {"torch", "numpy", "hydra"} & set(loaded)


def test_a_user_script_passes_a_strict_type_checker(tmp_path):
    (tmp_path / "user.py").write_text(SCRIPT, encoding="utf-8")
    options = ["--strict", "--follow-imports=silent", "--ignore-missing-imports", "--no-incremental"]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    wrong = SCRIPT.replace('load("cells.ckpt")', 'load("cells.ckpt").classes')
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", *options, "user.py", "wrong.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout
    assert lines[0].startswith("wrong.py:")
    assert "Incompatible types in assignment" in lines[0]
    assert (ROOT / "unet_lightning" / "py.typed").is_file()


def blocks():
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


def test_the_page_begins_with_ten_lines_at_most():
    assert len([line for line in blocks()[0].splitlines() if line]) <= 10


def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, masks, _ = cells(10)
    names = {"images": images, "masks": masks, "__name__": "page"}
    small = [block.replace("crop=64", "crop=32") for block in blocks()]
    run(small[0], names)
    found, wanted = names["mask"] > 0, masks[0] > 0
    assert found.shape == wanted.shape
    assert 2 * (found & wanted).sum() > 0.8 * (found.sum() + wanted.sum())  # Dice
    for block in small[1:]:
        run(block, names)
    assert names["probabilities"].shape == (2, *masks[0].shape)
    assert names["probabilities"].sum(0) == pytest.approx(np.ones(masks[0].shape), abs=1e-5)
    assert set(np.unique(names["objects"])) == set(range(len(names["areas"]) + 1))
    assert names["areas"].sum() == (names["objects"] > 0).sum()
    assert [len(names["data"].dataset.split(split)) for split in ("train", "val", "test")] == [6, 2, 2]
    assert 0 < names["scores"]["test/pooled/dice/foreground"] <= 1


def test_the_notebook_of_the_lecture_runs(monkeypatch):
    monkeypatch.setenv("LECTURE_EPOCHS", "1")
    content = json.loads((ROOT / "docs" / "lecture.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    names = {"__name__": "notebook"}
    shown = [run("".join(cell["source"]), names) for cell in code]
    pictures = [picture for picture in shown if isinstance(picture, Image.Image)]
    assert len(pictures) == 4
    assert all(np.asarray(picture).std() > 10 for picture in pictures)
    for found in (names["first"], names["second"]):
        assert all(0 <= scores["test/objects/aji"] <= 1 for _, scores in found.values())
