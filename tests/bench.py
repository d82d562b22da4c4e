"""Speed, as ratios measured in one run: `make bench`, or `make bench QUICK=1` in two minutes. Asserts nothing.

Its parts are sized for twelve minutes; at full size: `python -m tests.bench_data`, `python -m tests.bench_scale`.
"""

import argparse
import itertools
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch

from tests.bench_data import checking, large_set
from tests.bench_gpu import throughput
from tests.bench_predict import instance_scores, memory, pictures, tiled
from tests.bench_run import shares
from tests.bench_start import starting
from tests.bench_sweep import sweeping, used
from tests.small import config
from unet_lightning.config.compose import compose
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.plain import plain_config
from unet_lightning.training.build import build

SHAPE = {"in_channels": 1, "classes": 2}


def seconds(step: Callable[[], object], repeats: int = 5) -> float:
    """Median time of a step, after one to warm up."""
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return median(times)


def plain_step() -> Callable[[], object]:
    """A step of the paper network on one 572x572 image in eager float32, contiguous."""
    config = compose(["model=paper"])
    network, loss = (instantiate(plain_config(config)[key], **extra) for key, extra in (("model", SHAPE), ("loss", {})))
    optimizer = instantiate(plain_config(config)["optimizer"])(network.parameters())
    batch = paper_batch()

    def step() -> None:
        optimizer.zero_grad()
        loss(network(batch["image"]), batch["mask"], batch["weight"]).backward()
        optimizer.step()

    return step


def run_step() -> Callable[[], object]:
    """The same step as a run does it: its precision, its memory format, its task."""
    run = build(config("model=paper", "data=synthetic", "data.number=3", "trainer.accelerator=cpu"))
    optimizer = run.task.objective.optimizer(run.task.parameters())
    batch = paper_batch()

    def step() -> None:
        with run.trainer.precision_plugin.forward_context():
            loss = run.task.training_step(batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def paper_batch() -> dict[str, Any]:
    """Noise of the paper's sizes."""
    mask = torch.randint(0, 2, (1, 388, 388))
    return {"image": torch.randn(1, 1, 572, 572), "mask": mask, "weight": torch.ones(1, 388, 388)}


def paper_network() -> None:
    """The default step against eager float32, contiguous."""
    plain, ours = seconds(plain_step(), 2), seconds(run_step(), 2)
    print(f"paper network, a training step: {ours:.2f} s; eager float32 contiguous {plain:.2f} s: {plain / ours:.2f}x")


def border_map(large: bool = True) -> None:
    """Eq. (6) on one core, for few and many cells, and at size."""
    from unet_lightning.data.synthetic import _cells
    from unet_lightning.weight.border import border_term

    times = {}
    for number in (20, 60, 200):
        instances = _cells(np.random.default_rng(1), (512, 512), number)
        times[number] = seconds(lambda instances=instances: border_term(instances, 10, 5), 15)
    shown = ", ".join(f"{n} cells {1000 * t:.1f} ms" for n, t in times.items())
    print(f"border map 512x512: {shown}; slowest / fastest {max(times.values()) / min(times.values()):.2f}")
    if large:
        instances = _cells(np.random.default_rng(1), (4096, 4096), 8000)
        print(
            f"border map 4096x4096, {instances.max()} cells: {seconds(lambda: border_term(instances, 10, 5), 3):.2f} s"
        )


def augmentation() -> None:
    """256x256 crops of 512x512 with rotation, elastic deformation and labels, a second on one core; and others'."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    rates = {"unet-lightning": _ours("none"), "unet-lightning with the border map": _ours("border")}
    for name, other in (
        ("MONAI Rand2DElastic", _monai),
        ("batchgeneratorsv2", _batchgenerators),
        ("albumentations", _plain),
    ):
        try:
            rates[name] = 1 / seconds(other(), 30)
        except ImportError as error:
            print(f"{name}: skipped, {error}")
    print("augmented crops a second: " + ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()))


def _ours(weight: str) -> float:
    sizes = [
        "data.height=512",
        "data.width=512",
        "data.number=3",
        "data.cells=60",
        "data.crop=256",
        "data.num_workers=0",
    ]
    run = build(config("data=synthetic", "augment=elastic", f"weight={weight}", "trainer.accelerator=cpu", *sizes))
    crops = run.data.train_dataloader().dataset
    draws = itertools.count()
    return 1 / seconds(lambda: crops[(0, next(draws), 0)], 100)


def _picture() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    return random.integers(0, 255, (512, 512, 1)).astype(np.uint8), random.integers(0, 60, (512, 512)).astype(np.int32)


def _monai() -> Callable[[], object]:
    from monai.transforms import Rand2DElasticd, RandSpatialCropd

    image, labels = _picture()
    sample = {"image": torch.from_numpy(image[None, ..., 0]).float(), "labels": torch.from_numpy(labels[None]).float()}
    keys = ("image", "labels")
    crop = RandSpatialCropd(keys, (256, 256), random_size=False)
    elastic = Rand2DElasticd(
        keys, spacing=(128, 128), magnitude_range=(10, 10), prob=1, rotate_range=(3.14,), mode=("bilinear", "nearest")
    )
    return lambda: elastic(crop(sample))


def _batchgenerators() -> Callable[[], object]:
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    image, labels = _picture()
    sample = {"image": torch.from_numpy(image[None, ..., 0]).float(), "segmentation": torch.from_numpy(labels[None])}
    warp = SpatialTransform(
        (256, 256), 128, True, p_elastic_deform=1, p_rotation=1, rotation=(-3.14, 3.14), p_scaling=0
    )
    return lambda: warp(**sample)


def _plain() -> Callable[[], object]:
    import albumentations as A

    image, labels = _picture()
    both = A.Compose([A.RandomCrop(256, 256), A.Rotate(180, p=1), A.ElasticTransform(alpha=300, sigma=30, p=1)])
    return lambda: both(image=image, mask=labels)


def growing() -> None:
    """How cost grows with the data, in a process whose libraries have started no threads yet: it forks."""
    subprocess.run([sys.executable, "-m", "tests.bench_scale", "--short"], check=True)


def main() -> None:
    """Every comparison; with --quick in two minutes: small sizes, without what starting and memory cost."""
    rules = argparse.ArgumentParser(description=main.__doc__)
    rules.add_argument("--quick", action="store_true")
    quick = rules.parse_args().quick
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", ".*self.trainer. reference is not registered.*")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    parts: list[Callable[[], None]] = [starting, paper_network, shares, throughput, border_map, augmentation]
    parts += [tiled, pictures, instance_scores, memory, large_set, checking, sweeping, growing]
    if quick:
        parts = [partial(border_map, False), augmentation, partial(tiled, 512), instance_scores, partial(checking, 300)]
    for part in parts:
        start, before = time.perf_counter(), used()
        part()
        print(f"  ({time.perf_counter() - start:.0f} s, {used() - before:.0f} processor s)", flush=True)


if __name__ == "__main__":
    main()
