"""Every command line of the README in a fresh clone, on the checkpoint of the network that the defaults train."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHORT = ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.log_every_n_steps=1", "data.num_workers=0"]
SHORT += ["data.crop=64", "data.batch_size=2"]
FEW = {"train": 2, "val": 1, "test": 3}  # images; an untrained network sees many objects, which tune cuts in many ways
IN_THE_CLONE = """  # imports once what the lines need; each line runs in a process forked from this one
import json, os, runpy, sys
import unet_lightning.cli, unet_lightning.prediction.load, unet_lightning.training.run
for line in sys.stdin:
    words, printed = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in enumerate(printed, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = words[words[0] == "python":]
        runpy.run_path(sys.argv[0], run_name="__main__") if words[0] == "python" else unet_lightning.cli.main()
        sys.exit("started nothing")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STARTED_ELSEWHERE = (
    "-m",
    "tensorboard",
    "make",
    "sweep-report",
    "ensemble",
    "pip",
    "plan=auto",
)  # tested by themselves


def lines() -> list[list[str]]:
    """The README's command lines, comments removed, in the order in which they are printed."""
    blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    found = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in found if words and not any(word in STARTED_ELSEWHERE for word in words[:3])]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The tracked files, as `git clone` would give them, and a run of the default network in `outputs/`."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for compiled in (ROOT / "unet_lightning").rglob("*.nb[ci]"):  # by Numba, of the same files: nothing new to test
        (folder / compiled.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
    return folder


def few_images(whole: Path, part: Path) -> None:
    """The smallest images of each split of a converted set, in a folder of their own."""
    with (whole / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (whole / row["image"]).stat().st_size)
    rows = [row for name, number in FEW.items() for row in [r for r in rows if r["split"] == name][:number]]
    for path in {Path(value) for row in rows for value in row.values() if (whole / value).is_file()}:
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole / path, part / path)
    with (part / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def process(clone) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the code of the clone; sent a line as JSON, it answers with its exit code."""
    environment = os.environ | {"PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
    start = [sys.executable, "-c", IN_THE_CLONE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(start, cwd=clone, env=environment, text=True, bufsize=1, **pipes) as started:
        yield started
        started.kill()  # it waits for the next line, or is stuck in one


def command(words: list[str], clone: Path, process: subprocess.Popen[str]) -> str:
    """What the line prints on standard output; it must end with code 0."""
    known = {"/my/": f"{clone.parent}/", "best.ckpt": f"{clone}/outputs/a/checkpoints/best.ckpt"}
    words = [re.sub("/my/|^best.ckpt$", lambda found: known[found.group()], word) for word in words]
    words = [f"{clone}/outputs/{next(runs)}" if word == "RUN" else word for runs in [iter("ab")] for word in words]
    words = [f"{clone.parent}/set/images" if word == "images/" else word for word in words]
    printed = [clone.parent / name for name in ("stdout", "stderr")]
    process.stdin.write(json.dumps([words, [str(path) for path in printed]]) + "\n")
    code = process.stdout.readline()
    output, errors = (path.read_text(encoding="utf-8") for path in printed)
    assert code == "0\n", f"{shlex.join(words)}\n{errors[-3000:]}"
    assert "Traceback" not in errors
    return output


def test_every_line_of_the_readme_runs(clone, process):
    trainings = [words for words in lines() if words[0] == "python"]
    verbs = {words[1]: words for words in lines() if words[0] == "unet-lightning"}
    assert len(trainings) == 3
    assert list(verbs) == ["doctor", "validate", "convert", "predict", "tune", "evaluate", "compare", "export"]
    command(verbs["convert"], clone, process)  # the bundled nuclei at half their size
    few_images(clone.parent / "nuclei", clone.parent / "set")
    for name, words in zip("abc", reversed(trainings), strict=True):
        command([*words, "data=folder", "data.root=/my/set", f"run={name}", *SHORT], clone, process)
        assert json.loads((clone / f"outputs/{name}/results.json").read_text())["status"] == "finished"
    for verb in ("doctor", "validate", "predict", "tune", "evaluate", "export"):
        assert command(verbs[verb], clone, process)
    other = [word.replace("best.ckpt", "outputs/b/checkpoints/best.ckpt") for word in verbs["evaluate"]]
    assert command(other, clone, process)
    assert command([*verbs["compare"], "vary=postprocess"], clone, process)  # one of the two was tuned
    pictures = {path.stem for path in (clone.parent / "set/images").iterdir()}
    assert len(pictures) == sum(FEW.values())
    assert pictures <= {path.stem for path in (clone / "labels").glob("*.png")}
    checkpoints = clone / "outputs/a/checkpoints"
    assert (checkpoints / "best.postprocess.json").is_file()
    assert list(clone.rglob("report.html"))
    assert list(clone.rglob("*.onnx"))
