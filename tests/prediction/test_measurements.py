"""`predict --table`: objects.csv and summary.csv against the pictures of labels that the same call writes."""

import csv

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.prediction.test_predict import cells, run
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load

CUT = "unet_lightning.prediction.plane.SHARE"


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_an_object_and_a_row_a_picture(tmp_path, checkpoint):
    (tmp_path / "in/deep").mkdir(parents=True)
    Image.fromarray(cells()).save(tmp_path / "in/deep/a.png")
    tifffile.imwrite(tmp_path / "in/b.tif", cells(seed=1), resolution=(20000, 20000), resolutionunit=3)
    assert run(checkpoint, tmp_path / "in", "--output", tmp_path / "out", "--table", "--instances") == 0
    objects, summary = (table(tmp_path / "out" / name) for name in ("objects.csv", "summary.csv"))
    assert [row["picture"] for row in summary] == ["b.tif", "deep/a.png"]
    for name, image in (("deep/a", cells()), ("b", cells(seed=1))):
        labels = tifffile.imread(tmp_path / "out" / f"{name}.instances.tif")
        rows = [row for row in objects if row["picture"].startswith(name)]
        assert [int(row["object"]) for row in rows] == list(range(1, labels.max() + 1))
        assert [int(row["area_px"]) for row in rows] == np.bincount(labels.ravel())[1:].tolist()
        foreground = load(checkpoint).logits(image[..., None]).softmax(0)[1].numpy()
        for row in rows:
            inside = labels == int(row["object"])
            assert row["class"] == "cell"
            assert float(row["mean_1"]) == pytest.approx(image[inside].mean())
            assert float(row["sd_1"]) == pytest.approx(image[inside].std())
            assert float(row["mean_probability"]) == pytest.approx(foreground[inside].mean(), rel=1e-5)
            edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
            assert int(row["touches_edge"]) == any((edge == int(row["object"])).any() for edge in edges)
        of_picture = next(row for row in summary if row["picture"].startswith(name))
        assert (int(of_picture["count"]), float(of_picture["coverage"])) == (
            labels.max(),
            pytest.approx((labels > 0).mean()),
        )
    first = next(row for row in objects if row["picture"] == "b.tif")
    assert float(first["area_um2"]) == pytest.approx(int(first["area_px"]) / 4)  # 20,000 pixels a cm: 0.5 um
    assert all(row["area_um2"] == "" for row in objects if row["picture"] == "deep/a.png")
    assert float(summary[0]["density_per_mm2"]) == pytest.approx(int(summary[0]["count"]) / (75 * 90 * 0.25e-6))


@pytest.mark.parametrize("fill", ["true", "false"])
def test_a_picture_in_parts_gives_the_same_table(tmp_path, checkpoint, monkeypatch, fill):
    """A picture that isn't read as a whole, in bands that cut its objects, upright and turned by a quarter."""
    picture = cells(200, 180)
    tables = {}
    for name, image in (("upright", picture), ("turned", np.rot90(picture))):
        tifffile.imwrite(tmp_path / "x.tif", image, tile=(32, 32))
        for parts in ("whole", "parts"):
            with monkeypatch.context() as patch:
                if parts == "parts":
                    patch.setattr(CUT, 1e-12)
                    patch.setattr("unet_lightning.metric.measure.BAND", 11 * image.shape[1])
                    patch.setattr("unet_lightning.prediction.batch.BAND", 16 * image.shape[1])
                output = tmp_path / name / parts
                words = ["--table", f"postprocess.fill_holes={fill}"]
                assert run(checkpoint, tmp_path / "x.tif", "--output", output, *words) == 0
                assert not list(output.glob(".*"))
            tables[name, parts] = table(output / "objects.csv")
        whole, cut = tables[name, "whole"], tables[name, "parts"]
        assert len(whole) == len(cut) > 5
        for one, two in zip(whole, cut, strict=True):
            assert one.keys() == two.keys()
            for key in one.keys() - {"picture", "class"}:
                assert float(two[key]) == pytest.approx(float(one[key]), rel=1e-6, abs=1e-6), key


