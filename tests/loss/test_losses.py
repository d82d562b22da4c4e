"""Every loss against NumPy formulas written on their own, and the properties all of them share."""

from functools import cache

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from unet_lightning.config.compose import compose
from unet_lightning.config.groups import groups

LOSSES = groups()["loss"]
GENERATOR = torch.Generator().manual_seed(0)


@cache
def node(name, *overrides):
    """The config of a loss; Hydra takes 0.15 s, so that it is asked once."""
    return compose([f"loss={name}", *overrides]).loss


def build(name, *overrides):
    return instantiate(node(name, *overrides))


def batch(classes=3):
    logits = 2 * torch.randn(2, classes, 5, 4, generator=GENERATOR)
    mask = torch.randint(0, classes, (2, 5, 4), generator=GENERATOR)
    weight = torch.rand(2, 5, 4, generator=GENERATOR) * (torch.rand(2, 5, 4, generator=GENERATOR) > 0.3)
    return logits, mask, weight


def probabilities(logits):
    e = np.exp(logits.numpy().astype(np.float64))
    return e / e.sum(1, keepdims=True)


def of_label(p, mask):
    return np.take_along_axis(p, mask.numpy()[:, None], 1)[:, 0]


def numpy_ce(logits, mask, weight):
    w = weight.numpy().astype(np.float64)
    return (w * -np.log(of_label(probabilities(logits), mask))).sum() / w.sum()


def numpy_focal(logits, mask, weight, gamma):
    p, w = of_label(probabilities(logits), mask), weight.numpy().astype(np.float64)
    return (w * -((1 - p) ** gamma) * np.log(p)).sum() / w.sum()


def numpy_dice(logits, mask, weight, sample=False, background=False, smooth=1.0):
    p, w = probabilities(logits), weight.numpy().astype(np.float64)
    losses = []
    for images in [[0], [1]] if sample else [[0, 1]]:
        for k in range(0 if background else 1, p.shape[1]):
            y = (mask.numpy() == k)[images]
            overlap = sum((w[i] * p[i, k] * y[n]).sum() for n, i in enumerate(images))
            total = sum((w[i] * (p[i, k] + y[n])).sum() for n, i in enumerate(images))
            losses.append(1 - (2 * overlap + smooth) / (total + smooth))
    return np.mean(losses)


def test_cross_entropy():
    given = batch()
    assert build("ce")(*given).item() == pytest.approx(numpy_ce(*given), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal(gamma):
    given = batch()
    assert build("focal", f"loss.gamma={gamma}")(*given).item() == pytest.approx(numpy_focal(*given, gamma), rel=1e-5)


@pytest.mark.parametrize("reduction", ["batch", "sample"])
@pytest.mark.parametrize("background", [True, False])
def test_dice(reduction, background):
    given = batch()
    loss = build("dice", f"loss.reduction={reduction}", f"loss.background={background}")
    expected = numpy_dice(*given, sample=reduction == "sample", background=background)
    assert loss(*given).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["batch", "sample"])
@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (0.5, 0.5), (1.0, 0.0)])
def test_tversky(reduction, alpha, beta):
    logits, mask, weight = batch()
    p, w, losses = probabilities(logits), weight.numpy().astype(np.float64), []
    for images in [[0], [1]] if reduction == "sample" else [[0, 1]]:
        for k in (1, 2):
            y, q, v = (mask.numpy() == k)[images], p[images, k], w[images]
            hit, invented, missed = (v * q * y).sum(), (v * q * ~y).sum(), (v * (1 - q) * y).sum()
            losses.append(1 - (hit + 1) / (hit + alpha * invented + beta * missed + 1))
    loss = build("tversky", f"loss.reduction={reduction}", f"loss.alpha={alpha}", f"loss.beta={beta}")
    assert loss(logits, mask, weight).item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_half_and_half_tversky_is_dice_with_twice_the_smoothing():
    given = batch()
    tversky = build("tversky", "loss.alpha=0.5", "loss.beta=0.5", "loss.smooth=1.0")
    assert tversky(*given).item() == pytest.approx(build("dice", "loss.smooth=2.0")(*given).item(), rel=1e-5)


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_topk(share):
    logits, mask, weight = batch()
    w = weight.numpy().astype(np.float64).ravel()
    entropy = -np.log(of_label(probabilities(logits), mask)).ravel()
    number = int(np.ceil(share * (w > 0).sum()))
    hardest = np.argsort(-(w * entropy))[:number]
    expected = (w * entropy)[hardest].sum() / w[hardest].sum()
    assert build("topk", f"loss.share={share}")(logits, mask, weight).item() == pytest.approx(expected, rel=1e-5)


