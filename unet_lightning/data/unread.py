"""Pictures below a folder that a data set doesn't read."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from unet_lightning.error import counted
from unet_lightning.reading.endings import IMAGES, ends_in
from unet_lightning.reading.names import walk

MOST = 5
LOOKED_AT = 200_000  # files: a folder may hold much else


def unread(folder: Path, seen: Iterable[Path]) -> list[str]:
    """A line that counts the pictures below a folder, and below linked ones, that lie in nothing that was looked at.

    seen: files, and folders that were looked at as a whole. The line names the highest folders that were left out.
    """
    whole = set(seen)
    folders = [path for path in whole if not path.suffix and path.is_dir()]  # of many files none is looked up
    parents = {folder, *(parent for path in whole for parent in path.parents)}
    counts: Counter[str] = Counter()
    for path in islice(walk(folder, without=folders), LOOKED_AT):
        if ends_in(path, IMAGES) and path not in whole:
            below = path.relative_to(folder).parents
            highest = next((part for part in reversed(below) if folder / part not in parents), path.parent)
            counts[(folder / highest).relative_to(folder).as_posix()] += 1
    if not counts:
        return []
    named = [f"{'the folder itself' if k == '.' else f'{k}/'} ({n})" for k, n in counts.most_common(MOST)]
    more = f" and {len(counts) - MOST} more" if len(counts) > MOST else ""
    return [f"not read: {counted(sum(counts.values()), 'picture')} of {folder}, in {', '.join(named)}{more}"]
