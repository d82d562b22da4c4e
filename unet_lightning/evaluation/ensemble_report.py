"""ensemble.md: in words what was chosen for an ensemble, what was rejected, and by how much."""

from collections.abc import Mapping
from math import nan
from typing import Any

from unet_lightning.evaluation.tune import name_of
from unet_lightning.metric.names import SCORE_NAMES
from unet_lightning.page.escape import code_span, escape_markdown
from unet_lightning.page.number import format_interval, format_number
from unet_lightning.page.table import Table

CAVEAT = (
    "The epoch of each checkpoint and all that is chosen here were chosen on these images, so that the scores are a "
    "little too good; those of a test split aren't."
)
SHOWN = 8  # candidates in the report; ensemble.json holds all
POOLED, MEANS, OBJECTS = ("dice", "iou"), ("dice", "iou", "boundary_f1", "hausdorff95"), ("aji", "pq", "seg", "ap50")


def markdown(found: Mapping[str, Any]) -> str:
    """The report of what ensemble.json holds."""
    every = found["out_of_fold"]
    title = f"# An ensemble of {len(found['members'])} checkpoints"
    images = f"Each of {every['images']} images ({every['groups']} independent groups) was predicted by what was "
    images += "trained without it, as it was held out for validation. No test image was read."
    lines = [title, "", code_span(found["provenance"]["command"]), "", images, "", *sentences(found), ""]
    parts = [scores(found), candidates(found)]
    return "\n".join([*lines, *(part.markdown() for part in parts), members(found).markdown()])


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What was chosen, and by how much it is better than what wasn't."""
    tried = found["candidates"]
    nodes = {name_of(one["postprocess"]): one["score"] for one in tried["postprocess"]}
    chosen = name_of(found["postprocess"])
    simplest, best = next(iter(nodes.items())), max(nodes.items(), key=lambda one: one[1])
    lines = [f"Compared by {tried['score']}.", ""]
    if tried["configurations"]:
        first, *others = sorted(tried["configurations"], key=lambda one: -one["score"])
        lines += [f"Configurations: {together(first)} ({format_number(first['score'])}) was chosen."]
        lines += [
            f"{together(one)} scored {format_number(one['score'])}, {first['score'] - one['score']:.4f} less."
            for one in others
        ]
        lines += [""]
    text = f"Post-processing: {escape_markdown(chosen)} ({format_number(nodes[chosen])}) was chosen of {len(nodes)}"
    if chosen != simplest[0]:
        text += f", {nodes[chosen] - simplest[1]:+.4f} compared with {escape_markdown(simplest[0])}"
    if chosen != best[0]:
        text += f"; {escape_markdown(best[0])} scored {best[1] - nodes[chosen]:.4f} more, too little to be less simple"
    several = len({one["configuration"] for one in found["members"]}) > 1
    text += f". The {found['average']} of the checkpoints are averaged"
    text += ", then the probabilities of the configurations." if several else "."
    return [*lines, text, "", *largest(tried), CAVEAT]


def largest(tried: Mapping[str, Any]) -> list[str]:
    """What the rule of the largest component gains or loses, where it was tried."""
    if not tried["largest_component"]:
        return []
    before, *steps = (one["score"] for one in tried["largest_component"])
    kept = any("classes" in one["postprocess"] for one in tried["postprocess"])
    gains = [f"{step - before:+.4f}" for step in steps]
    text = f"nnU-Net's rule, only the largest component: {gains[0]} for all foreground as one"
    text += f", {', '.join(gains[1:])} for single classes before and after that" if len(gains) > 1 else ""
    return [f"{text}; it is {'one of the candidates' if kept else 'rejected, as nothing was gained'}.", ""]


def together(one: Mapping[str, Any]) -> str:
    """A configuration, or several that are averaged."""
    return " with ".join(map(code_span, one["names"]))


def scores(found: Mapping[str, Any]) -> Table:
    """The out-of-fold scores: of all images with their intervals, and of each fold."""
    every, folds = found["out_of_fold"], found["folds"]
    rows = []
    for averaging, key, names in (("pooled", "pooled", POOLED), ("mean over images", "image_mean", MEANS)):
        for name in names:
            label = f"pooled {name}" if averaging == "pooled" else name
            values = [part[key][name]["foreground"] for part in (every, *folds)]
            rows.append([SCORE_NAMES[name], averaging, *numbers(values, every["intervals"][label])])
    for name in OBJECTS if "objects" in every else ():
        values = [part.get("objects", {}).get(name, nan) for part in (every, *folds)]
        rows.append([SCORE_NAMES[name], "mean over images", *numbers(values, every["intervals"][name])])
    columns = ["score", "averaging", "all images", "95 % interval", *(f"fold {part['fold']}" for part in folds)]
    return Table("Out of fold, foreground", columns, rows)


def numbers(values: list[float], bounds: tuple[float, float]) -> list[str]:
    """The score of all images, its interval, the score of each fold."""
    first, *others = map(format_number, values)
    return [first, format_interval(bounds), *others]


def candidates(found: Mapping[str, Any]) -> Table:
    """The best post-processings."""
    tried = found["candidates"]["postprocess"]
    best = sorted(tried, key=lambda one: -one["score"])[:SHOWN]
    rows = [[name_of(one["postprocess"]), format_number(one["score"])] for one in best]
    return Table(f"Post-processing, {len(tried)} tried, the best of them", ["post-processing", "score"], rows)


def members(found: Mapping[str, Any]) -> Table:
    """The checkpoints."""
    rows = [[one["path"], one["configuration"], str(one["fold"]), one["sha256"][:12]] for one in found["members"]]
    return Table("Members", ["checkpoint", "configuration", "fold", "SHA-256"], rows)
