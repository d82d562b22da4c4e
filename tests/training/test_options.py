"""Every pair of options together: composed, trained one step, used for one tiled prediction."""

from itertools import combinations, product

import pytest
import torch

from tests.small import CELLS, QUIET, TINY_NETWORK, config
from unet_lightning.config.groups import groups
from unet_lightning.training.build import build

KEYS = ("normalize", "weight", "augment", "loss", "optimizer", "schedule", "upsample", "fusion")
OPTIONS = {key: groups()[key] for key in KEYS} | {
    "model.convolution": ["same", "valid"],
    "model.norm": ["batch", "instance", "group", "none"],
    "data.ridge": ["0", "1"],
}
SMALL = [*CELLS, "data.number=5", "data.batch_size=2", "tile=24", *TINY_NETWORK, *QUIET]


def covering_rows():
    """Rows of options so that every pair of values of two keys is in one of them, greedily few."""
    keys = list(OPTIONS)
    open_pairs = {((a, x), (b, y)) for a, b in combinations(keys, 2) for x, y in product(OPTIONS[a], OPTIONS[b])}
    while open_pairs:
        row = dict(min(open_pairs))
        for key in keys:
            if key not in row:
                row[key] = max(
                    OPTIONS[key], key=lambda v: sum(_pair(keys, item, (key, v)) in open_pairs for item in row.items())
                )
        open_pairs -= set(combinations([(key, row[key]) for key in keys], 2))
        yield [f"{key}={row[key]}" for key in keys]


def _pair(keys, one, other):
    return tuple(sorted((one, other), key=lambda item: keys.index(item[0])))


ROWS = list(covering_rows())
NETWORKS = [
    [f"model.convolution={c}", f"upsample={u}", f"fusion={f}"]
    for c, u, f in product(OPTIONS["model.convolution"], OPTIONS["upsample"], OPTIONS["fusion"])
]


def test_the_rows_cover_every_pair():
    for a, b in combinations(OPTIONS, 2):
        for x, y in product(OPTIONS[a], OPTIONS[b]):
            assert any(f"{a}={x}" in row and f"{b}={y}" in row for row in ROWS)


@pytest.mark.parametrize("row", ROWS + NETWORKS, ids=lambda row: ",".join(part.split("=")[1] for part in row))
@pytest.mark.filterwarnings("ignore:.*self.trainer. reference is not registered.*")
def test_options_work_together(row):
    built = build(config(*SMALL, *row))
    batch = next(iter(built.data.train_dataloader()))
    optimizer = built.task.objective.optimizer(built.task.parameters())
    schedule = built.task.objective.schedule(optimizer, 10)
    before = [parameter.detach().clone() for parameter in built.task.parameters()]
    with built.trainer.precision_plugin.forward_context():
        loss = built.task.training_step(batch, 0)
    loss.backward()
    optimizer.step()
    schedule.step()
    assert loss.isfinite()
    assert any(not torch.equal(a, b) for a, b in zip(before, built.task.parameters(), strict=True))
    sample = built.data.images("val")[0]
    logits = built.task.predict(sample["image"])
    assert logits.shape == (2, *sample["mask"].shape)
    assert logits.isfinite().all()
