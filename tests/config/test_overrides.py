import importlib.util

import pytest
import yaml

from tests.small import config
from unet_lightning.config.compose import compose
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.names import folder_name
from unet_lightning.config.overrides import check_overrides
from unet_lightning.error import InputError


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("loss=focall", "did you mean 'focal'"),
        ("upsmaple=bilinear", "did you mean 'upsample'"),
        ("+upsmaple=bilinear", "did you mean 'upsample'"),
        ("++upsmaple=bilinear", "did you mean 'upsample'"),
        ("trainer.max_epoch=1", "did you mean 'max_epochs'"),
        ("loss.gama=1", "gama"),
        ("seed=abc", "abc"),
        ("fusion=[concat,add]", "-m fusion=concat,add"),
        ("fusion=3", "fusion takes one name"),
        ("fusion=[", "quote"),
    ],
)
def test_what_cannot_be_composed_is_refused_with_the_nearest_right_word(override, words):
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        compose([override])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.batch_size=-1", "data.batch_size=-1: input should be greater than or equal to 1"),
        ("data.batch_size=many", "valid integer"),
        ("data.foreground=1.5", "less than or equal to 1"),
        ("model.convolution=vald", "'valid' or 'same'"),
        ("model.depth=0", "greater than or equal to 1"),
        ("+model.dept=3", "did you mean 'depth'"),
        ("+loss.gama=3", "loss.gama is not a key"),
        ("+trainer.max_epoch=3", "did you mean 'max_epochs'"),
        ("trainer.max_epochs=many", "trainer.max_epochs=many"),
        ("loss=ce_dice loss.terms.dice.reduction=bacth", "'batch' or 'sample'"),
        ("optimizer.lr=fast", "optimizer.lr=fast"),
        ("trainer.callbacks.panels.images=-2", "trainer.callbacks.panels.images=-2"),
        ("tile=0", "tile=0"),
        ("compile=maybe", "compile=maybe: expected true, false or auto"),
        ("seed=-1", "seed=-1"),
        ("data.crop=32.0", "valid integer"),
        ("data.crop=[32]", "at least 2 items"),
        ("data.crop=[32,0]", "greater than or equal to 1"),
        ("data.batch_size=true", "valid integer"),
        ("data=synthetic data.noise=-1", "data.noise=-1"),
        ("data=folder", "data.root is missing"),
        ("augment=elastic augment.warp.scale=[1]", "at least 2 items"),
        ("augment=elastic augment.warp.grid=2", "greater than or equal to 3"),
    ],
)
def test_what_a_part_does_not_take_is_refused_before_anything_is_built(override, words):
    with pytest.raises(InputError) as caught:
        config(*override.split())
    assert words in str(caught.value)


PARTS = {group: names for group, names in groups().items() if group not in ("callback", "plan")}


@pytest.mark.parametrize("turn", range(max(len(names) for names in PARTS.values())))
def test_every_option_composes_and_fits_its_part(turn):
    """An option of each key at a time, until each has had its turn."""
    chosen = {group: names[turn % len(names)] for group, names in PARTS.items()}
    if chosen["launch"] == "ray" and not importlib.util.find_spec("ray"):
        chosen["launch"] = "basic"
    chosen["target"] = "boundary" if chosen["postprocess"] == "rims" else "classes"  # they belong together
    if chosen["model"] == "smp" and not importlib.util.find_spec("segmentation_models_pytorch"):
        chosen["model"] = "any"
    own = ["model.network._target_=torch.nn.Conv2d"] * (chosen["model"] == "any")
    config(
        *own, *(f"{group}={name}" for group, name in chosen.items()), *["data.root=."] * (chosen["data"] == "folder")
    )


@pytest.mark.parametrize("name", groups()["plan"])
def test_every_plan_composes_with_the_parts_it_chooses(name):
    config(f"plan={name}")


@pytest.mark.parametrize(
    ("overrides", "key", "target"),
    [
        (["weight=border", "weight@weight.base=balanced"], "weight.base", "Balanced"),
        (["weight=product", "weight@weight.factors.second=border"], "weight.factors.second", "Border"),
        (["loss=ce_dice", "loss@loss.terms.dice=tversky"], "loss.terms.dice", "Tversky"),
    ],
)
def test_a_part_inside_a_part_is_exchanged_by_an_override(overrides, key, target):
    node = config(*overrides)
    for name in key.split("."):
        node = node[name]
    assert node["_target_"].endswith(target)


@pytest.mark.parametrize("name", groups()["callback"])
def test_a_callback_is_added_under_a_name_of_its_own(name):
    callbacks = config(f"+callback@trainer.callbacks.more={name}")["trainer"]["callbacks"]
    assert callbacks["more"] == yaml.safe_load((CONF / "callback" / f"{name}.yaml").read_text())


def test_one_callback_is_not_put_in_the_place_of_all():
    with pytest.raises(InputError, match=r"add one by \+callback@trainer\.callbacks\.panels=panels"):
        compose(["callback=panels"])


def test_sweeps_may_use_a_pattern():
    check_overrides(["loss=glob(*)"])


def test_a_trials_folder_has_one_short_name():
    assert folder_name(["upsample=unpool", "loss=ce"]) == "loss=ce,upsample=unpool"
    assert folder_name(["a=1", "loss=ce,focal"]) == "loss=ce,focal,a=1"
    assert folder_name(["launch=ray", "launch.gpus_per_trial=0.5", "retry=failed", "hydra.verbose=true"]) == "default"
    assert "/" not in folder_name(["data.manifest=a/b.csv"])
    long = [folder_name([f"data.crop={k}"] * 30 + [str(k)]) for k in (1, 2)]
    assert max(map(len, long)) <= 150
    assert long[0] != long[1]


@pytest.mark.parametrize(
    "override",
    [
        "trainer.max_epochs=3",
        "trainer.fast_dev_run=true",
        "trainer.limit_train_batches=0.5",
        "trainer.limit_train_batches=3",
        *[f"trainer.limit_{split}_batches=null" for split in ("train", "val", "test")],
        "trainer.fast_dev_run=0",
        "trainer.devices=2",
        "trainer.devices=[0,1]",
        "+trainer.benchmark=true",
        "seed=3",
        "data.batch_size=4",
        "data.num_workers=0",
        "optimizer.lr=1e-3",
        "~trainer.callbacks.panels",
        "model=paper",
        "data.classes=[a,b,c]",
    ],
)
def test_what_is_right_passes(override):
    config(override)
