"""The plan for a given time: each rule by hand-worked numbers, and the whole on a small set."""

import json

import numpy as np
import pytest
import yaml

from tests.small import CELLS, QUIET, write_untrained
from tests.training.test_nnunet import STAGES
from tests.typed import typed
from unet_lightning.config.check import resolve, resolve_plain
from unet_lightning.config.compose import compose
from unet_lightning.config.plain import read_config
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.plan import auto, beside
from unet_lightning.plan.apply import typed_values
from unet_lightning.plan.auto_rules import (
    Budget,
    augment_rule,
    crop_rule,
    objects_rule,
    patience_rule,
    steps_of,
    touching_rule,
    tune_rule,
    validations_of,
    width_rule,
)
from unet_lightning.plan.beside import nnunet_choices
from unet_lightning.plan.measured import Measured, mean_heights, touching, vertical_tilt
from unet_lightning.plan.page import override_text
from unet_lightning.plan.trial import Timing, time_widths

SET = [*CELLS, "data.number=10", *QUIET, "plan=auto"]


def values(choices):
    return {one.key: one.value for one in choices}


def found(instances=True, median=20.0, large=30.0, touching=0.2, tilt=0.0):
    return Measured(instances, 8.0, median, large, touching, tilt)


def test_objects_that_touch_are_those_with_a_neighbour_of_another_number():
    labels = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [3, 0, 4, 0], [3, 0, 0, 5]], np.int32)
    assert touching(labels).tolist() == [2, 4, 5]  # 4 and 5, 2 and 4 by a corner; 1 and 3 lie alone
    assert touching(np.array([[1, 0, 1]], np.int32)).tolist() == []
    assert touching(np.array([[1, 2]], np.int32)).tolist() == [1, 2]


def test_the_mean_height_of_a_class():
    mask = np.repeat(np.array([[0], [0], [1], [2]], np.uint8), 10, 1)
    valid = np.ones(mask.shape, bool)
    valid[3] = False
    heights = mean_heights(mask, valid, 3)
    assert heights[:2].tolist() == [0.25, 0.625]
    assert np.isnan(heights[2])


def test_a_class_counts_as_tilted_in_five_images_and_beyond_three_standard_errors():
    above = np.full((5, 1), 0.2)
    assert vertical_tilt(above) == pytest.approx(0.3)
    assert vertical_tilt(above[:4]) == 0
    scattered = np.array([[0.1], [0.9], [0.2], [0.8], [0.7]])  # mean 0.54, standard error 0.16
    assert vertical_tilt(scattered) == 0


@pytest.mark.parametrize(("large", "crop", "batch"), [(30, 128, 16), (100, 160, 10), (129.3, 224, 5), (400, 256, 4)])
def test_a_crop_shows_a_large_object_whole(large, crop, batch):
    assert values(crop_rule(found(large=large))) == {"data.crop": crop, "data.batch_size": batch}


def test_without_instances_the_crop_is_the_default():
    assert values(crop_rule(found(instances=False, large=400))) == {"data.crop": 128, "data.batch_size": 16}


def test_validations_take_a_tenth_of_the_time_within_ten_and_forty():
    assert validations_of(Timing(8, 0.1, 0.5), Budget(1000, 10)) == 20  # 100 s of 5 s each
    assert validations_of(Timing(8, 0.1, 5), Budget(1000, 10)) == 10
    assert validations_of(Timing(8, 0.1, 0.01), Budget(1000, 10)) == 40
    assert steps_of(Timing(8, 0.1, 0.5), Budget(1000, 10)) == 9000  # (1000 - 20 * 5) / 0.1


@pytest.mark.parametrize(("seconds", "number", "share"), [(200, 2, 50), (100, 1, 50), (40, 1, 125)])
def test_validations_that_take_long_are_fewer_and_take_half_of_the_time_at_most(seconds, number, share):
    slow, budget = Timing(8, 0.1, 5), Budget(seconds, 10)  # 50 s a validation; one there must be
    assert validations_of(slow, budget) == number
    length = width_rule([slow], budget)
    assert f"of {number} validations, {share} % of the training time" in length[1].why


def test_the_widest_network_with_enough_steps_is_chosen():
    timings = [Timing(8, 0.1, 0.5), Timing(16, 0.5, 0.5), Timing(32, 2, 0.5)]
    chosen = values(width_rule(timings, Budget(1000, 10)))  # 9000, 1800 and 450 steps
    assert chosen == {"model.base_channels": 16, "data.steps": 90, "trainer.max_epochs": 30}
    assert values(width_rule(timings[:1], Budget(10, 1)))["model.base_channels"] == 8


