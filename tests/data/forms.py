"""The same labels written in every form people keep them in, by code that shares nothing with the readers."""

import base64
import csv
import io
import json

import cv2
import nibabel
import numpy as np
import scipy.io
import tifffile
from PIL import Image
from pycocotools import mask as coco_mask

COLORS = [(0, 0, 0), (200, 30, 40), (10, 220, 90)]
CLASSES = ["background", "cell", "debris"]


def label_maps(number=6, shape=(40, 34)):
    """Pairs of class ids and object numbers: ellipses that touch, without holes, two classes; of growing sizes."""
    pairs = []
    for k in range(number):
        random = np.random.default_rng(k)
        height, width = shape[0] + k, shape[1] + 2 * k
        objects, mask = np.zeros((height, width), np.int32), np.zeros((height, width), np.uint8)
        for number_of in range(1, 8):
            stamp = np.zeros((height, width), np.uint8)
            centre = (int(random.integers(4, width - 4)), int(random.integers(4, height - 4)))
            cv2.ellipse(stamp, centre, tuple(int(a) for a in random.integers(2, 7, 2)), 30.0 * number_of, 0, 360, 1, -1)
            if not (objects[stamp > 0] > 0).any():
                objects[stamp > 0] = number_of
                mask[stamp > 0] = 1 + number_of % 2
        pairs.append((mask, objects))
    return pairs


def same_objects(first, second):
    """Whether two maps part the pixels into the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] and pairs[:, 0].tolist() == [0, 0]


def images(root, pairs, folder="images"):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for k, (mask, _) in enumerate(pairs):
        picture = np.random.default_rng(100 + k).integers(0, 80, mask.shape).astype(np.uint8) + 60 * mask
        cv2.imwrite(str(root / folder / f"{k}.png"), picture)


def each_object(mask, objects):
    for number in np.unique(objects[objects > 0]):
        where = objects == number
        yield int(mask[where][0]), where


def edges(where):
    """The corners of the outline of pixels without holes, along their edges."""
    padded = np.pad(where, 1)
    following = {}
    for y, x in zip(*np.nonzero(where), strict=True):
        if not padded[y, x + 1]:
            following.setdefault((x, y), []).append((x + 1, y))
        if not padded[y + 1, x + 2]:
            following.setdefault((x + 1, y), []).append((x + 1, y + 1))
        if not padded[y + 2, x + 1]:
            following.setdefault((x + 1, y + 1), []).append((x, y + 1))
        if not padded[y + 1, x]:
            following.setdefault((x, y + 1), []).append((x, y))
    start = corner = next(iter(following))
    corners = []
    while not corners or corner != start:
        corners.append([int(corner[0]), int(corner[1])])
        corner = following[corner].pop()
    return corners


def down_the_columns(where):
    """Run lengths from 1 down the columns: start length start length …"""
    flat = np.flatnonzero(where.T.ravel())
    starts = flat[np.diff(flat, prepend=-2) > 1]
    ends = flat[np.diff(flat, append=flat[-1] + 2) > 1]
    return " ".join(f"{s + 1} {e - s + 1}" for s, e in zip(starts, ends, strict=True))


def write_pictures(write):
    """A form that is a file in masks/ for each picture."""

    def form(root, pairs):
        images(root, pairs)
        (root / "masks").mkdir()
        for k, (mask, _) in enumerate(pairs):
            write(root / "masks" / str(k), mask)

    return form


def index_png(path, mask):
    cv2.imwrite(f"{path}.png", mask)


def palette_png(path, mask):
    picture = Image.fromarray(mask, "P")
    picture.putpalette([channel for color in COLORS for channel in color])
    picture.save(f"{path}.png")


def color_bmp(path, mask):
    Image.fromarray(np.array(COLORS, np.uint8)[mask]).save(f"{path}.bmp")


def color_png(path, mask):
    Image.fromarray(np.array(COLORS, np.uint8)[mask]).save(f"{path}.png")


def color_tiff(path, mask):
    tifffile.imwrite(f"{path}.tif", np.array(COLORS, np.uint8)[mask], photometric="rgb", compression="lzw")


def index_tiff(path, mask):
    tifffile.imwrite(f"{path}.tif", mask.astype(np.uint16))


def npy(path, mask):
    np.save(f"{path}.npy", mask.astype(np.int64))


def mat(path, mask):
    scipy.io.savemat(f"{path}.mat", {"label": mask.astype(float), "names": np.array(CLASSES, object)})


def nifti(path, mask):
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), f"{path}.nii")


def nifti_gz(path, mask):
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.int16), np.eye(4)), f"{path}.nii.gz")


def one_a_class(root, pairs):
    images(root, pairs)
    for k, (mask, _) in enumerate(pairs):
        for number, name in enumerate(CLASSES[1:], 1):
            (root / "masks" / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / "masks" / name / f"{k}.png"), (mask == number).astype(np.uint8) * 255)


def instances_tiff(root, pairs):
    images(root, pairs)
    for folder in ("masks", "instances"):
        (root / folder).mkdir()
    for k, (mask, objects) in enumerate(pairs):
        cv2.imwrite(str(root / "masks" / f"{k}.png"), mask)
        tifffile.imwrite(root / "instances" / f"{k}.tif", (objects * 70_000).astype(np.uint32))


def coco_file(root, pairs, encode, name="annotations.json", folder="images"):
    content = {"images": [], "annotations": [], "categories": [{"id": 7, "name": "debris"}, {"id": 3, "name": "cell"}]}
    for k, (mask, objects) in enumerate(pairs):
        height, width = mask.shape
        content["images"].append({"id": 900 + k, "file_name": f"{k}.png", "height": height, "width": width})
        for kind, where in each_object(mask, objects):
            number = len(content["annotations"])
            content["annotations"].append(
                {
                    "id": 900_100_000_000 + number,
                    "image_id": 900 + k,
                    "category_id": (3, 7)[kind - 1],
                    "iscrowd": 0,
                    "segmentation": encode(where),
                }
            )
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(content))
    if folder:
        images(root, pairs, folder)
    return content


def polygons(where):
    return [[value for corner in edges(where) for value in corner]]


def compressed(where):
    found = coco_mask.encode(np.asfortranarray(where.astype(np.uint8)))
    return {"size": list(where.shape), "counts": found["counts"].decode()}


def uncompressed(where):
    flat = where.T.ravel().astype(int)
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes, len(flat)]).tolist()
    return {"size": list(where.shape), "counts": runs if flat[0] == 0 else [0, *runs]}


def labelme_file(path, image, mask, objects, drawn="polygon"):
    shapes = []
    for kind, where in each_object(mask, objects):
        shape = {"label": CLASSES[kind], "group_id": None, "shape_type": drawn, "points": edges(where)}
        if drawn == "mask":
            rows, columns = (np.flatnonzero(where.any(axis)) for axis in (1, 0))
            box = where[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            file = io.BytesIO()
            Image.fromarray(box).save(file, "PNG")
            shape["mask"] = base64.b64encode(file.getvalue()).decode()
            shape["points"] = [[int(columns[0]), int(rows[0])], [int(columns[-1]), int(rows[-1])]]
        shapes.append(shape)
    content = {"shapes": shapes, "imagePath": image, "imageHeight": mask.shape[0], "imageWidth": mask.shape[1]}
    path.write_text(json.dumps(content), encoding="utf-8")


def labelme(drawn="polygon"):
    def form(root, pairs):
        images(root, pairs, ".")
        for k, (mask, objects) in enumerate(pairs):
            labelme_file(root / f"{k}.json", f"{k}.png", mask, objects, drawn)

    return form


def run_length_rows(pairs):
    for k, (mask, objects) in enumerate(pairs):
        for kind, where in each_object(mask, objects):
            yield {"ImageId": str(k), "ClassId": CLASSES[kind], "EncodedPixels": down_the_columns(where)}


def run_lengths(root, pairs):
    images(root, pairs)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["ImageId", "ClassId", "EncodedPixels"])
        writer.writeheader()
        writer.writerows(run_length_rows(pairs))


def volume(root, pairs):
    """All maps of one size as one volume."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    stack = np.stack([mask for mask, _ in pairs], 2)
    affine = np.diag([0.7, 0.7, 5, 1])
    nibabel.save(nibabel.Nifti1Image(stack.astype(np.int16) * 100 - 50, affine), root / "images" / "p.nii.gz")
    nibabel.save(nibabel.Nifti1Image(stack, affine), root / "masks" / "p.nii.gz")


