"""Yaml files that may be anything: read only where what they say can be held in memory."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

BYTES, NODES, DEPTH = 2**20, 50_000, 40  # more than any config has


def load_mapping(path: Path) -> DictConfig:
    """The mapping a yaml file holds, an empty one for an empty file; ValueError that says in a few words what it is."""
    try:
        if path.stat().st_size > BYTES:
            raise ValueError(f"larger than {BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
        _check_depth(text)
        _measure(yaml.compose(text, Loader=yaml.SafeLoader), {})
        found = OmegaConf.load(path)
    except UnicodeDecodeError:
        raise ValueError("no text in UTF-8") from None
    except OSError as error:
        raise ValueError(error.strerror) from None
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        place = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ValueError(f"{reason}, line {place.line + 1}" if place else reason) from None
    if not isinstance(found, DictConfig):
        raise ValueError("no mapping of keys to values")
    return found


def _check_depth(text: str) -> None:
    """Before anything walks down into it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise ValueError(f"nested more than {DEPTH} deep")


def _measure(node: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many nodes there are at and below one, and how deep, with each alias written out."""
    if id(node) not in known:
        known[id(node)] = (NODES, DEPTH)  # for what holds itself
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for item in inner for part in (item if isinstance(item, tuple) else (item,))]
        sizes = [_measure(part, known) for part in parts]
        found = (1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0))
        if found[0] > NODES or found[1] > DEPTH + 1:
            raise ValueError(f"its aliases, written out, hold more than {NODES:,} values or nest without end")
        known[id(node)] = found
    return known[id(node)]
