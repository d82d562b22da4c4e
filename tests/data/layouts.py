"""Small files in every published layout: each function writes a set and gives what its records must come back as.

That is by id the class ids, with -1 where nothing counts, and the object numbers or None.
"""

import json

import cv2
import nibabel
import numpy as np
import scipy.io
import tifffile
from PIL import Image

from tests.data import forms

IGNORED = -1


def picture(path, mask):
    """A noisy picture of a label map, in whatever form the ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(int(mask.astype(int).sum()) + mask.shape[1])
    image = random.integers(0, 60, (*mask.shape, 3)) + 40 * (mask.astype(int) % 4)[..., None]
    Image.fromarray(image.astype(np.uint8)).save(path)


def label(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, mask) if path.suffix == ".tif" else Image.fromarray(mask).save(path)


def rim(objects):
    """The pixels around objects, as annotators leave them open."""
    return (cv2.dilate((objects > 0).astype(np.uint8), np.ones((3, 3))) > 0) & (objects == 0)


def coco(root, pairs):
    expected = {}
    for name, part in (("train2017", pairs[:4]), ("val2017", pairs[4:])):
        forms.coco_file(root, part, forms.polygons, f"annotations/instances_{name}.json", name)
        expected |= {f"{name}/{k}": (mask, objects) for k, (mask, objects) in enumerate(part)}
    return expected


def voc(root, pairs):
    expected, lists = {}, {"train": [], "val": []}
    for k, (mask, objects) in enumerate(pairs):
        name, void = f"2007_{k:06d}", rim(objects)
        picture(root / "JPEGImages" / f"{name}.jpg", mask)
        for folder, values in (("SegmentationClass", mask), ("SegmentationObject", objects)):
            stored = Image.fromarray(np.where(void, 255, values).astype(np.uint8), "P")
            stored.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, *[224] * 759])
            (root / folder).mkdir(exist_ok=True)
            stored.save(root / folder / f"{name}.png")
        lists["train" if k < 4 else "val"].append(name)
        expected[name] = (np.where(void, IGNORED, mask.astype(int)), objects)
    for split, names in lists.items():
        path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("\r\n".join([*names, ""]).encode())
    return expected


def cityscapes(root, pairs):
    expected = {}
    ids, trained = np.array([7, 26, 5]), np.array([0, 13, IGNORED])  # road, car, what isn't scored
    for k, (mask, objects) in enumerate(pairs):
        split, city = ("train", "val")[k > 3], f"stadt{k // 2}"
        name = f"{city}/{city}_{k:06d}_000019"
        picture(root / "leftImg8bit" / split / f"{name}_leftImg8bit.png", mask)
        label(root / "gtFine" / split / f"{name}_gtFine_labelIds.png", ids[mask].astype(np.uint8))
        numbers = np.where(mask == 1, 26_000 + objects, ids[mask]).astype(np.uint16)
        label(root / "gtFine" / split / f"{name}_gtFine_instanceIds.png", numbers)
        drawn = [{"label": "road", "polygon": [[0, 0], [mask.shape[1], 0], [*mask.shape[::-1]], [0, mask.shape[0]]]}]
        for kind, where in forms.each_object(mask, objects):
            drawn.append({"label": ("", "car", "dynamic")[kind], "polygon": forms.edges(where)})
        content = {"imgHeight": mask.shape[0], "imgWidth": mask.shape[1], "objects": drawn}
        (root / "gtFine" / split / f"{name}_gtFine_polygons.json").write_text(json.dumps(content))
        expected[name] = (trained[mask], np.where(mask == 1, objects, 0))
    picture(root / "leftImg8bit" / "test" / "berlin" / "berlin_000000_000019_leftImg8bit.png", mask)
    return expected


def camvid(root, pairs):
    expected, lists = {}, {"train": [], "val": [], "test": []}
    for k, (mask, objects) in enumerate(pairs):
        split = ("train", "train", "train", "val", "test", "test")[k]
        name = f"000{k}TP_00{k}"
        stored = np.where(rim(objects), 11, mask * 4).astype(np.uint8)
        picture(root / split / f"{name}.png", mask)
        label(root / f"{split}annot" / f"{name}.png", stored)
        lists[split].append(f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png")
        expected[name] = (np.where(stored == 11, IGNORED, stored.astype(int)), None)
    for split, lines in lists.items():
        (root / f"{split}.txt").write_text("\n".join(lines))
    return expected


def stanford_background(root, pairs):
    expected = {}
    (root / "labels").mkdir()
    for k, (mask, objects) in enumerate(pairs):
        stored = np.where(rim(objects), -1, mask.astype(int) * 3)
        picture(root / "images" / f"{k}.jpg", mask)
        rows = "\r\n".join(" ".join(map(str, row)) for row in stored)
        (root / "labels" / f"{k}.regions.txt").write_text(rows)
        expected[str(k)] = (stored, None)
    return expected


def barcelona(root, pairs):
    expected, test = {}, []
    names = np.array(["sky", "street sign", "água"], object)[:, None]
    for k, (mask, objects) in enumerate(pairs):
        stored = np.where(rim(objects), 0, mask + 1)
        name = f"spatial envelope/pic {k}"
        picture(root / "Images" / f"{name}.jpg", mask)
        (root / "SemanticLabels" / "spatial envelope").mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(root / "SemanticLabels" / f"{name}.mat", {"S": stored.astype(np.uint16), "names": names})
        test += [name.replace("/", "\\") + ".jpg"] if k > 3 else []
        expected[name] = (stored.astype(int) - 1, None)
    (root / "TestSet1.txt").write_bytes("\r\n".join(test).encode())
    return expected


def msrc(root, pairs):
    expected = {}
    colors = np.array([(0, 128, 0), (128, 0, 0), (128, 0, 128)], np.uint8)  # grass, building, horse
    for k, (mask, objects) in enumerate(pairs):
        name, void = f"1_{k}_s", rim(objects)
        picture(root / "Images" / f"{name}.bmp", mask)
        (root / "GroundTruth").mkdir(exist_ok=True)
        (root / "newsegmentations_mats").mkdir(exist_ok=True)
        Image.fromarray(np.where(void[..., None], 0, colors[mask]).astype(np.uint8)).save(
            root / "GroundTruth" / f"{name}_GT.bmp"
        )
        regions = np.where(void, 4, mask.astype(int) + 1)
        content = {"newseg": regions.astype(np.uint8), "newlabels": np.array([[2, 1, 5]], np.uint8)}
        scipy.io.savemat(root / "newsegmentations_mats" / f"{name}_GT.mat", content)
        expected[name] = (np.where(void, IGNORED, np.array([1, 0, IGNORED])[mask]), None)
    return expected


def lits(root, pairs):
    expected = {}
    for patient in range(4):
        mask = np.stack([pairs[(patient + k) % 6][0][:40, :34] for k in range(3)], 2)
        folder = root / f"Training Batch {1 + patient % 2}"
        folder.mkdir(exist_ok=True)
        noise = np.random.default_rng(patient).integers(-40, 40, mask.shape)
        stored = (mask.astype(np.int16) * 150 + noise - 100).astype(np.int16)
        ending = (".nii", ".nii.gz")[patient % 2]
        nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), folder / f"volume-{patient}{ending}")
        nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), folder / f"segmentation-{patient}{ending}")
        expected |= {f"{patient}/{k:04d}": (mask[..., k], None) for k in range(3)}
    return expected


def isbi2012(root, pairs):
    maps = [(mask[:40, :34] > 0).astype(np.uint8) * 255 for mask, _ in pairs]
    for name in ("train-volume", "test-volume"):
        noise = np.random.default_rng(0).integers(0, 50, (6, 40, 34))
        tifffile.imwrite(root / f"{name}.tif", (np.stack(maps) // 2 + noise).astype(np.uint8))
    tifffile.imwrite(root / "train-labels.tif", np.stack(maps))
    return {f"{k:02d}": (stored // 255, None) for k, stored in enumerate(maps)}


def ctc(root, pairs, sequence="01"):
    """Gold in every second frame; in frame 4 it lacks an object that the markers have."""
    expected = {}
    for k, (_, objects) in enumerate([*pairs, *pairs]):
        image = ((objects > 0) * 70 + np.random.default_rng(k).integers(0, 40, objects.shape)).astype(np.uint8)
        label(root / sequence / f"t{k:03d}.tif", image)
        label(root / f"{sequence}_ST" / "SEG" / f"man_seg{k:03d}.tif", objects.astype(np.uint16))
        label(
            root / f"{sequence}_GT" / "TRA" / f"man_track{k:03d}.tif",
            objects.astype(np.uint16) + (objects > 0).astype(np.uint16),
        )
        if k % 2 == 0:
            gold = np.where(objects == objects.max(), 0, objects) if k == 4 else objects
            label(root / f"{sequence}_GT" / "SEG" / f"man_seg{k:03d}.tif", gold.astype(np.uint16))
            mask = (gold > 0).astype(int)
            expected[f"{sequence}/t{k:03d}"] = (np.where(gold == 0, IGNORED, mask) if k == 4 else mask, gold)
    return expected


def dsb2018(root, pairs):
    expected, rows = {}, ["ImageId,EncodedPixels"]
    for k, (mask, objects) in enumerate(pairs):
        place = root / "stage1_train" / f"{k:08x}"
        picture(place / "images" / f"{place.name}.png", mask)
        for number, (_, where) in enumerate(forms.each_object(mask, objects)):
            label(place / "masks" / f"{number}.png", where.astype(np.uint8) * 255)
            rows.append(f"{place.name},{forms.down_the_columns(where)}")
        expected[place.name] = ((mask > 0).astype(int), objects)
    (root / "stage1_train_labels.csv").write_text("\n".join(rows))
    return expected


def drive(root, pairs):
    expected = {}
    for k, (mask, _) in enumerate(pairs, 21):
        field = cv2.circle(np.zeros(mask.shape, np.uint8), (17, 20), 14, 255, -1)
        picture(root / "training" / "images" / f"{k}_training.tif", mask)
        label(root / "training" / "1st_manual" / f"{k}_manual1.gif", (mask > 0).astype(np.uint8) * 255)
        label(root / "training" / "mask" / f"{k}_training_mask.gif", field)
        expected[str(k)] = (np.where(field > 0, (mask > 0).astype(int), IGNORED), None)
    return expected


WRITERS = {
    write.__name__: write
    for write in (
        coco,
        voc,
        cityscapes,
        camvid,
        stanford_background,
        barcelona,
        msrc,
        lits,
        isbi2012,
        ctc,
        dsb2018,
        drive,
    )
}
OPTIONS = {
    "coco": ["data.categories=[cell,debris]"],
    "voc": ["data.instances=true"],
    "cityscapes": ["data.instances=true", "data.ridge=0"],
}