def test_pictures_with_an_up_and_a_down_stay_upright():
    assert values(augment_rule(found(tilt=0.34))) == {"augment": "upright"}
    assert values(augment_rule(found(tilt=0.05))) == {"augment": "rotate"}


@pytest.mark.parametrize(("median", "sigma"), [(40, 4.0), (47.3, 4.7), (112, 5.0)])
def test_large_objects_that_touch_get_a_border_weight_as_wide_as_a_tenth_of_them(median, sigma):
    chosen = values(touching_rule(found(median=median)))
    assert chosen == {"weight": "border", "weight.sigma": sigma, "data.ridge": 2}
    assert values(touching_rule(found(median=39.9))) == {"weight": "none"}
    assert values(touching_rule(found(median=median, touching=0.01))) == {"weight": "none"}
    assert touching_rule(found(instances=False)) == []


def test_the_checkpoint_is_chosen_by_what_the_set_is_about():
    key = "trainer.callbacks.checkpoint.monitor"
    assert values(objects_rule(found())) == {key: "val/objects/pq"}
    assert values(objects_rule(found(instances=False)))[key] == "val/pooled/dice/foreground"


def test_views_are_tried_where_they_take_little_of_the_time():
    timing = Timing(8, 0.1, 0.5)  # 3 (10 + 5) + 4 * 10 predictions more, of half a second
    assert tune_rule(timing, 20, 10, 5).value == "views"  # 42.5 of 1200 s
    assert tune_rule(timing, 10, 10, 5).value is True  # of 600 s
    assert tune_rule(timing, 10, 10, 5, tuning=119).value is True
    assert tune_rule(timing, 10, 10, 5, tuning=121).value is False  # more than a fifth


def test_a_trial_times_networks_until_one_is_too_slow():
    plain = resolve_plain(compose([*SET, "target=boundary"]))
    data = build_data_module(plain)
    timings = time_widths(plain, data, {"crop": 24, "batch_size": 2}, (4, 8, 16), lambda one: one.width < 8)
    assert [one.width for one in timings] == [4, 8]
    assert all(one.step > 0 and one.image > 0 for one in timings)


def test_a_network_that_was_typed_and_has_no_width_is_timed_as_it_is():
    plain = resolve_plain(compose([*SET, "model=nnunet", *STAGES]))
    data = build_data_module(plain)
    timings = time_widths(plain, data, {"crop": 32, "batch_size": 2}, (4, 8), lambda one: True)
    assert len(timings) == 1


def test_the_choices_are_a_config_that_is_accepted(monkeypatch):
    monkeypatch.setattr(auto, "WIDTHS", (4, 8))
    monkeypatch.setattr(auto, "time_widths", lambda *_: [Timing(4, 0.01, 0.01), Timing(8, 0.05, 0.02)])
    plain = resolve_plain(compose([*SET, "plan.minutes=3"]))
    decision = auto.Auto(3, None).decide(plain, {})
    chosen = values(decision.choices)
    assert chosen["model.base_channels"] == 8
    assert 0 < chosen["trainer.callbacks.deadline.minutes"] <= 3
    config = resolve(compose([*SET, *(override_text(key, value) for key, value in chosen.items())]))
    assert config["data"]["crop"] == chosen["data.crop"]
    assert "| 8 | 0.050 | 0.020 |" in decision.notes[0]


def test_what_was_typed_is_timed_and_not_what_the_rule_would_choose(monkeypatch):
    asked = {}

    def timed(plain, data, sampling, widths, enough):
        asked.update(sampling, widths=widths)
        return [Timing(widths[0], 0.01, 0.01)]

    monkeypatch.setattr(auto, "time_widths", timed)
    lines = ["data.crop=[16,24]", "model.base_channels=6"]
    plain = resolve_plain(compose([*SET, "plan.minutes=3", *lines]))
    auto.Auto(3, 4).decide(plain, typed_values(lines))
    assert asked == {"crop": [16, 24], "batch_size": 16, "widths": (6,)}


