import pytest
import torch

from unet_lightning.schedule.constant import constant
from unet_lightning.schedule.cosine import cosine
from unet_lightning.schedule.poly import poly


def rates(build, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = build(optimizer)
    seen = []
    for _ in range(steps + 1):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_constant():
    assert rates(lambda o: constant(o, 10), 10) == [1.0] * 11


def test_cosine_warms_up_and_falls_to_zero():
    seen = rates(lambda o: cosine(o, 20, warmup=0.2), 20)
    assert seen[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert seen[4] == pytest.approx(1)
    assert seen[12] == pytest.approx(0.5)
    assert seen[20] == pytest.approx(0)


def test_poly():
    seen = rates(lambda o: poly(o, 10, power=0.9, every=1), 10)
    assert seen == pytest.approx([(1 - k / 10) ** 0.9 for k in range(11)])


def test_poly_once_an_epoch_is_nnunets():
    epochs, steps = 4, 5
    seen = rates(lambda o: poly(o, epochs * steps, power=0.9, every=steps), epochs * steps)
    assert seen[:-1] == pytest.approx([(1 - epoch / epochs) ** 0.9 for epoch in range(epochs) for _ in range(steps)])
    assert seen[-1] == 0


def test_poly_of_a_length_that_is_no_multiple():
    seen = rates(lambda o: poly(o, 7, power=1.0, every=3), 9)
    assert seen == pytest.approx([1, 1, 1, 4 / 7, 4 / 7, 4 / 7, 1 / 7, 1 / 7, 1 / 7, 1 / 7])