SEMANTIC = {
    "index PNG": (write_pictures(index_png), {}),
    "palette PNG": (write_pictures(palette_png), {}),
    "palette PNG by its colours": (write_pictures(palette_png), {"colors": COLORS}),
    "index TIFF": (write_pictures(index_tiff), {}),
    "colour PNG": (write_pictures(color_png), {"colors": COLORS}),
    "colour BMP": (write_pictures(color_bmp), {"colors": COLORS}),
    "colour TIFF": (write_pictures(color_tiff), {"colors": COLORS}),
    "npy": (write_pictures(npy), {}),
    "mat": (write_pictures(mat), {"variable": "label"}),
    "NIfTI": (write_pictures(nifti), {}),
    "NIfTI gz": (write_pictures(nifti_gz), {}),
    "one mask a class": (one_a_class, {}),
}
OBJECTS = {
    "instances TIFF": (instances_tiff, {}),
    "COCO polygons": (lambda root, pairs: coco_file(root, pairs, polygons), {}),
    "COCO RLE": (lambda root, pairs: coco_file(root, pairs, compressed), {}),
    "COCO RLE uncompressed": (lambda root, pairs: coco_file(root, pairs, uncompressed), {}),
    "labelme polygons": (labelme(), {}),
    "labelme masks": (labelme("mask"), {}),
    "run-length CSV": (run_lengths, {}),
}
