import json
import os
import pickle
import re
import resource
import shutil
import zipfile
from types import SimpleNamespace

import cv2
import numpy as np
import psutil
import pytest
import tifffile
import torch
import zarr
from PIL import Image

from unet_lightning.cli import main as cli_main
from unet_lightning.command.predict import main as predict_main
from unet_lightning.error import InputError
from unet_lightning.page.picture import labels_over
from unet_lightning.prediction.job import Job
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.prediction.output import Output
from unet_lightning.prediction.requirements import requirements
from unet_lightning.prediction.source import open_source
from unet_lightning.reading.image import as_channels


def cells(height=75, width=90, seed=0):
    """A grey picture (H, W) uint8 with some blobs."""
    random = np.random.default_rng(seed)
    picture = random.normal(60, 8, (height, width))
    for x, y in random.integers(0, (width, height), (12, 2)):
        cv2.circle(picture, (int(x), int(y)), 7, 160, -1)
    return picture.clip(0, 255).astype(np.uint8)


def folder_of(path, number=3):
    (path / "deep").mkdir(parents=True)
    for k in range(number):
        Image.fromarray(cells(seed=k)).save(path / ("deep" if k else ".") / f"{k}.png")
    return path


def run(checkpoint, *arguments):
    return predict_main([*map(str, checkpoint if isinstance(checkpoint, list) else [checkpoint]), *map(str, arguments)])


def test_names_mirror_the_inputs_and_masks_carry_the_colours(tmp_path, checkpoint):
    images, output = folder_of(tmp_path / "in"), tmp_path / "out"
    assert run(checkpoint, images, "--output", output) == 0
    names = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert names == ["0.png", "deep/1.png", "deep/2.png"]
    model = load(checkpoint)
    with Image.open(output / "deep/1.png") as mask:
        assert mask.mode == "P"
        assert mask.getpalette()[:6] == [value for color in model.colors for value in color]
        found = np.asarray(mask)
    assert np.array_equal(found, model.predict(cells(seed=1)[..., None]))
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.jpg", "x.bmp"])
def test_every_kind_of_picture(tmp_path, checkpoint, name):
    Image.fromarray(cells()).save(tmp_path / name)
    options = ["--probabilities", "--instances", "--overlay"]
    assert run(checkpoint, tmp_path / name, "--output", tmp_path / "out", *options) == 0
    model, image = load(checkpoint), open_source(tmp_path / name, 1).page(0)
    suffix = ".tif" if name.endswith(".tif") else ".png"
    logits = model.logits(image)
    classes = open_source(tmp_path / "out" / f"x{suffix}", 1)
    stored = np.asarray(Image.open(classes.path)) if suffix == ".png" else tifffile.imread(classes.path)
    assert np.array_equal(stored, logits.argmax(0).numpy())
    probabilities = tifffile.imread(tmp_path / "out" / "x.probabilities.tif")
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, logits.softmax(0).numpy(), atol=1e-6)
    objects = tifffile.imread(tmp_path / "out" / "x.instances.tif")
    assert objects.dtype == np.uint16
    assert np.array_equal(objects, model.postprocess(stored))
    overlay = open_source(tmp_path / "out" / f"x.overlay{suffix}", 3).page(0)
    assert overlay.shape == (75, 90, 3)
    inner = cv2.erode((objects > 0).astype(np.uint8), np.ones((3, 3))) > 0
    shown = labels_over(np.zeros((75, 90, 3), np.uint8), stored, model.colors, 0.35)
    assert (overlay[inner].astype(int) >= shown[inner].astype(int) - 1).all()


