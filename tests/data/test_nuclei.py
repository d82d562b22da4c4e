import csv
from collections import Counter
from itertools import pairwise

import cv2
import numpy as np

from unet_lightning.data.nuclei import ROOT, find

DATASET = find(("background", "nucleus"))


def test_the_split_is_balanced_over_the_kinds():
    counts = Counter((record.split, record.kind) for record in DATASET.records)
    assert len(DATASET.records) == 72
    for kind, total in Counter(record.kind for record in DATASET.records).items():
        assert 0.5 <= counts["train", kind] / total <= 0.65
        assert min(counts["val", kind], counts["test", kind]) >= 1


def test_every_picture_reads_as_rgb_with_16_bit_instances():
    for record in DATASET.records:
        sample = DATASET.read(record)
        assert sample.image.shape[2] == 3
        assert sample.image.dtype == np.uint8
        assert max(sample.mask.shape) <= 512
        assert cv2.imread(str(record.instances), cv2.IMREAD_UNCHANGED).dtype == np.uint16
        assert sample.instances.max() > 0


def test_the_bundle_is_small_and_says_what_was_cropped():
    assert sum(path.stat().st_size for path in ROOT.rglob("*")) < 12e6
    assert (ROOT / "LICENSE.md").read_text().count("CC0")
    with (ROOT / "manifest.csv").open() as file:
        notes = {row["id"]: row["note"] for row in csv.DictReader(file)}
    for record in DATASET.records:
        shape = DATASET.read(record).mask.shape
        assert bool(notes[record.id]) == (512 in shape)


def test_no_picture_is_on_two_sides():
    contents = [(record.image.read_bytes(), record.split) for record in DATASET.records]
    assert all(a[0] != b[0] for a, b in pairwise(sorted(contents)))


def test_the_bundle_is_what_was_published(real_data):
    for record in DATASET.records:
        whole = next((real_data / "dsb2018/flat/images").glob(f"{record.id}*"))
        published = cv2.imread(str(whole))[..., ::-1]
        ours = DATASET.read(record).image
        match = cv2.matchTemplate(published, np.ascontiguousarray(ours), cv2.TM_SQDIFF)
        top, left = np.unravel_index(match.argmin(), match.shape)
        assert np.array_equal(published[top : top + ours.shape[0], left : left + ours.shape[1]], ours)
