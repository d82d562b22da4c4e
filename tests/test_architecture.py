"""The laws of the house, held by reading the imports."""

import ast
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.processes import run
from tests.small import CELLS, QUIET, TINY_NETWORK
from unet_lightning.config.groups import CONF, groups

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "unet_lightning"
TOP = {"cli", "error", "record", "sample", "label"}
GROUND = {"tiling"}  # a folder that every room may use
LEAVES = {  # keys whose parts know nothing but arrays, tensors and the modules of the top level
    *("augment", "fusion", "loss", "model", "normalize", "postprocess"),
    *("schedule", "target", "tta", "upsample", "weight"),
}
KEYS = LEAVES | {"callback", "data", "plan", "search"}
ROOMS = {
    *("config", "reading", "pipeline", "training", "prediction", "metric", "evaluation", "sweep", "page", "runtime"),
    "command",
}
STOCK = {"optimizer", "trainer", "launch"}  # keys whose options are all other libraries' classes
LOWEST = LEAVES | {"page", "runtime", "metric"}
HYDRA = {"config", "search", "command"}  # rooms in which Hydra and OmegaConf may appear
LIGHTNING = {"training", "callback", "pipeline/data_module.py"}
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
PATHS = {name: path for path, name in MODULES.items()}


@cache
def imports(path):
    """Modules that a file imports, at any depth of its code; of a package's name the module that it stands for."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in PATHS else node.module)
    return found


@cache
def reached(path):
    """Everything a file imports, and what that imports, without end."""
    seen, waiting = set(), [path]
    while waiting:
        for name in imports(waiting.pop()):
            if name not in seen:
                seen.add(name)
                packages = [name.rsplit(".", k)[0] for k in range(name.count(".") + 1)]
                waiting += [PATHS[part] for part in packages if part in PATHS and part != "unet_lightning"]
    return seen


def room(name):
    """The room or the top-level module of a module of the package."""
    return name.split(".")[1] if name.count(".") else ""


def rooms_of(path):
    """Rooms that a file imports from, its own left out."""
    own = room(MODULES[path])
    return {room(name) for name in imports(path) if name.startswith("unet_lightning.")} & (KEYS | ROOMS) - {own}


def name_of(path):
    return str(path.relative_to(PACKAGE))


def in_rooms(names):
    return [path for path in FILES if room(MODULES[path]) in names]


def test_the_top_level_holds_five_modules_and_a_folder_for_every_key_and_room():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert modules == TOP
    assert folders == KEYS | ROOMS | GROUND
    assert set(groups()) == KEYS | STOCK


def test_there_is_no_circle_between_rooms():
    edges = {name: set() for name in KEYS | ROOMS}
    for path in FILES:
        if room(MODULES[path]) in edges:
            edges[room(MODULES[path])] |= rooms_of(path)
    while edges:
        lowest = {name for name, below in edges.items() if not below}
        assert lowest, f"a circle among {sorted(edges)}: {edges}"
        edges = {name: below - lowest for name, below in edges.items() if name not in lowest}


@pytest.mark.parametrize("path", in_rooms(LOWEST), ids=name_of)
def test_pages_runtime_metrics_and_leaf_keys_know_no_other_room(path):
    assert not rooms_of(path)


@pytest.mark.parametrize("path", in_rooms((TOP | GROUND) - {"cli"}), ids=name_of)
def test_modules_of_the_top_level_and_tiling_know_no_room_but_runtime(path):
    assert rooms_of(path) <= {"runtime"}


@pytest.mark.parametrize("path", in_rooms({"reading"}), ids=name_of)
def test_reading_knows_no_training(path):
    assert not {room(name) for name in reached(path)} & {"training", "pipeline", "prediction", "callback"}


@pytest.mark.parametrize("path", in_rooms({"prediction"}), ids=name_of)
def test_prediction_reaches_neither_lightning_nor_albumentations_nor_training(path):
    heavy = {"lightning", "albumentations", "unet_lightning.training", "skimage", "optuna", "pytorch_lightning"}
    found = [name for name in reached(path) if name.startswith(tuple(f"{one}." for one in heavy)) or name in heavy]
    lazy = {"skimage.morphology", "skimage.segmentation"}  # imported by the watershed when it cuts
    assert set(found) <= lazy


def test_loading_a_checkpoint_imports_nothing_heavy():
    code = "import sys\nfrom unet_lightning import load\nassert callable(load)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "unet_lightning.prediction.load" in loaded
    assert not loaded & {"lightning", "albumentations", "skimage", "optuna", "scipy.stats", "zarr", "numba"}


def test_a_composed_config_waits_for_no_torch():
    code = "import sys\nimport unet_lightning.command.train\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not set(done.stdout.split()) & {"torch", "lightning", "numpy", "cv2"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_verbs_are_imported_by_the_command_line_alone_and_import_no_verb(path):
    verbs = {name for name in imports(path) if name.startswith("unet_lightning.command.")}
    helpers = {"unet_lightning.command.arguments", "unet_lightning.command.help"}
    assert verbs <= (helpers if room(MODULES[path]) in ("cli", "command") else set())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_hydra_and_lightning_stay_in_their_rooms(path):
    libraries = {name.split(".")[0] for name in imports(path)}
    own = room(MODULES[path])
    assert not libraries & {"hydra", "omegaconf"} or own in HYDRA
    assert "lightning" not in libraries or own in LIGHTNING or name_of(path) in LIGHTNING


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=name_of)
def test_code_lies_in_files_with_names(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(body[0].value.value, str)
    assert len(body) == 1 or path == PACKAGE / "__init__.py"


def classes():
    """(file, class) of every class in the package."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield path, node