def test_a_stack_of_pages_becomes_a_stack_of_masks_with_its_resolution_and_place_on_earth(tmp_path, checkpoint):
    stack = np.stack([cells(seed=k) for k in range(3)])
    tags = [(33550, "d", 3, (0.5, 0.5, 0.0), True), (33922, "d", 6, (0.0, 0, 0, 7e5, 5e6, 0), True)]
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", resolution=(300, 200), resolutionunit=3, extratags=tags)
    assert run(checkpoint, path, "--output", tmp_path / "out", "--instances", "--probabilities") == 0
    found = tifffile.imread(tmp_path / "out" / "s.tif")
    model = load(checkpoint)
    assert np.array_equal(found, np.stack([model.predict(page[..., None]) for page in stack]))
    assert tifffile.imread(tmp_path / "out" / "s.instances.tif").shape == (3, 75, 90)
    assert tifffile.imread(tmp_path / "out" / "s.probabilities.tif", series=0).shape == (6, 75, 90)
    with tifffile.TiffFile(tmp_path / "out" / "s.tif") as file:
        page = file.pages[1]
        assert page.tags["XResolution"].value == (300, 1)
        assert page.tags["ResolutionUnit"].value == 3
        assert page.tags[33550].value == (0.5, 0.5, 0.0)
        assert page.tags[33922].value[3:5] == (7e5, 5e6)


@pytest.mark.parametrize("shape", [(75, 90), (75, 90, 1), (1, 75, 90), (2, 75, 90), (2, 75, 90, 1)])
def test_zarr_is_written_as_zarr_and_equals_the_picture(tmp_path, checkpoint, shape):
    pages = np.stack([cells(seed=k) for k in range(2)])[: 2 if shape[0] == 2 else 1]
    array = zarr.create_array(tmp_path / "z.zarr", shape=shape, chunks=(32,) * len(shape), dtype="uint8")
    array[:] = pages.reshape(shape)
    assert (
        run(
            checkpoint, tmp_path / "z.zarr", "--output", tmp_path / "out", "--instances", "--probabilities", "--overlay"
        )
        == 0
    )
    model = load(checkpoint)
    expected = np.stack([model.predict(page[..., None]) for page in pages])
    found = zarr.open_array(tmp_path / "out" / "z.zarr", mode="r")
    assert np.array_equal(np.asarray(found[:]).reshape(expected.shape), expected)
    objects = np.asarray(zarr.open_array(tmp_path / "out" / "z.instances.zarr", mode="r")[:]).reshape(expected.shape)
    assert np.array_equal(objects, np.stack([model.postprocess(page) for page in expected]))
    assert zarr.open_array(tmp_path / "out" / "z.overlay.zarr", mode="r").shape[-1] == 3
    assert not list((tmp_path / "out").glob(".*"))


def test_the_colours_of_a_zarr_array_are_turned_grey_or_refused(tmp_path):
    """Without names of its axes an array (H, W, 3) might be a stack, whose pages are then 3 pixels wide."""
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for name, axes in (("named", ("y", "x", "c")), ("plain", None)):
        array = zarr.create_array(
            tmp_path / f"{name}.zarr", shape=values.shape, dtype="uint8", chunks=(8, 8, 3), dimension_names=axes
        )
        array[:] = values
    page = open_source(tmp_path / "named.zarr", 1, wanted=1).page(0)[:, :]
    assert np.array_equal(page, as_channels(values, 1))
    with pytest.raises(InputError, match=r"plain\.zarr: an array of shape \(20, 30, 3\) whose last axis may hold"):
        open_source(tmp_path / "plain.zarr", 1)


