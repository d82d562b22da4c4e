"""Every published layout: written small and read back; and one step and one prediction on the real sample, if there."""

import os
import pickle
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.data import forms, layouts
from tests.small import QUIET, TINY_NETWORK, config
from unet_lightning.config.check import SHARED
from unet_lightning.config.groups import groups
from unet_lightning.config.instantiate import instantiate
from unet_lightning.data.layout import split_in_blocks
from unet_lightning.error import InputError
from unet_lightning.metric import instance
from unet_lightning.metric.overlap import drop_ignored, overlaps
from unet_lightning.pipeline.convert import convert
from unet_lightning.record import assign_splits
from unet_lightning.training.build import build

REAL = os.environ.get("UNET_LIGHTNING_DATA")
OWN = {"folder", "nuclei", "synthetic"}
SMALL = ["data.crop=16", "data.batch_size=2", "tile=256", *TINY_NETWORK, *QUIET]


def dataset(name, root, *overrides):
    node = config(f"data={name}", f"data.root={root}", *overrides)["data"]
    return instantiate({key: value for key, value in node.items() if key not in SHARED})


@pytest.fixture
def written(tmp_path, request):
    """The folder of a set written in its published layout, and what must come back."""
    root = tmp_path / "a sét"
    root.mkdir()
    return root, layouts.WRITERS[request.param](root, forms.label_maps())


def test_every_published_set_has_a_layout_here():
    assert set(layouts.WRITERS) == set(groups()["data"]) - OWN


def test_every_set_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name in groups()["data"]:
        assert f"## {name}\n" in text or f"`{name}`" in text
        if name in layouts.WRITERS:
            assert f"`python train.py data={name} data.root=FOLDER" in text


@pytest.mark.parametrize(
    ("written", "overrides"),
    [(name, ()) for name in layouts.WRITERS]
    + [
        ("cityscapes", ("data.labels=polygons",)),
        ("msrc", ("data.labels=regions",)),
        ("dsb2018", ("data.labels=table",)),
    ],
    indirect=["written"],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_what_was_written_comes_back(written, overrides, request):
    root, expected = written
    name = request.node.callspec.params["written"]
    found = dataset(name, f"'{root}'", *layouts.OPTIONS.get(name, ())[:1], *overrides)
    assert not found.findings
    assert {record.id for record in found.records} == set(expected)
    read = pickle.loads(pickle.dumps(found.read))  # as loader workers get it
    for record in found.records:
        mask, objects = expected[record.id]
        sample = read(record)
        assert np.array_equal(np.where(sample.valid, sample.mask.astype(int), layouts.IGNORED), mask)
        assert sample.image.shape[:2] == mask.shape
        if objects is None:
            assert sample.instances is None
        else:
            assert forms.same_objects(sample.instances, np.where(sample.valid, objects, 0))


@pytest.mark.parametrize(
    ("written", "splits"),
    [
        ("coco", ("train", "test")),
        ("voc", ("train", "test")),
        ("cityscapes", ("train", "test")),
        ("camvid", ("train", "val", "test")),
        ("barcelona", ("train", "test")),
        ("isbi2012", ("train", "val", "test")),
        ("ctc", ("train", "val", "test")),
        ("stanford_background", ("",)),
        ("msrc", ("",)),
        ("lits", ("",)),
        ("dsb2018", ("",)),
        ("drive", ("",)),
    ],
    indirect=["written"],
)
def test_published_splits(written, splits, request):
    found = dataset(request.node.callspec.params["written"], f"'{written[0]}'")
    assert {record.split for record in found.records} == set(splits)


@pytest.mark.parametrize("name", layouts.WRITERS)
def test_a_missing_root_says_what_to_download_from_where(tmp_path, name):
    for root in (f"'{tmp_path}'", "null"):
        with pytest.raises(InputError, match=r"data\.root.*(download|register).*http.*data\.root"):
            dataset(name, root)


def linked(root, pairs):
    for target, source in pairs.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / target).symlink_to(source)
    return root


