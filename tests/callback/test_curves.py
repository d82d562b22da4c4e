import numpy as np
import pytest
import torch

from unet_lightning.callback.curves import Curves
from unet_lightning.training.task import BINS


class Writer:
    def add_pr_curve_raw(self, tag, **values):
        self.values = {k: np.asarray(v) for k, v in values.items()}


def test_precision_and_recall_at_every_threshold_against_counting():
    generator = torch.Generator().manual_seed(0)
    probability = torch.rand(500, generator=generator)
    own = torch.rand(500, generator=generator) < probability
    bins = (probability * BINS).long()
    histogram = torch.stack([torch.bincount(bins[~own], minlength=BINS), torch.bincount(bins[own], minlength=BINS)])
    writer = Writer()
    Curves._precision_recall(writer, "x", histogram, 0)
    for k in (0, 20, 50, 80):
        predicted = bins >= k
        hit = int((predicted & own).sum())
        assert writer.values["precision"][k] == pytest.approx(hit / int(predicted.sum()))
        assert writer.values["recall"][k] == pytest.approx(hit / int(own.sum()))
        assert writer.values["false_positive_counts"][k] == int((predicted & ~own).sum())
        assert writer.values["true_negative_counts"][k] == int((~predicted & ~own).sum())
