"""What the readers make of the published files themselves, against what their publishers say of them."""

import cv2
import numpy as np
import tifffile
from PIL import Image
from pycocotools.coco import COCO

from tests.data.forms import same_objects
from unet_lightning.data import cityscapes, coco, ctc, dsb2018, folder, msrc, voc
from unet_lightning.label import voc_palette


def test_coco_masks_are_those_of_its_own_interface(real_data, capsys):
    root = real_data / "coco/instances"
    found = coco.find(str(root), None, True, True)
    official = COCO(next((root / "annotations").glob("*.json")))
    for record in found.records:
        sample = found.read(record)
        number = int(record.image.stem)
        annotations = official.loadAnns(official.getAnnIds(imgIds=[number]))
        union = np.zeros(sample.mask.shape, bool)
        for annotation in annotations:
            union |= official.annToMask(annotation) > 0
        assert np.array_equal(union, (sample.mask > 0) | ~sample.valid)
        crowds = [official.annToMask(a) > 0 for a in annotations if a["iscrowd"]]
        assert sample.valid.all() == (not crowds)
        names = {official.cats[a["category_id"]]["name"] for a in annotations if not a["iscrowd"]}
        assert {found.classes[k] for k in np.unique(sample.mask)} <= names | {"background"}
        single = len([a for a in annotations if not a["iscrowd"]])
        assert single - 2 <= sample.instances.max() <= single  # the smallest may be hidden under others


def test_nuclei_from_masks_and_from_the_table_are_the_same(real_data):
    by_masks, by_table = (
        dsb2018.find(str(real_data / "dsb2018"), ("background", "nucleus"), k) for k in ("masks", "table")
    )
    for first, second in zip(by_masks.records, by_table.records, strict=True):
        one, other = by_masks.read(first), by_table.read(second)
        assert np.array_equal(one.mask, other.mask)
        assert same_objects(one.instances, other.instances)
        assert one.instances.max() == len(first.parts)


def test_the_frame_that_is_annotated_in_part_counts_in_its_three_cells_alone(real_data):
    found = ctc.find(str(real_data / "ctc/DIC-C2DH-HeLa"), ("background", "cell"), "gold")
    shares = {record.id: found.read(record).valid.mean() for record in found.records}
    assert {name for name, share in shares.items() if share < 1} == {"01/t067"}
    record = next(record for record in found.records if record.id == "01/t067")
    sample = found.read(record)
    assert sample.instances.max() == 3
    assert np.array_equal(sample.valid, tifffile.imread(record.instances) > 0)


def test_silver_and_both(real_data):
    root = str(real_data / "ctc/DIC-C2DH-HeLa")
    silver, both = (ctc.find(root, ("background", "cell"), labels) for labels in ("silver", "both"))
    assert len(silver.records) == len(both.records) == 84
    assert sum("01_GT" in str(record.instances) for record in both.records) == 9
    order = [record.split for record in both.records]
    assert order == sorted(order, key=["train", "val", "test"].index)


def test_voc_in_the_publishers_colours(real_data):
    found = voc.find(str(real_data / "voc/VOCdevkit"), ["background", *map(str, range(20))], False)
    (record,) = found.records
    sample = found.read(record)
    drawn = np.asarray(Image.open(record.mask).convert("RGB"))
    assert np.array_equal(np.array(voc_palette(21))[sample.mask][sample.valid], drawn[sample.valid])
    assert set(np.unique(sample.mask)) == {0, 9, 12}  # chair and dog


def test_msrc_regions_agree_with_its_colours(real_data):
    colors, regions = (msrc.find(str(real_data / "msrc"), labels, True) for labels in ("colors", "regions"))
    agreement = []
    for first, second in zip(colors.records, regions.records, strict=True):
        one, other = colors.read(first), regions.read(second)
        both = one.valid & other.valid
        agreement += [(one.mask == other.mask)[both].mean()] if both.any() else []
    assert np.mean(agreement) > 0.98
    found = {int(k) for record in colors.records for k in np.unique(colors.read(record).mask)}
    assert found >= set(range(23)) - {colors.classes.index("horse")}


def test_cityscapes_train_ids_and_things(real_data):
    found = cityscapes.find(str(real_data / "cityscapes"), [str(k) for k in range(19)], "ids", True)
    for record in found.records:
        sample = found.read(record)
        ids = cv2.imread(str(record.mask), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(sample.mask == 13, ids == 26)  # cars
        assert not sample.valid[ids < 7].any()
        numbers = cv2.imread(str(record.instances), cv2.IMREAD_UNCHANGED)
        scored = numbers[sample.valid & (numbers >= 1000)]
        assert sample.instances.max() == len(np.unique(scored))


def test_labelme_as_polygons_and_as_what_it_was_converted_to(real_data):
    drawn = real_data / "labelme/semantic_segmentation"
    names = (drawn / "labels.txt").read_text().splitlines()[1:]
    found = folder.find(str(drawn / "data_annotated"), names)
    for record in found.records:
        sample = found.read(record)
        converted = np.asarray(Image.open(drawn / "data_dataset_voc/SegmentationClass" / f"{record.id}.png"))
        both = sample.valid & (converted != 255)
        assert (sample.mask == converted)[both].mean() > 0.98


def test_a_ct_volume_with_one_mask_a_class(real_data, tmp_path):
    source = real_data / "ct_volume"
    organs = ["liver", "spleen", "kidney_left", "kidney_right"]
    for path, target in [
        (source / "example_ct_sm.nii.gz", "images"),
        *((source / f"labels/{o}.nii.gz", f"masks/{o}") for o in organs),
    ]:
        (tmp_path / target).mkdir(parents=True)
        (tmp_path / target / "patient.nii.gz").symlink_to(path)
    found = folder.find(str(tmp_path), ["background", *organs])
    assert not found.findings
    assert len(found.records) == 30
    samples = [found.read(record) for record in found.records]
    assert {int(k) for sample in samples for k in np.unique(sample.mask)} == set(range(5))
    liver = np.concatenate([sample.image[sample.mask == 1] for sample in samples])
    assert 0 < np.median(liver) < 200  # Hounsfield units
