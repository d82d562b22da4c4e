"""Images and weights whose values aren't those of training."""

import os

import numpy as np
import pytest
import tifffile
import torch

from unet_lightning.command.predict import main as predict_main
from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import read_checkpoint
from unet_lightning.prediction.load import load
from unet_lightning.prediction.value_range import RangeCheck, SeenValues

IMAGE = np.random.default_rng(0).integers(20, 200, (32, 32, 1)).astype(np.uint8)


def changed(checkpoint, path, change):
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 800, ""),
        (0, 801, "brighter"),
        (-801, 0, "brighter"),
        (0, 10, ""),
        (0, 9.9, "darker"),
        (9, 9, ""),
        (900, 900, ""),
    ],
)
def test_four_times_is_far(caplog, low, high, said):
    check = RangeCheck({"dtype": "int16", "value_range": [-100, 200], "peaks": [40, 200]})
    seen = SeenValues()
    assert seen.look(np.full((2, 2, 1), low, np.float32)).dtype == np.float32
    seen.look(np.full((2, 2, 1), high, np.float32))
    seen.dtype = "int16"
    check.warn(seen)
    assert ("times" in caplog.text) == bool(said)
    assert said in caplog.text


def test_each_kind_is_said_once_with_both_ranges_and_nothing_is_rescaled(checkpoint, caplog):
    model = load(checkpoint)
    expected = model.predict(IMAGE)
    assert not caplog.records
    scaled = IMAGE.astype(np.float64) / 255
    statistics = model.models[0].identity["statistics"]
    low, high = statistics["value_range"]
    for _ in range(2):
        model.predict(scaled)
    found = f"float32 with values {scaled.min():g} to {scaled.max():g}"
    known = f"uint8 with values {low:g} to {high:g}; nothing is rescaled"
    assert len(caplog.records) == 2
    assert all(found in message and known in message for message in caplog.messages)
    assert "another type" in caplog.messages[0]
    assert "darker" in caplog.messages[1]
    model.predict(IMAGE.astype(np.uint16) * 256)
    assert "brighter" in caplog.messages[2]
    assert np.array_equal(model.predict(IMAGE), expected)


def test_the_checkpoint_knows_the_range_of_its_training_images(checkpoint):
    statistics = read_checkpoint(checkpoint)["unet_lightning"]["statistics"]
    assert statistics["dtype"] == "uint8"
    low, high = statistics["value_range"]
    assert 0 <= low < statistics["low"][0] < statistics["high"][0] < high <= 255
    assert statistics["peaks"][0] <= statistics["peaks"][1] == high


def test_an_older_checkpoint_without_ranges_loads_and_knows_the_type(tmp_path, checkpoint, caplog):
    def older(content):
        for key in ("value_range", "peaks"):
            del content["unet_lightning"]["statistics"][key]

    model = load(changed(checkpoint, tmp_path / "old.ckpt", older))
    assert np.array_equal(model.predict(IMAGE), load(checkpoint).predict(IMAGE))
    assert not caplog.records
    model.predict(IMAGE.astype(np.float32))
    assert [("float32" in message, "uint8;" in message) for message in caplog.messages] == [(True, True)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, checkpoint, value):
    def break_one(content):
        content["state_dict"]["network.head.bias"][0] = value

    with pytest.raises(InputError, match=r"bad\.ckpt: head\.bias holds values that are NaN or infinite.*train again"):
        load(changed(checkpoint, tmp_path / "bad.ckpt", break_one))


def test_scores_that_are_no_numbers_label_nothing(tmp_path, checkpoint, capsys):
    def blow_up(content):  # finite, but products of them aren't
        for name, tensor in content["state_dict"].items():
            if name.startswith("network.head"):
                tensor.fill_(3e38)

    path = changed(checkpoint, tmp_path / "large.ckpt", blow_up)
    with pytest.raises(InputError, match=r"NaN or infinite; set trainer\.precision=32-true"):
        load(path).predict(IMAGE)
    tifffile.imwrite(tmp_path / "x.tif", IMAGE[..., 0])
    assert predict_main([str(path), str(tmp_path / "x.tif"), "--output", str(tmp_path / "out")]) == 1
    assert "x.tif: the network's output is NaN or infinite" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_pipe_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "pipe.ckpt")
    with pytest.raises(InputError, match="a pipe; expected a file"):
        load(tmp_path / "pipe.ckpt")


@pytest.mark.parametrize(("kind", "value"), [(np.int16, -9999), (np.float32, np.nan)])
@pytest.mark.parametrize("scale", [None, (0.5, 0.75)])
def test_what_lies_under_the_mask_of_an_array_has_no_influence(checkpoint, caplog, kind, value, scale):
    shown = np.ma.masked_array(IMAGE.astype(kind), False)
    shown[:4] = np.ma.masked
    hidden = shown.copy()
    hidden.data[:4], shown.data[:4] = value, 17
    model = load(checkpoint)
    assert torch.equal(model.logits(hidden, scale), model.logits(shown, scale))
    assert torch.equal(model.logits(hidden[..., 0], scale), model.logits(shown, scale))
    mean = IMAGE[4:].mean() if kind is np.float32 else np.round(IMAGE[4:].mean())
    filled = np.ma.masked_array(np.where(shown.mask, mean, shown.data).astype(kind), shown.mask)
    assert torch.equal(model.logits(hidden, scale), model.logits(filled, scale))
    assert all("-9999" not in message for message in caplog.messages)
    with pytest.raises(InputError, match="the image: no pixel holds data"):
        model.predict(np.ma.masked_array(IMAGE, True))


def test_pixels_without_data_that_are_read_by_slices_count_nowhere(checkpoint, caplog):
    class Slices:
        shape, ndim = IMAGE.shape, 3

        def __getitem__(self, key):
            return masked[key]

    masked = np.ma.masked_array(IMAGE.astype(np.int16), False)
    masked[:4] = -9999
    masked[:4] = np.ma.masked
    model = load(checkpoint)
    found = model.predict(Slices())
    filled = masked.copy()
    filled[:4] = masked.mean()
    assert (found == model.predict(filled)).mean() > 0.99
    assert all("-9999" not in message for message in caplog.messages)
