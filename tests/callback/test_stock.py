"""Lightning's own callbacks, from conf/callback/ and by their class."""

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, StochasticWeightAveraging

from tests.small import TRIAL, config
from unet_lightning.error import InputError
from unet_lightning.training.build import build

NAMES = ("early_stopping", "stochastic_weight_averaging")
STOP, AVERAGE = (f"+callback@trainer.callbacks.{name}={name}" for name in NAMES)


def fitted(tmp_path, *overrides):
    run = build(config(*TRIAL, "logger=none", *overrides), tmp_path)
    run.trainer.fit(run.task, run.data)
    return run


def test_training_ends_when_the_score_has_stopped_rising(tmp_path):
    never_better = ["trainer.callbacks.early_stopping.min_delta=1.0", "trainer.callbacks.early_stopping.patience=2"]
    run = fitted(tmp_path, STOP, *never_better, "trainer.max_epochs=9")
    assert run.trainer.current_epoch == 3  # the first one counts as better than nothing


def test_averaged_weights_are_validated_and_may_be_the_best(tmp_path):
    begin = "trainer.callbacks.stochastic_weight_averaging.swa_epoch_start=2"
    run = fitted(tmp_path, AVERAGE, "trainer.max_epochs=4", begin)
    assert len(run.task.confusions["val"])
    callback = next(c for c in run.trainer.callbacks if isinstance(c, StochasticWeightAveraging))
    average = dict(callback._average_model.network.named_parameters())
    assert all(torch.equal(p, average[name]) for name, p in run.task.network.named_parameters())


def test_any_callback_by_its_class():
    chosen = "+trainer.callbacks.mine._target_=lightning.pytorch.callbacks.EarlyStopping"
    run = build(config(*TRIAL, chosen, "+trainer.callbacks.mine.monitor=val/loss"))
    assert [c.monitor for c in run.trainer.callbacks if isinstance(c, EarlyStopping)] == ["val/loss"]
    with pytest.raises(InputError, match=r"trainer.callbacks.mine.monitr is not a key: did you mean 'monitor'"):
        config(*TRIAL, chosen, "+trainer.callbacks.mine.monitr=val/loss")
    with pytest.raises(InputError, match=r"missing 1 required positional argument: 'monitor'"):
        build(config(*TRIAL, chosen))
    with pytest.raises(InputError, match=r"trainer.callbacks.mine._target_=lightning.pytorch.callbacks.EarlyStop"):
        config(*TRIAL, chosen.removesuffix("ping"))


def test_a_score_that_is_never_logged_is_told_with_those_that_are(tmp_path):
    typed = ["trainer.callbacks.early_stopping.monitor=val/dice"]
    with pytest.raises(InputError, match=r"monitor=val/dice.*val/pooled/dice/foreground"):
        config(*TRIAL, STOP, *typed)
    with pytest.raises(InputError, match=r"trainer.callbacks.checkpoint.monitor=val/dice"):
        config(*TRIAL, "trainer.callbacks.checkpoint.monitor=val/dice")
