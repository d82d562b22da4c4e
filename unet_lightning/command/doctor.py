"""`unet-lightning doctor`: whether this machine can train, and what to type where it can't."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from unet_lightning import __version__
from unet_lightning.command.arguments import parse, parser
from unet_lightning.error import counted, printable
from unet_lightning.runtime.accelerator import accelerators
from unet_lightning.runtime.capacity import cores, memory, shared_memory, system
from unet_lightning.runtime.finding import Finding
from unet_lightning.runtime.machine import commit, versions
from unet_lightning.runtime.package import packages
from unet_lightning.runtime.storage import cache, outputs
from unet_lightning.runtime.variable import variables

HELP = """Look at this machine: packages, torch, GPUs, cores, memory, folders; say what to type for what is wrong.

  unet-lightning doctor
  unet-lightning doctor trainer.accelerator=gpu data.cache_dir=/scratch/me
  unet-lightning doctor --json > doctor.json

Overrides are those of a training; trainer.accelerator, data.num_workers, data.cache_dir and data.cache_gb count.
Runs are written to outputs/ in the folder in which it is typed. No data set is read: that is what validate does.

Exit code: 0 where a training would begin, 1 where something would stop it, 2 for a wrong override. Nothing is changed.
"""


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("doctor", HELP)
    rules.add_argument("--json", action="store_true", help="print one JSON object and nothing else, for a report")
    options, overrides = parse(rules, arguments)
    findings = examine(overrides)
    stopped = any(finding.stops for finding in findings)
    if options.json:
        status = "stopped" if stopped else "ready"
        about = {"status": status, "commit": commit(), "versions": versions()}
        print(json.dumps(about | {"findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        print(text(findings))
    return 1 if stopped else 0


def examine(overrides: list[str]) -> list[Finding]:
    """All findings for a training with these overrides; those of broken packages come without what needs them."""
    found = [system(), *packages()]
    if not any(finding.name == "packages" and finding.stops for finding in found):
        from unet_lightning.config.compose import compose

        config = compose(overrides)
        data, folder = config.data, config.data.cache_dir
        found += accelerators(config.trainer.accelerator)
        found += [cores(_threads()), memory(), *shared_memory(data.num_workers)]
        found += [outputs(Path("outputs").absolute())]
        found += [cache(Path(folder).expanduser().absolute() if folder else None, data.cache_gb)]
    return [*found, *variables()]


def _threads() -> int | None:
    """With how many threads torch computes; None where it can't be imported."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch.get_num_threads()


def text(findings: Sequence[Finding]) -> str:
    """The findings as text for people: a line each, and two more for what is wrong."""
    lines = [f"{'version':<15}{__version__}" + (f", commit {made}" if (made := commit()) else "")]
    for finding in findings:
        offer = f": {finding.remedy}" if finding.remedy and not finding.problem else ""
        lines.append(f"{finding.name:<15}{finding.value}{offer}")
        if finding.problem:
            lines.append(f"  {'error' if finding.stops else 'warning':<13}{finding.problem}")
            lines.append(f"  {'type':<13}{finding.remedy}")
    wrong = [finding for finding in findings if finding.problem]
    errors = sum(finding.stops for finding in wrong)
    lines.append(
        f"{'stopped' if errors else 'ready'}: {counted(errors, 'error')}, {counted(len(wrong) - errors, 'warning')}"
    )
    return "\n".join(map(printable, lines))