def test_an_ome_zarr_group_gives_its_finest_picture(tmp_path, checkpoint):
    group = zarr.create_group(tmp_path / "o.zarr")
    group.create_array("0", shape=(1, 1, 75, 90), chunks=(1, 1, 32, 32), dtype="uint8")[0, 0] = cells()
    axes = [{"name": name} for name in "tcyx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    assert run(checkpoint, tmp_path / "o.zarr", "--output", tmp_path / "out") == 0
    found = np.asarray(zarr.open_array(tmp_path / "out" / "o.zarr", mode="r")[:])
    assert np.array_equal(found, load(checkpoint).predict(cells()[..., None]))


def test_a_page_larger_than_memory_is_read_in_parts_with_the_same_result(tmp_path, checkpoint, monkeypatch):
    tifffile.imwrite(tmp_path / "x.tif", cells(200, 180), tile=(32, 32), resolution=(72, 72))
    options = ["--instances", "--overlay", "--probabilities", "tile=64", "postprocess.fill_holes=true"]
    assert run(checkpoint, tmp_path / "x.tif", "--output", tmp_path / "whole", *options) == 0
    monkeypatch.setattr("unet_lightning.prediction.plane.SHARE", 1e-12)
    assert open_source(tmp_path / "x.tif", 1).lazy
    assert run(checkpoint, tmp_path / "x.tif", "--output", tmp_path / "parts", *options) == 0
    for name in ("x.tif", "x.instances.tif", "x.overlay.tif", "x.probabilities.tif"):
        one, two = (tifffile.imread(tmp_path / folder / name) for folder in ("whole", "parts"))
        assert np.array_equal(one, two), name
    assert not list((tmp_path / "parts").glob(".*"))


def test_what_exists_is_kept_and_replaced_when_told(tmp_path, checkpoint, caplog):
    images, output = folder_of(tmp_path / "in"), tmp_path / "in" / "out"
    output.mkdir()
    (output / "0.png").write_bytes(b"mine")
    assert run(checkpoint, images, "--output", output) == 0
    assert (output / "0.png").read_bytes() == b"mine"
    assert len(list(output.rglob("*.png"))) == 3
    assert run(checkpoint, images, "--output", output, "--overwrite") == 0
    assert (output / "0.png").read_bytes() != b"mine"
    assert len(list(output.rglob("*.png"))) == 3


def test_a_broken_input_is_reported_and_the_others_are_done(tmp_path, checkpoint, capsys):
    images = folder_of(tmp_path / "in")
    whole = (images / "0.png").read_bytes()
    (images / "broken.png").write_bytes(whole[: len(whole) // 2])
    (images / "text.tif").write_text("no picture")
    rgb = np.dstack([cells()] * 3)
    Image.fromarray(rgb).save(images / "colour.png")
    assert run(checkpoint, images, "--output", tmp_path / "out") == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert any("broken.png" in line and "truncated" in line for line in errors)
    assert any("text.tif" in line for line in errors)
    assert any("colour.png" in line and "(H, W, 1)" in line for line in errors)
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 3


def test_strips_of_averaged_tiles_count_as_memory(tmp_path, checkpoint, monkeypatch):
    """Tiles of 32 rows over 2^24 columns: scores of two classes and weights, float32, and their mean: 12 GiB."""
    memory = psutil.virtual_memory()._replace(available=1 << 40)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    source = SimpleNamespace(shape=(1, 64, 1 << 24), lazy=True, volume=False, path=tmp_path)
    needed = []
    for tiling in ("overlap", "nnunet"):
        model = load(checkpoint, overrides=["tile=32", f"tiling={tiling}"])
        found = requirements([Job(source, {})], model, tmp_path)
        needed.append(float(re.search("about (.*) GiB of memory", found)[1]))
    assert needed[1] - needed[0] == pytest.approx(12, abs=0.11)


def test_a_header_that_claims_a_terapixel_is_refused_before_memory_is_taken(tmp_path, checkpoint, capsys):
    Image.fromarray(cells()).save(tmp_path / "x.bmp")
    data = bytearray((tmp_path / "x.bmp").read_bytes())
    data[18:26] = (1 << 20).to_bytes(4, "little") * 2
    (tmp_path / "x.bmp").write_bytes(data)
    assert run(checkpoint, tmp_path / "x.bmp", "--output", tmp_path / "out") == 1
    assert "claims 1,099,511,627,776 pixels" in capsys.readouterr().err


def test_an_output_folder_with_a_link_out_of_it_is_refused(tmp_path, checkpoint):
    images, output, elsewhere = folder_of(tmp_path / "in"), tmp_path / "out", tmp_path / "elsewhere"
    output.mkdir()
    elsewhere.mkdir()
    (output / "deep").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(InputError, match="leads out of"):
        run(checkpoint, images, "--output", output)
    (output / "deep").unlink()
    (output / "0.png").symlink_to(elsewhere / "victim.png")
    with pytest.raises(InputError, match="leads out of"):
        run(checkpoint, images, "--output", output, "--overwrite")
    assert not list(elsewhere.iterdir())


def test_names_that_climb_stay_in_the_output_folder(tmp_path, checkpoint, monkeypatch):
    folder_of(tmp_path / "in")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run(checkpoint, "../in/0.png", "../in/deep/*.png", "--output", "out") == 0
    assert sorted(path.name for path in (tmp_path / "here" / "out").iterdir()) == ["0.png", "1.png", "2.png"]


def test_two_inputs_of_one_name_are_refused(tmp_path, checkpoint):
    images = folder_of(tmp_path / "in", 1)
    shutil.copy(images / "0.png", images / "0.bmp")
    with pytest.raises(InputError, match="would both be written"):
        run(checkpoint, images, "--output", tmp_path / "out")


def test_what_the_machine_does_not_have_is_said_before_anything_is_done(tmp_path, checkpoint, monkeypatch):
    images = folder_of(tmp_path / "in")
    memory = psutil.virtual_memory()._replace(available=1 << 20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(InputError, match=r"GiB of memory \(0\.0 free\).*tile="):
        run(checkpoint, images, "--output", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.depth=3"], "training fixed model.depth"),
        (["loss=focal"], "training fixed loss"),
        (["tta=flip"], "did you mean 'flips'"),
        (["tile=0"], "tile=0: expected 1 to"),
        (["postprocess.min_sise=3"], "did you mean 'min_size'"),
        (["postprocess.min_size=-3"], "postprocess.min_size=-3"),
        (["til=3"], "did you mean 'tile'"),
        (["nowhere"], "no picture there"),
    ],
)
def test_wrong_words_end_with_a_remedy(tmp_path, checkpoint, arguments, message):
    images = folder_of(tmp_path / "in", 1)
    with pytest.raises(InputError, match=message):
        run(checkpoint, images, "--output", tmp_path / "out", *arguments)


def test_the_console_script_predicts(tmp_path, checkpoint, monkeypatch):
    images = folder_of(tmp_path / "in", 1)
    monkeypatch.setattr(
        "sys.argv", ["unet-lightning", "predict", str(checkpoint), str(images), "--output", str(tmp_path / "o")]
    )
    with pytest.raises(SystemExit) as done:
        cli_main()
    assert done.value.code == 0
    assert (tmp_path / "o" / "0.png").is_file()


def other(checkpoint, path, **changes):
    """A copy of a checkpoint with other weights."""
    content = torch.load(checkpoint, weights_only=True)
    for name, tensor in content["state_dict"].items():
        if tensor.is_floating_point():
            content["state_dict"][name] = tensor * 1.1
    content["unet_lightning"] |= changes
    torch.save(content, path)
    return path


def test_an_ensemble_averages_probabilities(tmp_path, checkpoint):
    second = other(checkpoint, tmp_path / "b.ckpt")
    image = cells()[..., None]
    one, two = (load(path).logits(image).softmax(0) for path in (checkpoint, second))
    torch.testing.assert_close(load(checkpoint, second).logits(image).exp(), (one + two) / 2)


def test_an_ensemble_of_other_classes_is_refused_by_name(tmp_path, checkpoint):
    second = other(checkpoint, tmp_path / "b.ckpt", classes=["background", "nucleus"])
    with pytest.raises(InputError, match=r"b\.ckpt has classes .*nucleus"):
        load(checkpoint, second)


@pytest.mark.parametrize("tta", ["flips", "rotations"])
def test_with_all_views_a_mirrored_picture_gives_the_mirrored_answer(checkpoint, tta):
    model = load(checkpoint, overrides=[f"tta={tta}"])
    image = cells(64, 96)[..., None]
    expected = model.logits(image)
    torch.testing.assert_close(model.logits(image[:, ::-1]).flip(2), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.logits(image[::-1]).flip(1), expected, atol=1e-4, rtol=1e-4)
    plain = load(checkpoint).logits(image)
    assert not torch.allclose(plain.softmax(0), expected.exp(), atol=1e-3)
    if tta == "rotations":
        turned = model.logits(np.ascontiguousarray(np.rot90(image)))
        torch.testing.assert_close(torch.rot90(turned, -1, (1, 2)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("options", [[], ["tta=rotations"]])
def test_the_tile_changes_speed_and_memory_only(checkpoint, options):
    image = cells(130, 117)[..., None]
    small, large = (load(checkpoint, overrides=[f"tile={tile}", *options]).logits(image) for tile in (16, 512))
    assert (small - large).abs().max() <= 1e-4 * large.std()


def test_in_half_precision_the_tile_leaves_nearly_every_class(checkpoint):
    image = cells(200, 180)[..., None]
    half = ["trainer.precision=bf16-mixed"]
    small, large = (load(checkpoint, overrides=[f"tile={tile}", *half]).predict(image) for tile in (16, 512))
    assert (small == large).mean() >= 0.999


@pytest.mark.parametrize("most", [3 * 20**2, 44**2])
def test_out_of_memory_halves_the_batch_then_the_tile_and_goes_on(checkpoint, monkeypatch, caplog, most):
    image = cells(64, 64)[..., None]
    expected = load(checkpoint).logits(image)
    model = load(checkpoint, overrides=["tile=64"])
    model.batch = 4
    network = model.models[0].network
    interior = network.interior

    def small(images):
        if images.shape[0] * images.shape[2] * images.shape[3] > 4 * most:
            raise torch.OutOfMemoryError("no memory")
        return interior(images)

    monkeypatch.setattr(network, "interior", small)
    torch.testing.assert_close(model.logits(image), expected, atol=1e-4, rtol=1e-4)
    assert model.tile < 64
    assert model.batch == 1
    assert "going on with" in caplog.text


@pytest.mark.parametrize(("free", "batch"), [(10_000, 1), (200_000, 8), (10**9, 16)])
def test_a_gpu_gets_as_many_tiles_at_once_as_its_memory_holds(checkpoint, monkeypatch, free, batch):
    model = load(checkpoint)
    model.device = SimpleNamespace(type="cuda")
    monkeypatch.setattr(model, "_score", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 0))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 5_000)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 25_000)
    model._fit_memory()
    assert (model.batch, model.fitted) == (batch, True)


def test_a_pickle_bomb_runs_nothing(tmp_path, checkpoint):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "boom"),))

    content = torch.load(checkpoint, weights_only=True) | {"more": Bomb()}
    torch.save(content, tmp_path / "bomb.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.ckpt", "plain.ckpt"):
        with pytest.raises(InputError, match="not a checkpoint"):
            load(tmp_path / name)
    assert not (tmp_path / "boom").exists()


