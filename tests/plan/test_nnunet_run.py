"""nnU-Net's plan from the command line to a cross-validated ensemble, on pictures that take seconds."""

import json

import pytest
import yaml

from tests.small import QUIET
from tests.typed import typed
from unet_lightning.config.check import resolve_plain
from unet_lightning.config.compose import compose
from unet_lightning.config.plain import read_config
from unet_lightning.plan.cases import planned_records
from unet_lightning.plan.nnunet import NnUNet

SHORT = [
    *("data=synthetic", "data.number=6", "data.height=32", "data.width=40", "data.cells=4", "data.folds=3"),
    *("plan=nnunet", "data.steps=1", "trainer.max_epochs=1", "trainer.log_every_n_steps=1", *QUIET),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a run and a sweep by the plan lie in outputs/."""
    place = tmp_path_factory.mktemp("planned")
    for words in (["train", *SHORT, "run=one"], ["train", "-m", *SHORT, "data.fold=0,1,2", "run=cv"]):
        done = typed(*words, cwd=place)
        assert done.returncode == 0, done.stderr
    return place / "outputs"


def test_a_run_has_the_values_of_the_plan_and_those_that_were_typed(folder):
    config = read_config(folder / "one" / "config" / "config.yaml")
    assert config["model"]["stages"]["channels"] == [32, 64, 128, 256]  # 32x40 pixels, three times halved: 4x5
    assert (config["data"]["crop"], config["tile"], config["data"]["batch_size"]) == ([32, 40], [32, 40], 2)
    assert (config["data"]["steps"], config["trainer"]["max_epochs"]) == (1, 1)
    assert (config["tiling"], config["tta"]["average"], config["normalize"]["schemes"]) == (
        "nnunet",
        "logits",
        ["zscore"],
    )
    page = (folder / "one" / "plan.md").read_text()
    assert "| `data.steps=250` | replaced by what was typed" in page
    assert "| patch | 32x40 |" in page
    results = json.loads((folder / "one" / "results.json").read_text())
    assert results["status"] == "finished"
    assert "plan=nnunet" in results["overrides"]
    assert not any(line.startswith("model") for line in results["overrides"])


def test_a_planned_run_that_is_typed_again_is_finished_and_its_plan_is_a_preset(folder):
    done = typed("train", *SHORT, "run=one", cwd=folder.parent)
    assert "is finished: nothing to do" in done.stdout + done.stderr
    preset = ["-cd", str(folder / "one"), "-cn", "plan"]
    shown = typed("train", "--cfg", "job", *preset, "data=synthetic", cwd=folder.parent)
    assert shown.returncode == 0, shown.stderr
    composed = yaml.safe_load(shown.stdout)
    assert composed["data"]["crop"] == [32, 40]
    assert composed["plan"]["_target_"].endswith("NoPlan")


def test_the_folds_of_a_sweep_share_a_plan_and_become_an_ensemble(folder):
    plans = [
        (folder / "cv" / name / "plan.yaml").read_text() for name in json.loads((folder / "cv/sweep.json").read_text())
    ]
    assert len(plans) == 3
    assert len(set(plans)) == 1
    done = typed("ensemble", str(folder / "cv"), "average=logits", "resamples=100", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "cv" / "ensemble.json").read_text())
    assert (len(found["members"]), found["average"], found["tta"]["average"]) == (3, "logits", "logits")


def test_the_patch_of_a_volume_lies_as_its_slices_do(real_data, tmp_path):
    """nnU-Net's 2-D patch of the hippocampus set is 56x40, for 51 pixels of y and 35 of x; rows here are x."""
    for kind, source in (("images", "imagesTr"), ("masks", "labelsTr")):
        (tmp_path / kind).mkdir()
        for path in sorted((real_data / "hippocampus" / source).glob("[!.]*.nii*"))[:8]:
            (tmp_path / kind / path.name).symlink_to(path)
    plain = compose(["plan=nnunet", "data=folder", f"data.root={tmp_path}", "data.classes=[background,front,back]"])
    plain = resolve_plain(plain)
    chosen = {one.key: one.value for one in NnUNet("plain", None, None).decide(plain, {}).choices}
    dataset, records = planned_records(plain)
    height, width = dataset.read(records[0]).image.shape[:2]
    assert chosen["data.crop"] == chosen["tile"] == [40, 56]
    assert height < width
    assert chosen["normalize.schemes"] == ["zscore"]
