"""A byte of a checkpoint that has changed on its disk is noticed wherever the checkpoint is read."""

import shutil

import pytest
import torch

from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.runtime.seal import check_whole
from unet_lightning.training.checkpoint_io import AtomicCheckpointIO
from unet_lightning.training.folder import newest_point


def flip(path, share=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)


def test_a_damaged_point_is_set_aside_for_the_one_before_and_the_last_for_a_new_beginning(tmp_path, caplog):
    paths = [tmp_path / "checkpoints" / f"step-0000000{step}.ckpt" for step in (1, 2)]
    for path in paths:
        AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(1e4)}, path)
    flip(paths[1])
    assert newest_point(tmp_path).path == paths[0]
    assert f"{paths[1]} can't be read (it isn't what was written" in caplog.text
    assert paths[1].with_suffix(".broken").exists()
    assert "going on from the one before" in caplog.text
    flip(paths[0])
    assert newest_point(tmp_path) is None
    assert "no other is left: beginning anew" in caplog.text


def test_a_damaged_best_checkpoint_is_refused_in_one_line_by_a_run_that_goes_on_and_by_every_verb(tmp_path, checkpoint):
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.parent.mkdir()
    shutil.copy(checkpoint, path)
    check_whole(path)
    load(path)
    flip(path)
    for look in (lambda: check_whole(path), lambda: load(path)):
        with pytest.raises(InputError, match=r"best\.ckpt.* what was written: cut off, or a byte") as caught:
            look()
        assert "\n" not in str(caught.value)


def test_a_checkpoint_of_before_has_no_checksum_and_loads(tmp_path, checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    torch.save(content, tmp_path / "old.ckpt")
    assert load(tmp_path / "old.ckpt").classes == ("background", "cell")
