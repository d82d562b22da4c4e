"""TensorBoard's files when a run goes on: in order whatever the clock says, and what is lost of them is said."""

import os

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from unet_lightning.callback.resume import Resume
from unet_lightning.training import events
from unet_lightning.training.events import truncate_events

HOUR = 3600


def write_points(folder, steps):
    with SummaryWriter(str(folder)) as writer:
        for step in steps:
            writer.add_scalar("loss", step, step)


def steps_in(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return [event.step for event in accumulator.Scalars("loss")] if "loss" in accumulator.Tags()["scalars"] else []


def checkpoint_of(folder, step):
    """What Resume keeps of the event files that are there now."""
    resume = Resume(minutes=1)
    state = {path.name: resume._grown(path) for path in folder.glob("events*")}
    return {"global_step": step, "callbacks": {"Resume": {"events": state}}}


def renamed_to(path, second):
    head, _, rest = path.name.partition("tfevents.")
    path.rename(path.with_name(f"{head}tfevents.{second}.{rest.partition('.')[2]}"))


def test_the_clock_an_hour_back_is_not_waited_for_and_the_curves_stay_in_order(tmp_path, monkeypatch, caplog):
    write_points(tmp_path, [0, 1, 2])
    (path,) = tmp_path.glob("events*")
    renamed_to(path, int(events.time.time()) + HOUR)
    first, waited = checkpoint_of(tmp_path, 3), []
    monkeypatch.setattr(events.time, "sleep", waited.append)
    for known in (first, checkpoint_of(tmp_path, 3), first):  # the point before knows the file by its first name
        truncate_events(tmp_path, known)
        assert not waited
        assert steps_in(tmp_path) == [0, 1, 2]
    assert "s behind this run's curves" in caplog.text
    assert "are lost" not in caplog.text
    write_points(tmp_path, [3, 4])
    assert steps_in(tmp_path) == [0, 1, 2, 3, 4]
    truncate_events(tmp_path, first)
    assert steps_in(tmp_path) == [0, 1, 2]


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, os.remove])
def test_what_is_lost_of_the_curves_is_said_and_the_rest_is_written(tmp_path, caplog, damage):
    write_points(tmp_path, range(5))
    (path,) = tmp_path.glob("events*")
    renamed_to(path, 1000)
    point = checkpoint_of(tmp_path, 5)
    truncate_events(tmp_path, point)
    assert not caplog.text
    (path,) = tmp_path.glob("events*")
    damage(path)
    size = path.stat().st_size if path.exists() else None
    truncate_events(tmp_path, point)
    assert "the curves up to step 5 are lost, in part or as a whole" in caplog.text
    assert size is None or path.stat().st_size == size  # not filled up with zeros
    write_points(tmp_path, [5, 6])
    assert steps_in(tmp_path)[-2:] == [5, 6]


def test_a_point_of_before_knows_only_the_length(tmp_path, caplog):
    write_points(tmp_path, [0, 1])
    (path,) = tmp_path.glob("events*")
    renamed_to(path, 1000)
    (path,) = tmp_path.glob("events*")
    size = path.stat().st_size
    point = {"global_step": 2, "callbacks": {"Resume": {"events": {path.name: size}}}}
    with path.open("ab") as file:
        file.write(b"more")
    truncate_events(tmp_path, point)
    assert path.stat().st_size == size
    assert not caplog.text