def test_an_oversized_tensor_is_refused_before_memory_is_taken(tmp_path, checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    name = "network.head.weight"
    content["state_dict"][name] = torch.zeros(1).expand(1 << 20, 1 << 20)
    torch.save(content, tmp_path / "big.ckpt")
    with pytest.raises(InputError, match="more values than the file holds"):
        load(tmp_path / "big.ckpt")
    content = torch.load(checkpoint, weights_only=True)
    content["unet_lightning"]["config"]["model"]["base_channels"] = 1 << 24
    content["unet_lightning"]["config"]["model"]["max_channels"] = 1 << 26
    torch.save(content, tmp_path / "claim.ckpt")
    with pytest.raises(InputError, match=r"model\.base_channels=16777216: input should be less than"):
        load(tmp_path / "claim.ckpt")


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(tmp_path, checkpoint):
    with zipfile.ZipFile(checkpoint) as old, zipfile.ZipFile(tmp_path / "z.ckpt", "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        new.writestr("archive/data/999", bytes(1 << 24))
    with pytest.raises(InputError, match="claims"):
        load(tmp_path / "z.ckpt")


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "os.system", "command": "touch x"},
        {"_target_": "torch.hub.load"},
        {"_target_": "hydra.utils.get_method", "path": "os.system"},
        {"_target_": "unet_lightning.postprocess.components.Components", "min_size": {"_target_": "os.system"}},
        {"_target_": "unet_lightning.postprocess.components.Components", "_args_": [{"_target_": "os.system"}]},
        {"_target_": "torch.nn.modules.module.torch.hub.load"},
        {"_target_": "unet_lightning.data.folder.Path"},
        {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 3},
        {"_target_": "unet_lightning.tta.flip_rotate.FlipRotate", "turns": ({"_target_": "os.mkdir", "path": "boom"},)},
    ],
)
@pytest.mark.parametrize("key", ["model", "normalize", "postprocess", "tta"])
def test_a_config_that_names_other_things_than_our_classes_builds_nothing(tmp_path, checkpoint, key, node):
    content = torch.load(checkpoint, weights_only=True)
    content["unet_lightning"]["config"][key] = node
    torch.save(content, tmp_path / "bad.ckpt")
    if key == "tta" and "FlipRotate" in node["_target_"]:
        node["mirrors"] = False
    with pytest.raises(InputError, match="no class of unet_lightning"):
        load(tmp_path / "bad.ckpt")


