"""Prediction at size, a part of `make bench`: its speed against the network's own and another library's, its memory."""

import os
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
import zarr

from tests.small import config
from unet_lightning.config.instantiate import instantiate
from unet_lightning.metric.instance import errors, summary
from unet_lightning.metric.overlap import overlaps
from unet_lightning.prediction.batch import run
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.prediction.fold import fold_batch_norm
from unet_lightning.prediction.job import Wanted, plan
from unet_lightning.prediction.load import load
from unet_lightning.runtime.device import choose_precision
from unet_lightning.tiling.predict import predict_tiled
from unet_lightning.tiling.window import window
from unet_lightning.training.build import build

SIDE = 2048
NOISE = ["data=synthetic", "data.number=3", "data.height=64", "data.width=64", "trainer.accelerator=cpu"]
EARTH = "earth/bmng.jpg"
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def tiled(whole: int = SIDE) -> None:
    """A square: seconds of the tiled prediction over those of one pass of the network as it was trained; MONAI's
    sliding window over that network; seams. In the precision that prediction chooses here. Valid convolution on a
    quarter of it.
    """
    for name, options in (("default", []), ("valid convolution", ["model.convolution=valid"])):
        network = instantiate(config(*options)["model"], in_channels=1, classes=2).eval()
        network.to(memory_format=torch.channels_last)
        folded = deepcopy(network)
        fold_batch_norm(folded)
        side = whole // 2 if options else whole
        image = torch.randn(1, side, side, generator=torch.Generator().manual_seed(0))
        sides = [network.geometry.input_size(side)] * 2
        padded = window(image, 0, 0, *sides, channels_first=True)[None]
        rivals = {"alone": partial(network, padded), "tiled": partial(predict_tiled, folded, image)}
        monai = _monai(network, image)
        if monai and network.geometry.convolution == "same":
            rivals["MONAI"] = monai
        half = choose_precision("auto", "cpu", network) == "bf16-mixed"
        with torch.autocast("cpu", torch.bfloat16, enabled=half), torch.inference_mode():
            times = _alternating(rivals)
        text = f"tiled prediction of {side}x{side}, {name}: {times['tiled']:.2f} s, one pass {times['alone']:.2f} s: "
        text += f"{times['tiled'] / times['alone']:.2f}x"
        if "MONAI" in rivals:
            text += (
                f"; MONAI at overlap 0.5, Gaussian: {times['MONAI']:.2f} s, {times['MONAI'] / times['tiled']:.1f}x ours"
            )
        print(text, flush=True)
        if "MONAI" in rivals:
            seams(network, image, monai)