def real_voc(data, folder):
    """One genuine picture, and three that labelme converted to the layout."""
    sources = [data / "voc/VOCdevkit/VOC2012", data / "labelme/instance_segmentation/data_dataset_voc"]
    files = [path for source in sources for path in source.glob("*/*") if path.suffix in (".jpg", ".png")]
    return linked(folder, {f"{path.parent.name}/{path.name}": path for path in files})


def real_cityscapes(data, folder):
    """Three pictures of one city, given out as three cities so that there are groups to divide."""
    cities = (("train", "aachen"), ("train", "bochum"), ("val", "lindau"))
    pairs = {}
    for k, (split, city) in enumerate(cities):
        for path in (data / "cityscapes").glob(f"*/train/aachen/aachen_00000{k}_*"):
            pairs[f"{path.relative_to(data / 'cityscapes').parts[0]}/{split}/{city}/{path.name}"] = path
    return linked(folder, pairs)


def real_lits(data, folder):
    """Hippocampus, of the Decathlon too, in whose layout LiTS is released again."""
    source = data / "hippocampus"
    volumes = sorted(path.name for path in (source / "imagesTr").iterdir())[:3]
    return linked(
        folder, {f"{part}/{name}": source / part / name for part in ("imagesTr", "labelsTr") for name in volumes}
    )


REAL_ROOTS = {
    "coco": lambda data, folder: data / "coco/instances",
    "voc": real_voc,
    "cityscapes": real_cityscapes,
    "camvid": lambda data, folder: data / "camvid",
    "msrc": lambda data, folder: data / "msrc",
    "lits": real_lits,
    "isbi2012": lambda data, folder: data / "isbi2012",
    "ctc": lambda data, folder: data / "ctc/DIC-C2DH-HeLa",
    "dsb2018": lambda data, folder: data / "dsb2018",
    "drive": lambda data, folder: data / "drive",
}
REAL_OPTIONS = {
    "lits": ["data.classes=[background,anterior,posterior]", "data.low=null", "data.high=null"],
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, id=f"{n}-{'real' if REAL and n in REAL_ROOTS else 'written'}") for n in layouts.WRITERS],
)
@pytest.mark.filterwarnings("ignore:.*self.trainer. reference is not registered.*")
def test_every_name_trains_one_step_and_predicts_one_image(tmp_path, name):
    real = bool(REAL) and name in REAL_ROOTS
    if real:
        root, options = REAL_ROOTS[name](Path(REAL), tmp_path), REAL_OPTIONS.get(name, [])
    else:
        layouts.WRITERS[name](tmp_path, forms.label_maps())
        root, options = tmp_path, layouts.OPTIONS.get(name, [])
    built = build(config(f"data={name}", f"data.root={root}", *options, *SMALL))
    optimizer = built.task.objective.optimizer(built.task.parameters())
    before = [parameter.detach().clone() for parameter in built.task.parameters()]
    with built.trainer.precision_plugin.forward_context():
        loss = built.task.training_step(next(iter(built.data.train_dataloader())), 0)
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    assert any((a != b).any() for a, b in zip(before, built.task.parameters(), strict=True))
    sample = built.data.images("test")[0]
    logits = built.task.predict(sample["image"])
    assert logits.shape == (len(built.data.dataset.classes), *sample["mask"].shape)
    assert logits.isfinite().all()


def test_cells_that_a_partly_annotated_frame_leaves_out_count_nowhere_in_scores(tmp_path):
    layouts.ctc(tmp_path, forms.label_maps())
    found = dataset("ctc", tmp_path)
    record = next(record for record in found.records if record.id == "01/t004")
    sample = found.read(record)
    everything = tifffile.imread(record.parts[0])  # a perfect prediction finds the cell that was left out as well
    reference = sample.instances * sample.valid
    table = overlaps(reference, drop_ignored(reference, everything, sample.valid))
    assert len(np.unique(everything)) == len(np.unique(sample.instances)) + 1
    assert instance.summary([table])["image_mean"] == {"aji": 1, "pq": 1, "seg": 1, "ap50": 1, "ap": 1}
    assert instance.errors(table)["false_positives"] == 0


