import sys
import tomllib
from pathlib import Path

import cv2
import pytest

from unet_lightning.runtime import package

ROOT = Path(__file__).parents[2]
ASKED = ["torch>=2.11", "numpy>=2.0", 'mlflow>=3.1; extra == "mlflow"', 'monai>=1.6; extra == "monai"']


@pytest.fixture
def there(monkeypatch):
    """Versions of what is installed, to be changed; what isn't in it is absent."""
    found = {"torch": "2.13.0+cpu", "numpy": "2.4.6", "opencv-python-headless": cv2.__version__}
    monkeypatch.setattr(package, "requires", lambda name: ASKED)
    monkeypatch.setattr(package, "installed", lambda name: found.get(name, ""))
    return found


def named(name):
    (found,) = [finding for finding in package.packages() if finding.name == name]
    return found


def test_every_extra_is_explained():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(package.EXTRAS) == set(extras) - {"dev"}
    assert all(package.EXTRAS.values())


def test_nothing_is_wrong_where_all_versions_fit(there):
    assert not any(finding.problem for finding in package.packages())
    assert named("packages").value.startswith("2 needed, all there")


def test_an_absent_package_stops_and_the_remedy_names_its_range(there):
    del there["torch"]
    found = named("packages")
    assert (found.stops, found.problem) == (True, "torch is absent")
    assert found.remedy == "pip install 'torch>=2.11'"


def test_another_version_is_a_warning(there):
    there["numpy"] = "1.26.4"
    found = named("packages")
    assert (found.stops, found.problem) == (False, "numpy 1.26.4 is outside of >=2.0")
    assert found.remedy == "pip install 'numpy>=2.0'"


def test_extras_are_listed_or_offered_with_what_they_are_for(there):
    there["monai"] = "1.6.1"
    assert named("extras").value == "monai"
    absent = named("extra mlflow")
    assert "logger=mlflow" in absent.value
    assert (absent.problem, absent.remedy) == ("", "pip install 'unet-lightning[mlflow]'")
    assert not [finding for finding in package.packages() if finding.name == "extra monai"]


def test_an_extra_in_another_version_is_a_warning(there):
    there["monai"] = "1.5.0"
    found = named("extras")
    assert (found.stops, found.problem, found.remedy) == (
        False,
        "monai 1.5.0 is outside of >=1.6",
        "pip install 'monai>=1.6'",
    )


def test_a_package_that_is_not_installed_asks_for_nothing_that_is_known(monkeypatch):
    def requires(name):
        raise package.PackageNotFoundError(name)

    monkeypatch.setattr(package, "requires", requires)
    found = named("packages")
    assert (found.stops, found.remedy) == (False, "pip install --editable .")


def test_two_wheels_of_opencv_are_told(there):
    there["opencv-python"] = "4.12.0.88"
    found = named("opencv")
    assert not found.stops
    assert "they overwrite each other" in found.problem
    assert cv2.__version__ in found.problem
    assert found.remedy == (
        "pip uninstall --yes opencv-python-headless opencv-python && "
        "pip install --force-reinstall --no-deps opencv-python-headless"
    )


@pytest.mark.parametrize(
    ("wheels", "remedy"),
    [
        ([], "pip install"),
        (["opencv-python-headless"], "pip install"),
        (["opencv-python"], "pip uninstall --yes opencv-python && pip install"),
    ],
)
def test_an_opencv_that_lacks_a_library_stops(there, monkeypatch, wheels, remedy):
    del there["opencv-python-headless"]
    there |= dict.fromkeys(wheels, "4.12.0.88")
    monkeypatch.setitem(sys.modules, "cv2", None)
    found = named("opencv")
    assert found.stops
    assert "can't be imported" in found.problem
    assert found.remedy == f"{remedy} --force-reinstall --no-deps opencv-python-headless"
