import pytest
import torch

from unet_lightning.metric.precision_recall import precision_recall

BINS = 100


def test_precision_and_recall_at_every_threshold_against_counting():
    generator = torch.Generator().manual_seed(0)
    probability = torch.rand(500, generator=generator)
    own = torch.rand(500, generator=generator) < probability
    bins = (probability * BINS).long()
    curve = precision_recall(
        torch.stack([torch.bincount(bins[~own], minlength=BINS), torch.bincount(bins[own], minlength=BINS)])
    )
    for k in (0, 20, 50, 80):
        predicted = bins >= k
        hit = int((predicted & own).sum())
        assert curve.precision[k] == pytest.approx(hit / int(predicted.sum()))
        assert curve.recall[k] == pytest.approx(hit / int(own.sum()))
        assert curve.false_positives[k] == int((predicted & ~own).sum())
        assert curve.true_negatives[k] == int((~predicted & ~own).sum())
