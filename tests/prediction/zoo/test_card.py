from types import SimpleNamespace

import pytest

from unet_lightning.error import InputError
from unet_lightning.model.geometry import Geometry
from unet_lightning.model.measured_geometry import MeasuredGeometry
from unet_lightning.prediction.zoo.card import card

MEASURED = MeasuredGeometry(32, 64, True, 96, 100)


def predictor(geometry=MEASURED, classes=("background", "nucleus")):
    model = SimpleNamespace(network=SimpleNamespace(geometry=geometry))
    return SimpleNamespace(models=[model], classes=classes, channels=3)


def test_an_author_has_a_name_and_what_follows_it():
    found = card(predictor(), ["A B", "C D, Institute, City, orcid:0000-0001-2345-6789, github:cd"], "MIT")
    assert found.authors == [
        {"name": "A B"},
        {"name": "C D", "affiliation": "Institute, City", "orcid": "0000-0001-2345-6789", "github_user": "cd"},
    ]


def test_a_name_and_a_description_come_from_the_classes():
    found = card(predictor(classes=("background", "cell/nucleus", "Zähler")), ["A B"], "MIT")
    assert found.name == "U-Net for cell_nucleus and Z_hler"
    assert found.description == "Probabilities of background, cell/nucleus, Zähler in each pixel of RGB images."
    assert len(card(predictor(classes=("x" * 200,)), ["A B"], "MIT").name) == 64


def test_the_paper_of_the_network_is_cited_once_and_what_is_typed_after_it():
    given = predictor(Geometry(4, "same"))
    given.models *= 2
    found = card(given, ["A B"], "MIT", cite=["Ours, doi:10.1000/xyz.1.", "Code, https://example.org/a"])
    assert [entry.get("doi") for entry in found.cite] == ["10.1007/978-3-319-24574-4_28", "10.1000/xyz.1", None]
    assert found.cite[2] == {"text": "Code, https://example.org/a", "url": "https://example.org/a"}
    assert card(predictor(), ["A B"], "MIT").cite == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"authors": [", Institute"]}, "give it like --author 'NAME, AFFILIATION'"),
        ({"authors": ["orcid:0000"]}, "expected a name first"),
        ({"license_id": "free for all"}, "give one like --license CC-BY-4.0"),
        ({"name": "U/N"}, "give --name 'U-Net for nuclei'"),
        ({"description": "x" * 1025}, "expected 1024 at most"),
        ({"cite": ["our paper"]}, "give it like --cite 'TEXT, doi:10.1000/1'"),
    ],
)
def test_what_the_zoo_refuses_is_said_with_what_to_type(typed, said):
    with pytest.raises(InputError, match=said):
        card(predictor(), **({"authors": ["A B"], "license_id": "MIT"} | typed))


def test_what_is_said_to_type_is_taken():
    card(predictor(), ["NAME, AFFILIATION"], "CC-BY-4.0", "U-Net for nuclei", cite=["TEXT, doi:10.1000/1"])