def by_sequence(root, names, *overrides):
    for name in names:
        layouts.ctc(root, forms.label_maps(), name)
    return dataset("ctc", root, "data.split=sequence", *overrides)


def ids(records, split):
    return {record.id for record in records if record.split == split}


@pytest.mark.parametrize(
    ("labels", "annotated", "val"), [("gold", range(0, 12, 2), (10,)), ("both", range(12), (10, 11))]
)
@pytest.mark.parametrize("names", [("01", "02"), ("01", "02", "04")])
def test_of_ctc_the_last_sequence_is_test_and_the_end_of_the_others_val(tmp_path, names, labels, annotated, val):
    records = by_sequence(tmp_path, names, f"data.labels={labels}").records
    assert ids(records, "test") == {f"{names[-1]}/t{k:03d}" for k in annotated}
    assert ids(records, "val") == {f"{name}/t{k:03d}" for name in names[:-1] for k in val}
    assert ids(records, "train") == {f"{name}/t{k:03d}" for name in names[:-1] for k in annotated if k not in val}
    assert len({(record.group, record.split) for record in records}) == len({record.group for record in records})
    assert assign_splits(records, 0) == records


def test_folds_of_ctc_by_sequence_keep_its_test(tmp_path):
    records = by_sequence(tmp_path, ("01", "02"), "data.labels=both").records
    folds = [assign_splits(records, 0, fold=fold, folds=5) for fold in range(5)]
    assert all(ids(fold, "test") == ids(records, "test") for fold in folds)
    assert sorted(name for fold in folds for name in ids(fold, "val")) == [f"01/t{k:03d}" for k in range(12)]
    for fold in folds:
        assert len({(record.group, record.split) for record in fold}) == len({record.group for record in fold})


def test_ctc_by_sequence_wants_two(tmp_path):
    with pytest.raises(InputError, match=r"gold labels of sequence 01 alone; expected two.*download.*data\.split=time"):
        by_sequence(tmp_path, ["01"])


def test_of_ctc_the_sequences_that_are_named_are_read(tmp_path):
    for name in ("01", "02"):
        layouts.ctc(tmp_path, forms.label_maps(), name)
    records = dataset("ctc", tmp_path, "data.sequences=['02']").records
    assert records
    assert {record.id[:3] for record in records} == {"02/"}
    with pytest.raises(InputError, match="has 01, 02, not 03"):
        dataset("ctc", tmp_path, "data.sequences=['03','01']")


def test_no_block_of_time_is_divided():
    for number in range(1, 200):
        placed = {(block, split) for _, block, split in split_in_blocks(range(number))}
        assert len(placed) == len({block for block, _ in placed}) == min(number, 10)


@pytest.mark.parametrize("written", list(layouts.WRITERS), indirect=True)
def test_converting_and_reading_back_gives_identical_samples(written, tmp_path, request):
    root, _ = written
    name = request.node.callspec.params["written"]
    made = dataset(name, f"'{root}'", *layouts.OPTIONS.get(name, ())[:1])
    made = replace(made, records=assign_splits(made.records, 0))
    assert convert(made, tmp_path / "out", workers=0) == []
    back = dataset(
        "folder", tmp_path / "out", *shlex.split((tmp_path / "out/README.md").read_text().splitlines()[-1])[4:]
    )
    assert back.classes == made.classes
    for one, other in zip(made.records, back.records, strict=True):
        assert (one.id, one.group, one.split, one.kind) == (other.id, other.group, other.split, other.kind)
        before, after = made.read(one), back.read(other)
        assert np.array_equal(before.image, after.image)
        assert np.array_equal(np.where(before.valid, before.mask, 0), np.where(after.valid, after.mask, 0))
        assert np.array_equal(before.valid, after.valid)
        assert (before.instances is None) == (after.instances is None)
        if before.instances is not None:
            assert np.array_equal(before.instances, after.instances)