@pytest.mark.parametrize("key", ["model", "normalize", "postprocess", "tta", "tile"])
def test_an_interpolation_that_would_call_something_is_refused(tmp_path, checkpoint, key, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = torch.load(checkpoint, weights_only=True)
    config = content["unet_lightning"]["config"]
    bomb = "${oc.create:{_target_:os.mkdir,_args_:[boom]}}"
    config[key] = config[key] | {"more": [bomb]} if isinstance(config[key], dict) else bomb
    torch.save(content, tmp_path / "bad.ckpt")
    with pytest.raises(InputError, match="no plain value"):
        load(tmp_path / "bad.ckpt")
    assert not (tmp_path / "boom").exists()


def test_a_checkpoint_that_lacks_something_or_is_damaged_is_none(tmp_path, checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    del content["unet_lightning"]["classes"]
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="classes"):
        load(tmp_path / "a.ckpt")
    data = bytearray(checkpoint.read_bytes())
    data[-60:-30] = bytes(30)
    (tmp_path / "b.ckpt").write_bytes(data)
    with pytest.raises(InputError, match="not a checkpoint"):
        load(tmp_path / "b.ckpt")


def test_inputs_are_never_replaced(tmp_path, checkpoint):
    images = folder_of(tmp_path / "in")
    before = (images / "0.png").read_bytes()
    with pytest.raises(InputError, match="is an input; give another --output"):
        run(checkpoint, images, "--output", images, "--overwrite")
    assert (images / "0.png").read_bytes() == before


def test_outputs_are_no_inputs_of_a_pattern(tmp_path, checkpoint):
    images, output = folder_of(tmp_path / "in"), tmp_path / "in" / "out"
    for _ in range(2):
        assert run(checkpoint, f"{images}/**/*.png", "--output", output) == 0
    assert len(list(output.rglob("*.png"))) == 3


def test_many_tiffs_leave_no_file_open(tmp_path, checkpoint):
    (tmp_path / "in").mkdir()
    for k in range(60):
        tifffile.imwrite(tmp_path / "in" / f"{k}.tif", cells(16, 16))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 25, limit[1]))
    try:
        assert run(checkpoint, tmp_path / "in", "--output", tmp_path / "out") == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_a_photo_held_upright_is_labelled_upright(tmp_path, checkpoint):
    picture = Image.fromarray(cells(40, 60))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "x.jpg", exif=exif)
    assert run(checkpoint, tmp_path / "x.jpg", "--output", tmp_path / "out") == 0
    assert Image.open(tmp_path / "out" / "x.png").size == (40, 60)


