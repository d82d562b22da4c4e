"""A checkpoint predicts what its run scored, whatever is done to the values of its images."""

import torch

from tests.small import TRIAL, config
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.prediction.load import load
from unet_lightning.training.build import build


def test_a_checkpoint_normalises_as_its_run_did(tmp_path):
    numbers = "[[60,120,90,20]]"  # values below 60 and above 120 are cut off
    for number, choice in enumerate((["schemes=[ct]", f"ct={numbers}"], ["schemes=[masked_zscore]"])):
        keys = [f"normalize.{line}" for line in choice]
        run = build(config(*TRIAL, "normalize=nnunet", *keys, "trainer.precision=32-true"))
        path = tmp_path / f"{number}.ckpt"
        torch.save({"state_dict": dict(run.task.state_dict()), CHECKPOINT_KEY: run.task.identity}, path)
        item, record = run.data.images("val")[0], run.data.dataset.split("val")[0]
        expected = run.task.predict(item["image"])
        found = load(path).logits(run.data.store[record].image)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
