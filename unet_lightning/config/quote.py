"""Values as overrides spell them: in quotes where Hydra's grammar or a shell would read them as something else."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

PATHS = (  # keys whose value is a path, or several, which may hold any character
    *("run", "init", "data.root", "data.manifest", "data.cache_dir", "data.sequences"),
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"),
)
LISTS = ("data.sequences",)  # of them those that take several


def quote(value: object) -> str:
    """A value as one word of Hydra's grammar: in quotes unless it is plain.

    >>> quote("masks"), quote("it's"), quote("a b")
    ('masks', "'it\\\\'s'", "'a b'")
    """
    word = str(value)
    plain = re.fullmatch(r"[A-Za-z_/][\w/.-]*", word, re.ASCII)
    if plain and word.lower() not in ("null", "true", "false", "nan", "inf"):
        return word
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", word)).replace("${", r"\${")
    return f"'{escaped}'"


def quote_paths(overrides: Iterable[str]) -> list[str]:
    """Overrides whose paths Hydra can read, whatever characters they hold; the others as they are.

    What is quoted already, lists of sequences, sweeps, null and interpolations keep their meaning.

    >>> quote_paths(["data.root=/it's (1)", "run=2024", "data.root=/a,/b", "seed=(1)"])
    ["data.root='/it\\\\'s (1)'", "run='2024'", 'data.root=/a,/b', 'seed=(1)']
    """
    return [_quote_path(override) for override in overrides]


def line_to_type(override: str) -> str:
    """An override as it is typed in a shell, its value, or each item of its list, quoted for Hydra."""
    key, _, value = override.partition("=")
    line = f"{key}={_quote_items(value)}"
    return f'"{line}"' if not re.search(r'["\\$`!]', line) else shlex.quote(line)


def read(override: str) -> Override | None:
    """An override as Hydra reads it; None where its grammar has no place for it."""
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def _quote_path(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals or key.lstrip("+") not in PATHS:
        return override
    parsed, several = read(override), key.lstrip("+") in LISTS
    if parsed is None:
        one = _exists(value) or (value.startswith("[") and not several)
        return f"{key}={quote(value) if one else _quote_items(value)}"
    if value[:1] in ("'", '"') or "${" in value or parsed.is_sweep_override():
        meant = not (parsed.is_sweep_override() and _exists(value))
    else:
        found = parsed.value()
        meant = found is None or found == value or (several and isinstance(found, list))
    return override if meant else f"{key}={quote(value)}"


def _quote_items(value: str) -> str:
    """A value in quotes; of a list between brackets, or of values to sweep over, each item that needs them."""
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    items = ",".join(item if _reads(item) else quote(item.strip()) for item in inner.split(","))
    whole = f"[{items}]" if inner is not value else items
    return whole if _reads(whole) else quote(value)


def _reads(value: str) -> bool:
    return read(f"key={value}") is not None


def _exists(value: str) -> bool:
    try:
        return Path(value).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, an unknown user
        return False
