"""Where the yaml files lie, and which of them a key can choose."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"


def groups(*folders: Path) -> dict[str, list[str]]:
    """Every key that chooses a file, and the names of its files."""
    found: dict[str, set[str]] = {}
    for folder in (CONF, *folders):
        for path in folder.glob("*/*.yaml"):
            found.setdefault(path.parent.name, set()).add(path.stem)
    return {group: sorted(names) for group, names in sorted(found.items())}
