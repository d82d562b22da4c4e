"""What is wrong with a data set, said once: findings that differ in files, rows or values alone are one line."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from unet_lightning.error import some

PATH = r"""[^\s/\\'"]*[/\\]\S*[^/\\\s,:;'")]|[^\s'"]+\.[A-Za-z]\w{1,4}\b"""  # and names of files, both without spaces
ABSOLUTE = r"/\S*[^/\s]"
VALUE = r"\{[^}]*\}|[\w-]*\d[\w-]*(?:\.\d+)?"  # in braces, or a word or number with digits
PLACES = ("row", "slice", "page", "annotation")  # what numbers count, as the word before them


def grouped(findings: Iterable[tuple[str, tuple[Path, ...]]]) -> list[str]:
    """Findings in their order, each with the files it may name; those alike are the first of them, with the number and
    three examples of what differs: files, else rows or values. Findings whose remedies differ stay apart.
    """
    alike: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = defaultdict(dict)
    first: dict[str, tuple[Path, ...]] = {}
    for text, files in findings:
        first.setdefault(text, files)  # a broken volume is found with each of its slices
    for text, files in first.items():
        key, parts = _parted(text, files)
        alike[key][text] = parts
    return [_line(list(found), list(found.values())) for found in alike.values()]


def _line(texts: list[str], parts: list[list[tuple[str, str]]]) -> str:
    """The first of some texts, with how many there are and where. parts: of each text what varies, and its kind."""
    if len(texts) == 1:
        return texts[0]
    columns = [(column[0][1], list(dict.fromkeys(name for name, _ in column))) for column in zip(*parts, strict=True)]
    kind, names = max(columns, key=lambda column: (len(column[1]) > 1, column[0] == "files", len(column[1])))
    times = "the same" if len(names) == len(texts) else f"{len(texts)} times"
    return f"{texts[0]} ({times} in {some(names, kind)})"


def _parted(text: str, files: tuple[Path, ...]) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """What a finding says and its remedy, without what varies; and what varies, each with its kind."""
    names = sorted({name for path in files for name in (str(path), path.name)}, key=len, reverse=True)
    known = [rf"(?<!\w){re.escape(name)}(?!\w)" for name in names]
    head, _, remedy = text.rpartition("; ") if "; " in text else (text, "", "")
    in_head = re.compile(rf"(?P<file>{'|'.join([*known, PATH])})|{VALUE}")
    in_remedy = re.compile(rf"(?P<file>{'|'.join([*known, ABSOLUTE])})")
    found = [*in_head.finditer(head), *in_remedy.finditer(remedy)]
    return (in_head.sub("\0", head), in_remedy.sub("\0", remedy)), [(part[0], _kind(part)) for part in found]


def _kind(part: re.Match[str]) -> str:
    """What a part of a finding is: files, or what the word before it says, or values."""
    word = re.search(r"(\w+) $", part.string[: part.start()])
    named = word[1] if word and word[1] in PLACES else "value"
    return "files" if part["file"] else f"{named}s"
