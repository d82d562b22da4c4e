"""README.md of a package: what goes in and out, how to run it, what follows on probabilities, how well it agrees."""

from collections.abc import Mapping
from typing import Any

from unet_lightning.metric.names import SCORE_NAMES
from unet_lightning.page.escape import code_span, escape_markdown
from unet_lightning.page.number import format_number
from unet_lightning.page.table import markdown_rows
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.zoo.card import Card
from unet_lightning.prediction.zoo.limits import limits
from unet_lightning.prediction.zoo.program import program
from unet_lightning.prediction.zoo.sizes import Sides, channel_names, output_names, sides
from unet_lightning.runtime.files import read_results

UNDONE = ("fill_holes", "keep_largest", "ridge", "masks")  # of post-processing, by the program
SCORES = ("dice", "iou", "precision", "recall")


def readme(predictor: Predictor, card: Card, weights: Mapping[str, str], differences: Mapping[str, float]) -> str:
    """The text. weights: format to its version, in words; differences: of each, in probability."""
    names, boundary = output_names(predictor), predictor.outputs > len(predictor.classes)
    lines = [f"# {escape_markdown(card.name)}", "", escape_markdown(card.description), "", "![cover](cover.png)", ""]
    lines += ["## In and out", "", *_in_and_out(predictor, names), ""]
    lines += ["## Use", "", "```python", program(predictor).rstrip(), "```", ""]
    lines += [_objects(predictor, boundary), ""]
    lines += ["## What differs from unet-lightning predict", "", *(f"- {line}" for line in limits(predictor)), ""]
    lines += ["## Weights", "", "Largest difference of a probability from the network in torch, in float64:", ""]
    rows = [[name, version, f"{differences[name]:.1e}"] for name, version in weights.items()]
    lines += [*markdown_rows(["format", "version", "difference"], rows), ""]
    return "\n".join([*lines, "## Validation", "", *_validation(predictor), ""])


def _in_and_out(predictor: Predictor, names: list[str]) -> list[str]:
    model = predictor.models[0]
    height, width = sides(predictor)
    given = (
        f"`image` (batch, channel, y, x): {', '.join(channel_names(predictor.channels))}, values as stored in a file"
    )
    data = model.identity["config"]["data"]
    if data.get("resample") is not None:
        given += f", pixels of {data['resample']:g} {data.get('unit') or 'um'}: resample others before"
    value_range = model.identity["statistics"]["value_range"]
    seen = f" ({model.identity['statistics']['dtype']}, {value_range[0]:g} to {value_range[1]:g} in training)"
    sizes = height.describe() if height == width else f"y {height.describe()}; x {width.describe()}"
    return [
        f"- {given}{seen}.",
        f"- Normalisation: {escape_markdown(model.normalize.describe())}.",
        f"- Sides: {sizes}.",
        f"- {_tiles(height)}",
        f"- `probabilities` (batch, channel, y, x): {', '.join(map(escape_markdown, names))}.",
    ]


def _tiles(one: Sides) -> str:
    """How the zoo's program is to cut an image, and what follows."""
    if not one.step:
        return (
            "Cut tiles: `bioimageio predict --blockwise=1`. Mirror smaller images up to that first, as the program "
            "below does. The network sees its whole tile (instance or group norm): tiles overlap by half and their "
            "middle counts, seams can show, and another size would change the result."
        )
    seams = "" if one.aligned else " The network's poolings fall elsewhere in each tile, which changes them a bit."
    return (
        f"Cut tiles: `bioimageio predict --blockwise=N`, of {one.smallest} + {one.step} N pixels, N from 1, no larger "
        f"than the image. Mirror images of other sides up to the next of these first, as the program below does.{seams}"
    )


def _objects(predictor: Predictor, boundary: bool) -> str:
    """How classes become objects in the product itself."""
    given = {key: value for key, value in predictor.config["postprocess"].items() if not key.startswith("_")}
    kind = type(predictor.postprocess).__name__.lower()
    told = code_span(" ".join([f"postprocess={kind}", *(f"{key}={value}" for key, value in given.items())]))
    if not boundary:
        return f"These are classes before any post-processing; unet-lightning makes objects of them by {told}."
    missing = [code_span(f"{key}={given[key]}") for key in UNDONE if given[key]]
    return (
        "Interior and rim of a class add up to the class; an object is a connected interior with its rim. "
        f"unet-lightning makes objects by {told}"
        + (f", of which the lines above leave out {', '.join(missing)}." if missing else ", as the lines above do.")
    )


def _validation(predictor: Predictor) -> list[str]:
    """Scores of the run, where it has any, and how to measure others."""
    results = read_results(predictor.home) if predictor.ensemble is None and len(predictor.models) == 1 else {}
    split = next((name for name in ("test", "val") if name in results), None)
    lines = [
        "Label some images of your own that the network hasn't seen, and compare: Dice and IoU of each class, and for "
        "objects their matches at an IoU of 0.5. With unet-lightning: `unet-lightning predict best.ckpt images/`.",
    ]
    if split:
        pooled: Any = results[split]["pooled"]
        classes = pooled["dice"]["classes"]
        rows = [[name, *(format_number(pooled[key]["classes"][name]) for key in SCORES)] for name in classes]
        lines += [
            "",
            f"On the {split} split of the training data, {results[split]['images']} images, pixels pooled:",
            "",
        ]
        lines += markdown_rows(["class", *(SCORE_NAMES[key] for key in SCORES)], rows)
    identity = predictor.models[0].identity
    versions = ", ".join(f"{name} {version}" for name, version in identity["versions"].items())
    return [*lines, "", f"Trained by {escape_markdown(versions)}; config {identity['config_hash']}."]
