"""Every remedy that `predict` and `evaluate` print for a checkpoint, an input or an override, done: the error goes."""

import re
import shlex
import shutil

import numpy as np
import pytest
import tifffile
import torch
import zarr
from PIL import Image

from tests.small import untrained, write_untrained
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.command.predict import main as predict
from unet_lightning.error import InputError

OVERRIDE = re.compile(r"set ('[a-z_.]+=[^']+'|[a-z_.]+=[^\s;]+)")
SUGGESTION = re.compile(r"did you mean '(\w+)'")


def said(capsys, verb, *arguments):
    """What a verb refuses, or prints of the inputs that it can't label; '' where it does what is asked."""
    try:
        code = verb([str(argument) for argument in arguments])
    except InputError as refused:
        return str(refused)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == bool(errors)
    return "\n".join(errors)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def write(path, *shape, names=None):
    """A picture, a stack or an array of noise."""
    if path.suffix == ".zarr":
        shutil.rmtree(path, ignore_errors=True)
        zarr.create_array(path, shape=shape, dtype="uint8", dimension_names=names)[:] = noise(*shape)
    elif path.suffix == ".npy":
        np.save(path, noise(*shape))
    elif path.suffix == ".tif":
        tifffile.imwrite(path, noise(*shape), photometric="minisblack")
    else:
        Image.fromarray(noise(*shape)).save(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of an untrained run that takes grey pictures."""
    return write_untrained(tmp_path_factory.mktemp("remedies") / "run/checkpoints/best.ckpt").parent.parent


def rewrite(name, *shape, names=None):
    return lambda folder: write(folder / name, *shape, names=names)


def take_out(name):
    return lambda folder: shutil.rmtree(folder / name)


INPUTS = [  # a file and its shape, what its line says to do: to be typed, or what does it
    ("a.png", (24, 20, 3), "set data.channels=1", None),
    ("a.tif", (24, 20, 3), "set data.axes=YXC if the 3 are channels", "data.axes=YXC data.channels=1"),
    ("a.tif", (24, 20, 3), "write each picture of a stack to a file of its own", rewrite("a.tif", 24, 20)),
    ("a.npy", (3, 24, 20), "give images of 1 channel", rewrite("a.npy", 24, 20)),
    ("a.npy", (2, 3, 24, 20), "store (H, W)", rewrite("a.npy", 24, 20)),
    ("a.zarr", (24, 20, 3), "set data.axes=YXC if the 3 are channels", "data.axes=YXC data.channels=1"),
    ("a.zarr", (24, 20, 3), "store it with names of its axes", rewrite("a.zarr", 24, 20, 1, names="yxc")),
    ("a.zarr", (1, 2, 3, 24, 20, 2), "store it with names", rewrite("a.zarr", 2, 3, 24, 20, 1, names="tzyxc")),
    ("a.zarr", (0, 24, 20), "leave it out", take_out("a.zarr")),
]


@pytest.mark.parametrize(("name", "shape", "words", "mend"), INPUTS)
def test_an_input_is_labelled_after_what_its_line_says(tmp_path, capsys, run, name, shape, words, mend):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / name, *shape)
    write(tmp_path / "in" / "good.png", 20, 20)
    command = [run / "checkpoints/best.ckpt", tmp_path / "in", "--output", tmp_path / "out"]
    message = said(capsys, predict, *command)
    assert words in message
    assert len(message.splitlines()) == 1
    if mend is None:
        (mend,) = OVERRIDE.findall(message)
    typed = mend.split() if isinstance(mend, str) else mend(tmp_path / "in") or []
    assert said(capsys, predict, *command, *typed) == ""
    assert len(list((tmp_path / "out").iterdir())) == len(list((tmp_path / "in").iterdir()))


WORDS = [  # a verb, what is typed, the words of what to do, and what is typed then
    (predict, "tta=flip", SUGGESTION, "tta={}"),
    (predict, "til=16", SUGGESTION, "{}=16"),
    (predict, "tile=0", "expected 1 to", "tile=1"),
    (predict, "tiling=x", "expected overlap", "tiling=overlap"),
    (predict, "postprocess=watershed postprocess.nek=2", SUGGESTION, "postprocess=watershed postprocess.{}=2"),
    (predict, "model.depth=3", "leave it out", ""),
    (predict, "seed=1", "it uses tile", "tile=16"),
    (predict, "data.axes=CZYX", "set it like data.axes=CYX", "data.axes=CYX"),
    (predict, "data.channels=2", "input should be 1 or 3", "data.channels=1"),
    (predict, "trainer.precision=64", "'32-true'", "trainer.precision=32-true"),
    (predict, "tta=flips,none", "expected key=value", "tta=flips"),
    (evaluate, "split=train", "'val'", "split=val"),
    (evaluate, "data.classes=[a,b]", OVERRIDE, "{}"),
    (evaluate, "data.number=2", "add images", "data.number=5"),
    (evaluate, "data=folder", "set data.root=", "data=synthetic data.height=32 data.width=32 data.number=5"),
]


@pytest.mark.parametrize(("verb", "typed", "words", "then"), WORDS)
def test_a_wrong_word_is_mended_by_what_is_printed(tmp_path, capsys, run, verb, typed, words, then):
    write(tmp_path / "a.png", 20, 20)
    command = [run / "checkpoints/best.ckpt", "--output", tmp_path / "out"]
    command += [tmp_path / "a.png"] if verb is predict else ["resamples=100"]
    message = said(capsys, verb, *command, *typed.split())
    if isinstance(words, str):
        assert words in message
    else:
        then = then.format(shlex.split(words.findall(message)[0])[0])
    assert said(capsys, verb, *command, *then.split()) == ""


def changed(path, **changes):
    content = untrained()
    content["unet_lightning"] |= changes
    torch.save(content, path)


def without_numbers(path):
    content = untrained()
    next(iter(content["state_dict"].values()))[:] = np.nan
    torch.save(content, path)


CHECKPOINTS = [  # what lies in the place of a checkpoint, and words of what to do
    (lambda path: path.unlink(), "give the checkpoints/best.ckpt of a run"),
    (lambda path: path.write_bytes(path.read_bytes()[:900]), "give the checkpoints/best.ckpt of a run"),
    (lambda path: changed(path, format=1), "or train it again"),
    (lambda path: changed(path, format=9), "or train it again"),
    (without_numbers, "train again with a lower optimizer.lr"),
]


@pytest.mark.parametrize(("spoil", "words"), CHECKPOINTS)
def test_a_checkpoint_that_is_none_is_mended_by_one_that_is(tmp_path, capsys, run, spoil, words):
    write(tmp_path / "a.png", 20, 20)
    path = tmp_path / "best.ckpt"
    shutil.copy(run / "checkpoints/best.ckpt", path)
    spoil(path)
    command = [path, tmp_path / "a.png", "--output", tmp_path / "out"]
    assert words in said(capsys, predict, *command)
    shutil.copy(run / "checkpoints/best.ckpt", path)
    assert said(capsys, predict, *command) == ""


def test_what_lies_in_the_way_is_mended_as_the_line_says(tmp_path, capsys, run):
    checkpoint, output = run / "checkpoints/best.ckpt", tmp_path / "out"
    write(tmp_path / "a.png", 20, 20)
    write(tmp_path / "a.bmp", 20, 20)
    both = [checkpoint, tmp_path / "a.png", tmp_path / "a.bmp"]
    assert "predict one of them" in said(capsys, predict, *both, "--output", output)
    assert said(capsys, predict, *both[:2], "--output", output) == ""
    assert "give another --output" in said(capsys, predict, *both[:2], "--output", tmp_path)
    assert "name another" in said(capsys, predict, *both[:2], "--output", tmp_path / "a.bmp")
    assert said(capsys, predict, *both[:2], "--output", tmp_path / "other") == ""
    tuned = checkpoint.with_suffix(".postprocess.json")
    tuned.write_text("{")
    assert "or delete it" in said(capsys, predict, *both[:2], "--output", output, "--overwrite")
    tuned.unlink()
    assert said(capsys, predict, *both[:2], "--output", output, "--overwrite") == ""
    assert said(capsys, evaluate, checkpoint, "resamples=100") == ""
    again = [evaluate, checkpoint, "resamples=100", "tta=flips"]
    assert "give --output, or delete it" in said(capsys, *again)
    assert said(capsys, *again, "--output", tmp_path / "flips") == ""
    shutil.rmtree(run / "evaluation")
    assert said(capsys, *again) == ""
    shutil.rmtree(run / "evaluation")
