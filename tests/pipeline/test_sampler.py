from collections import Counter
from itertools import pairwise

import pytest
from scipy.stats import binom

from unet_lightning.config.schema import Sampling
from unet_lightning.pipeline.sampler import EpochSampler, crops_of_each
from unet_lightning.runtime.launch import Process


def positions(sampler, epoch=0):
    sampler.set_epoch(epoch)
    return [draw.position for draw in sampler]


def test_an_epoch_draws_every_image_equally_often():
    draws = list(EpochSampler(records=5, repeats=3, seed=0))
    assert Counter(position for _, _, position in draws) == dict.fromkeys(range(5), 3)
    assert [draw for _, draw, _ in draws] == list(range(15))


def test_an_epoch_of_steps_has_that_many_batches_whatever_the_images():
    for records in (1, 7, 1000):
        sampler = EpochSampler(records, repeats=3, seed=0, batch_size=4, steps=25)
        assert len(sampler) == len(list(sampler)) == 100


def test_steps_draw_every_image_alike_and_with_replacement():
    found = positions(EpochSampler(8, repeats=1, seed=0, batch_size=10, steps=400))
    low, high = binom.interval(1 - 1e-6, 4000, 1 / 8)
    assert all(low <= number <= high for number in Counter(found).values())
    batches = [found[k : k + 10] for k in range(0, 4000, 10)]
    assert all(len(set(batch)) < 10 for batch in batches)  # 10 of 8 images
    low, high = binom.interval(1 - 1e-6, 3999, 1 / 8)
    assert low <= sum(a == b for a, b in pairwise(found)) <= high


def test_seed_and_epoch_decide_the_draws():
    one, again, other = (EpochSampler(50, 1, seed, batch_size=4, steps=5) for seed in (0, 0, 1))
    assert positions(one) == positions(again) != positions(other)
    assert positions(one, 1) == positions(again, 1) != positions(one, 0)


@pytest.mark.parametrize("steps", [None, 6])
def test_processes_share_the_batches_of_one(steps):
    whole = list(EpochSampler(9, 3, 0, batch_size=4, steps=steps))
    shares = [list(EpochSampler(9, 3, 0, 4, Process(rank, 2), steps)) for rank in (0, 1)]
    assert [draw for pair in zip(*shares, strict=True) for draw in pair] == whole


@pytest.mark.parametrize("steps", [None, 6])
def test_a_pass_goes_on_anywhere(steps):
    sampler = EpochSampler(9, 3, 0, batch_size=4, steps=steps)
    whole = list(sampler)
    sampler.first = 8
    assert list(sampler) == whole[8:]
    assert list(sampler) == whole


@pytest.mark.parametrize(
    ("images", "asked", "expected"), [(18, 20, 18), (42, 20, 8), (3, 20, 107), (3, 1, 8), (1, 1, 8)]
)
def test_of_few_images_more_crops_are_taken(images, asked, expected):
    sampling = Sampling(128, 8, None, asked, 0.5, "crop", 1, 16)
    assert crops_of_each(images, sampling) == expected
    assert max(1, len(EpochSampler(images, expected, 0, 16)) // 16) == max(asked, images * 8 // 16)
