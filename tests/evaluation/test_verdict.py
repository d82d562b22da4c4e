"""What the verdict says of scores that are worked out by hand."""

import numpy as np
import pytest

from unet_lightning.evaluation import verdict as module
from unet_lightning.evaluation.verdict import Judged

NAN = float("nan")
PLAIN = {"weight": {"_target_": "unet_lightning.weight.none.NoWeight"}, "tune": False, "trainer": {"callbacks": {}}}
BORDER = {
    "weight": {"_target_": "unet_lightning.weight.border.Border"},
    "tune": True,
    "trainer": {"callbacks": {"deadline": {"minutes": 5}}},
}


def verdict(judged, counts=None, rising=False, plain=PLAIN):
    return module.verdict(judged, plain, counts, rising)


def images(dice, otsu=None, kinds=None, foreground=None, groups=None):
    count = len(dice)
    columns = (otsu or [NAN] * count, kinds or [""] * count, foreground or [0.3] * count, groups or [""] * count)
    rows = enumerate(zip(dice, *columns, strict=True))
    return [Judged(f"im{k}", group, kind, d, o, share) for k, (d, o, kind, share, group) in rows]


def test_a_network_that_is_better_on_every_image_is_better():
    first, second = verdict(images([0.9, 0.8, 0.95], [0.7, 0.6, 0.75]))
    assert first == (
        "The network is better than Otsu's threshold: Dice 0.8833 against 0.6833, mean of 3 images; difference +0.200, "
        "95 % interval +0.200 to +0.200; ahead on 3 of 3; 3 of them tell little about others."
    )
    assert second == "No image fails; the lowest foreground Dice is 0.8000 (im1)."


@pytest.mark.parametrize(
    ("gain", "words"), [([0.3, -0.3, 0.2, -0.2], "not to be told apart from"), ([-0.1] * 4, "worse than")]
)
def test_the_interval_decides(gain, words):
    otsu = np.array([0.6, 0.7, 0.65, 0.6])
    said = verdict(images((otsu + gain).tolist(), otsu.tolist()))
    assert f"The network is {words} Otsu's threshold" in said[0]
    many = verdict(images((otsu + gain).tolist() * 2, otsu.tolist() * 2))
    assert "tell little" in said[0]
    assert "tell little" not in many[0]
    assert said[-1] == "To try first: train longer, or let the plan choose: plan=auto plan.minutes=20."


def test_images_of_one_group_count_once():
    said = verdict(images([0.9, 0.9, 0.5], [0.6, 0.6, 0.6], groups=["a", "a", "b"]))
    assert "3 images of 2 groups" in said[0]
    assert "not to be told apart" in said[0]  # of two groups one is worse
    assert "one group alone tells nothing" in verdict(images([0.9, 0.9], [0.6, 0.6], groups=["a", "a"]))[0]


def test_failed_images_are_named_with_what_they_share():
    said = verdict(images([0.1, 0.2, 0.9, 0.3, 0.4], kinds=["bright", "bright", "dark", "bright", "dark"]))
    assert said[0] == (
        "4 of 5 images have a foreground Dice below one half: im0 (0.1000), im1 (0.2000), im3 (0.3000) and 1 more."
    )
    assert said[1] == "3 of them are of the kind bright: all that there are."
    assert said[2] == "To try first: look at the failed images and their labels, and label more like them."
    few = verdict(images([0.1, 0.9, 0.9], foreground=[0.001, 0.3, 0.01]))
    assert "1 of them have less than 2 % foreground" not in " ".join(few)  # as many others have, and don't fail
    few = verdict(images([0.1, 0.2, 0.9], foreground=[0.001, 0.002, 0.3]))
    assert few[1] == "2 of them have less than 2 % foreground: all that there are."


def test_the_first_advice_that_applies_is_given():
    fine = images([0.9, 0.8])
    counts = {"references": 100, "joined": 6}
    assert verdict(fine, counts)[-1] == (
        "To try first: weight=border and tune=true, since 6 of 100 labelled objects run together."
    )
    assert "label more objects that touch" in verdict(fine, counts, plain=BORDER)[-1]
    assert "first: tune=true, since" in verdict(fine, counts, plain=BORDER | {"tune": False})[-1]
    assert verdict(fine, counts | {"joined": 5})[-1].startswith("No image fails")
    assert "best one (a larger trainer.max_epochs goes on)" in verdict(fine, counts, rising=True)[-1]
    assert "best one (in another run with more minutes)" in verdict(fine, counts, rising=True, plain=BORDER)[-1]


def test_nothing_to_judge():
    assert verdict(images([NAN])) == ["No image has foreground, labelled or predicted: there is nothing to judge."]