def pictures() -> None:
    """From files to files, 100 of 256x256 and one of 2048x2048: pictures a second, and the share of the network."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        predictor = load(_checkpoint(folder / "1.ckpt", 1))
        network, busy = predictor.models[0].network, [0.0]

        def timed(images: torch.Tensor, interior: Any = network.interior) -> Any:
            start = time.perf_counter()
            scores = interior(images)
            busy[0] += time.perf_counter() - start
            return scores

        network.interior = timed
        for number, side in ((100, 256), (1, SIDE)):
            files = {folder / f"{side}-{k}.png": Path(f"{side}-{k}.png") for k in range(number)}
            for k, path in enumerate(files):
                coarse = np.random.default_rng(k).integers(0, 255, (side // 8, side // 8)).astype(np.uint8)
                cv2.imwrite(str(path), cv2.resize(coarse, (side, side)))
            broken: dict[Path, str] = {}
            jobs, _ = plan(files, Wanted(folder / "out", ["classes"], False), predictor, broken)
            busy[0], start, processor = 0.0, time.perf_counter(), time.process_time()
            run(predictor, jobs, broken)
            seconds, processor = time.perf_counter() - start, time.process_time() - processor
            text = f"{number / seconds:.2f} a second, {number / processor:.2f} a processor second"
            print(f"predict {number} of {side}x{side}: {text}, the network runs {busy[0] / seconds:.0%} of the time")


def _alternating(rivals: dict[str, Any], repeats: int = 2) -> dict[str, float]:
    """Median seconds, the rivals taking turns."""
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for repeat in range(repeats + 1):
        for name, rival in rivals.items():
            start = time.perf_counter()
            rival()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def _monai(network: Any, image: torch.Tensor) -> Any:
    try:
        from monai.inferers import sliding_window_inference
    except ImportError:
        print("MONAI: skipped, not installed")
        return None
    return lambda: sliding_window_inference(image[None], (512, 512), 1, network, overlap=0.5, mode="gaussian")


def seams(network: Any, image: torch.Tensor, monai: Any) -> None:
    """Largest difference from one pass over the mirror-padded image, in deviations of the logits, float32; away from
    the image's own edge, which MONAI's windows don't mirror.
    """
    halo, side = network.geometry.halo, image.shape[-1]
    with torch.inference_mode():
        whole = network(window(image, -halo, -halo, side + 2 * halo, side + 2 * halo, channels_first=True)[None])
        whole = whole[0, :, halo : halo + side, halo : halo + side]
        ours, theirs = predict_tiled(network, image), monai()[0]
    inner = np.s_[:, 2 * halo : -2 * halo, 2 * halo : -2 * halo]
    apart = [float((other - whole)[inner].abs().max() / whole.std()) for other in (ours, theirs)]
    print(f"seams, largest difference from one pass: {apart[0]:.1e} deviations; MONAI {apart[1]:.1e}", flush=True)


def instance_scores() -> None:
    """All object scores of 1000x1000 pixels with 1000 objects."""
    grid = np.zeros((1000, 1000), np.int32)
    for k in range(1000):
        y, x = divmod(k, 40)
        grid[40 * y : 40 * y + 34, 25 * x : 25 * x + 20] = k + 1
    other = np.roll(grid, 3, 1)
    start = time.perf_counter()
    found = overlaps(grid, other)
    summary([found])
    errors(found)
    print(f"instance scores, 1000x1000 with 1000 objects: {time.perf_counter() - start:.2f} s", flush=True)


def memory() -> None:
    """Peak resident memory of `unet-lightning predict` on a picture of 10800x5400 and a Zarr of 1024x32768.

    Memory grows with the width; height adds time alone.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = os.environ.get("UNET_LIGHTNING_DATA", "")
        if (Path(data) / EARTH).is_file():
            earth = cv2.resize(cv2.imread(str(Path(data) / EARTH)), (10800, 5400))
        else:
            earth = cv2.resize(np.random.default_rng(0).integers(0, 255, (54, 108, 3)).astype(np.uint8), (10800, 5400))
        cv2.imwrite(str(folder / "earth.jpg"), earth)
        _write_zarr(folder / "large.zarr")
        for name, channels, more in (("earth.jpg", 3, ["--instances"]), ("large.zarr", 1, [])):
            checkpoint = _checkpoint(folder / f"{channels}.ckpt", channels)
            command = [sys.executable, "-c", "from unet_lightning.cli import main; main()", "predict", str(checkpoint)]
            command += [str(folder / name), "--output", str(folder / "out"), *more]
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", PEAK, *command], check=True, capture_output=True, text=True)
            peak, seconds = int(done.stdout), time.perf_counter() - start
            text = f"{peak / 2**20:.2f} GiB resident at most, {seconds:.0f} s"
            print(f"predict {' '.join([name, *more])}: {text}", flush=True)


def _checkpoint(path: Path, channels: int) -> Path:
    """The default network, untrained."""
    identity = build(config(*NOISE)).task.identity
    statistics = identity["statistics"]
    statistics |= {"channels": channels, **{key: statistics[key] * channels for key in ("mean", "std")}}
    network = instantiate(config()["model"], in_channels=channels, classes=2)
    with torch.no_grad():
        network.head.bias.copy_(torch.tensor([0.5, 0.0]))
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": state, CHECKPOINT_KEY: identity}, path)
    return path


def _write_zarr(path: Path) -> None:
    array = zarr.create_array(path, shape=(1024, 32768), chunks=(1024, 1024), dtype="uint8")
    block = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    block = cv2.resize(block, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    array[:] = np.tile(block, (1, 32))
