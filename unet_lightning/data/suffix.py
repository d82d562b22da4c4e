"""What stands behind an image's name in the name of its label: `a.png` and `a_mask.png`."""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from unet_lightning.config.quote import quote
from unet_lightning.error import InputError

WORD = re.compile(r"[ ._-]\W*[^\W\d].*")  # a separator, then letters: not the number of a further picture


def common_suffix(images: Collection[str], labels: Collection[str]) -> str:
    """What most of the labels' names have behind the name of an image, or ''."""
    ends: Counter[str] = Counter()
    for name in labels:
        cuts = (k for k in range(len(name) - 1, 0, -1) if name[:k] in images)
        end = next((name[k:] for k in cuts if WORD.fullmatch(name[k:])), None)
        ends.update([end] if end else [])
    best, number = ends.most_common(1)[0] if ends else ("", 0)
    return best if 2 * number >= len(labels) or 2 * number >= len(images) else ""


def without_suffix(labels: Mapping[str, Path], suffix: str) -> dict[str, Path]:
    """Labels by their names without the suffix, where they have it; InputError where two then have one name."""
    found: dict[str, Path] = {}
    for name, path in labels.items():
        plain = name.removesuffix(suffix)
        if plain in found:
            raise InputError(f"{path} and {found[plain]} have one name without data.suffix={suffix}; take one away")
        found[plain] = path
    return found


def override(suffix: str) -> str:
    """What to type for labels with a suffix, as one word of a shell.

    >>> override("_mask"), override("-labels"), override(" (1)")
    ('data.suffix=_mask', 'data.suffix=-labels', '"data.suffix=\\' (1)\\'"')
    """
    plain = re.fullmatch(r"[\w.-]*[A-Za-z_][\w.-]*", suffix, re.ASCII)
    if plain:
        return f"data.suffix={suffix}"
    typed = f"data.suffix={quote(suffix)}"
    return f'"{typed}"' if not set(typed) & set('"$`\\!') else shlex.quote(typed)
