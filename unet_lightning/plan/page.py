"""A plan for people, plan.md, and as a preset, plan.yaml."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]

from unet_lightning.config.quote import quote
from unet_lightning.page.escape import escape_markdown
from unet_lightning.plan.base import Choice, Decision

HEAD = """# The plan

Each value with the rule or the measurement behind it. What is typed, or said by a preset, wins over the plan. In the
folder of a run `plan.yaml` is its plan as a preset: `python train.py -cd RUN -cn plan`.
"""


def page(decision: Decision, kept: Collection[Choice]) -> str:
    """plan.md. kept: the choices that weren't replaced by what was typed."""
    rows = [f"| `{override_text(one.key, one.value)}` | {_reason(one, one in kept)} |" for one in decision.choices]
    return "\n".join([HEAD, "| override | why |", "|---|---|", *rows, "", *decision.notes])


def preset(values: Sequence[tuple[str, Any]], groups: Collection[str]) -> str:
    """plan.yaml: the parts as defaults, then the other values."""
    parts = [{f"override {key}": value} for key, value in values if key in groups]
    tree: dict[str, Any] = {"defaults": ["train", *parts, "_self_"]}
    for key, value in values:
        if key not in groups:
            *parents, name = key.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[name] = json.loads(json.dumps(value))  # a copy: yaml would refer to an equal one by an alias
    return "# the plan of this run as a preset: python train.py -cd THIS_FOLDER -cn plan\n" + str(
        yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=120)
    )


def override_text(key: str, value: Any) -> str:
    """An override as Hydra reads it; an interpolation stays one.

    >>> override_text("data.crop", [384, 512]), override_text("model", "nnunet"), override_text("seed", "${data.fold}")
    ('data.crop=[384,512]', 'model=nnunet', 'seed=${data.fold}')
    """
    if isinstance(value, str):
        return f"{key}={value if value.startswith('${') else quote(value)}"
    return f"{key}={json.dumps(value, separators=(',', ':'))}"


def _reason(choice: Choice, kept: bool) -> str:
    why = escape_markdown(choice.why)
    return why if kept else f"replaced by what was typed; the plan's reason: {why}"
