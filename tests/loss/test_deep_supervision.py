import pytest
import torch
from torch.nn import functional as F

from unet_lightning.loss.ce import CrossEntropy
from unet_lightning.loss.deep_supervision import output_factors, resize, supervise


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, [1]), (2, [1, 0]), (3, [2 / 3, 1 / 3, 0]), (5, [8 / 15, 4 / 15, 2 / 15, 1 / 15, 0])],
)
def test_each_output_counts_half_as_much_as_the_next_finer_and_the_last_nothing(number, expected):
    assert output_factors(number) == pytest.approx(expected)


def test_targets_take_the_pixel_nearest_to_the_centre():
    mask = torch.arange(16).reshape(1, 4, 4)
    assert resize(mask, (2, 2)).tolist() == [[[5, 7], [13, 15]]]  # the centre between 1 and 2 goes to 2
    assert resize(mask, (4, 2)).tolist() == [[[1, 3], [5, 7], [9, 11], [13, 15]]]
    assert resize(mask, (4, 4)) is mask
    assert resize(mask, (2, 2)).dtype == torch.int64


def test_targets_of_volumes_are_resized_per_axis():
    mask = torch.arange(2 * 4 * 4).reshape(1, 2, 4, 4)
    assert resize(mask, (2, 2, 2)).tolist() == [[[[5, 7], [13, 15]], [[21, 23], [29, 31]]]]


def test_the_loss_is_the_mean_over_outputs_by_their_factors():
    generator = torch.Generator().manual_seed(0)
    outputs = [torch.randn(2, 3, side, side, generator=generator, requires_grad=True) for side in (8, 4, 2)]
    mask = torch.randint(0, 3, (2, 8, 8), generator=generator)
    fine, middle = (
        F.cross_entropy(logits, mask[:, step // 2 :: step, step // 2 :: step])
        for logits, step in zip(outputs[:2], (1, 2), strict=True)
    )
    loss = supervise(CrossEntropy(), outputs, mask, torch.ones(2, 8, 8))
    assert loss.item() == pytest.approx((2 / 3 * fine + 1 / 3 * middle).item(), rel=1e-6)
    loss.backward()
    assert outputs[1].grad.abs().sum() > 0
    assert outputs[2].grad.abs().sum() == 0  # a gradient, though of nothing


def test_what_is_ignored_in_the_mask_is_ignored_in_every_output():
    generator = torch.Generator().manual_seed(0)
    outputs = [torch.randn(1, 2, side, side, generator=generator, requires_grad=True) for side in (8, 4, 2)]
    weight = torch.ones(1, 8, 8)
    weight[..., :4] = 0
    supervise(CrossEntropy(), outputs, torch.ones(1, 8, 8, dtype=torch.long), weight).backward()
    for logits in outputs[:2]:
        half = logits.shape[-1] // 2
        assert logits.grad[..., :half].abs().sum() == 0
        assert logits.grad[..., half:].abs().min() > 0


def test_one_output_has_its_loss_bit_for_bit():
    logits, mask = torch.randn(2, 2, 5, 7), torch.randint(0, 2, (2, 5, 7))
    weight = torch.rand(2, 5, 7)
    assert torch.equal(supervise(CrossEntropy(), [logits], mask, weight), CrossEntropy()(logits, mask, weight))
