"""The pages: the site builds without a warning, no key is left out, links lead somewhere, every command parses."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from unittest import mock
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from docs.hooks.reference import page as reference
from tests.typed import typed
from unet_lightning.cli import VERBS
from unet_lightning.command import arguments
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.overrides import check_overrides
from unet_lightning.config.quote import quote_paths
from unet_lightning.error import InputError

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "docs", ROOT / "experiments")
EDITIONS = [*ROOT.glob("README*.md"), *sorted(path for folder in FOLDERS for path in folder.rglob("*.md"))]
PAGES = [path for path in EDITIONS if ".zh-CN" not in path.name]  # test_chinese.py: the others have the same commands
WIRING = {"_target_", "_partial_", "defaults", "hydra"}
NOT_COMPOSED = {  # lines that are no complete config on every machine, and why
    "model=smp": "its package is an extra that the tests don't install",
    "mine.Net": "the reader's own network",
    "logger=wandb": "its package is an extra that the tests don't install",
    "mlflow": "its package is an extra that the tests don't install",
    "launch=ray": "its launcher is an extra that the tests don't install",
}
OURS = ("python", "torchrun", "unet-lightning")
OTHER_PROGRAMS = ("make", "pip", "tensorboard", "export", "bioimageio")


def blocks(path: Path) -> list[str]:
    """Blocks of commands on a page, in which a line that ends in a backslash goes on in the next one."""
    found = re.findall(r"^```\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)
    return [block.replace("\\\n", " ") for block in found]


@cache
def commands() -> list[tuple[str, list[str]]]:
    """(page, words) of every command on any page, without its comment; a block without one shows a folder."""
    found = []
    for path in PAGES:
        for lines in ([line for line in block.splitlines() if line.strip()] for block in blocks(path)):
            if any(line.split()[0] in (*OURS, *OTHER_PROGRAMS) for line in lines):
                found += [(path.relative_to(ROOT).as_posix(), shlex.split(line, comments=True)) for line in lines]
    return found


def named(command: tuple[str, list[str]]) -> str:
    return f"{command[0]}: {shlex.join(command[1])}"


TRAININGS = [(page, words) for page, words in commands() if any(word.endswith("train.py") for word in words)]
VERBED = [(page, words) for page, words in commands() if words[0] == "unet-lightning"]
MODULES = [words[2] for _, words in commands() if words[:2] == ["python", "-m"]]


def test_every_line_is_one_of_the_kinds_that_are_looked_at():
    others = [words for _, words in commands() if words[0] in OTHER_PROGRAMS]
    assert len(TRAININGS) + len(VERBED) + len(others) + len(MODULES) == len(commands())
    assert {words[1] for _, words in VERBED} >= set(VERBS) - {"train", "find-lr"}
    text = " ".join(" ".join(words) for _, words in TRAININGS)
    assert all(reason in text for reason in NOT_COMPOSED)


def test_every_make_and_every_module_is_there():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {words[1] for _, words in commands() if words[0] == "make"} <= set(targets)
    assert all(find_spec(module) for module in MODULES)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_on_a_page_compiles(path):
    for block in re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S):
        compile(block, str(path), "exec")


def choices(words: list[str]) -> list[str]:
    """Overrides of which each takes its first value of several, as a trial of a sweep does."""
    parsed = OverridesParser.create().parse_overrides(quote_paths(words))
    return [
        f"{one.get_key_element()}={next(iter(one.sweep_string_iterator()))}" if one.is_discrete_sweep() else word
        for one, word in zip(parsed, words, strict=True)
        if not (one.is_sweep_override() and not one.is_discrete_sweep())
    ]


@pytest.mark.parametrize("command", TRAININGS, ids=named)
def test_a_training_that_is_printed_composes(command):
    words = command[1][next(i for i, word in enumerate(command[1]) if word.endswith("train.py")) + 1 :]
    overrides = [word for word in words if arguments.is_override(word)]
    flags = [word for word in words if word not in overrides and word != "-m"]
    if not flags:
        check_overrides(quote_paths(overrides))
    if not any(reason in word for reason in NOT_COMPOSED for word in words):
        done = typed("train", "--cfg", "job", *flags, *choices(overrides))
        assert done.returncode == 0, done.stderr
        assert "_target_: " in done.stdout


@pytest.mark.parametrize("command", VERBED, ids=named)
def test_a_verb_that_is_printed_reads_its_arguments(command, tmp_path):
    module = import_module(f"unet_lightning.command.{command[1][1].replace('-', '_')}")

    def parse(rules, given):
        _, overrides = arguments.parse(rules, given)
        check_overrides(quote_paths([word for word in overrides if word.partition("=")[0] in groups()]))
        raise InputError("read")

    with chdir(tmp_path), mock.patch.object(module, "parse", parse), pytest.raises(InputError, match=r"^read$"):
        module.main([word.replace("$CTC", "/ctc") for word in command[1][2:]])


def leaves(node: object, name: str = "") -> Iterator[str]:
    """Paths to the values of a yaml file, those that wire its parts together left out."""
    for key, value in node.items():
        if key in WIRING:
            continue
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{name}{key}.")
        else:
            yield f"{name}{key}"


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.relative_to(CONF).as_posix())
def test_the_reference_holds_every_key_with_its_default_and_its_comment(path):
    rows = dict(re.findall(r"^\| `([\w.]+)=(.*?)` \|", reference(), re.M))
    text = path.read_text(encoding="utf-8")
    group = path.parent.name if path.parent != CONF else ""
    prefix = f"trainer.callbacks.{path.stem}." if group == "callback" else f"{group}." if group else ""
    prefix = "" if text.startswith("# @package _global_") else prefix
    for leaf in leaves(yaml.safe_load(text) or {}):
        parts = (prefix + leaf).split(".")
        above = [".".join(parts[:k]) for k in range(1, len(parts))]
        assert ".".join(parts) in rows or any(rows.get(name, "").startswith("{") for name in above), leaf
    if group:
        section = reference().split(f"### `{group}={path.stem}` ")[1].split("\n#")[0]
        first = next(line for line in text.splitlines() if not line.startswith("# @")).removeprefix("# ")
        assert first in section.replace("\\", "").replace("&lt;", "<")


def test_a_row_of_the_reference_is_what_the_file_says():
    row = "| `loss.gamma=2.0` | larger values give them less weight; 0 is cross entropy |"
    assert row in reference().split("### `loss=focal`")[1].split("\n#")[0].splitlines()
    assert "The keys of [`flip`](#augment-flip); with values of its own:" in reference()
    assert "| `tiling=overlap` | overlap \\| nnunet: tiles" in reference()


def test_every_link_of_a_page_leads_to_a_file():
    for path in EDITIONS:
        text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            assert "://" in link or (path.parent / link).exists(), f"{path}: {link}"


class Anchors(HTMLParser):
    """What a page of the site names, links to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.ids |= {held[key] for key in ("id", "name") if held.get(key)}
        if tag == "a" and held.get("href"):
            self.links.append(held["href"])
        elif tag != "a":
            self.loaded += [held[key] for key in ("href", "src") if held.get(key)]


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="the extra docs isn't installed")
def test_the_site_builds_strictly_and_asks_for_no_other_host(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", "docs/mkdocs.yml", "-d", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {path: Anchors(path.read_text(encoding="utf-8")) for path in tmp_path.rglob("*.html")}
    assert len(pages) > len(EDITIONS)  # the generated ones too
    for path, page in pages.items():
        if path.name == "404.html":  # of a server alone: its addresses begin at the root
            continue
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            assert not parts.netloc or link in page.links, f"{path}: {link}"
            if not parts.scheme and not parts.netloc:
                goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                goal = goal / "index.html" if goal.is_dir() else goal
                assert goal.is_file(), f"{path}: {link}"
                anchored = parts.fragment and goal.suffix == ".html" and parts.fragment != "__tabbed"
                assert not anchored or unquote(parts.fragment) in pages[goal].ids, f"{path}: {link}"
