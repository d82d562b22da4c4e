"""Compare evaluations image by image."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from unet_lightning.error import InputError, nearest, shown
from unet_lightning.evaluation.interval import interval, weighted_mean
from unet_lightning.metric.names import SCORE_NAMES
from unet_lightning.page.escape import escape_markdown
from unet_lightning.page.number import format_number
from unet_lightning.page.table import Table

UNCOMPARED = "temperature"  # changes probabilities alone, and no score that is compared


def compare(
    names: Sequence[str], runs: Sequence[dict[str, Any]], resamples: int, vary: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A row for every score and pair of runs: score, first, second, images, groups, difference, low, high, p, p_holm.

    InputError where they can't be compared.
    """
    if len(runs) < 2 or len(set(names)) < len(names):
        raise InputError(f"{', '.join(names)}: expected two different runs or more")
    for name, run in zip(names[1:], runs[1:], strict=True):
        check_protocol(names[0], runs[0]["protocol"], name, run["protocol"], vary)
        if [row["id"] for row in run["per_image"]] != [row["id"] for row in runs[0]["per_image"]]:
            raise InputError(f"{name} and {names[0]} were scored on other images; evaluate both on one split")
    groups = [row["group"] for row in runs[0]["per_image"]]
    rows = []
    for score in [name for name in SCORE_NAMES if all(name in run["per_image"][0] for run in runs)]:
        columns = [np.array([row[score] for row in run["per_image"]], np.float64) for run in runs]
        pairs = [
            {"score": score, "first": names[a], "second": names[b], **paired(columns[a], columns[b], groups, resamples)}
            for a, b in combinations(range(len(runs)), 2)
        ]
        for pair, p in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
            rows.append(pair | {"p_holm": p})
    return rows


def check_protocol(first: str, one: dict[str, Any], second: str, other: dict[str, Any], vary: Sequence[str]) -> None:
    """InputError that names every key of the protocols that differs and isn't in `vary`."""
    for key in vary:
        if key not in one:
            raise InputError(f"vary={shown(key)}: {shown(key)} is not in the protocol; {nearest(key, one)}")
    compared = (one.keys() | other.keys()) - {*vary, UNCOMPARED}
    differ = [key for key in compared if one.get(key) != other.get(key)]
    if differ:
        lines = [f"{key}: {first} has {one.get(key)}, {second} has {other.get(key)}" for key in sorted(differ)]
        remedy = f"evaluate both alike, or add vary={','.join(sorted(differ))} if that is what you compare"
        raise InputError("\n".join(["the protocols differ", *lines, remedy]))


def paired(one: NDArray[Any], two: NDArray[Any], groups: Sequence[str], resamples: int) -> dict[str, Any]:
    """The mean of two - one over the images where both have a score, its interval, and Wilcoxon's p (two-sided).

    one, two: (N,) scores, nan where there is none. Images of one group aren't independent: whole groups are resampled,
    and the signed-rank test (Wilcoxon 1945, doi:10.2307/3001968) uses the mean difference of each group.
    """
    difference = two - one
    there = ~np.isnan(difference)
    kept = difference[there]
    if not len(kept):
        return {"images": 0, "groups": 0, "difference": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
    names = np.array(groups)[there]
    low, high = interval(weighted_mean(kept), names, resamples)
    _, group_of = np.unique(names, return_inverse=True)
    means = np.bincount(group_of, kept) / np.bincount(group_of)
    p = float(wilcoxon(means).pvalue) if means.any() else 1.0
    found = {"images": len(kept), "groups": len(means), "difference": float(kept.mean())}
    return found | {"low": low, "high": high, "p": p}


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected by Holm's step-down procedure (Scand. J. Statist. 6:65, 1979); nan stays nan, not counted."""
    order = [k for k in np.argsort(values) if not np.isnan(values[k])]
    corrected = [float("nan")] * len(values)
    largest = 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[k]))
        corrected[k] = largest
    return corrected


def markdown(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table, the runs as letters."""
    letters = {name: chr(ord("A") + k) if k < 26 else f"R{k}" for k, name in enumerate(names)}
    texts = [
        [
            SCORE_NAMES[row["score"]],
            f"{letters[row['second']]} - {letters[row['first']]}",
            str(row["images"]),
            str(row["groups"]),
            "–" if np.isnan(row["difference"]) else f"{row['difference']:+.4f}",
            "–" if np.isnan(row["low"]) else f"{row['low']:+.4f} to {row['high']:+.4f}",
            format_number(row["p"]),
            format_number(row["p_holm"]),
        ]
        for row in rows
    ]
    columns = ["score", "pair", "images", "groups", "difference", "95 % interval", "Wilcoxon p", "p after Holm"]
    note = "; ".join(f"{letter} = {escape_markdown(name)}" for name, letter in letters.items())
    return Table("Comparison on the same images", columns, texts, note).markdown()