def test_a_stack_whose_page_cannot_be_written_gets_no_name(tmp_path, checkpoint, monkeypatch, capsys):
    tifffile.imwrite(tmp_path / "s.tif", np.stack([cells(), cells(seed=1)]), photometric="minisblack")
    original = Output.save
    monkeypatch.setattr(
        Output,
        "save",
        lambda self, kind, page, array: full() if page == 0 else original(self, kind, page, array),
    )
    assert run(checkpoint, tmp_path / "s.tif", "--output", tmp_path / "out") == 1
    assert "No space left" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def full():
    raise OSError(28, "No space left on device")


def test_strange_zarr_is_reported_beside_a_good_one(tmp_path, checkpoint, capsys):
    (tmp_path / "in").mkdir()
    zarr.create_array(tmp_path / "in" / "empty.zarr", shape=(0, 9, 9), dtype="uint8")
    zarr.create_array(tmp_path / "in" / "good.zarr", shape=(40, 40), dtype="uint8")[:] = cells(40, 40)
    group = zarr.create_group(tmp_path / "in" / "lost.zarr")
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "9"}]}]
    assert run(checkpoint, tmp_path / "in", "--output", tmp_path / "out") == 1
    errors = capsys.readouterr().err
    assert "empty.zarr: an empty array" in errors
    assert "'9' that isn't there" in errors
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.zarr"]