def test_of_the_choice_of_the_post_processing_the_images_alone_take_more_with_more_of_them(monkeypatch):
    clock = [0.0]

    def taking(seconds, found):
        clock[0] += seconds
        return found

    monkeypatch.setattr(auto, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(auto, "candidates", lambda *_: taking(10, iter([{}])))
    monkeypatch.setattr(auto, "score_candidates", lambda nodes, pairs, instances: taking(2 * len(pairs), [0.0]))
    for number in (10, 40):
        plain = resolve_plain(compose([*SET, f"data.number={number}"]))
        data = build_data_module(plain)
        images = len(data.dataset.split("val"))
        assert auto.Auto(3, None)._tuning(plain, data) == pytest.approx(10 + 2 * images)


def test_no_time_is_left_for_a_choice_that_was_typed_away(monkeypatch):
    monkeypatch.setattr(auto, "time_widths", lambda *_: [Timing(4, 0.01, 0.01)])
    monkeypatch.setattr(auto.Auto, "_tuning", lambda *_: 30.0)
    reserves = {}
    for lines in ([], ["tune=false"], ["tune=true"], ["data.resample=1", "data.pixel_size=1"]):
        decision = auto.Auto(20, None).decide(resolve_plain(compose([*SET, *lines])), typed_values(lines))
        reserves["".join(lines)] = values(decision.choices)["trainer.callbacks.deadline.reserve"]
    assert reserves == {"": 65, "tune=false": 5, "tune=true": 35, "data.resample=1data.pixel_size=1": 5}
    assert "tune" not in values(decision.choices)  # nothing is tuned on pixels of another size


def test_weights_that_are_taken_over_keep_the_width_of_their_network(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(auto, "time_widths", lambda *given: asked.append(given[3]) or [Timing(4, 0.01, 0.01)])
    checkpoint = write_untrained(tmp_path / "a" / "b.ckpt")  # 4 channels
    for more, widths, why in (
        ([], (4,), "that of init=…, whose "),
        (["model.base_channels=6"], (6,), "the widest of 8,"),
    ):
        lines = [f"init={checkpoint}", *more]
        decision = auto.Auto(3, None).decide(resolve_plain(compose([*SET, *lines])), typed_values(lines))
        assert asked.pop() == widths
        assert next(one for one in decision.choices if one.key == "model.base_channels").why.startswith(why)


@pytest.mark.parametrize(("step", "asked"), [(0.1, True), (2.0, False)])
def test_no_network_is_tried_that_takes_more_than_a_twentieth_of_the_time(monkeypatch, step, asked):
    went_on = []

    def timed(plain, data, sampling, widths, goes_on):
        timing = Timing(widths[0], step, 0.001)
        went_on.append(goes_on(timing))  # 16 times as long as a step: 1.6 of 60 s, or 32 of 60
        return [timing]

    monkeypatch.setattr(auto, "time_widths", timed)
    auto.Auto(20, None).decide(resolve_plain(compose([*SET, "plan.minutes=20"])), {})
    assert went_on == [True]
    went_on.clear()
    monkeypatch.setattr(auto, "STEPS", 10)
    auto.Auto(2, None).decide(resolve_plain(compose([*SET, "plan.minutes=2"])), {})
    assert went_on == [asked]


def test_a_patience_that_was_typed_goes_to_the_deadline():
    assert values(patience_rule(4)) == {"trainer.callbacks.deadline.patience": 4}
    assert patience_rule(None) == []


def test_beside_the_plan_stands_what_nnunet_would_have_chosen(monkeypatch):
    plain = resolve_plain(compose(SET))
    data = build_data_module(plain)
    assert "| model=nnunet |" in nnunet_choices(plain, data)
    monkeypatch.setattr(beside, "ASKED", 7)
    assert "would read all 8 images" in nnunet_choices(plain, data)


def test_processes_of_srun_would_plan_each_for_itself(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(InputError, match="start them by torchrun"):
        auto.Auto(3, None).decide({}, {})


def test_a_run_keeps_to_the_plan_and_ends_in_time(tmp_path):
    """The plan's own crops are larger: what is typed makes the steps short."""
    small = ["data.crop=16", "data.batch_size=2", "data.steps=2", "trainer.log_every_n_steps=1"]
    done = typed("train", *SET, "plan.minutes=3", *small, "run=one", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "outputs" / "one"
    config, results = read_config(run / "config" / "config.yaml"), json.loads((run / "results.json").read_text())
    chosen = yaml.safe_load((run / "plan.yaml").read_text())
    assert config["model"]["base_channels"] == chosen["model"]["base_channels"]
    assert (config["tune"], config["data"]["steps"], config["data"]["crop"]) == ("views", 2, 16)
    assert config["trainer"]["callbacks"]["deadline"]["minutes"] < 3
    assert results["tuned"]["tried"] > 10
    assert (run / "checkpoints" / "best.postprocess.json").is_file()
    before = (run / "plan.yaml").stat().st_mtime_ns
    again = typed("train", *SET, "plan.minutes=3", *small, "run=one", cwd=tmp_path)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout + again.stderr
    assert (run / "plan.yaml").stat().st_mtime_ns == before
