"""Names of files: which files of a folder are passed over, and which file a list means by a name."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

from unet_lightning.error import some

CLUTTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx")  # of Windows and of archives; a dot begins the others
UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of a file


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one of those that systems and editors leave behind, such as `._a.png`."""
    return name.startswith(".") or name.lower() in CLUTTER


def walk(folder: Path, deep: bool = True, without: Iterable[Path] = ()) -> Iterator[Path]:
    """The files of a folder in the order of their names, hidden ones left out; a linked folder is followed once.

    deep: also those of the folders below it, after its own. without: folders below it that aren't entered.
    """
    seen = set(map(os.path.realpath, without))
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        below = sorted(name for name in folders if deep and not is_hidden(name))
        folders[:] = [name for name in below if os.path.realpath(os.path.join(place, name)) not in seen]
        yield from (Path(place, name) for name in sorted(names) if not is_hidden(name))


def spelled(name: str) -> str:
    """A name in one spelling: letters with accents are one character each (NFC), as macOS doesn't write them."""
    return unicodedata.normalize("NFC", name)


def with_slashes(name: str) -> str:
    """A path as it is written everywhere but on Windows; of Label Studio's links the path in them."""
    _, local, path = name.partition("?d=")
    return unquote(path) if local else name.replace("\\", "/")


def locate(names: Iterable[str], folders: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    """The files that a list means by its names: those that lie where it says below one of the folders, and the others.

    Windows' paths are read as well. A path of another machine stands for the file whose path ends like it, if there is
    one only and no other name stands for it. A name without a file is in neither of the two.
    """
    wanted = list(dict.fromkeys(names))
    exact = {name: path for name in wanted if (path := _where_it_says(name, folders)) is not None}
    if len(exact) == len(wanted):
        return exact, {}
    index = _by_name(folders)
    guessed = {name: path for name in wanted if name not in exact and (path := _alike(name, folders, index))}
    claims = Counter(os.path.realpath(path) for path in (*exact.values(), *guessed.values()))
    return exact, {name: path for name, path in guessed.items() if claims[os.path.realpath(path)] == 1}


def guess_notes(listing: Path, guessed: dict[str, Path]) -> list[str]:
    """A line on the files that were found by the ends of their paths, if there are any."""
    if not guessed:
        return []
    shown = some([f"{name} is {path}" for name, path in guessed.items()])
    return [f"{listing} has other paths for what was found by the end of its path: {shown}"]


def relative(path: Path, folders: Sequence[Path]) -> str:
    """A path as it is below the first of the folders that it lies in."""
    return next((path.relative_to(folder).as_posix() for folder in folders if path.is_relative_to(folder)), path.name)


def _where_it_says(name: str, folders: Sequence[Path]) -> Path | None:
    plain = with_slashes(name)
    spellings = dict.fromkeys([name, plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))])
    paths = (folder / spelling for spelling in spellings for folder in folders if spelling)
    return next((path for path in paths if os.path.isfile(path)), None)


def _by_name(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Every file below the folders by its bare name, and by that without Label Studio's prefix."""
    found: dict[str, dict[Path, None]] = defaultdict(dict)
    outermost = [folder for folder in folders if not set(folder.parents) & set(folders)]
    for path in dict.fromkeys(path for folder in outermost for path in walk(folder)):
        for key in {_key(path.name), UPLOAD.sub("", _key(path.name), count=1)}:
            found[key][path] = None
    return {key: list(paths) for key, paths in found.items()}


def _alike(name: str, folders: Sequence[Path], index: dict[str, list[Path]]) -> Path | None:
    """The one file in a folder with the last part of the name, else the one below whose path ends most like it."""
    parts = _key(with_slashes(name)).split("/")
    paths = index.get(parts[-1]) or index.get(UPLOAD.sub("", parts[-1], count=1)) or []
    for folder in folders:
        direct = [path for path in paths if path.parent == folder]
        if len(direct) == 1:
            return direct[0]
    same = [_common_end(parts, _key(path.as_posix()).split("/")) for path in paths]
    best = [path for path, number in zip(paths, same, strict=True) if number == max(same)]
    return best[0] if len(best) == 1 else None


def _common_end(one: list[str], other: list[str]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _key(name: str) -> str:
    return spelled(name).casefold()