def test_a_trusted_package_may_be_built(tmp_path, checkpoint, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from unet_lightning.normalize.none import TypeRange\n\n\nclass Mine(TypeRange):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    content = torch.load(checkpoint, weights_only=True)
    content["unet_lightning"]["config"]["normalize"] = {"_target_": "mine.Mine"}
    torch.save(content, tmp_path / "own.ckpt")
    with pytest.raises(InputError, match=r"own\.ckpt: normalize\._target_=mine\.Mine is .* add --trust mine"):
        load(tmp_path / "own.ckpt")
    assert type(load(tmp_path / "own.ckpt", trust=["mine"]).models[0].normalize).__name__ == "Mine"


def test_a_tuned_postprocessing_is_used_and_can_be_overridden(tmp_path, checkpoint):
    shutil.copy(checkpoint, tmp_path / "best.ckpt")
    chosen = load(checkpoint).config["postprocess"] | {"min_size": 77}
    tuned_path(tmp_path / "best.ckpt").write_text(json.dumps({"postprocess": chosen}))
    assert load(tmp_path / "best.ckpt").postprocess.min_size == 77
    assert load(tmp_path / "best.ckpt", overrides=["postprocess=none"]).postprocess.min_size == 0
    views = load(checkpoint, overrides=["tta=flips"]).config["tta"]
    tuned_path(tmp_path / "best.ckpt").write_text(json.dumps({"postprocess": chosen, "tta": views}))
    for overrides, size, number in ([], 77, 4), (["tta=none"], 77, 1), (["postprocess=none"], 0, 1):
        found = load(tmp_path / "best.ckpt", overrides=overrides)
        assert (found.postprocess.min_size, len(found.tta.views)) == (size, number)


def test_a_class_that_is_not_trusted_is_named_with_the_place_that_names_it(tmp_path, checkpoint):
    shutil.copy(checkpoint, tmp_path / "best.ckpt")
    tuned_path(tmp_path / "best.ckpt").write_text('{"postprocess": {"_target_": "os.system"}}')
    with pytest.raises(InputError, match=r"best\.postprocess\.json: postprocess\._target_=os\.system is"):
        load(tmp_path / "best.ckpt")
    with pytest.raises(InputError, match=r"^typed: tta\._target_=os\.system is"):
        load(tmp_path / "best.ckpt", overrides=["postprocess=none", "tta._target_=os.system"])


@pytest.mark.parametrize("content", ["{", '{"postprocess": {"min_size": 3}}', '{"postprocess": {"_target_": [1]}}'])
def test_a_damaged_choice_of_postprocessing_is_named_where_it_would_be_used(tmp_path, checkpoint, content):
    shutil.copy(checkpoint, tmp_path / "best.ckpt")
    tuned_path(tmp_path / "best.ckpt").write_text(content)
    with pytest.raises(InputError, match=r"best\.postprocess\.json: not what `unet-lightning tune` writes"):
        load(tmp_path / "best.ckpt")
    typed = ["postprocess=none", "temperature=1"]
    assert load(tmp_path / "best.ckpt", overrides=typed).postprocess.min_size == 0
    assert load(tmp_path / "best.ckpt", verb="tune", fixed=["split=val"]).postprocess.min_size == 0  # it chooses anew