def bases(node):
    return [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]


def test_a_class_is_abstract_or_final_adds_something_and_overrides_nothing_private():
    own = {node.name: node for _, node in classes()}
    for path, node in classes():
        for parent in (own[base] for base in bases(node) if base in own):
            assert "ABC" in bases(parent) or parent.name == "InputError", f"{name_of(path)}: {node.name}({parent.name})"
            assert len(node.body) > 1, f"{name_of(path)}: {node.name} is empty"
            private = {f.name for f in parent.body if isinstance(f, ast.FunctionDef) and f.name.startswith("_")}
            overridden = {f.name for f in node.body if isinstance(f, ast.FunctionDef)} & private
            assert all(name.startswith("__") for name in overridden), f"{name_of(path)}: {overridden}"


def test_constructors_take_at_most_six_parameters():
    for path, node in classes():
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                number = len(method.args.args) + len(method.args.kwonlyargs) - 1
                assert number <= 6, f"{name_of(path)}: {node.name} takes {number}"


def test_files_are_short():
    lines = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES if path.name != "__init__.py")
    assert lines[-1] < 250
    assert lines[len(lines) // 2] <= 75


@pytest.mark.parametrize("group", sorted(LEAVES | {"callback", "search"}))
def test_every_target_of_ours_lies_in_the_folder_of_its_key(group):
    for path in (CONF / group).glob("*.yaml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "_target_" in line and "unet_lightning." in line:
                assert f"unet_lightning.{group}." in line


def test_every_option_explains_itself_in_its_first_line():
    for group, names in groups().items():
        for name in names:
            first = (CONF / group / f"{name}.yaml").read_text().splitlines()[0]
            assert first.startswith("# "), f"{group}/{name}.yaml"


FROM_THE_COPY = """
import sys
for name in [name for name in sys.modules if name.startswith("unet_lightning")]:
    del sys.modules[name]  # of this repository
sys.path.insert(0, ".")
from unet_lightning.cli import train
train()
"""


def test_a_new_loss_is_one_file_and_one_yaml(tmp_path):
    for name in ("unet_lightning", "conf", "train.py"):
        source, target = ROOT / name, tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (tmp_path / "unet_lightning/loss/brier.py").write_text(
        "from torch import nn\n\nfrom unet_lightning.loss.reduce import mask_ignored, weighted_mean\n\n\n"
        "class Brier(nn.Module):\n"
        "    def forward(self, logits, mask, weight):\n"
        "        logits, mask = mask_ignored(logits, mask, weight)\n"
        "        wrong = nn.functional.one_hot(mask, logits.shape[1]).movedim(3, 1) - logits.softmax(1)\n"
        "        return weighted_mean((wrong ** 2).sum(1), weight)\n"
    )
    (tmp_path / "conf/loss/brier.yaml").write_text("# squared error\n_target_: unet_lightning.loss.brier.Brier\n")
    small = [*CELLS, *QUIET, *TINY_NETWORK, "data.number=5", "tile=64", "trainer.fast_dev_run=true"]
    done = run("loss=brier", *small, cwd=tmp_path, code=FROM_THE_COPY)
    assert done.returncode == 0, done.stderr
    assert "brier" in next(tmp_path.glob("outputs/*/*/config/config.yaml")).read_text()
