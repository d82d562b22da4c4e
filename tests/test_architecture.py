"""The house rules, held by reading the code."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unet_lightning.config import CONF, groups

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "unet_lightning"
LEAVES = ("upsample", "fusion", "loss", "weight", "metric", "normalize", "schedule", "postprocess", "tta")
LAYERS = [
    {
        *("error", "environment", "processes", "stop", "signature", "label", "sample", "ahead", "labelling", "tiling"),
        *("record", "picture", "sheet", "layout", "baseline", "memory", "origin", "effect", "chart", *LEAVES),
    },
    {"model", "data", "pipeline", "task", "callback", "strategy", "report", "output", "page"},
    {
        *("arguments", "config", "part", "folder", "failure", "build", "checkpoint", "predictor", "evaluation"),
        "evaluation_report",
        *("companions", "run", "trial", "sweep", "search", "outcome", "ranking"),
    },
    {
        *("cli", "train", "predict", "tune", "evaluate", "compare", "export", "validate", "convert"),
        "sweep_report",
    },
]
FILES = [*PACKAGE.rglob("*.py"), ROOT / "train.py"]


def imports(path):
    """Full names of everything a file imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(path):
    """The first name below the package: `loss` of unet_lightning/loss/focal.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py") if PACKAGE in path.parents else path.stem


def layer(name):
    return next((k for k, names in enumerate(LAYERS) if name in names), None)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward_and_leaves_know_no_sibling(path):
    own = part(path)
    if own == "__init__":
        return
    assert layer(own) is not None, f"{own} has no layer"
    for name in imports(path):
        if name.startswith("unet_lightning."):
            other = name.split(".")[1]
            assert layer(other) is None or layer(other) <= layer(own), f"{own} imports {name}"
            if own in LEAVES:
                helper = other == own and not (PACKAGE / own / f"{name.split('.')[2]}.py").exists()
                assert other not in LEAVES or helper, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_hydra_and_lightning_stay_in_their_rooms(path):
    for name in imports(path):
        if name.split(".")[0] in ("hydra", "omegaconf"):
            assert part(path) in ("config", "part", "build", "companions", "run", "trial", "sweep", "search", "cli")
        if name.split(".")[0] == "lightning":
            assert (
                part(path) in ("task", "callback", "strategy", "part", "build", "run")
                or path == PACKAGE / "pipeline" / "module.py"
            )


@pytest.mark.parametrize("group", LEAVES)
def test_every_target_of_a_leaf_lies_in_the_folder_of_its_key(group):
    for path in (CONF / group).glob("*.yaml"):
        for line in path.read_text().splitlines():
            if "_target_" in line:
                assert f"unet_lightning.{group}." in line


def test_every_option_explains_itself_in_its_first_line():
    for group, names in groups().items():
        for name in names:
            first = (CONF / group / f"{name}.yaml").read_text().splitlines()[0]
            assert first.startswith("# "), f"{group}/{name}.yaml"


def test_a_new_loss_is_one_file_and_one_yaml(tmp_path):
    for name in ("unet_lightning", "conf", "train.py"):
        source, target = ROOT / name, tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (tmp_path / "unet_lightning/loss/brier.py").write_text(
        "from torch import nn\n\nfrom unet_lightning.loss import masked, weighted_mean\n\n\n"
        "class Brier(nn.Module):\n"
        "    def forward(self, logits, mask, weight):\n"
        "        logits, mask = masked(logits, mask, weight)\n"
        "        wrong = nn.functional.one_hot(mask, logits.shape[1]).movedim(3, 1) - logits.softmax(1)\n"
        "        return weighted_mean((wrong ** 2).sum(1), weight)\n"
    )
    (tmp_path / "conf/loss/brier.yaml").write_text("# squared error\n_target_: unet_lightning.loss.brier.Brier\n")
    small = ["data=synthetic", "data.number=5", "data.num_workers=0", "data.crop=32", "model.depth=1", "tile=64"]
    command = [sys.executable, "train.py", "loss=brier", *small, "data.height=64", "data.width=64"]
    done = subprocess.run(
        [*command, "trainer.fast_dev_run=true"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "brier" in next(tmp_path.glob("outputs/*/*/config/config.yaml")).read_text()
