"""Make the bundled nuclei from BBBC038v1: `python make_nuclei.py FOLDER`.

FOLDER holds `kinds.csv` (ImageId, height, width, kind) and `flat/images`, `flat/instances`, one PNG a picture
(instances u16, 0 = background). Pictures up to 512x512 are copied byte for byte; of larger ones the 512x512
window with most nuclei among the four corners and the centre is cut out, which the manifest says.
"""

import csv
import random
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 512
SPLITS = {"bright": (3, 1, 2), "colour": (14, 5, 5), "dark": (25, 8, 9)}  # train, val, test
SIZES = {"256x256": 16, "256x320": 2, "260x347": 1, "360x360": 8, "512x640": 4, "520x696": 9, "603x1272": 1}
SIZES["1040x1388"] = 1


def choose(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The pictures to bundle: all bright field, 24 colour, 42 dark over all sizes; each with its split."""
    draw = random.Random(0)
    chosen = []
    for kind, counts in SPLITS.items():
        candidates = sorted((r for r in rows if r["kind"] == kind), key=lambda row: row["ImageId"])
        draw.shuffle(candidates)
        if kind == "dark":
            by_size = {s: [r for r in candidates if f"{r['height']}x{r['width']}" == s] for s in SIZES}
            candidates = [r for size, number in SIZES.items() for r in by_size[size][:number]]
            draw.shuffle(candidates)
        splits = [name for name, n in zip(("train", "val", "test"), counts, strict=True) for _ in range(n)]
        chosen += [row | {"split": split} for row, split in zip(candidates, splits, strict=False)]
    return chosen


def busiest_window(instances: np.ndarray) -> tuple[int, int]:
    """Top and left of the window that holds most nuclei."""
    bottom, right = (max(0, size - SIDE) for size in instances.shape)
    places = [(bottom // 2, right // 2), (0, 0), (0, right), (bottom, 0), (bottom, right)]
    return max(places, key=lambda p: len(np.unique(instances[p[0] : p[0] + SIDE, p[1] : p[1] + SIDE])))


def main(source: Path, target: Path) -> None:
    """Write images/, instances/ and manifest.csv."""
    rows = list(csv.DictReader((source / "kinds.csv").open()))
    rows = [row for row in rows if (source / "flat/images" / f"{row['ImageId']}.png").exists()]
    manifest = []
    for row in choose(rows):
        name = f"{row['ImageId'][:12]}.png"
        paths = [source / "flat" / folder / f"{row['ImageId']}.png" for folder in ("images", "instances")]
        outputs = [target / folder / name for folder in ("images", "instances")]
        for path in outputs:
            path.parent.mkdir(parents=True, exist_ok=True)
        instances = np.array(Image.open(paths[1])).astype(np.uint16)
        note = ""
        if max(instances.shape) <= SIDE:
            for path, output in zip(paths, outputs, strict=True):
                shutil.copyfile(path, output)
        else:
            top, left = busiest_window(instances)
            window = np.s_[top : top + SIDE, left : left + SIDE]
            kept = instances[window]
            kept = np.searchsorted(np.unique(np.append(0, kept)), kept).astype(np.uint16)
            Image.fromarray(np.array(Image.open(paths[0]))[window]).save(outputs[0], optimize=True)
            Image.fromarray(kept).save(outputs[1], optimize=True)
            note = f"cropped from {row['height']}x{row['width']} at row {top} column {left}"
        columns = {"id": name[:-4], "image": f"images/{name}", "instances": f"instances/{name}"}
        manifest.append(columns | {"split": row["split"], "kind": row["kind"], "note": note})
    manifest.sort(key=lambda row: (["train", "val", "test"].index(row["split"]), row["kind"], row["id"]))
    with (target / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, manifest[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(manifest)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent / "nuclei")
