"""`unet-lightning validate data=…`: check and describe a data set without training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError, printable
from unet_lightning.pipeline.validate import validate

HELP = """Check a data set without training on it.

  unet-lightning validate data=folder data.root=/my/set
  unet-lightning validate data=folder data.root=/my/set --json > description.json

Every file is read, in data.num_workers processes. Errors are what training refuses: broken files, label values without
a class, images without a label or the reverse, the same image or group in several splits. Warnings are what training
accepts but may be a mistake, such as rotated or resized copies of an image in another split. The contact sheet shows
images spread over the data set with their labels drawn over them.

Exit code: 0 without errors, 1 with errors in the data, 2 for a wrong override. The data set is never changed.
"""


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("validate", HELP)
    rules.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    where = Path("outputs/contact_sheet.png")
    rules.add_argument("--sheet", type=Path, default=where, metavar="FILE", help=f"contact sheet, a PNG ({where})")
    options, overrides = parse(rules, arguments)
    if options.sheet.suffix != ".png":
        raise InputError(f"--sheet {options.sheet} is no PNG; name it like {where}")
    plain = resolve(compose(overrides))
    found = validate(plain, options.sheet)
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 1 if found["errors"] else 0


def text(found: Mapping[str, Any]) -> str:
    """The result as text for people."""
    lines = [f"{name:<10}{line}" for name, line in found.get("description", {}).items()]
    lines += [f"sheet     {found['contact_sheet']}"] if "contact_sheet" in found else []
    lines += [f"warning   {line}" for line in found["warnings"]]
    lines += [f"error     {line}" for line in found["errors"]]
    counts = f"{len(found['errors'])} errors, {len(found['warnings'])} warnings"
    return "\n".join([*map(printable, lines), f"{found['status']}: {counts}" + f" in {found.get('seconds', 0)} s"])
