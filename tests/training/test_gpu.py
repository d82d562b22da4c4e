"""What only a machine with CUDA can show. `make test-gpu`; without CUDA every test here says that it was skipped."""

from itertools import product

import pytest
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device

from tests.bench_gpu import networks, speeds, throughput
from tests.conftest import picture
from tests.small import SMALL, config
from unet_lightning.config.groups import groups
from unet_lightning.prediction.load import load
from unet_lightning.tiling.predict import predict_tiled
from unet_lightning.training.build import build
from unet_lightning.training.run import train as train_run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")

GPU = [*SMALL, "data.number=5", "trainer.accelerator=gpu", "trainer.fast_dev_run=true"]
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
OPTIONS = list(product(groups()["upsample"], groups()["fusion"], PRECISIONS, ("false", "true")))


@pytest.mark.parametrize(("upsample", "fusion", "precision", "compiled"), OPTIONS)
def test_a_step_of_every_network_in_every_precision(tmp_path, upsample, fusion, precision, compiled):
    options = [f"upsample={upsample}", f"fusion={fusion}", f"trainer.precision={precision}", f"compile={compiled}"]
    results = train_run(config(*GPU, *options), tmp_path)
    assert results["status"] == "finished"
    assert results["test"]["images"] == 1


def test_images_are_read_on_the_gpu_as_on_the_processor_without_waiting_for_it():
    """Crops of the loader in pinned memory, copied and read while the GPU's waits are errors."""
    data = build(config(*GPU, "data.augment_on=device", "augment=nnunet")).data
    unread = next(iter(data.train_dataloader()))
    expected = data.on_after_batch_transfer(unread, 0)["image"]
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = data.on_after_batch_transfer(move_data_to_device(unread, torch.device("cuda")), 0)["image"]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    apart = (found.cpu() - expected).abs()
    assert found.is_cuda
    assert (apart > 1e-3).float().mean() < 0.02  # of nearest pixels, ties may fall to the other side


@pytest.mark.parametrize("convolution", ["same", "valid"])
@pytest.mark.parametrize("upsample", groups()["upsample"])
def test_tiles_on_the_gpu_are_the_tiles_of_the_processor(convolution, upsample):
    built = build(config(*GPU, f"model.convolution={convolution}", f"upsample={upsample}"))
    network = built.task.network.double().eval()
    image = picture(1, 1, 90, 70, generator=torch.Generator().manual_seed(0))[0].double()
    on_processor = predict_tiled(network, image, 32)
    on_gpu = predict_tiled(network.cuda(), image.cuda(), 48).cpu()
    torch.testing.assert_close(on_gpu, on_processor, rtol=0, atol=1e-8)


def test_prediction_goes_on_with_smaller_tiles_where_memory_runs_out(tmp_path, caplog):
    checkpoint = trained(tmp_path)
    image = (picture(1, 1, 2000, 2000, generator=torch.Generator().manual_seed(0))[0, 0, ..., None] * 50 + 128).numpy()
    image = image.clip(0, 255).astype("uint8")
    expected = load(checkpoint, overrides=["trainer.accelerator=gpu", "tile=128"]).predict(image)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 120 * 2**20) / total)
    try:
        found = load(checkpoint, overrides=["trainer.accelerator=gpu", "tile=2048"]).predict(image)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory" in caplog.text
    assert (found != expected).mean() < 1e-3


def trained(folder):
    """A checkpoint of two short epochs."""
    options = [option for option in GPU if "fast_dev_run" not in option]
    return train_run(config(*options, "trainer.max_epochs=2", "trainer.precision=32-true"), folder)["checkpoint"]


def test_training_is_faster_in_bf16_than_in_float32():
    """The paper's network on 572x572, a batch of 4."""
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        run = networks("model=paper", "trainer.accelerator=gpu", f"trainer.precision={precision}", channels=1)
        found[precision], _ = speeds(run, (4, 1, 572, 572), torch.device("cuda"))
    assert found["bf16-mixed"] > found["32-true"]


def test_images_a_second_are_told_beside_those_that_others_published(capsys):
    with capsys.disabled():
        print()
        throughput()


def test_a_run_on_the_gpu_that_is_stopped_goes_on(tmp_path, monkeypatch):
    from tests.training.test_resume import signal_at
    from unet_lightning.training.task import SegmentationTask

    options = [option for option in GPU if "fast_dev_run" not in option]
    options += ["trainer.max_epochs=2", "data.crops_per_image=8", "trainer.deterministic=warn", "model.dropout=0.3"]
    monkeypatch.setattr(SegmentationTask, "on_before_zero_grad", signal_at(5, 15), raising=False)
    with pytest.raises(SystemExit):
        train_run(config(*options), tmp_path)
    monkeypatch.undo()
    assert train_run(config(*options), tmp_path)["epochs"] == 2
