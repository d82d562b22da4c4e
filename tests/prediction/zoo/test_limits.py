from types import SimpleNamespace

import pytest

from tests.prediction.zoo.test_preprocessing import trained
from tests.small import config
from unet_lightning.config.instantiate import instantiate
from unet_lightning.prediction.zoo.limits import limits

PLAIN = {"temperature": 1.0, "tiling": "overlap", "trainer": {"precision": "32-true"}}


def said(normalize="image", channels=None, outputs=2, **changed):
    model = trained(instantiate(config(f"normalize={normalize}")["normalize"]), 1, 60)
    model.identity["config"] = {"data": {"channels": channels}}
    classes = ("background", "cell")
    return limits(SimpleNamespace(models=[model], classes=classes, outputs=outputs, config=PLAIN | changed))


def test_fixed_numbers_differ_in_pixels_without_data_alone():
    assert said("dataset") == [
        "Pixels without data hold what the file says; in `predict` they hold the mean of the others."
    ]


def test_statistics_of_the_image_know_its_mirrored_border_and_pixels_without_data():
    found = said()
    assert len(found) == 3
    assert found[0].startswith("Cut tiles: without them the zoo's program mirrors the border first")
    assert found[1] == "Pixels without data count in the normalisation; `predict` leaves them out."


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"normalize": "percentile"}, "Where both percentiles are equal"),
        ({"channels": 1}, "`data.channels=1`: give grey images"),
        ({"channels": 3}, "`data.channels=3`: give RGB images"),
        ({"tiling": "nnunet"}, "averages overlapping tiles"),
        ({"trainer": {"precision": "auto"}}, "`trainer.precision=32-true`"),
        ({"outputs": 3, "temperature": 1.5}, "temperature of 1.5 belongs to classes"),
    ],
)
def test_each_choice_that_the_zoo_lacks_is_said_where_it_was_made(given, text):
    found, others = said(**given), said()
    assert len(found) == len(others) + 1
    assert sum(text in line for line in found) == 1
    assert not any(text in line for line in others)
