"""The example of an export: a program that needs no torch, put together for one checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.normalize.schemes import Schemes
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.tta.flip_rotate import FlipRotate

NORMALIZE = {  # class to the two numbers of a channel, as the example computes them
    "ImageZScore": "image.mean((0, 1), np.float64), image.std((0, 1), np.float64)",
    "Percentile": "(p := np.percentile(image, [*{percents}, 100], (0, 1)))[0], "
    "np.where(p[1] > p[0], p[1] - p[0], p[2] - p[0])",
    "DatasetZScore": "{numbers}",
    "Window": "({low}, {high} - {low})",
    "TypeRange": "0, np.iinfo(image.dtype).max if image.dtype.kind in 'iu' else 1",
}
SCHEMES = {  # of nnU-Net's: the two numbers of channel k; {ct}: mean and standard deviation
    "zscore": "(image[..., {k}].mean(dtype=float), image[..., {k}].std(dtype=float))",
    "masked_zscore": "(image[inside, {k}].mean(dtype=float), image[inside, {k}].std(dtype=float)) "
    "if inside.any() else (0, 1)",
    "ct": "{ct}",
    "rescale": "(image[..., {k}].min(), float(image[..., {k}].max()) - float(image[..., {k}].min()))",
    "rgb": "(0, 255)",
    "none": "(0, 1)",
}
ENDS = ((0, "-"), (1, ""))  # of the values that ct keeps
SCALED = "(image - np.float32(shift)) / np.where(np.float32(scale) > 0, np.float32(scale), np.float32(1))"
SOFTMAX = "found = np.exp(found - found.max(0))\nfound = found / found.sum(0)"
OPENCV = "np.atleast_3d(cv2.imread(sys.argv[1], cv2.IMREAD_{} | cv2.IMREAD_ANYDEPTH))[..., ::-1]"
READ = {1: ("IMAGE", OPENCV.format("GRAYSCALE")), 3: ("IMAGE", OPENCV.format("COLOR"))}


def example(predictor: Predictor) -> str:
    """predict.py: tiles, views and normalisation of this checkpoint; InputError for what it has no lines for."""
    averaged = predictor.config["tiling"] == "nnunet"
    check_tiles(predictor, averaged)
    score, total = views(predictor)
    name, read = READ.get(predictor.channels, ("IMAGE.npy", "np.load(sys.argv[1])"))  # OpenCV reads no other numbers
    parts = {
        "input": name,
        "read": read,
        "normalize": "\n".join(normalization(predictor.models[0].normalize)),
        "score": score,
        "total": total,
        "predict": _template(f"example_{'averaged' if averaged else 'side_by_side'}").strip(),
    }
    text = _template("example")
    for key, part in parts.items():
        line = next(line for line in text.splitlines() if f"{{{{ {key} }}}}" in line)
        space = line[: len(line) - len(line.lstrip())]
        text = text.replace(f"{{{{ {key} }}}}", indent(part, space).lstrip())
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip() != "pass") + "\n"


def check_tiles(predictor: Predictor, averaged: bool) -> None:
    """InputError for tiles that the example can't cut."""
    geometry = predictor.models[0].network.geometry
    if not averaged and not geometry.exact:
        raise InputError(
            "instance and group norm: tiles must be averaged, which the example does by nnU-Net's rule alone; "
            + ("add tiling=nnunet" if geometry.convolution == "same" else "train with model.convolution=same")
        )


def views(predictor: Predictor) -> tuple[str, str]:
    """Two pieces of the example: what is done to a view's logits, and what becomes of the sum over the views."""
    check_averages(predictor)
    tta = predictor.tta
    if predictor.apart > 1 and predictor.config["tiling"] == "nnunet":
        raise InputError(
            "logits of several configurations, which the example can't average over tiles one by one; add "
            "average=probabilities, or export each checkpoint by itself"
        )
    if predictor.averages_probabilities:
        return SOFTMAX, "total"
    if len(tta.views) > 1 and tta.average == "probabilities":
        return SOFTMAX, "np.log(np.maximum(total, np.finfo(np.float32).tiny))"
    return "pass", "total"


def check_averages(predictor: Predictor) -> None:
    """InputError for views that aren't rotations and mirrors, or that are averaged otherwise than the checkpoints."""
    tta = predictor.tta
    if not isinstance(tta, FlipRotate):
        raise InputError(f"tta of class {type(tta).__name__} can't be exported; add tta=none")
    averages = {predictor.config["average"]} if max(predictor.folds) > 1 else set()
    averages |= {"probabilities"} if len(predictor.folds) > 1 else set()
    if len(tta.views) > 1 and averages and averages != {tta.average}:
        raise InputError(
            f"views average {tta.average} and checkpoints {' and '.join(sorted(averages))}: an export averages views "
            "after the network; add tta=none, or export each checkpoint by itself"
        )


def normalization(part: Any) -> list[str]:
    """Lines of Python that normalise `image`, (H, W, C), and return it."""
    kind = type(part).__name__
    if isinstance(part, Schemes):
        return _schemes(part)
    if kind not in NORMALIZE:
        known = sorted([*NORMALIZE, "Schemes"])
        raise InputError(f"normalize of class {kind} has no line for the example; export knows {known}")
    numbers = {key: plain(value) for key, value in vars(part).items()}
    return [f"shift, scale = {NORMALIZE[kind].format(**numbers)}", f"return {SCALED}"]


def _schemes(part: Schemes) -> list[str]:
    """nnU-Net's schemes, channel by channel."""
    chosen = list(zip(part.schemes, part.ct, strict=True))
    pairs = [
        SCHEMES[scheme].format(k=k, ct=f"({ct[2]!r}, {max(ct[3], 1e-8)!r})" if ct else "")
        for k, (scheme, ct) in enumerate(chosen)
    ]
    lines = [f"shift, scale = np.array([{', '.join(pairs)}]).T"]
    if any(ct for _, ct in chosen):
        low, high = (", ".join(str(ct[end]) if ct else f"{sign}np.inf" for _, ct in chosen) for end, sign in ENDS)
        lines = [f"image = image.astype(np.float32).clip(np.float32([{low}]), np.float32([{high}]))", *lines]
    if not part.masked:
        return [*lines, f"return {SCALED}"]
    kept = [scheme != "masked_zscore" for scheme in part.schemes]
    return ["inside = (image != 0).any(2)", *lines, f"return {SCALED} * (inside[..., None] | np.array({kept}))"]


def _template(name: str) -> str:
    return (Path(__file__).parent / f"{name}.py.txt").read_text(encoding="utf-8")


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