def test_pages_have_rows_of_their_own_and_axes_with_names_are_columns(tmp_path, checkpoint):
    stack = np.stack([cells(seed=k) for k in range(4)]).reshape(2, 2, 75, 90)
    options = {"imagej": True, "resolution": (2, 2), "metadata": {"axes": "TZYX", "unit": "um"}}
    tifffile.imwrite(tmp_path / "s.tif", stack, **options)
    nibabel.save(nibabel.Nifti1Image(stack[0].T, np.diag([0.5, 0.5, 2, 1])), tmp_path / "v.nii")
    inputs = [tmp_path / "s.tif", tmp_path / "v.nii"]
    assert run(checkpoint, *inputs, "--output", tmp_path / "out", "--table", "--instances") == 0
    summary = table(tmp_path / "out" / "summary.csv")
    assert [(row["page"], row["t"], row["z"]) for row in summary[:4]] == [
        ("0", "0", "0"),
        ("1", "0", "1"),
        ("2", "1", "0"),
        ("3", "1", "1"),
    ]
    assert (summary[0]["pixel_height_um"], summary[4]["pixel_height_mm"]) == ("0.5", "0.5")
    volume = np.asarray(nibabel.load(tmp_path / "out" / "v.instances.nii").dataobj)
    rows = [row for row in table(tmp_path / "out" / "objects.csv") if row["picture"] == "v.nii"]
    assert [int(row["area_px"]) for row in rows] == np.bincount(volume.ravel().astype(int))[1:].tolist()
    assert [int(row["object"]) for row in rows] == list(range(1, volume.max() + 1))  # go on from slice to slice


def test_rows_of_pictures_that_are_kept_stay_and_a_broken_picture_has_none(tmp_path, checkpoint, capsys):
    (tmp_path / "in").mkdir()
    Image.fromarray(cells()).save(tmp_path / "in/a.png")
    command = [checkpoint, tmp_path / "in", "--output", tmp_path / "out", "--table"]
    assert run(*command) == 0
    before = table(tmp_path / "out" / "objects.csv")
    Image.fromarray(cells(seed=1)).save(tmp_path / "in/b.png")
    whole = (tmp_path / "in/b.png").read_bytes()
    (tmp_path / "in/c.png").write_bytes(whole[: len(whole) // 2])
    assert run(*command, "data.pixel_size=[0.5,1]", "data.unit=mm") == 1
    after = table(tmp_path / "out" / "objects.csv")
    assert [{key: row[key] for key in before[0]} for row in after[: len(before)]] == before
    assert {row["picture"] for row in after} == {"a.png", "b.png"}
    assert {row["area_mm2"] for row in after if row["picture"] == "a.png"} == {""}
    assert all(float(row["area_mm2"]) == int(row["area_px"]) / 2 for row in after[len(before) :])
    (tmp_path / "in/c.png").unlink()
    assert run(*command, "--overwrite") == 0
    assert "area_mm2" not in table(tmp_path / "out" / "objects.csv")[0]


def test_a_table_of_something_else_is_kept(tmp_path, checkpoint):
    Image.fromarray(cells()).save(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    for name in ("objects.csv", "summary.csv"):
        (tmp_path / "out" / name).write_text("mine\n1\n")
    with pytest.raises(InputError, match=r"summary\.csv isn't a table of `predict --table`; move it"):
        run(checkpoint, tmp_path / "a.png", "--output", tmp_path / "out", "--table")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("data.pixel_size=0", "data.pixel_size=0: input should be greater than 0"),
        ("data.pixel_size=[1,2,3]", r"data.pixel_size=\[1, 2, 3\]"),
        ("data.unit=inch", "data.unit=inch: input should be 'um' or 'mm'"),
    ],
)
def test_a_size_that_is_none_is_refused(tmp_path, checkpoint, typed, message):
    Image.fromarray(cells()).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=message):
        run(checkpoint, tmp_path / "a.png", "--output", tmp_path / "out", "--table", typed)
