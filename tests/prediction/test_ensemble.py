"""ensemble.json where a checkpoint is expected: it equals its members with its choices, and what is wrong is a line."""

import json
import shutil

import pytest
import torch

from tests.prediction.test_predict import cells, other
from tests.small import config as small_config
from unet_lightning.command.export import main as export_main
from unet_lightning.command.tune import main as tune_main
from unet_lightning.error import InputError
from unet_lightning.prediction.ensemble import FORMAT, checksum
from unet_lightning.prediction.export import network_of
from unet_lightning.prediction.load import load

CPU = ["trainer.accelerator=cpu"]
FLIPS = {"_target_": "unet_lightning.tta.flip_rotate.FlipRotate", "turns": False, "mirrors": True}
NODE = {"_target_": "unet_lightning.postprocess.components.Components", "min_size": 7, "fill_holes": True}
NODE |= {"keep_largest": False, "ridge": 0, "masks": False}


def content(folder, members, **changes):
    """What the file holds, its members named relative to its folder."""
    listed = [{"path": name, "sha256": checksum(folder / name)} for name in members]
    found = {"format": FORMAT, "members": listed, "average": "probabilities", "tta": FLIPS, "postprocess": NODE}
    return found | {"classes": ["background", "cell"]} | changes


@pytest.fixture
def members(tmp_path, checkpoint):
    shutil.copy(checkpoint, tmp_path / "a.ckpt")
    other(checkpoint, tmp_path / "b.ckpt")
    return ["a.ckpt", "b.ckpt"]


def written(folder, found):
    path = folder / "ensemble.json"
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return path


def test_it_predicts_as_its_members_with_its_views_and_post_processing(tmp_path, members):
    found = load(written(tmp_path, content(tmp_path, members)))
    same = load(*(tmp_path / name for name in members), overrides=["tta=flips"])
    image = cells()[..., None]
    torch.testing.assert_close(found.logits(image), same.logits(image), rtol=0, atol=0)
    assert (found.postprocess.min_size, found.postprocess.fill_holes) == (7, True)


def test_overrides_win_over_what_it_says(tmp_path, members):
    path = written(tmp_path, content(tmp_path, members, average="logits"))
    assert load(path).config["average"] == "logits"
    typed = ["average=probabilities", "tta=none", "postprocess.min_size=9"]
    found = load(path, overrides=typed)
    assert (found.config["average"], len(found.tta.views), found.postprocess.min_size) == ("probabilities", 1, 9)
    assert load(path, overrides=["postprocess=none"]).postprocess.min_size == 0


def test_averaged_logits_are_the_geometric_mean_of_probabilities(tmp_path, members):
    """softmax of mean logits = product of the members' probabilities to the power 1/2, scaled to sum to 1."""
    paths = [tmp_path / name for name in members]
    image = cells()[..., None]
    one, two = (load(path).logits(image) for path in paths)
    found = load(*paths, overrides=["average=logits"]).logits(image)
    torch.testing.assert_close(found, (one + two) / 2)
    product = (one.softmax(0) * two.softmax(0)).sqrt()
    torch.testing.assert_close(found.softmax(0), product / product.sum(0))
    assert not torch.allclose(found.softmax(0), load(*paths).logits(image).softmax(0), atol=1e-3)


@pytest.mark.parametrize(
    ("average", "tiles"), [("probabilities", []), ("logits", []), ("logits", ["tiling=nnunet", "tile=[16,24]"])]
)
def test_folds_are_averaged_before_configurations_worked_by_hand(tmp_path, checkpoint, members, average, tiles):
    """Two folds of one configuration and one of another, which counts as much as both; whatever their order."""
    other(tmp_path / "b.ckpt", tmp_path / "c.ckpt")
    found = content(tmp_path, ["a.ckpt", "c.ckpt", "b.ckpt"], average=average, tta=FLIPS | {"mirrors": False})
    for member, name in zip(found["members"], ("plain", "deep", "plain"), strict=True):
        member["configuration"] = name
    image = cells()[..., None]
    paths = [tmp_path / name for name in ("a.ckpt", "b.ckpt", "c.ckpt")]
    one, two, three = (load(path, overrides=tiles).logits(image).double() for path in paths)
    plain = (one + two).div(2).softmax(0) if average == "logits" else (one.softmax(0) + two.softmax(0)) / 2
    model = load(written(tmp_path, found), overrides=tiles)
    assert model.folds == (2, 1)
    assert list(model.ensemble.members) == paths
    torch.testing.assert_close(model.logits(image).exp().double(), (plain + three.softmax(0)) / 2, atol=1e-6, rtol=1e-4)
    x = torch.randn(1, 1, 24, 16)
    with torch.inference_mode():
        one, two, three = (part.network(x) for part in model.models)
        plain = (one + two).div(2).softmax(1) if average == "logits" else (one.softmax(1) + two.softmax(1)) / 2
        exported = network_of(model)(x)  # as one network
    torch.testing.assert_close(exported.exp(), (plain + three.softmax(1)) / 2)


