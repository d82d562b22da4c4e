"""A plan lies beneath what was typed, is made once, and is kept as a preset."""

from typing import ClassVar

import pytest
import yaml
from omegaconf import OmegaConf

from tests.small import TRIAL, config
from unet_lightning.config.check import resolve_plain
from unet_lightning.config.compose import compose
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.plain import write_config
from unet_lightning.config.quote import read
from unet_lightning.error import InputError
from unet_lightning.plan import apply
from unet_lightning.plan.apply import beneath, planned_overrides, said_by_preset
from unet_lightning.plan.base import Choice, Decision, Plan
from unet_lightning.plan.page import override_text, preset
from unet_lightning.runtime.files import CONFIG, PLAN, PLAN_PAGE

CHOICES = (
    Choice("loss", "dice", "for a test"),
    Choice("loss.smooth", 2.0, "for a test"),
    Choice("model.depth", 1, "for a test"),
    Choice("data.crop", 24, "measured"),
    Choice("data.classes", ["a b", "c"], "a list"),
    Choice("tags", [], "nothing"),
    Choice("run", None, "null"),
)


class Fixed(Plan):
    """Always the same choices; counts how often it is asked."""

    asked: ClassVar = []

    def decide(self, plain, typed):
        self.asked.append(plain["data"]["fold"])
        return Decision(CHOICES, ("## A note\n",))


@pytest.fixture
def plain(monkeypatch):
    """A config whose plan is `Fixed`."""
    monkeypatch.setattr(apply, "check_plan", lambda plain: None)
    monkeypatch.setattr(apply, "instantiate", lambda node: Fixed())
    apply._made.clear()
    Fixed.asked.clear()
    return config(*TRIAL) | {"plan": {"_target_": "mine.Fixed"}}


def without_plan(plain):
    return {key: value for key, value in plain.items() if key != "plan"}


def keys(choices):
    return [choice.key for choice in choices]


def test_what_was_typed_wins_and_the_keys_of_a_part_that_was_typed_go_with_it():
    assert beneath(CHOICES, []) == list(CHOICES) == beneath(CHOICES, ["data=folder"])
    assert keys(beneath(CHOICES, ["loss=ce", "data.crop=32"])) == ["model.depth", "data.classes", "tags", "run"]
    assert "loss" in keys(beneath(CHOICES, ["loss.smooth=1"]))
    assert "loss.smooth" not in keys(beneath(CHOICES, ["loss.smooth=1"]))
    assert "model.depth" not in keys(beneath(CHOICES, ["model=paper,unet"]))


@pytest.mark.parametrize(
    "typed",
    [
        *("optimizer.momentum=0.9", "model.deep_supervision=false", "model.stages.decoder_convolutions=1"),
        *("augment.intensity.noise.probability=0.5", "normalize.schemes=[ct]", "loss.terms.dice.smooth=1.0"),
        *(
            "schedule.power=0.5",
            "tta.average=probabilities",
            "loss=focal",
            "model=unet",
            "loss@loss.terms.dice=tversky",
        ),
    ],
)
def test_a_key_of_a_part_that_the_plan_chooses_can_be_typed_and_wins(typed):
    config = compose(["plan=nnunet", typed])
    override = read(typed)
    if override.key_or_group not in groups():
        assert OmegaConf.select(config, override.key_or_group) == override.value()
    dropped = set(keys(CHOICES)) - set(keys(beneath(CHOICES, [typed])))
    expected = {"loss=focal": {"loss", "loss.smooth"}, "model=unet": {"model.depth"}}
    assert dropped == expected.get(typed, set())


def test_a_preset_wins_over_a_plan_as_what_is_typed_does(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "defaults: [train, override /loss: focal, _self_]\ndata: {crop: 32}\nhydra: {job: {chdir: false}}\n"
    )
    said = said_by_preset("mine", [CONF, tmp_path])
    assert keys(beneath(CHOICES, said)) == ["model.depth", "data.classes", "tags", "run"]
    assert said_by_preset("train", [CONF, tmp_path]) == []


def test_a_plan_that_a_refused_start_left_is_made_anew(plain, tmp_path):
    (tmp_path / PLAN).write_text("[")
    assert "loss=dice" in planned_overrides(plain, [], tmp_path)


def test_the_overrides_of_a_plan_compose():
    composed = compose([override_text(one.key, one.value) for one in CHOICES])
    assert composed.loss.smooth == 2
    assert list(composed.data.classes) == ["a b", "c"]
    assert composed.run is None


def test_a_plan_is_made_once_for_all_folds_and_kept_by_each_run(plain, tmp_path):
    def of_fold(fold):
        data = plain["data"] | {"fold": fold}
        return planned_overrides(plain | {"data": data}, ["data.crop=32"], tmp_path / str(fold))

    first = of_fold(0)
    for fold in ("0", "1"):
        write_config(plain, tmp_path / fold / CONFIG)
    assert "loss=dice" in first
    assert not any(line.startswith("data.crop") for line in first)
    (tmp_path / "1" / CONFIG).unlink()
    assert of_fold(1) == first
    write_config(plain, tmp_path / "1" / CONFIG)
    assert Fixed.asked == [0]
    apply._made.clear()
    assert of_fold(1) == first
    assert Fixed.asked == [0]  # read from its folder
    page = (tmp_path / "0" / PLAN_PAGE).read_text()
    assert "| `data.crop=24` | replaced by what was typed; the plan's reason: measured |" in page
    assert "## A note" in page


def test_a_plan_is_made_anew_where_its_time_depends_on_what_differs(plain, tmp_path):
    for k, more in enumerate(({}, {"tune": True}, {"tune": True}, {"init": "best.ckpt"})):
        planned_overrides(plain | more, [f"{key}={value}" for key, value in more.items()], tmp_path / str(k))
    assert len(Fixed.asked) == 3


def test_what_a_plan_looks_at_is_checked_before_it():
    plain = resolve_plain(compose([*TRIAL, "plan=auto"]))
    apply.check_plan(plain)
    with pytest.raises(InputError, match="tune=view: expected true, false or views"):
        apply.check_plan(plain | {"tune": "view"})
    with pytest.raises(InputError, match="set tune=false"):
        apply.check_plan(plain | {"tune": True, "data": plain["data"] | {"resample": 1.0}})


def test_plan_yaml_is_a_preset_and_is_read_back(plain, tmp_path):
    lines = planned_overrides(plain, [], tmp_path)
    assert (tmp_path / PLAN).read_text().count("override loss: dice") == 1
    assert planned_overrides(plain, [], tmp_path, began=True) == lines
    assert Fixed.asked == [None]


@pytest.mark.parametrize("content", ["[", "a: 1", "defaults: 3", "defaults: [train, [1]]"])
def test_a_plan_that_is_none_is_named(plain, tmp_path, content):
    (tmp_path / PLAN).write_text(content)
    with pytest.raises(InputError, match=r"plan\.yaml: not the plan of a run"):
        planned_overrides(plain, [], tmp_path, began=True)


def test_without_a_plan_nothing_is_written(tmp_path):
    plain = config(*TRIAL)
    for one in (plain, plain | {"plan": None}, plain | {"plan": {}}, without_plan(plain)):
        assert planned_overrides(one, [], tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_a_preset_holds_parts_as_defaults():
    found = preset([("loss", "dice"), ("loss.smooth", 2.0), ("data.crop", [24, 32])], groups())
    assert yaml.safe_load(found) == {
        "defaults": ["train", {"override loss": "dice"}, "_self_"],
        "loss": {"smooth": 2.0},
        "data": {"crop": [24, 32]},
    }