def test_ce_dice_is_the_weighted_sum():
    given = batch()
    expected = 0.5 * numpy_ce(*given) + 2 * numpy_dice(*given)
    loss = build("ce_dice", "loss.factors={ce:0.5,dice:2.0}")
    assert loss(*given).item() == pytest.approx(expected, rel=1e-5)


NNUNET = {"batch": 0.361650 - 0.544075, "sample": 0.361650 - 0.345204}  # nnU-Net's own figures, its Dice without the 1


def nnunets_batch():
    """An image with one pixel of four wrong, and one that is background and almost certain of it."""
    logits = torch.zeros(2, 2, 2, 2)
    logits[0, 0, 0, 0] = logits[0, 1, 0, 1] = 2
    logits[1, 0] = 1
    mask = torch.zeros(2, 2, 2, dtype=torch.long)
    mask[0, :, 1] = 1
    return logits, mask


@pytest.mark.parametrize("reduction", ["batch", "sample"])
def test_nnunets_loss_is_its_own(reduction):
    logits, mask = nnunets_batch()
    loss = build("nnunet", f"loss.terms.dice.reduction={reduction}")
    assert loss(logits, mask, torch.ones(2, 2, 2)).item() - 1 == pytest.approx(NNUNET[reduction], abs=1e-6)
    assert build("ce")(logits, mask, torch.ones(2, 2, 2)).item() == pytest.approx(0.361650, abs=1e-6)


def test_nnunets_loss_leaves_ignored_pixels_out_of_both_terms():
    """A third image of ignored pixels changes nothing: its Dice sums are 0, and cross entropy is a mean of the rest."""
    logits, mask = nnunets_batch()
    weight = torch.ones(3, 2, 2)
    weight[2] = 0
    more = torch.cat([logits, torch.full((1, 2, 2, 2), 7.0)]), torch.cat([mask, torch.ones_like(mask[:1])])
    assert build("nnunet")(*more, weight).item() - 1 == pytest.approx(NNUNET["batch"], abs=1e-6)


def value_and_gradient(loss, logits, mask, weight):
    logits = logits.clone().requires_grad_()
    value = loss(logits, mask, weight)
    value.backward()
    return value.detach(), logits.grad


@pytest.mark.parametrize("name", LOSSES)
def test_what_lies_under_weight_zero_has_no_influence(name):
    logits, mask, weight = batch()
    loss = build(name)
    value, gradient = value_and_gradient(loss, logits, mask, weight)
    hidden = weight == 0
    noisy = torch.where(hidden[:, None], torch.tensor(float("nan")), logits)
    other = torch.where(hidden, 2 - mask, mask)
    noisy_value, noisy_gradient = value_and_gradient(loss, noisy, other, weight)
    assert torch.equal(value, noisy_value)
    assert torch.equal(gradient, noisy_gradient)
    assert gradient[hidden[:, None].expand_as(gradient)].abs().sum() == 0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("confidence", [0.0, 30.0, -30.0, 6e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_finite_on_one_class_alone_at_any_confidence(name, label, confidence, dtype):
    logits = torch.zeros(2, 2, 4, 4, dtype=dtype)
    logits[:, 1] = confidence
    mask = torch.full((2, 4, 4), label)
    value, gradient = value_and_gradient(build(name), logits, mask, torch.ones(2, 4, 4))
    assert value.isfinite()
    assert value.dtype == torch.float32
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_to_learn_from_gives_zero(name):
    logits, mask, _ = batch()
    value, gradient = value_and_gradient(build(name), logits, mask, torch.zeros(2, 5, 4))
    assert value == 0
    assert gradient.abs().sum() == 0


@pytest.mark.parametrize("name", LOSSES)
def test_right_and_certain_costs_next_to_nothing_and_wrong_costs_more(name):
    mask = torch.randint(0, 2, (2, 8, 8), generator=GENERATOR)
    logits = torch.stack([mask == 0, mask == 1], 1).float() * 40
    weight = torch.ones(2, 8, 8)
    assert build(name)(logits, mask, weight) < 1e-4
    assert build(name)(logits, 1 - mask, weight) > 0.5