def test_a_wrong_average_is_refused(checkpoint):
    with pytest.raises(InputError, match="average=median: input should be 'probabilities' or 'logits'"):
        load(checkpoint, checkpoint, overrides=["average=median"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "it holds a list, expected an object"),
        ("null", "it holds a NoneType"),
        ("{", "not what `unet-lightning ensemble` writes"),
        ("\x00\ufffe", "not what `unet-lightning ensemble` writes"),
        ("[" * 100_000, "it is too deep"),
        ("{}", "format: field required"),
    ],
)
def test_what_is_no_ensemble_is_refused_in_a_line(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        load(written(tmp_path, text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "its format is 2, expected 1"),
        ({"members": []}, "members=[]: list should have at least 1 item"),
        ({"members": [{"path": "a.ckpt"}]}, "members.0.sha256: field required"),
        ({"members": [{"path": "a.ckpt", "sha256": "0" * 64}]}, "a.ckpt has changed since it was scored"),
        ({"members": [{"path": "z.ckpt", "sha256": "0" * 64}]}, "z.ckpt isn't there"),
        ({"members": [{"path": "a\0.ckpt", "sha256": "0" * 64}]}, "isn't there"),
        ({"average": "median"}, "average=median: input should be 'probabilities' or 'logits'"),
        ({"classes": ["background", "nucleus"]}, "has classes ('background', 'nucleus')"),
        ({"postprocess": {}}, "postprocess holds no part"),
        ({"postprocess": {"_target_": "os.system"}}, "ensemble.json: postprocess._target_=os.system"),
        ({"postprocess": NODE | {"min_size": -1}}, "postprocess.min_size=-1"),
        ({"tta": {"_target_": "${oc.env:HOME}"}}, "is no plain value"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(tmp_path, members, changes, words):
    with pytest.raises(InputError) as caught:
        load(written(tmp_path, content(tmp_path, members) | changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_deep_parts_and_pipes_are_refused(tmp_path, members):
    deep = []
    for _ in range(50):
        deep = [deep]
    with pytest.raises(InputError, match="too deep"):
        load(written(tmp_path, content(tmp_path, members, tta={"x": deep})))
    with pytest.raises(InputError, match="no such file; give a checkpoint, or the ensemble"):
        load(tmp_path / "nothing.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        load(tmp_path / "folder.json")


@pytest.mark.usefixtures("torchlib")
@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_it_is_exported_as_one_network(tmp_path, members, average):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = written(tmp_path, content(tmp_path, members, average=average, tta=FLIPS | {"mirrors": False}))
    assert export_main([str(path), "--to", "onnx"]) == 0
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "network.onnx"))
    image = torch.randn(2, 1, 22, 36)
    with torch.inference_mode():
        one, two = (load(tmp_path / name, overrides=CPU).models[0].network(image) for name in members)
    found = torch.from_numpy(session.run(None, {"image": image.numpy()})[0])
    if average == "logits":
        torch.testing.assert_close(found, (one + two) / 2, atol=1e-4, rtol=1e-4)
    else:
        torch.testing.assert_close(found.exp(), (one.softmax(1) + two.softmax(1)) / 2, atol=1e-5, rtol=1e-4)
    assert json.loads((tmp_path / "onnx" / "model.json").read_text())["networks"] == 2


def test_networks_that_read_an_image_otherwise_are_not_exported_as_one(tmp_path, checkpoint, members):
    config = torch.load(checkpoint, weights_only=True)["unet_lightning"]["config"]
    other(
        checkpoint, tmp_path / "b.ckpt", config=config | {"normalize": small_config("normalize=dataset")["normalize"]}
    )
    path = written(tmp_path, content(tmp_path, members))
    with pytest.raises(InputError, match=r"b\.ckpt normalises an image otherwise than .*a\.ckpt.*normalize=image"):
        export_main([str(path), "--to", "onnx"])
    assert not (tmp_path / "onnx").exists()


def test_an_ensemble_stands_alone_and_is_not_tuned(tmp_path, members):
    path = written(tmp_path, content(tmp_path, members))
    with pytest.raises(InputError, match="is an ensemble, which stands alone"):
        load(path, tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="chosen out of fold; tune a checkpoint"):
        tune_main([str(path)])
