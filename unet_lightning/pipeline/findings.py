"""What is wrong with a data set, said once: findings that differ in the file alone are one line."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from unet_lightning.error import some

# values in braces, paths, names of files, numbers
VARYING = re.compile(r"\{[^}]*\}|\S*[/\\]\S*[^/\\\s]|\S+\.[A-Za-z]\w{1,4}\b|\d+(\.\d+)?")


def grouped(findings: Iterable[tuple[str, tuple[Path, ...]]]) -> list[str]:
    """Findings in their order, each with the files it may name; those alike are the first of them, with the number of
    files and three examples. Findings whose remedies differ stay apart.
    """
    alike: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    first: dict[str, tuple[Path, ...]] = {}
    for text, files in findings:
        first.setdefault(text, files)  # a broken volume is found with each of its slices
    for text, files in first.items():
        key, name = _pattern(text, files)
        alike[key][text] = name, files[0].name if files else name
    return [_line(list(found), list(found.values())) for found in alike.values()]


def _line(texts: list[str], names: list[tuple[str, str]]) -> str:
    """The first of some texts, with how many there are. names: the file that each names first, and its image."""
    if len(texts) == 1:
        return texts[0]
    named, images = (list(dict.fromkeys(column)) for column in zip(*names, strict=True))
    shown = named if len(named) >= len(images) else images  # one description file names many images
    if len(shown) == 1:
        return f"{texts[0]} ({len(texts)} times)"
    return f"{texts[0]} (the same in {some(shown)})"


def _pattern(text: str, files: tuple[Path, ...]) -> tuple[tuple[str, str], str]:
    """What a finding says and its remedy, without what varies between files; and the file that it names first."""
    places = [(text.find(str(path)), str(path)) for path in files if str(path) in text]
    found = VARYING.search(text)
    name = min(places)[1] if places else found.group().strip(",:;'\"") if found else text
    for _, path in sorted(places, key=lambda place: -len(place[1])):
        text = text.replace(path, "\0")
    head, _, remedy = text.rpartition("; ")
    return (VARYING.sub("\0", head), re.sub(r"/\S*[^/\s]", "\0", remedy)), name
