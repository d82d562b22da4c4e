"""Parts built in Python have the defaults of their yaml and refuse what the command line refuses."""

from pathlib import Path

import pytest
import torch
import yaml

import unet_lightning
from tests.small import PARTS, config
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.part import origin_of
from unet_lightning.error import InputError

SIZES = {"in_channels": 2, "classes": 3}
BUILDERS = {key: getattr(unet_lightning, f"build_{'network' if key == 'model' else key}") for key in PARTS}
ELSEWHERE = {("model", "any"), ("model", "smp")}  # of other packages
OPTIONS = [(key, name) for key in BUILDERS for name in groups()[key] if (key, name) not in ELSEWHERE]


def merged(below, above):
    """Two trees of yaml, of which the second wins."""
    both = isinstance(below, dict) and isinstance(above, dict)
    return {k: merged(below.get(k), above.get(k, below.get(k))) for k in {**below, **above}} if both else above


def written(group, name):
    """What a file of `conf/` and those it names in its defaults say, read without Hydra."""
    found, own = {}, yaml.safe_load(Path(CONF, group, f"{name}.yaml").read_text(encoding="utf-8"))
    for line in own.pop("defaults", []):
        if line == "_self_":
            continue
        if isinstance(line, str):
            found = merged(found, written(group, line))
            continue
        ((place, chosen),) = line.items()
        if "@" in place:
            inner = written(group, chosen)
            for word in reversed(place.partition("@")[2].split(".")):
                inner = {word: inner}
            found = merged(found, inner)
    found = merged(found, own)
    return found.get(group, found)  # of a file that changes other keys as well


def differing(wanted, found, place=""):
    """Places where a node isn't what is written; interpolations aside."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or wanted.keys() != found.keys():
            return [place]
        return [line for key in wanted for line in differing(wanted[key], found[key], f"{place}.{key}")]
    return [] if str(wanted).startswith("${") or wanted == found else [f"{place}: {found} for {wanted}"]


def build(key, name, **values):
    return BUILDERS[key](name, **(SIZES if key == "model" else {}), **values)


@pytest.mark.parametrize(("key", "name"), OPTIONS)
def test_defaults_are_those_of_the_yaml_and_of_the_command_line(key, name):
    node = origin_of(build(key, name)).node
    assert differing(written(key, name), node) == []
    fitting = ["target=boundary"] * (name == "rims")  # the one that needs another
    assert node == config(*fitting, f"{key}={name}")[key]


@pytest.mark.parametrize("key", BUILDERS)
def test_without_a_name_the_default_is_built(key):
    part = BUILDERS[key](**SIZES) if key == "model" else BUILDERS[key]()
    assert origin_of(part).node == config()[key]


@pytest.mark.parametrize("name", [name for key, name in OPTIONS if key == "model" and name != "residual"])
def test_networks_are_those_that_the_command_line_builds(name):
    torch.manual_seed(3)
    ours = build("model", name)
    torch.manual_seed(3)
    other = instantiate(config(f"model={name}")["model"], **SIZES)
    weights = ours.state_dict()
    assert weights.keys() == other.state_dict().keys()
    assert all(torch.equal(value, weights[key]) for key, value in other.state_dict().items())


def test_values_replace_those_of_the_file():
    network = build("model", "unet", base_channels=4, depth=2, upsample="bilinear")
    assert network.features == 4
    assert origin_of(network).node["upsample"] == config("upsample=bilinear")["upsample"]
    assert build("augment", "elastic", warp={"elastic": 20}).warp.elastic == 20
    assert origin_of(build("augment", "elastic", warp={"elastic": 20})).node["warp"]["rotation"] == 180
    assert build("weight", "border", base="balanced", sigma=2.0).base.method == "inverse"
    total = build("loss", "ce_dice", terms={"dice": "tversky"}, factors={"dice": 2.0})
    assert total.factors == {"ce": 1.0, "dice": 2.0}
    assert total.terms["dice"].alpha == 0.3


def test_a_loss_built_in_python_is_the_formula():
    logits = torch.tensor([[0.0, 1.0]]).log_softmax(1)[..., None, None]
    loss = build("loss", "focal", gamma=3.0)(logits, torch.ones(1, 1, 1, dtype=torch.long), torch.ones(1, 1, 1))
    p = torch.tensor(1.0).exp() / (1 + torch.tensor(1.0).exp())
    assert loss.item() == pytest.approx((-((1 - p) ** 3) * p.log()).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("key", "name", "values", "said"),
    [
        ("loss", "focl", {}, "loss=focl: no such loss; did you mean 'focal'?"),
        ("loss", "ce,dice", {}, "loss=ce,dice: no such loss"),
        ("loss", 3, {}, "loss=3: no such loss; known are ce, ce_dice"),
        ("loss", "focal", {"gama": 1.0}, "loss.gama is not a key: did you mean 'gamma'?"),
        ("loss", "focal", {"gamma": "x"}, "loss.gamma=x: input should be a valid number"),
        ("loss", "focal", {"gamma": object()}, "give plain values"),
        ("model", "unet", {"depth": 0}, "model.depth=0: input should be greater than or equal to 1"),
        ("model", "unet", {"upsample": "linear"}, "upsample=linear: no such upsample; did you mean 'bilinear'?"),
        ("model", "any", {}, "model.network._target_ is missing: set model.network._target_=PACKAGE.CLASS"),
        ("augment", "elastic", {"warp": {"elastc": 2}}, "augment.warp.elastc is not a key: did you mean 'elastic'?"),
        ("weight", "border", {"base": "non"}, "weight=non: no such weight; did you mean 'none'?"),
    ],
)
def test_errors_are_those_of_the_command_line(key, name, values, said):
    with pytest.raises(InputError) as error:
        build(key, name, **values)
    assert said in str(error.value)
